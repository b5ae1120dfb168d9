"""The readers of strangers' bytes, as functions that raise only for a defect."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable

from audio import files
from audio.errors import AudioError
from audio.image import decode_image
from riffbot import prompt
from riffbot.clips import recipes
from riffbot.clips.uploads import open_upload
from riffbot.errors import BadRequest
from riffbot.request import RiffRequest
from riffbot.web import request_reader
from tests.fuzz.page import UPGRADE, get_page

MAX_PIXELS = 1_000_000
"""Smaller than in production, so that a run spends its time on parsing, not on pixels."""


def fuzz_open_upload(data: bytes) -> None:
    """`open_upload`: the first byte chooses the file's name and the options."""
    if not data:
        return
    name = ("a.wav", "b.png", "c", "d.flv", "../e.mp3", "\ud800.ogg")[data[0] % 6]
    with contextlib.suppress(BadRequest):
        open_upload(
            data[1:],
            name,
            start_s=float(data[0] // 128),
            seconds=1.0 if data[0] & 64 else None,
            on_beat=not data[0] & 32,
            drawing=bool(data[0] & 16),
        )


def fuzz_read_sound(data: bytes) -> None:
    """`files.read` and `read_tags` in this process, so that a crash of native code is a finding."""
    with contextlib.suppress(AudioError):
        sound = files.read(data, max_seconds=4.0)
        assert len(sound.samples)
        assert float(abs(sound.samples).max()) <= 1.001
    with contextlib.suppress(AudioError):
        files.read_tags(data)


def fuzz_decode_image(data: bytes) -> None:
    """`decode_image`, whose pixels must have the shape that it promises."""
    try:
        decoded = decode_image(data, max_pixels=MAX_PIXELS)
    except AudioError:
        return
    assert decoded.pixels.dtype == "uint8"
    assert decoded.pixels.ndim == (3 if decoded.params.stereo else 2)


def fuzz_recipes_parse(data: bytes) -> None:
    """`recipes.parse_recipe`: a request that it accepts survives writing and reading."""
    try:
        recipe = recipes.parse_recipe(data)
    except BadRequest:
        return
    again = RiffRequest.from_json(recipe.request.model_dump_json())
    assert again == recipe.request


def fuzz_prompt_parse(data: bytes) -> None:
    """`prompt.parse`: at least one fragment, finite weights in range."""
    text = data.decode("utf-8", "surrogateescape")  # bytes that are no UTF-8: lone surrogates
    try:
        fragments = prompt.parse(text)
    except BadRequest:
        return
    assert fragments
    assert all(0 <= fragment.weight <= prompt.MAX_WEIGHT for fragment in fragments)


def fuzz_request_reader(data: bytes) -> None:
    """`request_reader.parse_json_object`: values that can be written as strict JSON again."""
    with contextlib.suppress(BadRequest):
        found = request_reader.parse_json_object(data)
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
        request = RiffRequest.build_strict(found)
        assert RiffRequest.from_json(request.model_dump_json()) == request


def fuzz_http(data: bytes) -> None:
    """A connection to the page: every answer is HTTP, none is 500, and nothing is left behind.

    The first byte says where the input is cut in two.
    """
    if not data:
        return
    cut = len(data) * data[0] // 256
    sent = get_page().exchange(data[1:cut], rest=data[max(cut, 1) :])
    assert not sent or re.match(rb"HTTP/[01]\.[0-9] [1-5]", sent)
    assert not re.search(rb"(?m)^HTTP/1\.[01] 500 ", sent)


def fuzz_websocket(data: bytes) -> None:
    """A jam's socket, after the handshake: frames of all kinds end the connection or nothing."""
    sent = get_page().exchange(UPGRADE, rest=data)
    assert sent.startswith(b"HTTP/1.1 101 ")


TARGETS: dict[str, Callable[[bytes], None]] = {
    "open_upload": fuzz_open_upload,
    "read_sound": fuzz_read_sound,
    "decode_image": fuzz_decode_image,
    "recipes_parse": fuzz_recipes_parse,
    "prompt_parse": fuzz_prompt_parse,
    "request_reader": fuzz_request_reader,
    "http": fuzz_http,
    "websocket": fuzz_websocket,
}
"""Name on the command line and of the corpus folder → function."""
