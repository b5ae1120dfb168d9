"""Where a jam is, as one JSON value: save it, restore it, and it goes on with the same bits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audio.errors import AudioError
from riffbot.errors import StorageError
from riffbot.jam.ballot import Ballot
from riffbot.jam.prompt_path import Walk
from riffbot.jam.synthesizer import Sound

Column = Annotated[int, Field(ge=0)]


class Planned(BaseModel):
    """A chunk at its place: the walk of which it is the next chunk, and where it comes in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    walk: Walk
    start: Column


class JamState(BaseModel):
    """A jam between two blocks of sound. Its size does not grow with the jam.

    Attributes:
        now: the chunk that is on.
        coming: the chunk that follows, where it is not simply the next step of the walk.
        at: the column at which the block begins that is being heard, a multiple of
            `audio.stream.BLOCK`.
        heard: packets of that block that were heard already.
        ballot: the votes.
        steered_by: user id and name of whose wish was followed last.
        sound: where the sound is (`performance.Sound`), for going on in the same phase; without
            it the sound begins anew from silence at that place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    now: Planned
    coming: Planned | None = None
    at: Column = 0
    heard: Annotated[int, Field(ge=0, lt=8)] = 0
    ballot: Ballot = Ballot()
    steered_by: tuple[int, str] | None = None
    sound: dict[str, Any] | None = None

    @classmethod
    def begin(cls, walk: Walk, *, ballot: Ballot | None = None) -> Self:
        """The state of a jam that has not begun."""
        return cls(now=Planned(walk=walk, start=0), ballot=ballot or Ballot())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `model_dump_json` wrote. Raises StorageError."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise StorageError(
                "The jam was stored by another version of RiffBot and cannot go on: please start "
                "a new one."
            ) from error

    def heard_sound(self) -> Sound | None:
        """The sound's place; None where it begins anew."""
        if self.sound is None:
            return None
        try:
            return Sound.from_json(self.sound)
        except AudioError:  # the place in the music is what matters
            return None
