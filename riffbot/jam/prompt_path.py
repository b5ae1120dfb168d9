"""Which chunk of a jam is generated next: an immutable value, and pure functions on it.

A prompt path leads from waypoint to waypoint. A waypoint is a prompt, a seed and a denoising; in
between, prompt embeddings are interpolated linearly and noise spherically (`RiffRequest.target` and
`alpha`). While nobody steers, the next waypoint is the same prompt with the next seed, four steps
away. Steering replaces the end of the present leg; half of the remaining way is taken with the next
chunk and the rest with the one after. One seed image underlies every chunk and locks tempo and
measure.

A path has a fixed size however long the jam lasts; the same path always gives the same requests.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from riffbot.errors import BadRequest
from riffbot.prompt import parse
from riffbot.request import (
    DEFAULT_DENOISING,
    MAX_PROMPT,
    MAX_SEED,
    Fraction,
    ImageRef,
    PromptText,
    RiffRequest,
    Seed,
    Target,
)

DRIFT_ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Alphas from one seed to the next while the prompt stays."""

DENOISING_STEP = 0.1
"""How much denoising one press of Wilder or Tamer adds or removes."""

MIN_STEERED_DENOISING, MAX_STEERED_DENOISING = 0.3, 0.95
"""Limits of Wilder and Tamer. Below, the chunks are the seed image; above, the beat is lost."""

HALFWAY = 0.5


class _Value(BaseModel):
    # Stored jams use the aliases as names: see the table in `snapshot.py`.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Waypoint(_Value):
    """Where a leg of the path begins or ends."""

    prompt: Annotated[PromptText, Field(min_length=1)]
    seed: Seed
    denoising: Fraction = DEFAULT_DENOISING


class PromptPath(_Value):
    """Everything that decides the chunks to come.

    Attributes:
        seed_image: what every chunk is an img2img of.
        start, end: the two waypoints of the present leg.
        position: alpha of the chunk that was planned last, 0 at `start`, 1 at `end`.
        remaining: alphas of the chunks that finish the leg, the next one first.
        chunk_number: the number of the next chunk, from 0.
        negative, guidance, steps, scheduler: as in `RiffRequest`, the same for the whole jam.
    """

    seed_image: ImageRef
    start: Waypoint = Field(validation_alias="here", serialization_alias="here")
    end: Waypoint = Field(validation_alias="there", serialization_alias="there")
    position: Fraction = Field(default=0.0, validation_alias="at", serialization_alias="at")
    remaining: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=8)] = Field(
        validation_alias="ahead", serialization_alias="ahead"
    )
    chunk_number: int = Field(
        default=0, ge=0, validation_alias="chunk", serialization_alias="chunk"
    )
    negative: PromptText = ""
    guidance: float | None = None
    steps: int | None = None
    scheduler: str | None = None

    @classmethod
    def begin(
        cls,
        prompt: str,
        *,
        seed_image: str,
        seed: int = 0,
        denoising: float = DEFAULT_DENOISING,
        negative: str = "",
        guidance: float | None = None,
        steps: int | None = None,
        scheduler: str | None = None,
    ) -> Self:
        """The path that begins with a prompt and drifts from its seed on.

        Raises:
            BadRequest: one of the values is invalid.
        """
        # Validated as a request, whose messages are the ones that people know from /riff.
        request = RiffRequest.build(
            prompt=validate_prompt(prompt),
            seed=seed,
            seed_image=seed_image,
            denoising=denoising,
            negative=negative,
            guidance=guidance,
            steps=steps,
            scheduler=scheduler,
        )
        start = Waypoint(prompt=request.prompt, seed=request.seed, denoising=request.denoising)
        return cls(
            seed_image=seed_image,
            start=start,
            end=start.model_copy(update={"seed": _next_seed(request.seed)}),
            remaining=(0.0, *DRIFT_ALPHAS),
            negative=request.negative,
            guidance=guidance,
            steps=steps,
            scheduler=scheduler,
        )

    @property
    def alpha(self) -> float:
        """How far along the leg the next chunk is, 0 … 1."""
        return self.remaining[0]

    @property
    def prompt(self) -> str:
        """The prompt that the next chunk mostly is."""
        return (self.end if self.alpha >= HALFWAY else self.start).prompt

    @property
    def base_waypoint(self) -> Waypoint:
        """The waypoint whose seed and denoising the request of the next chunk carries."""
        return self.end if self.alpha == 1.0 else self.start

    def build_request(self) -> RiffRequest:
        """The request of the next chunk."""
        base = {
            **self.base_waypoint.model_dump(),
            "seed_image": self.seed_image,
            "negative": self.negative,
            "guidance": self.guidance,
            "steps": self.steps,
            "scheduler": self.scheduler,
        }
        if self.alpha in (0.0, 1.0):
            return RiffRequest.build(**base)
        target = Target(negative=self.negative, **self.end.model_dump())
        return RiffRequest.build(**base, target=target, alpha=self.alpha)

    def advance(self) -> Self:
        """The path after the next chunk is planned: one step further, or on to the next leg."""
        step = {"position": self.alpha, "chunk_number": self.chunk_number + 1}
        if len(self.remaining) > 1:
            return self.model_copy(update={**step, "remaining": self.remaining[1:]})
        return self.model_copy(
            update={
                **step,
                "position": 0.0,
                "start": self.end,
                "end": self.end.model_copy(update={"seed": _next_seed(self.end.seed)}),
                "remaining": DRIFT_ALPHAS,
            }
        )

    def steer(
        self,
        *,
        prompt: str | None = None,
        seed: int | None = None,
        denoising: float | None = None,
    ) -> Self:
        """The path towards another waypoint: half of the way with the next chunk, then the rest.

        It starts from the present position, so nothing jumps: a path that drifts keeps its position
        between its two seeds. Between two prompts, the nearer one becomes the start.

        Raises:
            BadRequest: one of the values is invalid.
        """
        changes = {
            name: value
            for name, value in (
                ("prompt", None if prompt is None else validate_prompt(prompt)),
                ("seed", seed),
                ("denoising", denoising),
            )
            if value is not None
        }
        # Validated as a request, whose messages are the ones that people know from /riff.
        RiffRequest.build(**{**self.end.model_dump(), **changes})
        drifting = self.start.prompt == self.end.prompt
        if drifting or self.position < HALFWAY:
            start, position, end = self.start, self.position, self.end
        else:
            start, position = self.end, 0.0
            end = start.model_copy(update={"seed": _next_seed(start.seed)})
        half = position + (1 - position) / 2
        return self.model_copy(
            update={
                "start": start,
                "end": end.model_copy(update=changes),
                "position": position,
                "remaining": (half, 1.0),
            }
        )


def validate_prompt(prompt: str) -> str:
    """A prompt that can be parsed, without surrounding blanks.

    Raises:
        PromptError: its weights are invalid.
        BadRequest: it is empty or too long, or contains half of a surrogate pair.
    """
    text = prompt.replace("\0", "").strip()  # which a request leaves out, too
    try:
        text.encode()
    except UnicodeEncodeError as error:  # no row of the library could hold it
        raise BadRequest(
            "The prompt has half of a character in it: please type it anew."
        ) from error
    if len(text) > MAX_PROMPT:
        raise BadRequest(f"The prompt is too long: please keep it under {MAX_PROMPT} characters.")
    if not any(fragment.text.strip() for fragment in parse(text)):
        raise BadRequest(
            "The prompt is empty: write what you want to hear, for example “funky sax”."
        )
    return text


def _next_seed(seed: int) -> int:
    return (seed + 1) % (MAX_SEED + 1)
