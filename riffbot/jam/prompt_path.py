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

from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
)

from riffbot.harmony import NO_HARMONY, HarmonyText
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.request import (
    DEFAULT_DENOISING,
    HALFWAY,
    MAX_PROMPT,
    MAX_SEED,
    Fraction,
    ImageRef,
    RiffRequest,
    Seed,
    Target,
)

DEFAULT_PROMPT = "funky sax"

DRIFT_ALPHAS = (0.25, 0.5, 0.75, 1.0)
"""Alphas from one seed to the next while the prompt stays."""

DENOISING_STEP = 0.1
"""How much denoising one press of Wilder or Tamer adds or removes."""

MIN_STEERED_DENOISING, MAX_STEERED_DENOISING = 0.3, 0.95
"""Limits of Wilder and Tamer. Below, the chunks are the seed image; above, the beat is lost."""

StoredPrompt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_PROMPT)]
"""A prompt of a stored jam. It is not parsed when it is loaded, but when a chunk is requested."""


class _StoredModel(BaseModel):
    # Stored jams use the aliases as names: see the table in `snapshot.py`.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class Waypoint(_StoredModel):
    """Where a leg of the path begins or ends."""

    prompt: Annotated[StoredPrompt, Field(min_length=1)]
    seed: Seed
    denoising: Fraction = DEFAULT_DENOISING


class PromptPath(_StoredModel):
    """Everything that decides the chunks to come.

    Attributes:
        seed_image: what every chunk is an img2img of.
        start, end: the two waypoints of the present leg.
        position: alpha of the chunk that was planned last, 0 at `start`, 1 at `end`.
        remaining: alphas of the chunks that finish the leg, the next one first.
        chunk_number: the number of the next chunk, from 0.
        negative, guidance, steps, scheduler: as in `RiffRequest`, the same for the whole jam.
        key, chords: as in `RiffRequest`, until something else is said; stored where there are any.
        cycle: the loop cycle for which the next chunk is meant, from 0: it decides which of the
            chords the chunk has. Stored where it matters.
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
    negative: StoredPrompt = ""
    guidance: float | None = None
    steps: int | None = None
    scheduler: str | None = None
    key: str | None = None
    chords: str | None = None
    cycle: int = Field(default=0, ge=0)

    @model_serializer(mode="wrap")
    def _leave_out_no_harmony(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        stored: dict[str, Any] = serialize(self)
        return {
            name: value
            for name, value in stored.items()
            if value or name not in {"key", "chords", "cycle"}
        }

    @classmethod
    def begin(
        cls, options: ChunkOptions, *, seed_image: str, held: HarmonyText = NO_HARMONY
    ) -> Self:
        """The path that begins with a jam's options and drifts from its first seed on.

        Args:
            options: the seed is 0 by default.
            seed_image: what every chunk is an img2img of.
            held: key and chords of the seed image.

        Raises:
            HarmonyError: the chords are numerals, and there is no key.
        """
        harmony = options.choose_harmony(held)
        harmony.parse()
        start = Waypoint(
            prompt=options.prompt or DEFAULT_PROMPT,
            seed=options.seed or 0,
            denoising=DEFAULT_DENOISING if options.denoising is None else options.denoising,
        )
        return cls(
            seed_image=seed_image,
            start=start,
            end=start.model_copy(update={"seed": _next_seed(start.seed)}),
            remaining=(0.0, *DRIFT_ALPHAS),
            negative=options.negative or "",
            guidance=options.guidance,
            steps=options.steps,
            scheduler=options.scheduler,
            **harmony._asdict(),
        )

    @property
    def harmony(self) -> HarmonyText:
        """The key and the chords that hold until something else is said."""
        return HarmonyText(self.key, self.chords)

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
            **self.harmony._asdict(),
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
        key: str | None = None,
        chords: str | None = None,
    ) -> Self:
        """The path towards another waypoint: half of the way with the next chunk, then the rest.

        It starts from the present position, so nothing jumps: a path that drifts keeps its position
        between its two seeds. Between two prompts, the nearer one becomes the start. A new key and
        new chords hold from the next chunk on.

        Raises:
            BadRequest: one of the values is invalid.
        """
        # The prompt may blend those of many: what one of them says of the key is told as `key`.
        harmony = ChunkOptions.build(key=key, chords=chords).choose_harmony(self.harmony)
        harmony.parse()
        options = ChunkOptions.build(prompt=prompt, seed=seed, denoising=denoising)
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
                "end": end.model_copy(update=options.as_fields()),
                "position": position,
                "remaining": (half, 1.0),
                **harmony._asdict(),
            }
        )


def _next_seed(seed: int) -> int:
    return (seed + 1) % (MAX_SEED + 1)
