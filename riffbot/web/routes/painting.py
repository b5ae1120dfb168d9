"""Painting: inpaint what a brush covers of a riff's spectrogram; make sound of a drawing.

| | |
| --- | --- |
| `GET /api/sheet?seconds=` | a blank sheet |
| `GET /api/riffs/<id>/sheet?start=` | a riff's spectrogram from a second on, to paint on |
| `GET /api/riffs/<id>/heard.png` | the spectrogram of a riff's whole sound |
| `POST /api/riffs/<id>/inpaint` | `{"prompt", "mask", "start", …}` → 202 `{job, events}` |
| `POST /api/drawings` | `{"picture", "prompt", …}` → 202 `{job, events}` |

Pictures are sent as data URLs of PNGs. A sheet's `hz` is the pitch of every row, low notes first. A
mask has the size of its sheet and is white where to repaint. A drawing is 512 pixels high, dark is
loud; without a prompt it is converted to sound unchanged.
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

from audio.columns import columns_of, seconds_of
from audio.decoder import decode_image
from audio.errors import AudioError
from audio.image import encode_png
from audio.mel import N_MELS, band_edges
from riffbot.clips import edits
from riffbot.clips.sources import PaintCanvas, load_paint_canvas, source_prompt, store_canvas
from riffbot.clips.uploads import OpenedUpload, open_upload
from riffbot.errors import BadRequest
from riffbot.file_threads import run_in_file_thread
from riffbot.regions import Region
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH
from riffbot.web import bodies, schema
from riffbot.web.headers import IMMUTABLE
from riffbot.web.keys import (
    CREATE_LIMIT,
    DECODE_LOCK,
    SERVICES,
    SHEET_LIMIT,
    SPECTROGRAMS,
    UPLOAD_SLOTS,
)
from riffbot.web.page_jobs import PAGE_AUTHOR
from riffbot.web.query import query_number, riff_id
from riffbot.web.request_reader import read_body
from riffbot.web.submission import submit_riff
from riffbot.web.visitors import get_requester

MAX_PAINTED = 2 * 1024 * 1024
"""The most bytes of a request with a picture: the widest sheet, fully painted, PNG in base64."""

NO_START = "The start is a number of seconds."

_DATA_URL = "data:image/png;base64,"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

routes = web.RouteTableDef()


@routes.get("/api/sheet")
async def blank_sheet(request: web.Request) -> web.Response:
    """Return a blank sheet of a length in seconds."""
    seconds = query_number(request, "seconds", "5.12", "The length is a number of seconds.")
    if not MIN_WIDTH <= columns_of(seconds) <= MAX_WIDTH:
        raise BadRequest(
            f"A drawing lasts {seconds_of(MIN_WIDTH)} to {seconds_of(MAX_WIDTH)} seconds, "
            f"not {seconds:g}."
        )
    columns = columns_of(seconds)
    body = schema.BlankSheet(columns=columns, seconds=seconds_of(columns), hz=_row_pitches())
    return web.json_response(body)


@routes.get("/api/riffs/{id}/sheet")
async def riff_sheet(request: web.Request) -> web.Response:
    """Return the sheet of a riff from a second on."""
    request.app[SHEET_LIMIT].take(request.remote or "")
    services = request.app[SERVICES]
    start = query_number(request, "start", "0", NO_START)
    riff = await services.library.riffs.get(riff_id(request))
    found = await _get_sheet(request, start)
    png = await asyncio.to_thread(encode_png, found.pixels)
    return web.json_response(
        schema.RiffSheet(
            picture=_DATA_URL + base64.b64encode(png).decode(),
            columns=found.pixels.shape[1],
            seconds=seconds_of(found.pixels.shape[1]),
            begins=found.begins_s,
            whole=found.whole_s,
            bpm=riff.request.bpm,
            meter=found.meter,
            hz=_row_pitches(),
        ),
        headers={"Cache-Control": "no-store"},
    )


@routes.get("/api/riffs/{id}/heard.png")
async def whole_spectrogram(request: web.Request) -> web.Response:
    """Return the spectrogram of a riff's whole sound; its stored picture may be shorter."""
    request.app[SHEET_LIMIT].take(request.remote or "")
    riff = await request.app[SERVICES].library.riffs.get(riff_id(request))
    whole = await request.app[SPECTROGRAMS].get(riff)
    png = await asyncio.to_thread(encode_png, whole)
    return web.Response(body=png, content_type="image/png", headers={"Cache-Control": IMMUTABLE})


