"""From typed options to orders: which clips to make, and under which names to write them.

Light to import: what is wrong with an option is said before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riffbot.commands.options import Options
from riffbot.errors import BadRequest
from riffbot.request import MAX_SEED, RiffRequest, check_prompts

if TYPE_CHECKING:
    from riffbot.clips.recipes import Recipe

MAX_COUNT = 1000
PASSED_ON = ("negative", "seed", "denoising", "guidance", "steps", "scheduler", "width", "bpm")
"""Options that are fields of the request under the same name."""


@dataclass(frozen=True)
class Order:
    """One clip to make.

    Attributes:
        request: as asked for.
        name: stem of its files; None takes `<slug>-<seed>`.
        line: the line of the batch file it came from.
        batch: `GeneratedRiff.batch` of the clip that it repeats.
        model_hash: the weights that made the clip it repeats, where they are known.
        recipe: the recipe that it follows, which may tell how lost pictures are made again.
        retired_tag: repeat a PNG of an earlier version (`audio.params.RETIRED_TAG`).
    """

    request: RiffRequest
    name: str | None = None
    line: int | None = None
    batch: int = 1
    model_hash: str | None = None
    recipe: Recipe | None = None
    retired_tag: bool = False


@dataclass(frozen=True)
class BadLine:
    """A line of a batch file that cannot be served, and why."""

    line: int
    sentence: str


def given(options: Options) -> dict[str, Any]:
    """The fields of the request that were typed."""
    values = {name: getattr(options, name, None) for name in PASSED_ON}
    return {name: value for name, value in values.items() if value is not None}


def checked(request: RiffRequest) -> RiffRequest:
    """The request, if its prompts can be read; so nonsense is refused before the model loads."""
    return check_prompts(request)


def takes(request: RiffRequest, count: int) -> list[Order]:
    """The same clip with `count` seeds in a row."""
    if not 1 <= count <= MAX_COUNT:
        raise BadRequest(f"--count must be 1 … {MAX_COUNT}, not {count}.")
    return [
        Order(request.but(seed=(request.seed + n) % (MAX_SEED + 1))) if n else Order(request)
        for n in range(count)
    ]


def changed(request: RiffRequest, changes: dict[str, Any]) -> RiffRequest:
    """A recipe with some of it changed; what was worked out from the old values is not kept."""
    if "seed_image" in changes:
        changes = {"width": None, "bpm": None, "mask": None, **changes}
    elif "bpm" in changes:
        changes = {"width": None, **changes}
    return request.but(**changes)
