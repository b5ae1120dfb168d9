"""What a person may set about a generation, validated once, wherever they set it.

Commands, modals, the page and jams build `GenerationOptions` before anything is queued, posted or
stored; requests and prompt paths are built from them.
"""

from __future__ import annotations

from typing import Any, Self

from riffbot.request import (
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


class GenerationOptions(FrozenModel):
    """Options of a generation, with the types and names of the request's fields.

    None is what was left out: the request, its source or the model decides.
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

    def with_defaults(self, **values: object) -> Self:
        """Build a copy in which options that were left out have these values.

        Raises:
            BadRequest, PromptError: as `build`.
        """
        return self.build(**{**values, **self.as_fields()})

    def as_fields(self) -> dict[str, Any]:
        """The options that were set, as fields of a `RiffRequest`."""
        return self.model_dump(exclude_none=True)

    def build_request(self) -> RiffRequest:
        """Build the request with these options. Raises BadRequest if there is no prompt."""
        return RiffRequest.build(**self.as_fields())


NO_OPTIONS = GenerationOptions()
"""Every option left out."""
