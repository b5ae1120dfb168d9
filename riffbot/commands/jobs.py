"""Jobs from typed options: which clips to make, and under which names to write them.

Light to import, so that wrong options are refused before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from riffbot.commands.flags import GenerationFlags, SizeFlags
from riffbot.errors import BadRequest
from riffbot.generation_options import NO_OPTIONS, GenerationOptions
from riffbot.harmony import NO_HARMONY, HarmonyText
from riffbot.request import RiffRequest, build_takes

if TYPE_CHECKING:
    from riffbot.clips.recipes import Recipe

MAX_COUNT = 1000


@dataclass(frozen=True)
class ClipJob:
    """One clip to make.

    Attributes:
        request: as asked for.
        name: stem of its files; None means `<slug>-<seed>`.
        line: the line number in the batch file.
        batch: `GeneratedRiff.batch` of the clip that it repeats.
        model_hash: hash of the weights that made the clip that it repeats, if known.
        recipe: the recipe that it repeats, from which lost sources can be made again.
        retired_tag: repeat a PNG of an earlier version (`audio.params.RETIRED_TAG`).
        held: key and chords of the clip's source, which nobody asked for anew.
    """

    request: RiffRequest
    name: str | None = None
    line: int | None = None
    batch: int = 1
    model_hash: str | None = None
    recipe: Recipe | None = None
    retired_tag: bool = False
    held: HarmonyText = NO_HARMONY


@dataclass(frozen=True)
class BadLine:
    """A line of a batch file that holds no request, and the reason as one sentence."""

    line: int
    reason: str


def request_fields(options: GenerationFlags) -> dict[str, Any]:
    """Return the fields of the request that were typed; those of `SizeFlags`, too."""
    fields: dict[str, object] = {
        "negative": options.negative,
        "seed": options.seed,
        "denoising": options.denoising,
        "guidance": options.guidance,
        "steps": options.steps,
        "scheduler": options.scheduler,
        "key": options.key,
        "chords": options.chords,
    }
    if isinstance(options, SizeFlags):
        fields |= {"width": options.width, "bpm": options.bpm}
    return {name: value for name, value in fields.items() if value is not None}


def build_generation_options(prompt: str | None, options: GenerationFlags) -> GenerationOptions:
    """Validate what was typed: the prompt, and the fields of the request. Raises BadRequest."""
    return GenerationOptions.build(prompt=prompt, **request_fields(options))


def check_count(count: int) -> None:
    """Raise BadRequest if so many clips cannot be made at once."""
    if not 1 <= count <= MAX_COUNT:
        raise BadRequest(f"--count must be 1 … {MAX_COUNT}, not {count}.")


def build_jobs(
    request: RiffRequest, count: int, *, held: HarmonyText = NO_HARMONY
) -> list[ClipJob]:
    """Build jobs for the same clip with `count` consecutive seeds. Raises BadRequest."""
    check_count(count)
    return [ClipJob(take, held=held) for take in build_takes(request, count)]


def apply_changes(request: RiffRequest, changes: dict[str, Any]) -> RiffRequest:
    """Change fields of a recipe's request; values derived from the old ones are dropped."""
    if "seed_image" in changes:
        changes = {"width": None, "bpm": None, "mask": None, **changes}
    elif "bpm" in changes:
        changes = {"width": None, **changes}
    told = GenerationOptions.build(
        **{name: changes[name] for name in ("prompt", "key", "chords") if name in changes}
    )
    if told != NO_OPTIONS:
        changes = {**changes, **told.choose_harmony_fields(request.harmony)._asdict()}
    return request.with_changes(**changes)
