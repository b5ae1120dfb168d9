"""The page protocol, the other half: every JSON value that the page's server reads from a browser.

Each is a pydantic model (`Body`), which checks the browser. What is sent is in `schema.py`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from riffbot.generation_options import ChordsOption, GenerationOptions, KeyOption
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.request import (
    Fraction,
    Guidance,
    ImageRef,
    PromptText,
    SchedulerText,
    Seed,
    Steps,
)


class Body(BaseModel):
    """Base of what a route reads: strict types, unknown names refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class LenientBody(Body):
    """Base of what those routes read that have always ignored unknown names."""

    model_config = ConfigDict(extra="ignore")


class NewJam(Body):
    """`POST /api/jams`; what is left out has its default.

    Attributes:
        instead_of: id of the jam that ends for it.
    """

    prompt: PromptText | None = None
    seed: Seed | None = None
    denoising: Fraction | None = None
    guidance: Guidance | None = None
    seed_image: ImageRef | None = None
    bpm: float | None = None
    key: KeyOption | None = None
    chords: ChordsOption | None = None
    instead_of: Annotated[str, StringConstraints(max_length=64)] | None = None

    def options(self) -> ChunkOptions:
        """The settings that were sent; an empty prompt counts as left out. Raises BadRequest."""
        sent = self.model_dump(exclude={"instead_of"}, exclude_none=True)
        return ChunkOptions.build(**{**sent, "prompt": self.prompt or None})


class PromptVote(LenientBody):
    """`POST /api/jams/<id>/prompt`."""

    prompt: PromptText


class KeepSeconds(LenientBody):
    """`POST /api/jams/<id>/keep`: how many of the last seconds become a riff, 1 … 60."""

    seconds: Annotated[float, Field(ge=1, le=60)] = 30.0


class DenoisingChange(LenientBody):
    """`POST /api/jams/<id>/denoising`."""

    value: Fraction


class HarmonyChange(LenientBody):
    """`POST /api/jams/<id>/harmony`: what is left out stays; `any` leaves it open again."""

    key: KeyOption | None = None
    chords: ChordsOption | None = None


class PaintSettings(Body):
    """Settings of a riff that is painted; what is left out has its default."""

    prompt: PromptText = ""
    negative: PromptText | None = None
    seed: Seed | None = None
    denoising: Fraction | None = None
    guidance: Guidance | None = None
    steps: Steps | None = None
    scheduler: SchedulerText | None = None
    key: KeyOption | None = None
    chords: ChordsOption | None = None

    def options(self) -> GenerationOptions:
        """The settings that were sent; an empty prompt counts as left out. Raises BadRequest."""
        sent = self.model_dump(include=set(PaintSettings.model_fields), exclude_none=True)
        return GenerationOptions.build(**{**sent, "prompt": self.prompt or None})


class InpaintBody(PaintSettings):
    """`POST /api/riffs/<id>/inpaint`.

    Attributes:
        mask: a data URL of a PNG as large as the sheet, white where to repaint.
        start: the second of the riff that the sheet begins at.
    """

    mask: str = ""
    start: float = 0.0

    @field_validator("start", mode="before")
    @classmethod
    def _check_start(cls, value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("The start is a number of seconds")
        return value


class DrawingBody(PaintSettings):
    """`POST /api/drawings`: `picture` is a data URL of a PNG, 512 high, dark is loud."""

    picture: str = ""


ActivityText = Annotated[str, StringConstraints(pattern="^[0-9A-Za-z-]{1,200}$")]


class ActivitySignIn(LenientBody):
    """`POST /api/activity/token`: what the embedded app SDK got from Discord."""

    code: ActivityText
    instance_id: ActivityText
