"""Painting: a brush over a spectrogram says what to make anew; a blank sheet is drawn and heard.

| | |
| --- | --- |
| `GET /api/sheet?seconds=` | a blank sheet |
| `GET /api/riffs/<id>/sheet?start=` | what one hears of a riff from a second on, to paint on |
| `GET /api/riffs/<id>/heard.png` | the spectrogram of all that a riff sounds |
| `POST /api/riffs/<id>/inpaint` | `{"prompt", "mask", "start", …}` → 202 `{job, events}` |
| `POST /api/drawings` | `{"picture", "prompt", …}` → 202 `{job, events}` |

Pictures travel as data URLs of PNGs. A sheet's `hz` has the pitch of every row, low notes first. A
mask is as large as its sheet, white where the prompt decides. A drawing is 512 high, dark is loud;
where it comes without words it sounds as it is.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math
from dataclasses import replace
from hashlib import sha256

import numpy as np
from aiohttp import web

from audio.decoder import decode_image
from audio.errors import AudioError
from audio.image import encode_png
from audio.mel import N_MELS, edges
from riffbot.clips import edits
from riffbot.clips.sources import PaintCanvas, load_paint_canvas, store_canvas
from riffbot.clips.uploads import Source, open_upload
from riffbot.errors import BadRequest
from riffbot.file_turns import FileTurns, in_file_thread
from riffbot.regions import Region
from riffbot.tempo import NARROWEST, WIDEST
from riffbot.web import schema
from riffbot.web.jobs import VISITOR
from riffbot.web.request_reader import query_number, read_body
from riffbot.web.routes.api import ALLOWANCE, FOREVER, SERVICES, begun, riff_id
from riffbot.web.security import Allowance
from riffbot.web.spectrogram_cache import TURN, Listening
from riffbot.web.visitors import owner_of

MAX_PAINTED = 2 * 1024 * 1024
"""Bytes of a request with a picture: the widest sheet, painted all over, as a PNG in base64."""

NO_START = "The start is a number of seconds."

LISTENING = web.AppKey("listening", Listening)

SENT = web.AppKey("sent", FileTurns)
"""Pictures that visitors send: few may wait for the turn that they share with all other files."""

LOOKING = web.AppKey("looking", Allowance)
"""For looking, apart from asking: whoever leafs through many riffs may still make one."""

_DATA_URL = "data:image/png;base64,"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

routes = web.RouteTableDef()


@routes.get("/api/sheet")
async def blank(request: web.Request) -> web.Response:
    """An empty sheet of so many seconds."""
    seconds = query_number(request, "seconds", "5.12", "The length is a number of seconds.")
    if not NARROWEST <= round(seconds * 100) <= WIDEST:
        raise BadRequest(
            f"A drawing lasts {NARROWEST / 100} to {WIDEST / 100} seconds, not {seconds:g}."
        )
    columns = round(seconds * 100)
    body = schema.BlankSheet(columns=columns, seconds=columns / 100, hz=_pitches())
    return web.json_response(body)


@routes.get("/api/riffs/{id}/sheet")
async def sheet(request: web.Request) -> web.Response:
    """A riff's sheet from a second on."""
    request.app[LOOKING].take(request.remote or "")
    services = request.app[SERVICES]
    start = query_number(request, "start", "0", NO_START)
    riff = await services.library.riffs.get(riff_id(request))
    found = await _sheet(request, start)
    png = await asyncio.to_thread(encode_png, found.pixels)
    return web.json_response(
        schema.RiffSheet(
            picture=_DATA_URL + base64.b64encode(png).decode(),
            columns=found.pixels.shape[1],
            seconds=found.pixels.shape[1] / 100,
            begins=found.begins_s,
            whole=found.whole_s,
            bpm=riff.request.bpm,
            meter=found.meter,
            hz=_pitches(),
        ),
        headers={"Cache-Control": "no-store"},
    )


@routes.get("/api/riffs/{id}/heard.png")
async def all_heard(request: web.Request) -> web.Response:
    """The spectrogram of all that a riff sounds, also where its own picture is shorter."""
    request.app[LOOKING].take(request.remote or "")
    riff = await request.app[SERVICES].library.riffs.get(riff_id(request))
    whole = await request.app[LISTENING].whole(riff)
    png = await asyncio.to_thread(encode_png, whole)
    return web.Response(body=png, content_type="image/png", headers={"Cache-Control": FOREVER})


