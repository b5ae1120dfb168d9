"""RiffRequest: everything that decides a clip, and nothing else.

The same resolved request, on the same model and device, gives the same picture to the byte. It is
immutable, travels as JSON (in the database, in the PNG, in the MP3's tags, over HTTP), and an
unknown field is an error rather than a silent loss.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from riffbot.errors import BadRequest, shorten
from riffbot.prompt import parse, require_words
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH

MAX_SEED = 2**32 - 1
MAX_PROMPT = 1000
DEFAULT_DENOISING = 0.75
"""Riffusion's, whatever the model: with riffbot-mini, too, the prompt is heard best at .75 and the
tempo of a seed image is kept (`training.evaluate --what seeds`)."""
MAX_COLUMNS = 36_000
"""Of a composed clip, six minutes: what a song needs and an upload to Discord still takes."""

PromptText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Guidance = Annotated[float, Field(ge=1.0, le=30.0)]
Steps = Annotated[int, Field(ge=1, le=200)]
Tempo = Annotated[float, Field(ge=40.0, le=240.0)]
SchedulerText = Annotated[str, StringConstraints(max_length=64)]
"""Of a sampler; the model says which it has. A name that cannot be written down is none."""
ImageRef = Annotated[
    str, StringConstraints(pattern=r"^(sha256:[0-9a-f]{64}|[a-z0-9][a-z0-9_-]{0,63})$")
]
"""The name of a bundled image (`steady_beat`), or `sha256:<64 hex>` of a file in the library."""


class _Value(BaseModel):
    # "ignore" would lose a misspelt option in silence; strict ints keep `seed: 1.5` out.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class _Spoken(_Value):
    @field_validator("prompt", "negative", mode="before", check_fields=False)
    @classmethod
    def _heard(cls, text: object) -> object:
        # A null character is nothing to hear, and PostgreSQL takes no text with one.
        return text.replace("\0", "") if isinstance(text, str) else text


class Target(_Spoken):
    """The far end of an interpolation (Riffusion's `end` PromptInput)."""

    prompt: PromptText
    negative: PromptText = ""
    seed: Seed
    denoising: Fraction = DEFAULT_DENOISING


class Extend(_Value):
    """The seed image goes on in time (outpainting), and stays itself to the pixel.

    Attributes:
        columns: length of the whole, the seed image included, in columns of 10 ms.
        backward: what is new comes before the seed image rather than after it.
    """

    kind: Literal["extend"] = "extend"
    columns: Annotated[int, Field(ge=64, le=MAX_COLUMNS)]
    backward: bool = False


class Morph(_Value):
    """A morph from the request (alpha 0) to its target (alpha 1), as one clip without seams.

    Attributes:
        clips: length of the morph, in clips as long as the first one.
        image: the picture at the far end; None keeps the seed image's own beat.
        whole: the morph begins with the seed image itself, not with a variation of it; so does
            every morph that has a picture at its far end.
        bpm: tempo of that picture; None reads it from its recipe, which an upload lacks.
    """

    kind: Literal["morph"] = "morph"
    clips: Annotated[int, Field(ge=2, le=64)]
    image: ImageRef | None = None
    whole: bool = False
    bpm: Tempo | None = None


class Layer(_Value):
    """Another picture sounds together with the seed image. No model is asked.

    Attributes:
        image: the other picture; it is repeated or stretched to whole beats of the seed image.
        gain_db: its level re the seed image's.
        bpm: its tempo; None is what its file says, which an upload's does not.
    """

    kind: Literal["layer"] = "layer"
    image: ImageRef
    gain_db: Annotated[float, Field(ge=-40.0, le=20.0)] = 0.0
    bpm: Tempo | None = None


Piece = Annotated[Extend | Morph | Layer, Field(discriminator="kind")]
"""What is composed of more than one picture, see `riffbot.composition`."""


class RiffRequest(_Spoken):
    """What a member asked for. Fields left None are filled by `Engine.submit` from the model.

    Attributes:
        prompt: what to hear; weight syntax welcome (see `riffbot.prompt`). Not empty.
        negative: what not to hear, same syntax.
        seed: 0 … 2**32-1; with everything else equal, another seed is another take.
        seed_image: the picture that img2img starts from; None makes a clip from text alone.
        denoising: 0 returns the seed image, 1 forgets it. Ignored without a seed image.
        mask: picture that says where to repaint (white) and where to keep the seed image to the
            pixel (black). Needs a seed image.
        guidance: classifier-free guidance scale, 1 … 30.
        steps: denoising steps before `denoising` shortens them, 1 … 200.
        scheduler: one of the model's scheduler names.
        width: columns of 10 ms, 64 … 2048; a seed image brings its own.
        bpm: tempo, 40 … 240; decides `width` (an exact number of beats) and is told to the model.
        target, alpha: interpolate from this request (alpha 0) to `target` (alpha 1).
        piece: makes a longer or a mixed clip of this request; the engine itself knows single
            pictures only and is given them one by one (`riffbot.composition`).
    """

    prompt: Annotated[PromptText, Field(min_length=1)]
    negative: PromptText = ""
    seed: Seed = Field(default_factory=lambda: secrets.randbelow(MAX_SEED + 1))
    seed_image: ImageRef | None = None
    denoising: Fraction = DEFAULT_DENOISING
    mask: ImageRef | None = None
    guidance: Guidance | None = None
    steps: Steps | None = None
    scheduler: SchedulerText | None = None
    width: Annotated[int, Field(ge=MIN_WIDTH, le=MAX_WIDTH)] | None = None
    bpm: Tempo | None = None
    target: Target | None = None
    alpha: Fraction = 0.0
    piece: Piece | None = None

    @model_validator(mode="after")
    def _needs(self) -> Self:
        if self.mask is not None and self.seed_image is None:
            raise ValueError("a mask needs a seed image to keep")
        if isinstance(self.piece, Extend | Layer) and self.seed_image is None:
            raise ValueError(f"to {self.piece.kind} needs a seed image to begin with")
        if isinstance(self.piece, Morph) and self.target is None:
            raise ValueError("a morph needs a target to walk to")
        return self

    @classmethod
    def build(cls, /, **fields: object) -> Self:
        """Make a request from untrusted values.

        Raises:
            BadRequest: one sentence naming the first wrong field and what it may be.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise BadRequest(sentence(error)) from error

    @classmethod
    def build_strict(cls, fields: Mapping[str, object]) -> Self:
        """Make a request from a stranger's JSON, whose types must be right: no `"1"` for 1.

        Raises:
            BadRequest: as `build`.
        """
        try:
            return cls.model_validate(fields, strict=True)
        except ValidationError as error:
            raise BadRequest(sentence(error)) from error

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read what `model_dump_json` wrote. Raises BadRequest on anything else."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise BadRequest(sentence(error)) from error

    def with_changes(self, /, **changes: object) -> Self:
        """A validated copy with some fields changed. Raises BadRequest."""
        return self.build(**{**self.model_dump(), **changes})


def check_prompts(request: RiffRequest) -> RiffRequest:
    """The request, if all of its prompts can be read and there is something to hear.

    Whoever takes requests asks this before anything is promised, queued or posted.

    Raises:
        PromptError: a weight cannot be meant, or the prompt has no words between its brackets.
    """
    require_words(request.prompt)
    parse(request.negative)
    if request.target is not None:
        parse(request.target.prompt)
        parse(request.target.negative)
    return request


def build_takes(request: RiffRequest, count: int) -> list[RiffRequest]:
    """`count` takes of a request: its own seed and the ones that follow it."""
    return [
        request.model_copy(update={"seed": (request.seed + number) % (MAX_SEED + 1)})
        for number in range(count)
    ]


def sentence(error: ValidationError) -> str:
    """Pydantic's first complaint as one sentence for a person.

    It repeats some characters of what was given at most, however long that was.
    """
    first = error.errors(include_url=False)[0]
    field = shorten(".".join(map(str, first["loc"])))
    given = first.get("input")
    limits = first.get("ctx", {})
    name = field.replace("_", " ")
    match first["type"]:
        case "missing":
            return f"The request needs a {field}."
        case "extra_forbidden":
            return f"There is no setting called “{field}”; please check its spelling."
        case "string_too_short":
            return f"The {field} is empty: write what you want to hear, for example “funky sax”."
        case "string_too_long":
            return (
                f"The {field} is too long: please keep it under {limits['max_length']} characters."
            )
        case "greater_than_equal":
            return f"{field.capitalize()} must be {limits['ge']:.10g} or more, not {_shown(given)}."
        case "less_than_equal":
            return f"{field.capitalize()} must be {limits['le']:.10g} or less, not {_shown(given)}."
        case "string_pattern_mismatch":
            return f"“{shorten(str(given))}” is no {name} that I know."
        case "json_invalid":
            return "That is not a riff's recipe: the JSON cannot be read."
        case "value_error":
            return f"{str(limits['error']).capitalize()}."
        case "string_unicode":
            return f"The {name} has half of a character in it: please type it anew."
        case kind if kind in _KINDS and field:
            return f"The {name} must be {_KINDS[kind]}, not {_shown(given)}."
        case _:
            where = f"{field}: " if field else ""
            return f"{where}{shorten(first['msg'], 120)} (got {_shown(given)})."


_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of some digits",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
"""Pydantic's names for a value of the wrong kind, and what it should have been."""


def _shown(value: object) -> str:
    """What was given, in at most some 40 characters; never raises."""
    if isinstance(value, int) and abs(value) >= 10**20:  # str() refuses 4,300 digits
        return "a number of more than 20 digits"
    if isinstance(value, str):  # in quotes, which Discord's markdown goes by
        return f"“{shorten(value)}”"
    if isinstance(value, int | float) or value is None:
        return shorten(repr(value))
    return "a list" if isinstance(value, list | tuple) else "an object"
