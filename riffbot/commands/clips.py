"""`riff`, `remix`, `inpaint`, `extend`, `morph`, `layer`, `draw`: commands that make clips.

Options are checked before anything heavy is imported, a folder created or a picture read.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio.columns import seconds_of
from riffbot.commands.clip_options import (
    ClipOptions,
    DrawOptions,
    ExtendOptions,
    InpaintOptions,
    LayerOptions,
    MorphOptions,
    RemixOptions,
    RiffOptions,
)
from riffbot.commands.files import is_file
from riffbot.commands.jobs import (
    BadLine,
    ClipJob,
    apply_changes,
    build_generation_options,
    build_jobs,
    check_count,
    request_fields,
)
from riffbot.commands.session import open_session
from riffbot.errors import BadRequest
from riffbot.generation_options import GenerationOptions
from riffbot.harmony import NO_HARMONY
from riffbot.naming import slugify

if TYPE_CHECKING:
    from riffbot.clips.edits import EditSource
    from riffbot.commands.image_resolver import ImageResolver
    from riffbot.settings import Settings

MAX_CLIPS = 64


def riff(options: RiffOptions) -> int:
    """Make clips from a prompt, from a recipe, or from a file of requests."""
    if options.batch is not None:
        return _run_batch(options, options.batch)
    if options.recipe_file is not None:
        return _replay(options, options.recipe_file)
    if options.prompt is None:
        raise BadRequest('Say what you want to hear, for example: riffbot riff "funky sax".')
    request = _build_takes_options(options).build_request()
    settings, resolver = open_session(options.model, options.out)
    request = request.with_changes(**_resolve_images(options, resolver))
    return _write_clips(options, settings, resolver, build_jobs(request, options.count))


def remix(options: RemixOptions) -> int:
    """Change a clip towards a prompt (img2img from its picture)."""
    generation = _build_takes_options(options)
    from riffbot.clips import edits

    settings, resolver = open_session(options.model, options.out)
    mask = resolver.resolve_mask(options.mask) if options.mask else None
    source = _read_source(options, settings, resolver)
    request = edits.remix(source, generation, mask=mask)
    return _write_clips(
        options, settings, resolver, build_jobs(request, options.count, held=source.harmony)
    )


def inpaint(options: InpaintOptions) -> int:
    """Repaint a stretch of a clip; the rest of its picture stays to the pixel."""
    generation = _build_takes_options(options)
    timed = options.begin_s is not None or options.end_s is not None
    if timed + bool(options.where) + bool(options.mask) > 1:
        raise BadRequest("Say the place once: --from and --to, or --where, or --mask.")
    from riffbot.clips import edits
    from riffbot.regions import Region

    settings, resolver = open_session(options.model, options.out)
    source = _read_source(options, settings, resolver)
    mask = None
    if options.mask:
        mask = resolver.resolve_mask(options.mask)
    elif timed:
        begin = 0.0 if options.begin_s is None else options.begin_s
        end = seconds_of(source.width) if options.end_s is None else options.end_s
        low = 0.0 if options.low is None else options.low
        high = 10_000.0 if options.high is None else options.high
        mask = Region.between(source.width, begin, end, low, high).name
    request = edits.inpaint(
        source, generation, where=options.where, low=options.low, high=options.high, mask=mask
    )
    return _write_clips(
        options, settings, resolver, build_jobs(request, options.count, held=source.harmony)
    )


def extend(options: ExtendOptions) -> int:
    """Let a clip go on by whole measures, forward or backward, as one clip without seams."""
    generation = _build_takes_options(options)
    if (options.seconds is None) == (options.bars is None):
        raise BadRequest("Say how long: --seconds for the whole, or --bars to add.")
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source

    settings, resolver = open_session(options.model, options.out)
    source = read_edit_source(
        options.source,
        settings,
        resolver,
        start_s=options.start_s,
        loop=options.loop,
        crop=options.start_s != 0,
    )
    request = edits.extend(
        source,
        generation,
        seconds=options.seconds,
        bars=options.bars,
        backward=options.backward,
    )
    jobs = [
        replace(job, name=f"{slugify(request.prompt)}-extended-{job.request.seed}")
        for job in build_jobs(request, options.count, held=source.harmony)
    ]
    return _write_clips(options, settings, resolver, jobs)


def morph(options: MorphOptions) -> int:
    """Walk from PROMPT_A to PROMPT_B, or from clip to clip, as one clip without seams.

    Writes `<a>-to-<b>-<seed>.mp3`, `.png` and `.json`: the whole walk as one clip, for its
    pictures are painted to fit before they are made to sound.
    """
    if not 2 <= options.clips <= MAX_CLIPS:
        raise BadRequest(f"--clips must be 2 … {MAX_CLIPS}, not {options.clips}.")
    first, second = (
        None if is_file(Path(typed)) else typed for typed in (options.first, options.second)
    )
    generation = build_generation_options(first, options)
    GenerationOptions.build(prompt=second)  # the second end must be a valid prompt, too
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_morph_end

    settings, resolver = open_session(options.model, options.out)
    seed_image = resolver.resolve_seed_image(options.seed_image) if options.seed_image else None
    start = read_morph_end(options.first, settings, resolver)
    request = edits.morph(
        start,
        read_morph_end(options.second, settings, resolver),
        generation.with_defaults(seed_image=seed_image),
        clips=options.clips,
        target_seed=options.target_seed,
    )
    assert request.target is not None
    name = f"{slugify(request.prompt)}-to-{slugify(request.target.prompt)}-{request.seed}"
    held = start.harmony if isinstance(start, edits.EditSource) else NO_HARMONY
    return _write_clips(options, settings, resolver, [ClipJob(request, name=name, held=held)])


def layer(options: LayerOptions) -> int:
    """Mix two clips of one tempo."""
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source

    settings, resolver = open_session(options.model, options.out)
    first, second = (
        read_edit_source(typed, settings, resolver, crop=False)
        for typed in (options.first, options.second)
    )
    request = edits.layer(first, second, gain_db=options.gain)
    if clash := edits.describe_clash(first, second):
        print(f"riffbot: {clash}", file=sys.stderr)
    name = f"{slugify(first.prompt or 'a')}-and-{slugify(second.prompt or 'b')}"
    return _write_clips(options, settings, resolver, [ClipJob(request, name=name)])


def draw(options: DrawOptions) -> int:
    """Hear any picture, dark on light or light on dark; with a prompt, diffusion paints over it."""
    generation = _build_takes_options(options)
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_drawing

    settings, resolver = open_session(options.model, options.out)
    source = read_drawing(options.drawing, resolver, seconds=options.seconds)
    request = edits.draw(source, generation)
    return _write_clips(
        options, settings, resolver, build_jobs(request, options.count, held=source.harmony)
    )


def _build_takes_options(
    options: RiffOptions | RemixOptions | ExtendOptions | DrawOptions,
) -> GenerationOptions:
    """Validate prompt, numbers and count, before a picture is read. Raises BadRequest."""
    generation = build_generation_options(options.prompt, options)
    check_count(options.count)
    return generation


def _read_source(options: RemixOptions, settings: Settings, resolver: ImageResolver) -> EditSource:
    """Read the source of a remix, of a sound the part that was asked for."""
    from riffbot.commands.edit_sources import read_edit_source

    return read_edit_source(
        options.source,
        settings,
        resolver,
        start_s=options.start_s,
        seconds=options.seconds,
        loop=options.loop,
    )


def _run_batch(options: RiffOptions, batch: str) -> int:
    if (
        options.prompt is not None
        or options.recipe_file is not None
        or request_fields(options)
        or options.seed_image
        or options.mask
        or options.count != 1
    ):
        raise BadRequest("With --batch every line says what to make: give no prompt or options.")
    from riffbot.commands.recipes import read_batch

    settings, resolver = open_session(options.model, options.out)
    jobs = list(read_batch(batch, resolver))
    if not jobs:
        raise BadRequest("The batch is empty: write one JSON object a line.")
    return _write_clips(options, settings, resolver, jobs)


def _replay(options: RiffOptions, recipe_file: Path) -> int:
    from riffbot.commands.recipes import read_recipe

    recipe = read_recipe(recipe_file)
    changes = request_fields(options)
    if options.prompt is not None:
        changes["prompt"] = options.prompt
    settings, resolver = open_session(options.model, options.out, recipe_folder=recipe_file.parent)
    changes |= _resolve_images(options, resolver)
    request = apply_changes(recipe.request, changes).check_prompts()
    for ref, resolve in (
        (request.seed_image, resolver.resolve_seed_image),
        (request.mask, resolver.resolve_mask),
    ):
        # Lost sources that the recipe describes are made again; others must exist.
        if ref is not None and ref not in recipe.made_from:
            resolve(ref)
    jobs = [replace(job, recipe=recipe) for job in build_jobs(request, options.count)]
    if not changes:
        jobs[0] = replace(
            jobs[0],
            batch=recipe.batch,
            model_hash=recipe.model_hash,
            retired_tag=recipe.retired_tag,
        )
    return _write_clips(options, settings, resolver, jobs)


def _resolve_images(options: RiffOptions, resolver: ImageResolver) -> dict[str, str]:
    found = {}
    if options.seed_image:
        found["seed_image"] = resolver.resolve_seed_image(options.seed_image)
    if options.mask:
        found["mask"] = resolver.resolve_mask(options.mask)
    return found


def _write_clips(
    options: ClipOptions,
    settings: Settings,
    resolver: ImageResolver,
    jobs: Sequence[ClipJob | BadLine],
) -> int:
    """Make and write every clip; returns the exit code."""
    from riffbot.commands.clip_writer import ClipWriter

    writer = ClipWriter(
        settings, resolver, options.out, as_json=options.json, overwrite=options.overwrite
    )
    return asyncio.run(writer.run(jobs))
