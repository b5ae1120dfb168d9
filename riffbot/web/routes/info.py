"""`GET /api/info`: model, defaults, schedulers and seed images, for the page's forms."""

from __future__ import annotations

import asyncio

from aiohttp import web

from riffbot.harmony.suggestions import suggest_keys, suggest_progressions
from riffbot.images import Images, SeedImage
from riffbot.web import schema
from riffbot.web.keys import SERVICES
from riffbot.web.model_card import read_model_card

routes = web.RouteTableDef()


@routes.get("/api/info")
async def info(request: web.Request) -> web.Response:
    """Return the choices and defaults of the forms."""
    services = request.app[SERVICES]
    card = await asyncio.to_thread(read_model_card, services.settings)
    body = schema.Info(
        model={**card["model"], "state": services.engine.stats().state},
        defaults=card["defaults"],
        schedulers=card["schedulers"],
        knows_harmony=card["knows_harmony"],
        keys=suggest_keys(""),
        progressions=[
            schema.Progression(label=one.label, chords=one.chords)
            for one in suggest_progressions("")
        ],
        seed_images=await asyncio.to_thread(_list_seed_images, services.images),
    )
    return web.json_response(body)


def _list_seed_images(images: Images) -> list[schema.SeedImage]:
    return [_serialize_seed_image(images.bundled(name)) for name in images.names()]


def _serialize_seed_image(seed: SeedImage) -> schema.SeedImage:
    bpm = f"{round(seed.bpm, 1):g}"
    mood = f" {seed.mood.capitalize()}." if seed.mood else ""
    return schema.SeedImage(
        name=seed.name,
        label=f"{seed.title}, {bpm} bpm",
        bpm=seed.bpm,
        beats=seed.beats,
        words=f"{seed.beats} beats at {bpm} bpm.{mood}",
    )
