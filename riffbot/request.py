"""RiffRequest: everything that decides a clip, and nothing else.

The same resolved request, on the same model and device, gives the same picture to the byte. It is
immutable, travels as JSON (in the database, in the PNG, in the MP3's tags, over HTTP), and an
unknown field is an error rather than a silent loss.

A prompt is validated in its type, so no new request has a prompt that cannot be parsed. Stored
requests are not validated so: rows, recipes and uploads' titles may be older than the grammar of
prompts, and are listed, layered and copied all the same. They are built by `from_json` and
`build_unparsed`; `check_prompts` validates them before a model is given their prompts.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_serializer,
    model_validator,
)

from riffbot.errors import BadRequest
from riffbot.harmony import NO_HARMONY, Harmony, HarmonyText, find_harmony
from riffbot.harmony.progressions import LONGEST_TEXT
from riffbot.harmony.texts import normalise_chords, normalise_key
from riffbot.prompt import parse, require_words
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH
from riffbot.validation import describe_validation_error, validate

MAX_SEED = 2**32 - 1
MAX_PROMPT = 1000
DEFAULT_DENOISING = 0.75
"""Riffusion's, whatever the model: with riffbot-mini, too, the prompt is heard best at .75 and the
tempo of a seed image is kept (`training.evaluate --what seeds`)."""
HALFWAY = 0.5
"""The alpha from which on an interpolation has the key and the chords of its target."""
MAX_COLUMNS = 36_000
"""Of a composed clip, six minutes: what a song needs and an upload to Discord still takes."""

_UNPARSED = "unparsed"
"""Validation context in which prompts are not parsed."""


def _drop_null_characters(text: object) -> object:
    # They mean nothing in a prompt, and PostgreSQL stores no text with one.
    return text.replace("\0", "") if isinstance(text, str) else text


def _check_weights(text: str, info: ValidationInfo) -> str:
    if info.context != _UNPARSED:
        parse(text)
    return text


def _check_words(text: str, info: ValidationInfo) -> str:
    if info.context != _UNPARSED:
        require_words(text)
    return text


def _normalise_key(text: str, info: ValidationInfo) -> str:
    return text if info.context == _UNPARSED else normalise_key(text)


def _normalise_chords(text: str, info: ValidationInfo) -> str:
    return text if info.context == _UNPARSED else normalise_chords(text)


# A PromptError is no ValueError, so pydantic passes it on with its own sentence.
PromptText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT),
    AfterValidator(_check_weights),
    BeforeValidator(_drop_null_characters),
]
"""A prompt that may be empty, such as the negative one. Raises PromptError, see `prompt.parse`."""
Prompt = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_PROMPT),
    AfterValidator(_check_words),
    BeforeValidator(_drop_null_characters),
]
"""A prompt with words. Raises PromptError, see `prompt.require_words`."""
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Guidance = Annotated[float, Field(ge=1.0, le=30.0)]
Steps = Annotated[int, Field(ge=1, le=200)]
Tempo = Annotated[float, Field(ge=40.0, le=240.0)]
KeyText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT),
    AfterValidator(_normalise_key),
    BeforeValidator(_drop_null_characters),
]
"""A key, such as `F# minor`. Raises HarmonyError, see `harmony.Key.parse`."""
ChordsText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_TEXT),
    AfterValidator(_normalise_chords),
    BeforeValidator(_drop_null_characters),
]
"""A progression, such as `Am7 D7 Gmaj7`. Raises HarmonyError, see `harmony.Progression.parse`."""
SchedulerText = Annotated[str, StringConstraints(max_length=64)]
"""The name of a sampler; the model decides which it has."""
Width = Annotated[int, Field(ge=MIN_WIDTH, le=MAX_WIDTH)]
ImageRef = Annotated[
    str, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9_-]{0,63})$")
]
"""The name of a bundled image (`steady_beat`), or `sha256:<64 hex>` of a file in the library."""


def _without_open_harmony(written: dict[str, Any]) -> dict[str, Any]:
    """Leave out a key and chords that are None.

    So recipes and rows without any stay as they were before there were any.
    """
    return {
        name: value
        for name, value in written.items()
        if value is not None or name not in {"key", "chords"}
    }


class FrozenModel(BaseModel):
    """Base of immutable values; an unknown field is an error."""

    # "ignore" would lose a misspelt option in silence.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def build(cls, /, **fields: object) -> Self:
        """Build one from untrusted values.

        Raises:
            BadRequest: one sentence that names the first invalid field and what it may be.
            PromptError: a prompt cannot be parsed, or `prompt` has no words.
        """
        return validate(cls, fields)


class Target(FrozenModel):
    """The second end of an interpolation (Riffusion's `end` PromptInput)."""

    prompt: PromptText
    negative: PromptText = ""
    seed: Seed
    denoising: Fraction = DEFAULT_DENOISING


class Extend(FrozenModel):
    """Outpainting: the seed image is continued in time, and stays the same to the pixel.

    Attributes:
        columns: length of the whole, the seed image included, in columns of 10 ms.
        backward: continue before the seed image's beginning rather than after its end.
    """

    kind: Literal["extend"] = "extend"
    columns: Annotated[int, Field(ge=64, le=MAX_COLUMNS)]
    backward: bool = False


class Morph(FrozenModel):
    """A morph from the request (alpha 0) to its target (alpha 1), as one clip without seams.

    Attributes:
        clips: length of the morph, in clips as long as the first one.
        image: the picture at the second end; None keeps the seed image's own beat.
        whole: the morph begins with the seed image itself, not with a variation of it; so does
            every morph that has a picture at its second end.
        bpm: tempo of that picture; None reads it from its recipe, which an upload lacks.
        key, chords: those of the second end, where they are not the request's.
    """

    kind: Literal["morph"] = "morph"
    clips: Annotated[int, Field(ge=2, le=64)]
    image: ImageRef | None = None
    whole: bool = False
    bpm: Tempo | None = None
    key: KeyText | None = None
    chords: ChordsText | None = None

    @model_serializer(mode="wrap")
    def _leave_out_harmony(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_open_harmony(write(self))


class Layer(FrozenModel):
    """A mix of the seed image with another picture. No model is needed.

    Attributes:
        image: the other picture; it is repeated or stretched to whole beats of the seed image.
        gain_db: its level re the seed image's.
        bpm: its tempo; None reads it from its recipe, which an upload lacks.
    """

    kind: Literal["layer"] = "layer"
    image: ImageRef
    gain_db: Annotated[float, Field(ge=-40.0, le=20.0)] = 0.0
    bpm: Tempo | None = None


Piece = Annotated[Extend | Morph | Layer, Field(discriminator="kind")]
"""A clip that is composed of several pictures, see `riffbot.composition`."""


class RiffRequest(FrozenModel):
    """A clip's parameters. Fields that are None are filled by `Engine.submit` from the model.

    Attributes:
        prompt: what to hear, with weights (see `riffbot.prompt`); not empty.
        negative: what not to hear, same syntax.
        seed: 0 … 2**32-1; another seed is another take.
        seed_image: the picture that img2img starts from; None generates from text alone.
        denoising: 0 … 1; 0 returns the seed image, 1 ignores it. Unused without a seed image.
        mask: a picture that is white where to repaint and black where the seed image stays the
            same to the pixel. Needs a seed image.
        guidance: classifier-free guidance scale, 1 … 30.
        steps: denoising steps before `denoising` shortens them, 1 … 200.
        scheduler: one of the model's scheduler names.
        width: columns of 10 ms, 64 … 2048; a seed image brings its own.
        bpm: tempo, 40 … 240; decides `width` (a whole number of beats) and conditions the model.
        key, chords: what the notes are to be, as a person writes it: `F# minor`, `Am7 D7 Gmaj7`.
            The JSON of a request without them does not name them.
        target, alpha: interpolate from this request (alpha 0) to `target` (alpha 1).
        piece: a longer or mixed clip of this request. The engine generates single pictures only;
            `riffbot.composition` asks it for one after the other.
    """

    prompt: Prompt
    negative: PromptText = ""
    seed: Seed = Field(default_factory=lambda: secrets.randbelow(MAX_SEED + 1))
    seed_image: ImageRef | None = None
    denoising: Fraction = DEFAULT_DENOISING
    mask: ImageRef | None = None
    guidance: Guidance | None = None
    steps: Steps | None = None
    scheduler: SchedulerText | None = None
    width: Width | None = None
    bpm: Tempo | None = None
    key: KeyText | None = None
    chords: ChordsText | None = None
    target: Target | None = None
    alpha: Fraction = 0.0
    piece: Piece | None = None

    @model_serializer(mode="wrap")
    def _leave_out_harmony(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _without_open_harmony(write(self))

    @model_validator(mode="after")
    def _check_harmony(self, info: ValidationInfo) -> Self:
        if info.context != _UNPARSED:
            self.check_harmony()
        return self

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.mask is not None and self.seed_image is None:
            raise ValueError("a mask needs a seed image to keep")
        if isinstance(self.piece, Extend | Layer) and self.seed_image is None:
            raise ValueError(f"to {self.piece.kind} needs a seed image to begin with")
        if isinstance(self.piece, Morph) and self.target is None:
            raise ValueError("a morph needs a target to walk to")
        return self

    @property
    def harmony(self) -> HarmonyText:
        """The key and the chords that the request itself has, whatever its prompt says."""
        return HarmonyText(self.key, self.chords)

    def find_harmony_text(self) -> HarmonyText:
        """The key and the chords that the request has; what it leaves open, its prompt may name.

        From the middle of an interpolation on it is the target's prompt, where that names any.
        """
        words = find_harmony(self.prompt, has_key=self.key is not None)
        if self.target is not None and self.alpha >= HALFWAY:
            target = find_harmony(self.target.prompt, has_key=self.key is not None)
            words = words if target == NO_HARMONY else target
        return self.harmony.with_prompt(words)

    def find_harmony(self) -> Harmony:
        """The same, parsed. Raises HarmonyError, in stored requests also for what is no key."""
        return self.find_harmony_text().parse()

    def check_harmony(self) -> None:
        """Raise HarmonyError if the key or the chords of either end cannot be read."""
        self.find_harmony()
        if isinstance(self.piece, Morph) and (self.piece.key or self.piece.chords):
            arrival = {"key": self.piece.key, "chords": self.piece.chords, "alpha": 1.0}
            self.model_copy(update=arrival).find_harmony()

    @classmethod
    def build_strict(cls, fields: Mapping[str, object]) -> Self:
        """Build a request from a stranger's JSON; values of another type are not converted.

        Raises:
            BadRequest, PromptError: as `build`.
        """
        return validate(cls, fields, strict=True)

    @classmethod
    def build_unparsed(cls, /, **fields: object) -> Self:
        """Build a request without parsing its prompts: what is stored, and what no model will read
        (titles of uploads, captions of layers). Raises BadRequest.
        """
        return validate(cls, fields, context=_UNPARSED)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `model_dump_json` wrote, without parsing the prompts. Raises BadRequest."""
        try:
            return cls.model_validate_json(text, context=_UNPARSED)
        except ValidationError as error:
            raise BadRequest(describe_validation_error(error)) from error

    def with_changes(self, /, **changes: object) -> Self:
        """Build a copy with some fields changed; prompts, key and chords are parsed if changed.

        So a stored request can be copied whatever its prompts are.

        Raises:
            BadRequest, PromptError: as `build`.
        """
        for name, normalise in (("key", normalise_key), ("chords", normalise_chords)):
            if isinstance(text := changes.get(name), str):
                changes[name] = normalise(text)
        copy = self.build_unparsed(**{**self.model_dump(), **changes})
        if not changes.keys().isdisjoint(("prompt", "negative", "target")):
            copy.check_prompts()
        if not changes.keys().isdisjoint(("key", "chords")):
            copy.find_harmony()
        if "piece" in changes:
            copy.check_harmony()
        return copy

    def check_prompts(self) -> Self:
        """Check that all prompts can be parsed and `prompt` has words; returns the request.

        For requests that may be stored ones, before anything is queued or posted.

        Raises:
            PromptError: one of them cannot be parsed, or there are no words.
            HarmonyError: nor can the key or the chords.
        """
        self.check_harmony()
        require_words(self.prompt)
        parse(self.negative)
        if self.target is not None:
            parse(self.target.prompt)
            parse(self.target.negative)
        return self


def build_takes(request: RiffRequest, count: int) -> list[RiffRequest]:
    """Build `count` requests that differ in their seeds only: the request's own and the next ones.

    After the largest seed comes 0.
    """
    return [
        request.model_copy(update={"seed": (request.seed + number) % (MAX_SEED + 1)})
        for number in range(count)
    ]
