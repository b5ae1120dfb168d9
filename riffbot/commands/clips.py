"""`riff`, `remix`, `inpaint`, `extend`, `morph`, `layer`, `draw`: commands that make clips.

Options are checked before anything heavy is imported, a folder created or a picture read.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio.columns import seconds_of
from riffbot.commands.arguments import Options
from riffbot.commands.jobs import ClipJob, apply_changes, build_jobs, request_fields
from riffbot.errors import BadRequest
from riffbot.naming import slugify
from riffbot.request import RiffRequest, check_prompts

if TYPE_CHECKING:
    from riffbot.commands.image_resolver import ImageResolver
    from riffbot.settings import Settings

MAX_CLIPS = 64


def riff(options: Options) -> int:
    """Make clips from a prompt, from a recipe, or from a file of requests."""
    if options.batch is not None:
        return _run_batch(options)
    if options.recipe is not None:
        return _replay(options)
    if options.prompt is None:
        raise BadRequest('Say what you want to hear, for example: riffbot riff "funky sax".')
    request = check_prompts(RiffRequest.build(prompt=options.prompt, **request_fields(options)))
    build_jobs(request, options.count)
    settings, resolver = open_session(options)
    request = request.but(**_resolve_images(options, resolver))
    return _run_jobs(options, settings, resolver, build_jobs(request, options.count))


def remix(options: Options) -> int:
    """Change a clip towards a prompt (img2img from its picture)."""
    _check_options(options)
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source

    settings, resolver = open_session(options)
    mask = {"mask": resolver.resolve_mask(options.mask)} if options.mask else {}
    start = read_edit_source(options.source, options, settings, resolver)
    request = edits.remix(start, options.prompt, **mask, **request_fields(options))
    return _run_jobs(options, settings, resolver, build_jobs(request, options.count))


def inpaint(options: Options) -> int:
    """Repaint a stretch of a clip; the rest of its picture stays to the pixel."""
    _check_options(options)
    timed = options.begin is not None or options.end is not None
    if timed + bool(options.where) + bool(options.mask) > 1:
        raise BadRequest("Say the place once: --from and --to, or --where, or --mask.")
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source
    from riffbot.regions import Region

    settings, resolver = open_session(options)
    start = read_edit_source(options.source, options, settings, resolver)
    fields = {"denoising": options.usual_denoising, **request_fields(options)}
    if options.mask:
        request = edits.remix(
            start, options.prompt, mask=resolver.resolve_mask(options.mask), **fields
        )
    elif timed:
        begin = 0.0 if options.begin is None else options.begin
        end = seconds_of(start.width) if options.end is None else options.end
        low = 0.0 if options.low is None else options.low
        high = 10_000.0 if options.high is None else options.high
        region = Region.between(start.width, begin, end, low, high)
        request = edits.remix(start, options.prompt, mask=region.name, **fields)
    else:
        request = edits.inpaint(
            start, options.prompt, where=options.where, low=options.low, high=options.high, **fields
        )
    return _run_jobs(options, settings, resolver, build_jobs(request, options.count))


def extend(options: Options) -> int:
    """Let a clip go on by whole measures, forward or backward, as one clip without seams."""
    if options.prompt is not None:
        _check_options(options)
    if (options.length is None) == (options.bars is None):
        raise BadRequest("Say how long: --seconds for the whole, or --bars to add.")
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source

    settings, resolver = open_session(options)
    is_whole = not getattr(options, "start", 0.0)
    start = read_edit_source(options.source, options, settings, resolver, crop=not is_whole)
    request = edits.extend(
        start,
        options.prompt or "",
        seconds=options.length,
        bars=options.bars,
        backward=options.backward,
        **request_fields(options),
    )
    jobs = build_jobs(request, options.count)
    return _run_jobs(options, settings, resolver, jobs, suffix="-extended")


def morph(options: Options) -> int:
    """Walk from PROMPT_A to PROMPT_B, or from clip to clip, as one clip without seams.

    Writes `<a>-to-<b>-<seed>.mp3`, `.png` and `.json`: the whole walk as one clip, for its
    pictures are painted to fit before they are made to sound.
    """
    if not 2 <= options.clips <= MAX_CLIPS:
        raise BadRequest(f"--clips must be 2 … {MAX_CLIPS}, not {options.clips}.")
    check_prompts(RiffRequest.build(prompt=options.prompt, **request_fields(options)))
    # The far end must be a valid prompt, too.
    check_prompts(RiffRequest.build(prompt=options.target))
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_morph_end

    settings, resolver = open_session(options)
    seed_image = resolver.resolve_seed_image(options.seed_image) if options.seed_image else None
    request = edits.morph(
        read_morph_end(options.prompt, options, settings, resolver),
        read_morph_end(options.target, options, settings, resolver),
        clips=options.clips,
        target_seed=options.target_seed,
        **({"seed_image": seed_image} if seed_image else {}),
        **request_fields(options),
    )
    assert request.target is not None
    name = f"{slugify(request.prompt)}-to-{slugify(request.target.prompt)}-{request.seed}"
    return _run_jobs(options, settings, resolver, [ClipJob(request, name=name)])


def layer(options: Options) -> int:
    """Mix two clips of one tempo."""
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_edit_source

    settings, resolver = open_session(options)
    first, second = (
        read_edit_source(source, options, settings, resolver, crop=False)
        for source in (options.source, options.other)
    )
    request = edits.layer(first, second, gain_db=options.gain)
    name = f"{slugify(first.prompt or 'a')}-and-{slugify(second.prompt or 'b')}"
    return _run_jobs(options, settings, resolver, [ClipJob(request, name=name)])


def draw(options: Options) -> int:
    """Hear any picture, dark on light or light on dark; with a prompt, diffusion paints over it."""
    _check_options(options)
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import read_drawing

    settings, resolver = open_session(options)
    start = read_drawing(options.source, options, resolver)
    request = edits.draw(start, options.prompt or "", **request_fields(options))
    return _run_jobs(options, settings, resolver, build_jobs(request, options.count))


def _check_options(options: Options) -> None:
    """Refuse invalid prompts and numbers before a picture is read. Raises BadRequest."""
    fields = {"denoising": getattr(options, "usual_denoising", 0.75), **request_fields(options)}
    prompt = options.prompt if options.prompt is not None else "a drawing"
    build_jobs(check_prompts(RiffRequest.build(prompt=prompt, **fields)), options.count)


def _run_batch(options: Options) -> int:
    typed = [name for name in ("prompt", "recipe") if getattr(options, name) is not None]
    if typed or request_fields(options) or options.seed_image or options.mask or options.count != 1:
        raise BadRequest("With --batch every line says what to make: give no prompt or options.")
    from riffbot.commands.recipes import read_batch
    from riffbot.commands.runner import JobRunner

    settings, resolver = open_session(options)
    jobs = list(read_batch(options.batch, resolver))
    if not jobs:
        raise BadRequest("The batch is empty: write one JSON object a line.")
    runner = JobRunner(
        settings,
        resolver,
        options.out,
        as_json=options.json,
        overwrite=options.overwrite,
    )
    return asyncio.run(runner.run(jobs))


def _replay(options: Options) -> int:
    from riffbot.commands.recipes import read_recipe

    recipe = read_recipe(options.recipe)
    changes = request_fields(options)
    if options.prompt is not None:
        changes["prompt"] = options.prompt
    settings, resolver = open_session(options, recipe_folder=options.recipe.parent)
    changes |= _resolve_images(options, resolver)
    request = check_prompts(apply_changes(recipe.request, changes))
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
    return _run_jobs(options, settings, resolver, jobs)


def open_session(
    options: Options, recipe_folder: Path | None = None, *, folder: Path | None = None
) -> tuple[Settings, ImageResolver]:
    """Load the settings and prepare the folder to write to (`--out` by default).

    Args:
        recipe_folder: the folder of a recipe that is replayed, which may hold its sources.
        folder: another folder to write to.
    """
    from riffbot.commands.files import SourceFolder, prepare_output_folder
    from riffbot.commands.image_resolver import ImageResolver
    from riffbot.settings import load_settings

    settings = load_settings(**({"model": options.model} if options.model else {}))
    out = prepare_output_folder(folder or options.out)
    return settings, ImageResolver(
        settings, SourceFolder(out), SourceFolder(recipe_folder) if recipe_folder else None
    )


def _resolve_images(options: Options, resolver: ImageResolver) -> dict[str, str]:
    found = {}
    if options.seed_image:
        found["seed_image"] = resolver.resolve_seed_image(options.seed_image)
    if options.mask:
        found["mask"] = resolver.resolve_mask(options.mask)
    return found


def _run_jobs(
    options: Options,
    settings: Settings,
    resolver: ImageResolver,
    jobs: list[ClipJob],
    *,
    suffix: str = "",
) -> int:
    from riffbot.commands.runner import JobRunner

    if suffix:
        jobs = [
            replace(o, name=f"{slugify(o.request.prompt)}{suffix}-{o.request.seed}") for o in jobs
        ]
    runner = JobRunner(
        settings,
        resolver,
        options.out,
        as_json=options.json,
        overwrite=options.overwrite,
    )
    return asyncio.run(runner.run(jobs))
