"""The small values that go into the library with a riff: who, where, what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from riffbot.request import Layer, Morph, RiffRequest


@dataclass(frozen=True)
class Author:
    """Who made a clip.

    Attributes:
        user_id: Discord's id; 0 for the person at this machine (command line, local page).
        name: as shown to others when the clip was made.
        guild_id: the server; None in a direct message or outside of Discord.
    """

    user_id: int
    name: str
    guild_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the answer belongs, so that it finds its way even after a crash.

    Attributes:
        channel_id: where the command was given.
        audience_id: the place whose visitors may see what is made there: that channel; of a public
            thread the channel that it hangs in, since old threads are forgotten by Discord's
            clients, and seen by whoever sees the channel. The same as `channel_id` unless told.
        message_id: the message that shows the progress, once it exists.
        token: the interaction's token. Editing the answer needs it; it is forgotten when the job
            ends.
        token_expires_at: UTC; afterwards only an ordinary message to the channel can answer.
    """

    channel_id: int
    audience_id: int | None = None
    message_id: int | None = None
    token: str | None = None
    token_expires_at: datetime | None = None

    def __post_init__(self) -> None:
        """A place of its own unless told otherwise."""
        if self.audience_id is None:
            object.__setattr__(self, "audience_id", self.channel_id)


@dataclass(frozen=True)
class Viewer:
    """Who looks into the library.

    Attributes:
        user_id: their own riffs they always see.
        audiences: the places (`Origin.audience_id`) that they see; Discord's ids are unique, so
            the server is told by them, too.
    """

    user_id: int
    audiences: frozenset[int] = frozenset()


FORMER_MEMBER = Author(-1, "a former member")
"""Whose clip it is when its author had everything about them erased."""

NOBODY = Author(-1, "nobody")
"""Whose a riff is that was deleted and whose place in the family is kept for its children."""

KINDS = ("riff", "remix", "inpaint", "extend", "morph", "layer", "draw", "upload")


@dataclass(frozen=True)
class Credit:
    """A riff that another was made from.

    Attributes:
        riff_id: None where it is no longer in the library, or not for the reader's eyes.
        author: whose it is, “a former member” included.
        prompt: its words; empty where it is gone.
        audience_id: the place whose visitors may see it (`Origin.audience_id`); None where it was
            made in no place.
    """

    riff_id: str | None
    author: Author
    prompt: str = ""
    audience_id: int | None = None

    def redact(self, is_visible: Callable[[int], bool]) -> Credit:
        """The credit for readers who see these places: of what they do not, only whose it is.

        Its words and its id, which opens it to whoever has it, are not for them.
        """
        if self.audience_id is None or is_visible(self.audience_id):
            return self
        return replace(self, riff_id=None, prompt="")


DRAWING = "a drawing"
"""In place of a model's name: an upload that was taken as a drawing."""


def classify_request(request: RiffRequest) -> str:
    """What a request makes, one of `KINDS`; that it starts from a drawing only its parent tells."""
    if request.piece is not None:
        return request.piece.kind
    if request.mask is not None:
        return "inpaint"
    # A bundled loop is an instrument, not somebody's riff.
    from_somebody = (request.seed_image or "").startswith("sha256:")
    return "remix" if from_somebody else "riff"


def referenced_images(request: RiffRequest) -> set[str]:
    """The `sha256:` references of all pictures that a request needs."""
    piece = request.piece
    second = piece.image if isinstance(piece, Morph | Layer) else None
    refs = {request.seed_image, request.mask, second}
    return {ref for ref in refs if ref is not None and ref.startswith("sha256:")}


def second_image_ref(request: RiffRequest) -> str | None:
    """The other picture of a layer or a walk."""
    return request.piece.image if isinstance(request.piece, Morph | Layer) else None
