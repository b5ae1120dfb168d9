"""`morph`: a walk from one prompt to another, as one sound and a row of pictures."""
# ruff: noqa: PLC0415

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from riffbot.commands.clips import open_workshop
from riffbot.commands.files import write
from riffbot.commands.making import Maker, pretty, recipe, running, seconds
from riffbot.commands.options import Options
from riffbot.commands.orders import Order, checked, given
from riffbot.errors import BadRequest
from riffbot.naming import slug
from riffbot.request import RiffRequest

if TYPE_CHECKING:
    from riffbot.inference.engine import Riff

MAX_CLIPS = 64


def morph(options: Options) -> int:
    """Interpolate embeddings, noise and strength from PROMPT_A to PROMPT_B in N clips.

    Writes `<a>-to-<b>-<seed>.mp3` (the whole walk, without seams, for its pictures are joined
    before they are made to sound), `.png` (the whole picture), `.json`, and `-01.png` … each.
    """
    if not 2 <= options.clips <= MAX_CLIPS:
        raise BadRequest(f"--clips must be 2 … {MAX_CLIPS}, not {options.clips}.")
    first = checked(RiffRequest.build(prompt=options.prompt, **given(options)))
    # The far end goes through the same door as a prompt of its own.
    last = checked(first.but(prompt=options.target, seed=_or(options.target_seed, first.seed)))
    settings, pictures = open_workshop(options)
    target = last.model_dump(include={"prompt", "negative", "seed", "denoising"})
    start = first.but(
        target=target,
        seed_image=pictures.seed_image(options.seed_image) if options.seed_image else None,
    )
    orders = [Order(start.but(alpha=n / (options.clips - 1))) for n in range(options.clips)]
    maker = Maker(settings, pictures, options.out, as_json=options.json)
    return asyncio.run(_walk(maker, orders))


def _or(value: int | None, other: int) -> int:
    return other if value is None else value


async def _walk(maker: Maker, orders: list[Order]) -> int:
    riffs: list[Riff] = []
    async with running(maker.settings, maker.pictures) as engine:
        for number, order in enumerate(orders, start=1):
            riffs.append(await maker.riff(engine, order, f"{number}/{len(orders)} "))
    _write(maker, riffs)
    return 0


def _write(maker: Maker, riffs: list[Riff]) -> None:
    import numpy as np

    from audio import codec, files, image, loudness

    request = riffs[0].request
    assert request.target is not None
    name = f"{slug(request.prompt)}-to-{slug(request.target.prompt)}-{request.seed}"
    whole = np.concatenate([riff.image for riff in riffs], axis=1)
    rate = 44100
    samples = loudness.normalize(
        codec.image_to_audio(whole, sample_rate=rate),
        rate,
        target_lufs=maker.settings.loudness_lufs,
    )
    title = f"{request.prompt} → {request.target.prompt}"
    write(maker.out / f"{name}.mp3", files.encode(samples, rate, "mp3", tags={"title": title}))
    write(maker.out / f"{name}.png", image.encode_png(whole))
    steps = [_step(maker, riff, f"{name}-{n:02d}.png") for n, riff in enumerate(riffs, start=1)]
    told: dict[str, Any] = {
        "clips": steps,
        "duration_s": len(samples) / rate,
        "files": {"mp3": f"{name}.mp3", "png": f"{name}.png", "json": f"{name}.json"},
    }
    write(maker.out / f"{name}.json", pretty(told))
    maker.say(told, {"generate_s": sum(riff.timings["generate_s"] for riff in riffs)})


def _step(maker: Maker, riff: Riff, name: str) -> dict[str, Any]:
    """Write one clip's picture; its own recipe replays it alone."""
    from audio.image import encode_png
    from riffbot import rendering

    write(maker.out / name, encode_png(riff.image, recipe=rendering.recipe(riff)))
    return {**recipe(riff), "timings": seconds(dict(riff.timings)), "png": name}
