"""Reading what the bot sends: JSON, or multipart with the JSON in `payload_json`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.support.loopback.errors import LoopbackFailure

FIELD = re.compile(r"^files\[(\d+)\]$")


@dataclass(frozen=True)
class Upload:
    """One file of a multipart request."""

    filename: str
    content: bytes


@dataclass(frozen=True)
class Body:
    """A request's body. `files` are keyed by the n of `files[n]`."""

    data: Any
    files: dict[int, Upload] = field(default_factory=dict)


async def read_body(request: web.Request) -> Body:
    """Parse the body the way Discord's "Uploading Files" page describes.

    Raises:
        LoopbackFailure: a content type or a part that Discord does not know.
    """
    kind = request.content_type
    if kind == "application/json":
        return Body(json.loads(await request.text()))
    if kind != "multipart/form-data":
        raise LoopbackFailure(f"{request.method} {request.path} with a body of type {kind}")
    data: Any = None
    files: dict[int, Upload] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise LoopbackFailure("nested multipart")
        numbered = FIELD.match(part.name or "")
        if part.name == "payload_json":
            data = json.loads(await part.text())
        elif numbered and part.filename:
            content = bytes(await part.read(decode=True))
            files[int(numbered[1])] = Upload(part.filename, content)
        else:
            raise LoopbackFailure(f"a multipart field called {part.name!r}")
    return Body(data, files)
