"""A jam's sound as Ogg Opus: live, and the last minutes as a file.

| | |
| --- | --- |
| `GET /api/jams/<id>/live.ogg` | the sound from now on, until the jam ends |
| `GET /api/jams/<id>/recording?from=` | seconds that can be downloaded, and the limit |
| `GET /api/jams/<id>/recording.ogg?from=` | the same as a file |

`from` is a sample of the jam at 48 kHz, as the WebSocket's messages count them.
"""

from __future__ import annotations

import contextlib
import secrets

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.jam.ogg import OggOpus
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.web import schema
from riffbot.web.headers import SECURITY_HEADERS, STREAM_HEADERS
from riffbot.web.jam_requests import get_jam
from riffbot.web.keys import BROADCASTER, JAM_START_LIMITER
from riffbot.web.query import query_integer
from riffbot.web.stream_writing import limit_send_buffer, write_or_abort

routes = web.RouteTableDef()


@routes.get("/api/jams/{id}/live.ogg", allow_head=False)
async def live(request: web.Request) -> web.StreamResponse:
    """Stream the sound from now on. A client that reads too slowly misses parts of it."""
    session, broadcaster = get_jam(request), request.app[BROADCASTER]
    reader = broadcaster.join_ogg(session)  # may raise, so before the response starts
    request.app[JAM_START_LIMITER].mark_heard(session.id)
    try:
        session.notify_listener()
        stream = web.StreamResponse(headers=STREAM_HEADERS)
        stream.content_type = "audio/ogg"
        with contextlib.suppress(ConnectionError):  # the client may disconnect at any time
            await stream.prepare(request)
            limit_send_buffer(request)
            while (message := await reader.next()) is not None:
                await write_or_abort(request, stream, message)
        return stream
    finally:
        broadcaster.leave_ogg(session, reader)


@routes.get("/api/jams/{id}/recording")
async def recording_length(request: web.Request) -> web.Response:
    """Return how many seconds of the recording can be downloaded."""
    recording = request.app[BROADCASTER].get_recording(get_jam(request))
    seconds = recording.seconds(_get_first_packet(request))
    body = schema.RecordingLength(seconds=seconds, limit=recording.limit_s)
    return web.json_response(body)


@routes.get("/api/jams/{id}/recording.ogg", allow_head=False)
async def download_recording(request: web.Request) -> web.StreamResponse:
    """Send the recording as one file. Raises NotFound if it is empty."""
    recording = request.app[BROADCASTER].get_recording(get_jam(request))
    first = _get_first_packet(request)
    if recording.seconds(first) == 0:
        raise NotFound("Nothing of this jam was heard on the page yet: listen a little first.")
    stream = web.StreamResponse(
        headers={
            **SECURITY_HEADERS,
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="riffbot-jam.ogg"',
        }
    )
    stream.content_type = "audio/ogg"
    await stream.prepare(request)
    limit_send_buffer(request)
    ogg = OggOpus(secrets.randbelow(2**31))
    with contextlib.suppress(ConnectionError):
        await write_or_abort(request, stream, ogg.header_pages())
        for packets in recording.packets(first):
            # Each write waits for a slow client; other tasks run meanwhile.
            await write_or_abort(request, stream, b"".join(map(ogg.packet_page, packets)))
        await write_or_abort(request, stream, ogg.end_page())
    return stream


def _get_first_packet(request: web.Request) -> int:
    """Return the number of the packet with the query's sample. Raises BadRequest."""
    sample = query_integer(
        request,
        "from",
        "0",
        (0, 10**15),
        "“from” is a sample of the jam, at 48 kHz, as its messages count them.",
    )
    return sample // PACKET_SAMPLES
