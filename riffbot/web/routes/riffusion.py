"""`POST /run_inference/`: the API of Riffusion's server, for which its web app is written.

The request is that of Riffusion's Flask server (`start`, `end`, `alpha`, `num_inference_steps`,
`seed_image_id`, `mask_image_id`), and so is the response: `image`, a JPEG of the spectrogram, and
`audio`, an MP3, both as data URLs, and `duration_s`. Invalid input is answered with 400 and text.
"""

from __future__ import annotations

import asyncio
import base64
import io
from typing import Any

from aiohttp import web
from PIL import Image
from pydantic import ValidationError

from audio import encoding
from audio.arrays import Pixels
from audio.columns import seconds_of
from riffbot import riffusion_masks
from riffbot.errors import BadRequest, shorten
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.rendering import SAMPLE_RATE, sound
from riffbot.request import (
    DEFAULT_DENOISING,
    MAX_SEED,
    Fraction,
    RiffRequest,
    Steps,
)
from riffbot.services import Services
from riffbot.validation import describe_validation_error
from riffbot.web.access import get_allowed_origin, is_cross_site
from riffbot.web.bodies import LenientBody
from riffbot.web.errors import BodyTooLarge, error_response
from riffbot.web.keys import CREATE_LIMIT, SERVICES
from riffbot.web.request_reader import read_object
from riffbot.web.visitors import get_requester

PATH = "/run_inference/"

STAND_INS = {
    "og_beat": "steady_beat",
    "agile": "funk_groove",
    "marim": "island_sun",
    "motorway": "four_floor",
    "vibes": "slow_jam",
}
"""Riffusion's seed images may not be bundled: a bundled one with a similar feel is used instead."""

_KINDS = {
    "string_type": "str",
    "string_unicode": "str",
    "int_type": "int",
    "int_from_float": "int",
    "float_type": "float",
    "finite_number": "float",
    "model_type": "PromptInput",
    "model_attributes_type": "PromptInput",
}
"""Pydantic's error types → the expected types in Riffusion's error messages."""


class PromptInput(LenientBody):
    """One end of the interpolation; unknown names are ignored, as by Riffusion's server."""

    prompt: str
    seed: int
    negative_prompt: str = ""
    denoising: float = DEFAULT_DENOISING
    guidance: float = 7.0

    def fields(self) -> dict[str, Any]:
        """Return the values as fields of a request or its target."""
        return {
            "prompt": self.prompt,
            "seed": self.seed % (MAX_SEED + 1),
            "negative": self.negative_prompt,
            "denoising": self.denoising,
        }


class InferenceInput(LenientBody):
    """The request of Riffusion's server. `alpha` is 0 (all `start`) … 1 (all `end`)."""

    start: PromptInput
    end: PromptInput
    alpha: Fraction
    num_inference_steps: Steps = 50
    seed_image_id: str = "og_beat"
    mask_image_id: str | None = None


routes = web.RouteTableDef()


@routes.route("OPTIONS", PATH)
async def preflight(request: web.Request) -> web.Response:
    """Answer a CORS preflight: whether another site's page may send a request."""
    if not get_allowed_origin(request):
        return error_response("Only RiffBot's own page may ask for that.", 403)
    return web.Response(status=204)


@routes.post(PATH)
async def run_inference(request: web.Request) -> web.Response:
    """Make a clip, and return it as Riffusion's server did."""
    services = request.app[SERVICES]
    if not get_allowed_origin(request) and is_cross_site(request):
        return error_response(
            "Only RiffBot's own page may ask for that; see RIFFBOT_CORS_ORIGINS.", 403
        )
    request.app[CREATE_LIMIT].take(request.remote or "")
    try:
        riff_request = build_request(await read_object(request), services.images)
        await services.clip_service.pricing.admit(riff_request)
        riff = await services.engine.submit(riff_request, owner=get_requester(request))
    except BodyTooLarge:
        raise
    except BadRequest as error:
        return web.Response(text=str(error), status=400)
    body = await asyncio.to_thread(_serialize, riff, services)
    return web.json_response(body)


def build_request(inputs: dict[str, Any], images: Images) -> RiffRequest:
    """Convert Riffusion's `InferenceInput` to a request. Raises BadRequest, NotFound."""
    body = _parse(inputs)
    start, end, alpha = body.start.fields(), body.end.fields(), body.alpha
    seed_image = _find_image(body.seed_image_id, images.names(), STAND_INS, "seed image")
    mask = body.mask_image_id or None
    if mask is not None and mask not in images.masks() and not riffusion_masks.known(mask):
        raise BadRequest(f"Invalid mask image: {shorten(mask)}")
    guidance = body.start.guidance * (1 - alpha) + body.end.guidance * alpha
    interpolates = alpha > 0 and start != end
    return RiffRequest.build(
        **start,
        target=end if interpolates else None,
        alpha=alpha if interpolates else 0.0,
        guidance=max(1.0, guidance),
        steps=body.num_inference_steps,
        seed_image=seed_image,
        mask=mask,
    )


def _parse(inputs: dict[str, Any]) -> InferenceInput:
    """Parse the inputs, with Riffusion's error messages; null counts as absent."""
    try:
        return InferenceInput.model_validate(
            {name: _without_nulls(value) for name, value in _without_nulls(inputs).items()}
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field, kind, value = ".".join(map(str, first["loc"])), first["type"], first["input"]
        if kind == "missing":
            raise BadRequest(f'missing value for field "{field}"') from error
        if kind in _KINDS:
            raise BadRequest(
                f'wrong value type for field "{field}" - should be "{_KINDS[kind]}" '
                f'instead of value "{shorten(str(value))}" of type "{type(value).__name__}"'
            ) from error
        raise BadRequest(describe_validation_error(error)) from error


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: item for name, item in value.items() if item is not None}


def _find_image(name: str, names: list[str], stand_ins: dict[str, str], kind: str) -> str:
    if name in names:
        return name
    if stand_ins.get(name) in names:
        return stand_ins[name]
    raise BadRequest(f"Invalid {kind}: {shorten(name)}")


def _serialize(riff: GeneratedRiff, services: Services) -> dict[str, Any]:
    samples = sound(
        riff.image, seed=riff.request.seed, loudness_lufs=services.settings.loudness_lufs
    )
    return {
        "image": "data:image/jpeg;base64," + base64.b64encode(_jpeg(riff.image)).decode(),
        "audio": "data:audio/mpeg;base64,"
        + base64.b64encode(encoding.encode(samples, SAMPLE_RATE, "mp3")).decode(),
        "duration_s": seconds_of(riff.image.shape[1]),
    }


def _jpeg(picture: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()
