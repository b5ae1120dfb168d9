"""What a person may set about a generation, validated once, wherever they set it.

Commands, modals, the page and jams build `GenerationOptions` before anything is queued, posted or
stored; requests and prompt paths are built from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, StringConstraints

from riffbot.harmony import ANY, HarmonyText, find_harmony
from riffbot.harmony.progressions import LONGEST_TEXT
from riffbot.harmony.texts import is_any, normalise_chords, normalise_key
from riffbot.request import (
    MAX_PROMPT,
    Fraction,
    FrozenModel,
    Guidance,
    ImageRef,
    Prompt,
    PromptText,
    RiffRequest,
    SchedulerText,
    Seed,
    Steps,
    Tempo,
    Width,
)


def _normalise_key(text: str) -> str:
    return ANY if is_any(text) else normalise_key(text)


def _normalise_chords(text: str) -> str:
    return ANY if is_any(text) else normalise_chords(text)


_Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT)]
KeyOption = Annotated[_Text, AfterValidator(_normalise_key)]
ChordsOption = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT),
    AfterValidator(_normalise_chords),
]


class GenerationOptions(FrozenModel):
    """Options of a generation, with the types and names of the request's fields.

    None is what was left out: the request, its source or the model decides. A key and chords may
    also be `ANY`: open, whatever the source has.
    """

    prompt: Prompt | None = None
    negative: PromptText | None = None
    seed: Seed | None = None
    seed_image: ImageRef | None = None
    denoising: Fraction | None = None
    guidance: Guidance | None = None
    steps: Steps | None = None
    scheduler: SchedulerText | None = None
    width: Width | None = None
    bpm: Tempo | None = None
    key: KeyOption | None = None
    chords: ChordsOption | None = None

    def with_defaults(self, **values: object) -> Self:
        """Build a copy in which options that were left out have these values.

        Raises:
            BadRequest, PromptError: as `build`.
        """
        return self.build(**{**values, **self.model_dump(exclude_none=True)})

    def as_fields(self) -> dict[str, Any]:
        """The options that were set, as fields of a `RiffRequest`."""
        fields = self.model_dump(exclude_none=True)
        for name in ("key", "chords"):
            if fields.get(name) == ANY:
                del fields[name]
        return fields

    @property
    def names_harmony(self) -> bool:
        """Whether a key or chords were set, not only left open."""
        return any(option not in {None, ANY} for option in (self.key, self.chords))

    def choose_harmony_fields(self, held: HarmonyText) -> HarmonyText:
        """The same as fields of a request: what its prompt says is left to its words."""
        chosen = self.choose_harmony(held)
        if self.prompt is None:
            return chosen
        told = HarmonyText(self.key, self.chords)
        words = find_harmony(self.prompt, has_key=chosen.key is not None)
        fields = HarmonyText(
            None if chosen.key == words.key and told.key is None else chosen.key,
            None if chosen.chords == words.chords and told.chords is None else chosen.chords,
        )
        return fields if fields.with_prompt(words) == chosen else chosen

    def choose_harmony(self, held: HarmonyText) -> HarmonyText:
        """The key and the chords where `held` was held before.

        Options come first, then what a new prompt says, then what was held.
        """
        told = HarmonyText(self.key, self.chords)
        if self.prompt is not None:
            words = find_harmony(self.prompt, has_key=self.key not in {None, ANY})
            told = told.with_prompt(words)
        return told.keep(held)

    def build_request(self) -> RiffRequest:
        """Build the request with these options. Raises BadRequest if there is no prompt."""
        return RiffRequest.build(**self.as_fields())


NO_OPTIONS = GenerationOptions()
"""Every option left out."""
