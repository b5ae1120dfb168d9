"""`/api/jobs`: follow a riff that is being made, or cancel it.

| | |
| --- | --- |
| `GET /api/jobs/<job>/events` | Server-Sent Events: `queued`, `step`, then `done` or `failed` |
| `DELETE /api/jobs/<job>` | cancel it |
"""

from __future__ import annotations

import json

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.web import schema
from riffbot.web.headers import STREAM_HEADERS
from riffbot.web.keys import JOBS, READ_LIMIT
from riffbot.web.page_jobs import Event, PageJob
from riffbot.web.query import path_id

routes = web.RouteTableDef()


@routes.get("/api/jobs/{job}/events", allow_head=False)
async def follow(request: web.Request) -> web.StreamResponse:
    """Send a job's events until it ends."""
    job = await _get_job(request)
    stream = web.StreamResponse(headers=STREAM_HEADERS)
    stream.content_type = "text/event-stream"
    await stream.prepare(request)
    async for event in job.events():
        await stream.write(_encode(event))
    return stream


@routes.delete("/api/jobs/{job}")
async def cancel(request: web.Request) -> web.Response:
    """Cancel a job; a riff that is finished already is not deleted."""
    job = await _get_job(request)
    await request.app[JOBS].cancel(job)
    return web.json_response(schema.JobCancelled(job=job.id))


async def _get_job(request: web.Request) -> PageJob:
    """Return the job in the address. Raises NotFound, RateLimited."""
    message = "That riff is not under way (any more)."
    job_id, jobs = path_id(request, "job", message), request.app[JOBS]
    # The limit of a network is for database queries; a cached job needs none.
    if (job := jobs.get_cached(job_id)) is None:
        request.app[READ_LIMIT].take(request.remote or "")
        job = await jobs.find(job_id)
    if job is None:
        raise NotFound(message)
    return job


def _encode(event: Event | None) -> bytes:
    """Encode a Server-Sent Event; None becomes a comment that keeps the connection open."""
    if event is None:
        return b": still here\n\n"
    return f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()
