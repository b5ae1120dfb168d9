"""`riff`, `remix`, `inpaint`, `extend`, `morph`, `layer`, `draw`: commands that make clips.

What was typed is checked before anything heavy is imported, a folder made or a picture read.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from riffbot.commands.jobs import Order, changed, checked, given, takes
from riffbot.commands.options import Options
from riffbot.errors import BadRequest
from riffbot.naming import slugify
from riffbot.request import RiffRequest

if TYPE_CHECKING:
    from riffbot.commands.pictures import Pictures
    from riffbot.settings import Settings

MAX_CLIPS = 64


def riff(options: Options) -> int:
    """Make clips from a prompt, from a recipe, or from a file of requests."""
    if options.batch is not None:
        return _batch(options)
    if options.recipe is not None:
        return _replay(options)
    if options.prompt is None:
        raise BadRequest('Say what you want to hear, for example: riffbot riff "funky sax".')
    request = checked(RiffRequest.build(prompt=options.prompt, **given(options)))
    takes(request, options.count)
    settings, pictures = open_workshop(options)
    request = request.but(**_pictured(options, pictures))
    return _make(options, settings, pictures, takes(request, options.count))


def remix(options: Options) -> int:
    """Change a clip towards a prompt (img2img from its picture)."""
    _sensible(options)
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import start_of

    settings, pictures = open_workshop(options)
    mask = {"mask": pictures.mask(options.mask)} if options.mask else {}
    start = start_of(options.source, options, settings, pictures)
    request = edits.remix(start, options.prompt, **mask, **given(options))
    return _make(options, settings, pictures, takes(request, options.count))


def inpaint(options: Options) -> int:
    """Repaint a stretch of a clip; the rest of its picture stays to the pixel."""
    _sensible(options)
    timed = options.begin is not None or options.end is not None
    if timed + bool(options.where) + bool(options.mask) > 1:
        raise BadRequest("Say the place once: --from and --to, or --where, or --mask.")
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import start_of
    from riffbot.regions import Region

    settings, pictures = open_workshop(options)
    start = start_of(options.source, options, settings, pictures)
    wish = {"denoising": options.usual_denoising, **given(options)}
    if options.mask:
        request = edits.remix(start, options.prompt, mask=pictures.mask(options.mask), **wish)
    elif timed:
        begin = 0.0 if options.begin is None else options.begin
        end = start.width / 100 if options.end is None else options.end
        low = 0.0 if options.low is None else options.low
        high = 10_000.0 if options.high is None else options.high
        region = Region.between(start.width, begin, end, low, high)
        request = edits.remix(start, options.prompt, mask=region.name, **wish)
    else:
        request = edits.inpaint(
            start, options.prompt, where=options.where, low=options.low, high=options.high, **wish
        )
    return _make(options, settings, pictures, takes(request, options.count))


def extend(options: Options) -> int:
    """Let a clip go on by whole measures, forward or backward, as one clip without seams."""
    if options.prompt is not None:
        _sensible(options)
    if (options.length is None) == (options.bars is None):
        raise BadRequest("Say how long: --seconds for the whole, or --bars to add.")
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import start_of

    settings, pictures = open_workshop(options)
    whole = not getattr(options, "start", 0.0)
    start = start_of(options.source, options, settings, pictures, cut=not whole)
    request = edits.extend(
        start,
        options.prompt or "",
        seconds=options.length,
        bars=options.bars,
        backward=options.backward,
        **given(options),
    )
    orders = takes(request, options.count)
    return _make(options, settings, pictures, orders, suffix="-extended")


def morph(options: Options) -> int:
    """Walk from PROMPT_A to PROMPT_B, or from clip to clip, as one clip without seams.

    Writes `<a>-to-<b>-<seed>.mp3`, `.png` and `.json`: the whole walk as one clip, for its
    pictures are painted to fit before they are made to sound.
    """
    if not 2 <= options.clips <= MAX_CLIPS:
        raise BadRequest(f"--clips must be 2 … {MAX_CLIPS}, not {options.clips}.")
    checked(RiffRequest.build(prompt=options.prompt, **given(options)))
    # The far end goes through the same door as a prompt of its own.
    checked(RiffRequest.build(prompt=options.target))
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import end_of

    settings, pictures = open_workshop(options)
    seed_image = pictures.seed_image(options.seed_image) if options.seed_image else None
    request = edits.morph(
        end_of(options.prompt, options, settings, pictures),
        end_of(options.target, options, settings, pictures),
        clips=options.clips,
        target_seed=options.target_seed,
        **({"seed_image": seed_image} if seed_image else {}),
        **given(options),
    )
    assert request.target is not None
    name = f"{slugify(request.prompt)}-to-{slugify(request.target.prompt)}-{request.seed}"
    return _make(options, settings, pictures, [Order(request, name=name)])


def layer(options: Options) -> int:
    """Mix two clips of one tempo."""
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import start_of

    settings, pictures = open_workshop(options)
    first, second = (
        start_of(source, options, settings, pictures, cut=False)
        for source in (options.source, options.other)
    )
    request = edits.layer(first, second, gain_db=options.gain)
    name = f"{slugify(first.prompt or 'a')}-and-{slugify(second.prompt or 'b')}"
    return _make(options, settings, pictures, [Order(request, name=name)])


def draw(options: Options) -> int:
    """Hear any picture, dark on light or light on dark; with a prompt, diffusion paints over it."""
    _sensible(options)
    from riffbot.clips import edits
    from riffbot.commands.edit_sources import drawn

    settings, pictures = open_workshop(options)
    start = drawn(options.source, options, pictures)
    request = edits.draw(start, options.prompt or "", **given(options))
    return _make(options, settings, pictures, takes(request, options.count))


def _sensible(options: Options) -> None:
    """Refuse what is wrong with the words and numbers before a picture is read."""
    fields = {"denoising": getattr(options, "usual_denoising", 0.75), **given(options)}
    prompt = options.prompt if options.prompt is not None else "a drawing"
    takes(checked(RiffRequest.build(prompt=prompt, **fields)), options.count)


def _batch(options: Options) -> int:
    typed = [name for name in ("prompt", "recipe") if getattr(options, name) is not None]
    if typed or given(options) or options.seed_image or options.mask or options.count != 1:
        raise BadRequest("With --batch every line says what to make: give no prompt or options.")
    from riffbot.commands.recipes import from_lines
    from riffbot.commands.runner import Maker

    settings, pictures = open_workshop(options)
    orders = list(from_lines(options.batch, pictures))
    if not orders:
        raise BadRequest("The batch is empty: write one JSON object a line.")
    maker = Maker(
        settings,
        pictures,
        options.out,
        as_json=options.json,
        overwrite=options.overwrite,
    )
    return asyncio.run(maker.make(orders))


def _replay(options: Options) -> int:
    from riffbot.commands.recipes import recipe_of

    told = recipe_of(options.recipe)
    changes = given(options)
    if options.prompt is not None:
        changes["prompt"] = options.prompt
    settings, pictures = open_workshop(options, beside=options.recipe.parent)
    changes |= _pictured(options, pictures)
    request = checked(changed(told.request, changes))
    for ref, told_of in ((request.seed_image, pictures.seed_image), (request.mask, pictures.mask)):
        # What is lost may be made again; a name that is none stays none.
        if ref is not None and ref not in told.made_from:
            told_of(ref)
    orders = [replace(order, recipe=told) for order in takes(request, options.count)]
    if not changes:
        orders[0] = replace(
            orders[0],
            batch=told.batch,
            model_hash=told.model_hash,
            retired_tag=told.retired_tag,
        )
    return _make(options, settings, pictures, orders)


def open_workshop(
    options: Options, beside: Path | None = None, *, folder: Path | None = None
) -> tuple[Settings, Pictures]:
    """The settings, the folder to write into (made and tried; `--out` by default), the pictures."""
    from riffbot.commands.files import Shelf, output_folder
    from riffbot.commands.pictures import Pictures
    from riffbot.settings import load_settings

    settings = load_settings(**({"model": options.model} if options.model else {}))
    out = output_folder(folder or options.out)
    return settings, Pictures(settings, Shelf(out), Shelf(beside) if beside else None)


def _pictured(options: Options, pictures: Pictures) -> dict[str, str]:
    found = {}
    if options.seed_image:
        found["seed_image"] = pictures.seed_image(options.seed_image)
    if options.mask:
        found["mask"] = pictures.mask(options.mask)
    return found


def _make(
    options: Options,
    settings: Settings,
    pictures: Pictures,
    orders: list[Order],
    *,
    suffix: str = "",
) -> int:
    from riffbot.commands.runner import Maker

    if suffix:
        orders = [
            replace(o, name=f"{slugify(o.request.prompt)}{suffix}-{o.request.seed}") for o in orders
        ]
    maker = Maker(
        settings,
        pictures,
        options.out,
        as_json=options.json,
        overwrite=options.overwrite,
    )
    return asyncio.run(maker.make(orders))
