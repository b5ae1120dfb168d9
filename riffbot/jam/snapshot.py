"""The state of a jam as one JSON value: saved and restored, it continues with the same samples.

The JSON names are older than the attributes; each field has its JSON name as its alias:

    model          attribute      JSON name
    JamSnapshot    current        now
                   upcoming       coming
                   column         at
                   packets_heard  heard
                   sound_state    sound
    PlannedChunk   path           walk
                   chosen_steps   steps
    PromptPath     start          here
                   end            there
                   position       at
                   remaining      ahead
                   chunk_number   chunk
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from audio.errors import AudioError
from riffbot.errors import StorageError
from riffbot.jam.ballot import Ballot
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.synthesizer import SynthesizerState
from riffbot.request import Steps

Column = Annotated[int, Field(ge=0)]


class _Stored(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class PlannedChunk(_Stored):
    """A chunk on the timeline.

    Attributes:
        path: of which it is the next chunk.
        start: its first column.
        chosen_steps: see `Chunk`; only stored where there are some.
    """

    path: PromptPath = Field(validation_alias="walk", serialization_alias="walk")
    start: Column
    chosen_steps: Steps | None = Field(
        default=None, validation_alias="steps", serialization_alias="steps"
    )

    @model_serializer(mode="wrap")
    def _without_no_steps(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        stored: dict[str, Any] = serialize(self)
        return {name: value for name, value in stored.items() if name != "steps" or value}


class JamSnapshot(_Stored):
    """A jam between two blocks of sound. Its size does not grow with the jam.

    Attributes:
        current: the chunk that is heard.
        upcoming: the chunk that follows, where it is not simply the next step of the path.
        column: at which the block begins that is being heard, a multiple of `audio.stream.BLOCK`.
        packets_heard: packets of that block that were heard already.
        ballot: the votes.
        steered_by: user id and name of whose change was heard last.
        sound_state: a `SynthesizerState` as JSON, for continuing in the same phase; without it the
            sound starts anew from silence at that column.
    """

    version: Literal[1] = 1
    current: PlannedChunk = Field(validation_alias="now", serialization_alias="now")
    upcoming: PlannedChunk | None = Field(
        default=None, validation_alias="coming", serialization_alias="coming"
    )
    column: int = Field(default=0, ge=0, validation_alias="at", serialization_alias="at")
    packets_heard: int = Field(
        default=0, ge=0, lt=8, validation_alias="heard", serialization_alias="heard"
    )
    ballot: Ballot = Ballot()
    steered_by: tuple[int, str] | None = None
    sound_state: dict[str, Any] | None = Field(
        default=None, validation_alias="sound", serialization_alias="sound"
    )

    @classmethod
    def begin(cls, path: PromptPath, *, ballot: Ballot | None = None) -> Self:
        """The snapshot of a jam that has not begun."""
        return cls(current=PlannedChunk(path=path, start=0), ballot=ballot or Ballot())

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

    def without_member(self, user_id: int) -> Self:
        """The snapshot without a member's votes and name."""
        steered_by = self.steered_by
        if steered_by is not None and steered_by[0] == user_id:
            steered_by = None
        return self.model_copy(
            update={"ballot": self.ballot.without_member(user_id), "steered_by": steered_by}
        )

    def synthesizer_state(self) -> SynthesizerState | None:
        """The state of the sound; None where it starts anew."""
        if self.sound_state is None:
            return None
        try:
            return SynthesizerState.from_json(self.sound_state)
        except AudioError:  # the position in the music is what matters
            return None


def scrub_jam(stored: str, user_id: int) -> str | None:
    """A stored jam without a member's votes and name; None where it cannot be read."""
    try:
        snapshot = JamSnapshot.from_json(stored)
    except StorageError:
        return None
    return snapshot.without_member(user_id).model_dump_json()
