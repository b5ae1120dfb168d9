"""Submits requests of the page: checks what they start from, and starts their jobs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from aiohttp import web

from riffbot.clips.edits import check_remix_allowed
from riffbot.errors import BadRequest, NotFound
from riffbot.library.tables import StoredRiff
from riffbot.request import RiffRequest
from riffbot.web import schema
from riffbot.web.access import is_stranger
from riffbot.web.keys import JOBS, SERVICES
from riffbot.web.page_jobs import PAGE_AUTHOR
from riffbot.web.visitors import get_requester


async def submit_riff(request: web.Request, riff: RiffRequest, parent: str | None) -> web.Response:
    """Start a job; the response has the address of its events. The job is stored by then, so it
    survives a crash.

    Args:
        request: of the visitor.
        riff: what to make.
        parent: the id of the riff that it is made from.

    Raises:
        BadRequest: the model does not accept it, or it costs too much.
        Refused: the queue is too long, or too many of this visitor's clips are in it.
        StorageError: it cannot be stored now.
    """
    job = await request.app[JOBS].start(riff, get_requester(request), parent)
    body = schema.JobStarted(job=job.id, events=f"api/jobs/{job.id}/events")
    return web.json_response(body, status=202)


async def check_sources(
    request: web.Request, pictures: Iterable[str], parent: str | None = None
) -> None:
    """Check that this visitor may start from these pictures.

    A riff that its author does not let others remix cannot be used on the page either. And a
    picture's hash, which is in the file of every riff made from it, is not the link of its riff.

    Args:
        request: of the visitor.
        pictures: `sha256:` references.
        parent: the id of a riff whose link the visitor has.

    Raises:
        BadRequest: one of them may not be used.
    """
    library = request.app[SERVICES].library
    linked = None
    if parent is not None:
        with contextlib.suppress(NotFound):  # which is raised when the job is written down
            linked = check_remix_allowed(await library.riffs.get(parent), PAGE_AUTHOR.user_id)
    for ref in pictures:
        source = await library.riffs.find_by_file(ref.removeprefix("sha256:"))
        if source is not None:
            check_remix_allowed(source, PAGE_AUTHOR.user_id)
        if not is_stranger(request) or (linked is not None and linked.image_ref == ref):
            continue
        # A mask, or an excerpt of a song, is no riff itself: the riffs that need it decide.
        riffs = await library.riffs.find_using_image(ref) if source is None else [source]
        if not riffs or not all(map(_is_from_page, riffs)):
            raise BadRequest(
                "That picture was not made on this page: open its riff by the link and remix that, "
                "or start from a seed image."
            )


def _is_from_page(riff: StoredRiff) -> bool:
    """Whether a riff was made on the page, and not where only some may see it."""
    return (riff.author_id, riff.audience_id, riff.guild_id) == (PAGE_AUTHOR.user_id, None, None)
