"""Bodies of requests: compressed ones, long ones, and values that no body may have."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from typing import Any

import pytest

from riffbot.errors import BadRequest
from riffbot.jam.types import LOCAL_USER
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.web.strict_json import parse_json_object
from tests.riffbot.web.open_page import JSON, OpenPage, app, page, raw

__all__ = ["app", "page"]


async def test_a_packed_body_is_measured_unpacked(page: OpenPage) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    head = b"POST /api/riffs HTTP/1.1\r\nContent-Type: application/json\r\n"
    status, _ = await raw(page, head + b"Content-Encoding: gzip\r\n", bomb)
    assert status == 413


async def test_a_packed_body_is_read_as_before(page: OpenPage) -> None:
    body = json.dumps({"prompt": "x", "seed": 1}).encode()
    head = b"POST /api/riffs HTTP/1.1\r\nContent-Type: application/json\r\n"
    for encoding, packed in (
        (b"gzip", gzip.compress(body)),
        (b"deflate", zlib.compress(body)),
        (b"deflate", zlib.compress(body)[2:-4]),
        (b"identity", body),
    ):
        status, _ = await raw(page, head + b"Content-Encoding: " + encoding + b"\r\n", packed)
        assert status == 202, encoding


async def test_a_long_body_is_parsed_beside_the_event_loop(
    page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    def noted(data: bytes) -> dict[str, Any]:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse_json_object(data)

    monkeypatch.setattr("riffbot.web.request_reader.parse_json_object", noted)
    for size in (100, 200_000):
        body = json.dumps({"picture": "x" * size}).encode()
        answer = await page.client.post("/api/drawings", data=body, headers=JSON)
        assert answer.status == 400
    assert threads == [True, False]


async def test_a_whole_number_may_be_written_with_a_point(page: OpenPage) -> None:
    body = b'{"prompt": "x", "seed": 42.0, "steps": 4e0, "denoising": 1, "guidance": 2}'
    answer = await page.client.post("/api/riffs", data=body, headers=JSON)
    assert answer.status == 202
    body = b'\xef\xbb\xbf{"prompt": "x", "seed": 4294967295, "negative": null}'
    answer = await page.client.post("/api/riffs", data=body, headers=JSON)
    assert answer.status == 400
    assert (await answer.json())["error"] == "The negative must be text, not None."


@pytest.mark.parametrize("text", ["\ud800", "a \udfff b"])
async def test_half_a_character_is_refused_behind_the_reader_too(
    page: OpenPage, services: Services, text: str
) -> None:
    for name in ("prompt", "negative", "scheduler"):
        with pytest.raises(BadRequest, match="half of a character"):
            RiffRequest.build(**{"prompt": "x", name: text})
    jam = services.jams.get_by_id(page.jam)
    assert jam is not None
    with pytest.raises(BadRequest, match="half of a character"):
        await jam.vote_for_prompt(text, LOCAL_USER)
    jam.reader.snapshot().model_dump_json()  # it can still be written down