@routes.post("/api/riffs/{id}/inpaint")
async def inpaint(request: web.Request) -> web.Response:
    """Make anew what the mask covers; the rest of the sheet stays to the pixel."""
    request.app[ALLOWANCE].take(request.remote or "")
    body = await read_body(request, schema.InpaintBody, limit=MAX_PAINTED)
    prompt, options = body.prompt.strip(), body.options()
    services = request.app[SERVICES]
    riff = await services.library.riffs.get(riff_id(request))
    edits.check_remix_allowed(riff, VISITOR.user_id)
    found = await _sheet(request, body.start)
    async with request.app[SENT], request.app[TURN]:
        painted = await in_file_thread(_mask, body.mask, found)
    # The options are checked before anything is kept, the start's picture among it.
    draft = edits.EditSource("draft", found.pixels.shape[1], riff.request.bpm, riff.prompt)
    edits.inpaint(draft, prompt, mask="mask_draft", **options)
    begin = await store_canvas(services.clip_service, riff, found)
    ref = _region(painted) or await asyncio.to_thread(
        services.clip_service.importer.store_picture, painted
    )
    return await begun(request, edits.inpaint(begin, prompt, mask=ref, **options), riff.id)


@routes.post("/api/drawings")
async def draw(request: web.Request) -> web.Response:
    """Hear a drawing, as it is or as a prompt reads it."""
    request.app[ALLOWANCE].take(request.remote or "")
    body = await read_body(request, schema.DrawingBody, limit=MAX_PAINTED)
    data = _png(body.picture, "drawing")
    prompt, options = body.prompt.strip(), body.options()
    edits.draw(edits.EditSource("draft", WIDEST), prompt, **options)
    services = request.app[SERVICES]
    services.engine.check(owner_of(request))
    # A riff's own file is no drawing: its author may keep it for themselves.
    if (riff := await services.library.riffs.find_by_file(sha256(data).hexdigest())) is not None:
        edits.check_remix_allowed(riff, VISITOR.user_id)
    async with request.app[SENT], request.app[TURN]:
        opened = await in_file_thread(_opened, data)
        # A grey one is read to the pixel, as a spectrogram is; it was drawn all the same.
        source = replace(opened, kind="drawing")
        stored = await services.clip_service.importer.import_upload(source, author=VISITOR)
    begin = edits.EditSource(stored.image_ref, source.pixels.shape[1], riff_id=stored.id)
    return await begun(request, edits.draw(begin, prompt, **options), stored.id)


async def _sheet(request: web.Request, start: float) -> PaintCanvas:
    services = request.app[SERVICES]
    riff = await services.library.riffs.get(riff_id(request))
    whole = await request.app[LISTENING].whole(riff)
    return await load_paint_canvas(services.clip_service, services.images, riff, whole, start=start)


def _opened(data: bytes) -> Source:
    """A drawing as a start; nothing larger than a sheet is decoded. Raises BadRequest."""
    return open_upload(data, "a drawing", max_bytes=MAX_PAINTED, max_pixels=N_MELS * WIDEST)


def _mask(told: str, under: PaintCanvas) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """The mask as uint8[512, W], 0 or 255. Raises BadRequest where it does not fit its sheet."""
    try:
        pixels = decode_image(_png(told, "mask"), max_pixels=N_MELS * WIDEST).pixels
    except AudioError as error:
        raise BadRequest(f"The mask: {error}") from error
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    if grey.shape != under.pixels.shape:
        rows, columns = under.pixels.shape
        raise BadRequest(
            f"The mask has {grey.shape[1]} × {grey.shape[0]} pixels and its sheet {columns} × "
            f"{rows}: open the sheet again and paint on that."
        )
    painted = np.where(grey >= 128, np.uint8(255), np.uint8(0))
    if not painted.any():
        raise BadRequest("Nothing is painted yet: brush over what should be made anew.")
    return np.asarray(painted)


def _region(mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> str | None:
    """The name of a mask that is one rectangle: a recipe with it replays on any machine."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    peaks = edges()[1:-1][::-1]  # as rows lie, from the top
    region = Region(
        int(columns[0]),
        int(columns[-1]) + 1,
        math.floor(peaks[rows[-1]]),
        math.ceil(peaks[rows[0]]),
    )
    return region.name if (region.mask(mask.shape[1]) == mask).all() else None


def _png(told: str, what: str) -> bytes:
    if not told.startswith(_DATA_URL):
        raise BadRequest(f"Send the {what} as a data URL of a PNG.")
    try:
        data = base64.b64decode(told.removeprefix(_DATA_URL), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"The {what} is damaged: please paint it again.") from error
    if not data.startswith(_SIGNATURE):
        raise BadRequest(f"The {what} is no picture in PNG: please paint it again.")
    return data


def _pitches() -> list[float]:
    """The pitch of each row in Hz, low notes first."""
    return [round(float(hz), 1) for hz in edges()[1:-1]]
