"""Reads the bodies of requests: bytes, then strict JSON, then a model of `bodies.py`.

An invalid body raises an error with one short sentence (status 400, or 413 if it is too large).
`strict_json.py` defines which JSON is accepted; pydantic then validates the values with strict
types: `"1"` and `true` are no numbers, `1.5` is no whole number.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from typing import Any, TypeVar

import aiohttp
from aiohttp import web
from pydantic import ValidationError

from riffbot.errors import BadRequest
from riffbot.validation import describe_validation_error
from riffbot.web.bodies import Body
from riffbot.web.errors import MAX_BODY, BodyTooLarge
from riffbot.web.strict_json import parse_json_object

MAX_ON_LOOP = 64 * 1024
"""Bytes of a body that is parsed on the event loop; longer ones are parsed in a thread."""

B = TypeVar("B", bound=Body)


async def read_body(
    request: web.Request, model: type[B], *, limit: int = MAX_BODY, error_message: str = ""
) -> B:
    """Read the request's JSON as a model; a field that is null counts as left out.

    Args:
        limit: bytes that the body may have.
        error_message: the sentence for an invalid field; by default one about that field.

    Raises:
        BadRequest: it is no JSON of this model.
        BodyTooLarge: it is longer than `limit`.
    """
    fields = await read_object(request, limit=limit)
    try:
        return model.model_validate({k: v for k, v in fields.items() if v is not None})
    except ValidationError as error:
        raise BadRequest(error_message or describe_validation_error(error)) from error


async def read_object(request: web.Request, *, limit: int = MAX_BODY) -> dict[str, Any]:
    """Read the request's JSON object. Raises BadRequest, BodyTooLarge."""
    data = await read_bytes(request, limit=limit)
    if len(data) > MAX_ON_LOOP:
        return await asyncio.to_thread(parse_json_object, data)
    return parse_json_object(data)


async def read_bytes(request: web.Request, *, limit: int = MAX_BODY) -> bytes:
    """Read the request's body, decompressed where `Content-Encoding` is gzip or deflate.

    Raises:
        BadRequest: the sender left before all of it was here, or it cannot be decompressed.
        BodyTooLarge: it is longer than `limit` bytes, compressed or not.
    """
    too_large = BodyTooLarge(f"That is too much: please stay under {limit // 1024} KB.")
    try:
        data = await request.clone(client_max_size=limit).read()
    except web.HTTPRequestEntityTooLarge as error:
        raise too_large from error
    except (web.RequestPayloadError, aiohttp.ClientError, ConnectionError, EOFError) as error:
        raise BadRequest("Only a part of the request arrived: please send it again.") from error
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return data
    data = _decompress(data, encoding, limit + 1)
    if len(data) > limit:
        raise too_large
    return data


def _decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` bytes of the decompressed body: a few compressed bytes may be gigabytes."""
    windows = {"gzip": (31,), "deflate": (15, -15)}.get(encoding, ())  # with a header or without
    for window in windows:
        with contextlib.suppress(zlib.error):
            return zlib.decompressobj(window).decompress(data, limit)
    raise BadRequest("The request's Content-Encoding cannot be read: please send it unpacked.")