@routes.post("/api/riffs/{id}/inpaint")
async def inpaint(request: web.Request) -> web.Response:
    """Repaint what the mask covers; all other pixels of the sheet stay the same."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_body(request, bodies.InpaintBody, limit=MAX_PAINTED)
    options = body.options()
    services = request.app[SERVICES]
    riff = await services.library.riffs.get(riff_id(request))
    edits.check_remix_allowed(riff, PAGE_AUTHOR.user_id)
    found = await _get_sheet(request, body.start)
    async with request.app[UPLOAD_SLOTS], request.app[DECODE_LOCK]:
        painted = await run_in_file_thread(_read_mask, body.mask, found)
    # The riff's own prompt is checked before its picture is stored.
    options = options.with_defaults(prompt=source_prompt(riff))
    begin = await store_canvas(services.clip_service, riff, found)
    ref = _name_region(painted) or await asyncio.to_thread(
        services.clip_service.importer.store_picture, painted
    )
    return await submit_riff(request, edits.inpaint(begin, options, mask=ref), riff.id)


@routes.post("/api/drawings")
async def draw(request: web.Request) -> web.Response:
    """Convert a drawing to sound, or make a riff of it by img2img with a prompt."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_body(request, bodies.DrawingBody, limit=MAX_PAINTED)
    data = _read_png(body.picture, "drawing")
    options = body.options()
    services = request.app[SERVICES]
    services.engine.check(get_requester(request))
    # The file may be a riff's, whose author may not allow others to remix it.
    if (riff := await services.library.riffs.find_by_file(sha256(data).hexdigest())) is not None:
        edits.check_remix_allowed(riff, PAGE_AUTHOR.user_id)
    async with request.app[UPLOAD_SLOTS], request.app[DECODE_LOCK]:
        opened = await run_in_file_thread(_open_drawing, data)
        # A grey drawing is decoded unchanged, as a spectrogram is, but stored as a drawing.
        source = replace(opened, kind="drawing")
        stored = await services.clip_service.importer.import_upload(source, author=PAGE_AUTHOR)
    begin = edits.EditSource(stored.image_ref, source.pixels.shape[1], riff_id=stored.id)
    return await submit_riff(request, edits.draw(begin, options), stored.id)


async def _get_sheet(request: web.Request, start: float) -> PaintCanvas:
    services = request.app[SERVICES]
    riff = await services.library.riffs.get(riff_id(request))
    whole = await request.app[SPECTROGRAMS].get(riff)
    return await load_paint_canvas(
        services.clip_service, services.images, riff, whole, start_s=start
    )


def _open_drawing(data: bytes) -> OpenedUpload:
    """Decode a drawing of at most a sheet's size. Raises BadRequest."""
    return open_upload(data, "a drawing", max_bytes=MAX_PAINTED, max_pixels=N_MELS * MAX_WIDTH)


def _read_mask(
    data_url: str, canvas: PaintCanvas
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Decode a mask: uint8[512, W], 0 or 255. Raises BadRequest if it has another size."""
    try:
        pixels = decode_image(_read_png(data_url, "mask"), max_pixels=N_MELS * MAX_WIDTH).pixels
    except AudioError as error:
        raise BadRequest(f"The mask: {error}") from error
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    if grey.shape != canvas.pixels.shape:
        rows, columns = canvas.pixels.shape
        raise BadRequest(
            f"The mask has {grey.shape[1]} × {grey.shape[0]} pixels and its sheet {columns} × "
            f"{rows}: open the sheet again and paint on that."
        )
    painted = np.where(grey >= 128, np.uint8(255), np.uint8(0))
    if not painted.any():
        raise BadRequest("Nothing is painted yet: brush over what should be made anew.")
    return np.asarray(painted)


def _name_region(mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> str | None:
    """Return the name of a rectangular mask's region; a recipe with it replays on any machine."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    peaks = band_edges()[1:-1][::-1]  # from the top row down
    region = Region(
        int(columns[0]),
        int(columns[-1]) + 1,
        math.floor(peaks[rows[-1]]),
        math.ceil(peaks[rows[0]]),
    )
    return region.name if (region.mask(mask.shape[1]) == mask).all() else None


def _read_png(data_url: str, what: str) -> bytes:
    if not data_url.startswith(_DATA_URL):
        raise BadRequest(f"Send the {what} as a data URL of a PNG.")
    try:
        data = base64.b64decode(data_url.removeprefix(_DATA_URL), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"The {what} is damaged: please paint it again.") from error
    if not data.startswith(_SIGNATURE):
        raise BadRequest(f"The {what} is no picture in PNG: please paint it again.")
    return data


def _row_pitches() -> list[float]:
    """Return the pitch of each row in Hz, low notes first."""
    return [round(float(hz), 1) for hz in band_edges()[1:-1]]
