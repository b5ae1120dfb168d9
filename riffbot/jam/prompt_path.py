"""The planner: which chunk comes next, as an explicit value and pure functions on it.

A jam walks from waypoint to waypoint. A waypoint is a prompt, a seed and a denoising; on the way
embeddings are lerped and noise is slerped (`RiffRequest.target` and `alpha`). While nobody steers,
the next waypoint is the same prompt with the next seed, four steps away. Who steers bends the way:
its end becomes the new wish, half of what is left is taken at once and the rest with the chunk
after. One seed image underlies every chunk and locks tempo and measure.

A walk has a fixed size however long it lasts, and the same walk gives the same requests for ever.
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

DRIFT = (0.25, 0.5, 0.75, 1.0)
"""Alphas from one seed to the next while the prompt stands."""

WILDER = 0.1
"""How much more denoising one press of the button gives."""

TAMEST, WILDEST = 0.3, 0.95
"""Below, the chunks are the seed image; above, the beat is lost."""

HALFWAY = 0.5


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Waypoint(_Value):
    """Where a leg of the walk begins or ends."""

    prompt: Annotated[PromptText, Field(min_length=1)]
    seed: Seed
    denoising: Fraction = DEFAULT_DENOISING


class Walk(_Value):
    """Everything that decides the chunks to come.

    Attributes:
        seed_image: what every chunk is an img2img of.
        here, there: the ends of the present leg.
        at: alpha of the chunk that was planned last.
        ahead: alphas of the chunks that finish the leg, the next one first.
        chunk: the number of the next chunk, from 0.
        negative, guidance, steps, scheduler: as in `RiffRequest`, the same for the whole jam.
    """

    seed_image: ImageRef
    here: Waypoint
    there: Waypoint
    at: Fraction = 0.0
    ahead: Annotated[tuple[Fraction, ...], Field(min_length=1, max_length=8)]
    chunk: Annotated[int, Field(ge=0)] = 0
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
        """A walk that begins with a prompt and drifts from its seed on.

        Raises:
            BadRequest: one of the values is nonsense.
        """
        # The request's door says what is wrong, with the words that people know from /riff.
        request = RiffRequest.build(
            prompt=checked(prompt),
            seed=seed,
            seed_image=seed_image,
            denoising=denoising,
            negative=negative,
            guidance=guidance,
            steps=steps,
            scheduler=scheduler,
        )
        here = Waypoint(prompt=request.prompt, seed=request.seed, denoising=request.denoising)
        return cls(
            seed_image=seed_image,
            here=here,
            there=here.model_copy(update={"seed": _after(request.seed)}),
            ahead=(0.0, *DRIFT),
            negative=request.negative,
            guidance=guidance,
            steps=steps,
            scheduler=scheduler,
        )

    @property
    def alpha(self) -> float:
        """How far along the leg the next chunk is."""
        return self.ahead[0]

    @property
    def prompt(self) -> str:
        """The prompt that the next chunk mostly is."""
        return self._nearer(self.alpha).prompt

    def request(self) -> RiffRequest:
        """The next chunk."""
        here, there, alpha = self.here, self.there, self.alpha
        common = {
            "seed_image": self.seed_image,
            "negative": self.negative,
            "guidance": self.guidance,
            "steps": self.steps,
            "scheduler": self.scheduler,
        }
        if alpha in (0.0, 1.0):
            end = here if alpha == 0.0 else there
            return RiffRequest.build(**end.model_dump(), **common)
        return RiffRequest.build(
            **here.model_dump(),
            **common,
            target=Target(negative=self.negative, **there.model_dump()),
            alpha=alpha,
        )

    def onwards(self) -> Self:
        """The walk once the next chunk is planned: one step further, or on to the next leg."""
        step = {"at": self.alpha, "chunk": self.chunk + 1}
        if len(self.ahead) > 1:
            return self.model_copy(update={**step, "ahead": self.ahead[1:]})
        there = self.there
        return self.model_copy(
            update={
                **step,
                "at": 0.0,
                "here": there,
                "there": there.model_copy(update={"seed": _after(there.seed)}),
                "ahead": DRIFT,
            }
        )

    def steered(
        self,
        *,
        prompt: str | None = None,
        seed: int | None = None,
        denoising: float | None = None,
    ) -> Self:
        """The walk bent towards a wish: half-way there with the next chunk, all with the one after.

        From where it is, so nothing jumps: a drifting walk keeps its place between its two seeds.
        Where it was between two prompts, the nearer one is left from.

        Raises:
            BadRequest: the wish is nonsense.
        """
        wish = {
            name: value
            for name, value in (
                ("prompt", None if prompt is None else checked(prompt)),
                ("seed", seed),
                ("denoising", denoising),
            )
            if value is not None
        }
        # Denoising and prompts go through the request's door for its sentences.
        RiffRequest.build(**{**self.there.model_dump(), **wish})
        drifting = self.here.prompt == self.there.prompt
        if drifting or self.at < HALFWAY:
            start, at, there = self.here, self.at, self.there
        else:
            start, at = self.there, 0.0
            there = start.model_copy(update={"seed": _after(start.seed)})
        half = at + (1 - at) / 2
        return self.model_copy(
            update={
                "here": start,
                "there": there.model_copy(update=wish),
                "at": at,
                "ahead": (half, 1.0),
            }
        )

    def _nearer(self, alpha: float) -> Waypoint:
        return self.there if alpha >= HALFWAY else self.here


def checked(prompt: str) -> str:
    """A prompt that can be read, without the blanks around it.

    Raises:
        PromptError: its weights make no sense.
        BadRequest: it is empty or too long, or has half of a character in it.
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


def _after(seed: int) -> int:
    return (seed + 1) % (MAX_SEED + 1)
