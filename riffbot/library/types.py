"""Value types of the library: authors, origins, viewers, credits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from riffbot.request import Layer, Morph, RiffRequest


@dataclass(frozen=True)
class Author:
    """The author of a clip.

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
    """Where the reply to a request is sent, after a crash, too.

    Attributes:
        channel_id: the channel of the command.
        audience_id: the channel whose members may see what is made there: that channel itself; of
            a public thread its parent channel, since Discord's clients unload old threads, and
            all who see the channel see them. The same as `channel_id` by default.
        message_id: the message that shows the progress, once it exists.
        token: the interaction's token. Editing the reply needs it; it is deleted when the job
            ends.
        token_expires_at: UTC; afterwards only an ordinary message to the channel is possible.
    """

    channel_id: int
    audience_id: int | None = None
    message_id: int | None = None
    token: str | None = None
    token_expires_at: datetime | None = None

    def __post_init__(self) -> None:
        """Default the audience to the channel itself."""
        if self.audience_id is None:
            object.__setattr__(self, "audience_id", self.channel_id)


@dataclass(frozen=True)
class Viewer:
    """The member on whose behalf the library is read.

    Attributes:
        user_id: a member, who always sees their own riffs.
        audiences: the channels (`Origin.audience_id`) that they see; Discord's ids are unique, so
            these say which servers, too.
    """

    user_id: int
    audiences: frozenset[int] = frozenset()


FORMER_MEMBER = Author(-1, "a former member")
"""The author of a clip whose author had everything about them erased."""

NOBODY = Author(-1, "nobody")
"""The author of a deleted riff that keeps its place in the family tree for its children."""

KINDS = ("riff", "remix", "inpaint", "extend", "morph", "layer", "draw", "upload")


@dataclass(frozen=True)
class Credit:
    """A riff that another was made from.

    Attributes:
        riff_id: None if the riff is no longer in the library, or hidden from the reader.
        author: the riff's author, “a former member” included.
        prompt: empty if the riff is deleted or hidden.
        audience_id: the channel whose members may see it (`Origin.audience_id`); None if it
            was made in no channel.
    """

    riff_id: str | None
    author: Author
    prompt: str = ""
    audience_id: int | None = None

    def redact(self, is_visible: Callable[[int], bool]) -> Credit:
        """Return the credit for readers who see certain channels: of other riffs only the author.

        Its prompt and its id, with which anyone can open it, are hidden.
        """
        if self.audience_id is None or is_visible(self.audience_id):
            return self
        return replace(self, riff_id=None, prompt="")


DRAWING = "a drawing"
"""The model name of an upload that was taken as a drawing."""


def classify_request(request: RiffRequest) -> str:
    """Return the kind of a request's riff, one of `KINDS`; `draw` depends on its parent, too."""
    if request.piece is not None:
        return request.piece.kind
    if request.mask is not None:
        return "inpaint"
    # A clip from a bundled loop is no remix: the loop has no author.
    from_riff = (request.seed_image or "").startswith("sha256:")
    return "remix" if from_riff else "riff"


def referenced_images(request: RiffRequest) -> set[str]:
    """Return the `sha256:` references of all pictures that a request starts from."""
    piece = request.piece
    second = piece.image if isinstance(piece, Morph | Layer) else None
    refs = {request.seed_image, request.mask, second}
    return {ref for ref in refs if ref is not None and ref.startswith("sha256:")}


def second_image_ref(request: RiffRequest) -> str | None:
    """Return the reference of the second picture of a layer or a morph."""
    return request.piece.image if isinstance(request.piece, Morph | Layer) else None
