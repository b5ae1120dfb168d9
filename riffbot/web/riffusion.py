"""`POST /run_inference/`: Riffusion's own API, so that its published web app runs against RiffBot.

Takes what Riffusion's Flask server took (`start`, `end`, `alpha`, `num_inference_steps`,
`seed_image_id`, `mask_image_id`) and gives what it gave: `image`, a JPEG of the spectrogram, and
`audio`, an MP3, both as data URLs, and `duration_s`. Wrong input is a 400 with the reason as text.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
from typing import Any

from aiohttp import web
from PIL import Image

from audio import encoding
from audio.arrays import Pixels
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.inference.job import Riff
from riffbot.rendering import SAMPLE_RATE, sound
from riffbot.request import MAX_SEED, RiffRequest
from riffbot.services import Services
from riffbot.web.api import ALLOWANCE, SERVICES
from riffbot.web.guard import from_elsewhere, told
from riffbot.web.visitors import owner_of

PATH = "/run_inference/"

STAND_INS = {
    "og_beat": "steady_beat",
    "agile": "funk_groove",
    "marim": "island_sun",
    "motorway": "four_floor",
    "vibes": "slow_jam",
}
"""Riffusion's seed images are not ours to ship: an image of ours with a like feel stands in."""

MASK_STAND_INS = {
    "mask_beat_lines_80": "mask_first_half",
    "mask_gradient_dark": "mask_gradient_low",
    "mask_gradient_top_70": "mask_gradient_high",
    "mask_gradient_top_fifth_75": "mask_gradient_high",
    "mask_top_third_75": "mask_top_third",
    "mask_top_third_95": "mask_top_third",
}

routes = web.RouteTableDef()


@routes.route("OPTIONS", PATH)
async def preflight(request: web.Request) -> web.Response:
    """A browser asks whether another site's page may."""
    headers = _cors(request)
    if not headers:
        return told("Only RiffBot's own page may ask for that.", 403)
    return web.Response(status=204, headers=headers)


@routes.post(PATH)
async def run_inference(request: web.Request) -> web.Response:
    """One clip, as Riffusion's server made it."""
    services = request.app[SERVICES]
    headers = _cors(request)
    if not headers and from_elsewhere(request):
        return told("Only RiffBot's own page may ask for that; see RIFFBOT_CORS_ORIGINS.", 403)
    request.app[ALLOWANCE].take(request.remote or "")
    try:
        riff_request = wanted(_object(await request.read()), services.images)
        await services.studio.pricing.admit(riff_request)
        riff = await services.engine.submit(riff_request, owner=owner_of(request))
    except (BadRequest, NotFound) as error:
        return web.Response(text=str(error), status=400, headers=headers)
    answer = await asyncio.to_thread(_answer, riff, services)
    return web.json_response(answer, headers=headers)


def wanted(inputs: dict[str, Any], images: Images) -> RiffRequest:
    """Riffusion's `InferenceInput` as a request. Raises BadRequest, NotFound."""
    start, end = (_prompt(inputs, name) for name in ("start", "end"))
    alpha = _number(inputs, "alpha")
    steps = int(_number(inputs, "num_inference_steps", 50))
    seed_image = _known(
        _text(inputs, "seed_image_id", "og_beat"), images.names(), STAND_INS, "seed image"
    )
    mask = _text(inputs, "mask_image_id", "") or None
    if mask is not None:
        mask = _known(mask, images.masks(), MASK_STAND_INS, "mask image")
    guidance = start.pop("guidance") * (1 - alpha) + end.pop("guidance") * alpha
    interpolates = alpha > 0 and start != end
    return RiffRequest.build(
        **start,
        target=end if interpolates else None,
        alpha=alpha if interpolates else 0.0,
        guidance=max(1.0, guidance),
        steps=steps,
        seed_image=seed_image,
        mask=mask,
    )


def _prompt(inputs: dict[str, Any], name: str) -> dict[str, Any]:
    given = inputs.get(name)
    if given is None:
        raise BadRequest(f'missing value for field "{name}"')
    if not isinstance(given, dict):
        raise BadRequest(_wrong(name, "PromptInput", given))
    return {
        "prompt": _text(given, "prompt", None, f"{name}.prompt"),
        "seed": int(_number(given, "seed", None, f"{name}.seed")) % (MAX_SEED + 1),
        "negative": _text(given, "negative_prompt", "", f"{name}.negative_prompt"),
        "denoising": _number(given, "denoising", 0.75, f"{name}.denoising"),
        "guidance": _number(given, "guidance", 7.0, f"{name}.guidance"),
    }


def _number(
    given: dict[str, Any], name: str, default: float | None = None, path: str = ""
) -> float:
    value = given.get(name)
    if value is None:
        value = default
    if value is None:
        raise BadRequest(f'missing value for field "{path or name}"')
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadRequest(_wrong(path or name, "float", value))
    return value


def _text(given: dict[str, Any], name: str, default: str | None, path: str = "") -> str:
    value = given.get(name)
    if value is None:
        value = default
    if value is None:
        raise BadRequest(f'missing value for field "{path or name}"')
    if not isinstance(value, str):
        raise BadRequest(_wrong(path or name, "str", value))
    return value


def _wrong(path: str, wanted: str, value: object) -> str:
    kind = type(value).__name__
    return (
        f'wrong value type for field "{path}" - should be "{wanted}" '
        f'instead of value "{str(value)[:80]}" of type "{kind}"'
    )


def _known(name: str, names: list[str], stand_ins: dict[str, str], kind: str) -> str:
    if name in names:
        return name
    if stand_ins.get(name) in names:
        return stand_ins[name]
    raise BadRequest(f"Invalid {kind}: {name[:80]}")


def _object(body: bytes) -> dict[str, Any]:
    try:
        inputs = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("That is no JSON that can be read.") from error
    if not isinstance(inputs, dict):
        raise BadRequest("Send one JSON object with start, end and alpha.")
    return inputs


def _answer(riff: Riff, services: Services) -> dict[str, Any]:
    samples = sound(
        riff.image, seed=riff.request.seed, loudness_lufs=services.settings.loudness_lufs
    )
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(_jpeg(riff.image)).decode(),
        "audio": "data:audio/mpeg;base64,"
        + base64.b64encode(encoding.encode(samples, SAMPLE_RATE, "mp3")).decode(),
        "duration_s": riff.image.shape[1] / 100,
    }


def _jpeg(picture: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


def _cors(request: web.Request) -> dict[str, str]:
    """The headers that let another site's page in; none where the owner did not say so."""
    allowed = request.app[SERVICES].settings.cors_origins
    origin = request.headers.get("Origin")
    if origin is None or not ("*" in allowed or origin in allowed):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Allow-Methods": "POST, OPTIONS",
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Vary": "Origin",
    }
