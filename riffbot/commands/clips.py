"""`riff`, `remix` and `inpaint`: commands that make clips.

What was typed is checked before anything heavy is imported, a folder made or a picture read.
"""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from riffbot.commands.options import Options
from riffbot.commands.orders import Order, changed, checked, given, takes
from riffbot.errors import BadRequest
from riffbot.request import RiffRequest

if TYPE_CHECKING:
    from riffbot.commands.pictures import Pictures
    from riffbot.commands.sources import Source
    from riffbot.settings import Settings


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
    request = checked(RiffRequest.build(prompt=options.prompt, **given(options)))
    takes(request, options.count)
    settings, pictures = open_workshop(options)
    source = _source(options, settings)
    mask = {"mask": pictures.mask(options.mask)} if options.mask else {}
    request = request.but(seed_image=pictures.keep(source), **mask)
    return _make(options, settings, pictures, takes(request, options.count))


def inpaint(options: Options) -> int:
    """Repaint a stretch of a clip; the rest of its picture stays to the pixel."""
    wish = {"denoising": options.usual_denoising, **given(options)}
    request = checked(RiffRequest.build(prompt=options.prompt, **wish))
    takes(request, options.count)
    from riffbot.commands.pictures import region
    from riffbot.commands.sources import Source

    settings, pictures = open_workshop(options)
    source = _source(options, settings)
    mask = region(source.pixels.shape[1], options.begin, options.end, options.low, options.high)
    request = request.but(
        seed_image=pictures.keep(source),
        mask=pictures.keep(Source(mask)),
    )
    return _make(options, settings, pictures, takes(request, options.count))


def _batch(options: Options) -> int:
    typed = [name for name in ("prompt", "recipe") if getattr(options, name) is not None]
    if typed or given(options) or options.seed_image or options.mask or options.count != 1:
        raise BadRequest("With --batch every line says what to make: give no prompt or options.")
    from riffbot.commands.making import Maker
    from riffbot.commands.recipes import from_lines

    settings, pictures = open_workshop(options)
    orders = list(from_lines(options.batch, pictures))
    if not orders:
        raise BadRequest("The batch is empty: write one JSON object a line.")
    maker = Maker(settings, pictures, options.out, as_json=options.json)
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
    if request.seed_image is not None:
        pictures.seed_image(request.seed_image)
    if request.mask is not None:
        pictures.mask(request.mask)
    orders = takes(request, options.count)
    if not changes:
        orders[0] = Order(request, batch=told.batch, model_hash=told.model_hash)
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


def _source(options: Options, settings: Settings) -> Source:
    """FILE|ID: a file if one lies there, else a clip of the library."""
    from riffbot.commands import sources

    path = Path(options.source)
    if path.exists() or "/" in options.source or path.suffix:
        source = sources.read(path, start=options.start, seconds=options.seconds)
    else:
        source = sources.from_library(options.source, settings)
    if source.cut_s > 0:
        taken = source.pixels.shape[1] / 100
        print(
            f"riffbot: took {taken:g} s and left out {source.cut_s:.1f} s; "
            "--start and --seconds choose.",
            file=sys.stderr,
        )
    return source


def _make(options: Options, settings: Settings, pictures: Pictures, orders: list[Order]) -> int:
    from riffbot.commands.making import Maker

    maker = Maker(settings, pictures, options.out, as_json=options.json)
    return asyncio.run(maker.make(orders))
