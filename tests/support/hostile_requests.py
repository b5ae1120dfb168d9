"""What strangers send: every route's body and query with each field replaced by a hostile value.

The tables name every route of the application, so that a new one without an entry fails the tests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from audio.image import encode_png

HOSTILE: dict[str, str] = {
    "400 digits": "9" * 400,
    "5,000 digits": "9" * 5000,
    "a fraction of 5,000 digits": "0." + "9" * 5000,
    "beyond a float": "1e999",
    "an exponent of 400 digits": "1e" + "9" * 400,
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "half of a surrogate pair": r'"\ud800"',
    "the other half in a text": r'"a\udfff b"',
    "half of a pair as a name": r'{"\ud83d": 1}',
    "nested 100 deep": "[" * 100 + "]" * 100,
    "nested 10,000 deep": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "one name twice": '{"a": 1, "a": 2}',
}
"""What it is → JSON text (or what Python's reader takes for JSON) that no field of ours may be."""

DOUBTFUL: tuple[Any, ...] = (
    True,
    False,
    "1",
    "",
    "x" * 3000,
    "\0",
    "日本",
    -1,
    1.5,
    1e300,
    10**19,
    [],
    {},
    [1],
    {"a": 1},
)
"""JSON that a field may or may not be; never a reason to break."""

RAW: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"nonsense",
    "a list": b"[]",
    "a number": b"1",
    "a text": b'"x"',
    "null": b"null",
    "NaN alone": b"NaN",
    "cut off": b'{"prompt": "a',
    "two values": b"{} {}",
    "not UTF-8": b'{"prompt": "\xff"}',
    "a surrogate in UTF-8": b'{"prompt": "\xed\xa0\x80"}',
    "UTF-16": '{"prompt": "x"}'.encode("utf-16"),
    "60,000 opened brackets": b"[" * 60_000,
    "a form": b"prompt=x&seed=1",
    **{f"{what}, alone": text.encode() for what, text in HOSTILE.items()},
}
"""Whole bodies that are no JSON object of ours."""


def _png(pixels: Any) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(pixels)).decode()


def _sheet() -> str:
    return _png(np.full((512, 128), 255, np.uint8))


PROMPT_INPUT = {
    "prompt": "x",
    "seed": 1,
    "negative_prompt": "y",
    "denoising": 0.75,
    "guidance": 7.0,
}
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/riffs": {
        "prompt": "x",
        "negative": "y",
        "seed": 1,
        "seed_image": "beat",
        "denoising": 0.5,
        "mask": "mask_top_third",
        "guidance": 2.0,
        "steps": 4,
        "scheduler": "ddim",
        "width": 128,
        "bpm": 93.75,
        "key": "A minor",
        "chords": "Am7 D7",
        "alpha": 0.5,
        "target": {"prompt": "z", "negative": "", "seed": 2, "denoising": 0.5},
        "piece": {"kind": "morph", "clips": 2, "image": "beat", "whole": False, "bpm": 93.75},
        "parent": "nobody",
    },
    "POST /api/riffs/{id}/inpaint": {
        "mask": _sheet(),
        "start": 0,
        "prompt": "x",
        "negative": "y",
        "seed": 1,
        "denoising": 0.5,
        "guidance": 2.0,
        "steps": 4,
        "scheduler": "ddim",
        "key": "A minor",
        "chords": "Am7 D7",
    },
    "POST /api/drawings": {
        "picture": _sheet(),
        "prompt": "x",
        "negative": "y",
        "seed": 1,
        "denoising": 0.5,
        "guidance": 2.0,
        "steps": 4,
        "scheduler": "ddim",
        "key": "A minor",
        "chords": "Am7 D7",
    },
    "POST /api/jams": {
        "prompt": "x",
        "seed": 1,
        "denoising": 0.5,
        "guidance": 2.0,
        "seed_image": "beat",
        "bpm": 93.75,
        "key": "A minor",
        "chords": "Am7 D7",
        "instead_of": "nobody",
    },
    "POST /api/jams/{id}/prompt": {"prompt": "x"},
    "POST /api/jams/{id}/keep": {"seconds": 2},
    "POST /api/jams/{id}/seed": {"value": 1},
    "POST /api/jams/{id}/denoising": {"value": 0.5},
    "POST /api/jams/{id}/harmony": {"key": "A minor", "chords": "Am7 D7"},
    "POST /api/jams/{id}/pause": {"value": 1},
    "POST /api/jams/{id}/resume": {"value": 1},
    "POST /api/activity/token": {"code": "good", "instance_id": "i-1-gc"},
    "POST /run_inference/": {
        "start": PROMPT_INPUT,
        "end": {**PROMPT_INPUT, "seed": 2},
        "alpha": 0.5,
        "num_inference_steps": 4,
        "seed_image_id": "beat",
        "mask_image_id": "mask_top_third_75",
    },
}
"""Every route that reads a body, and one that it takes (or nearly)."""

QUERIES: dict[str, tuple[str, ...]] = {
    "GET /": ("frame_id",),
    "GET /owner": ("key",),
    "GET /riffs": (),
    "GET /riff/{id}": (),
    "GET /app/{name}": (),
    "GET /static/{name}": (),
    "GET /jam/{id}": ("frame_id",),
    "GET /api/sheet": ("seconds",),
    "GET /api/riffs": ("limit", "before"),
    "GET /api/riffs/{id}": (),
    "GET /api/riffs/{id}/{file}": ("download",),
    "GET /api/riffs/{id}/sheet": ("start",),
    "GET /api/riffs/{id}/heard.png": (),
    "GET /api/info": (),
    "GET /api/jobs/{job}/events": (),
    "DELETE /api/jobs/{job}": (),
    "GET /api/jams": (),
    "GET /api/jams/{id}": (),
    "DELETE /api/jams/{id}": (),
    "GET /api/jams/{id}/socket": ("codec",),
    "GET /api/jams/{id}/live.ogg": (),
    "GET /api/jams/{id}/recording": ("from",),
    "GET /api/jams/{id}/recording.ogg": ("from",),
    "GET /api/jams/{id}/picture.png": (),
    "GET /api/activity": (),
    "OPTIONS /run_inference/": (),
    "GET /healthz": (),
    "GET /livez": (),
    "GET /readyz": (),
    "GET /metrics": (),
}
"""Every other route and the query that it reads."""

IN_QUERIES = (
    "",
    "9" * 400,
    "-" + "9" * 400,
    "9" * 5000,
    "0." + "9" * 5000,
    "1_0",
    "%EF%BC%91%EF%BC%92",  # full-width digits
    "NaN",
    "nan",
    "inf",
    "Infinity",
    "-inf",
    "1e999",
    "%00",
    "%ED%A0%80",
    "%FF",
    "0001-01-01",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59.999999",
    "10000-01-01",
    "2026-02-30",
    "x" * 6000,
)
"""Hostile values of a query, as they stand in an address."""

IN_PATHS = ("%00", "a%00b", "%FF", "%ED%A0%80", "%2e%2e%2f", "x" * 3000, "9" * 400, "%0D%0A", "{}")
"""Hostile names in a path."""


def bodies(route: str) -> Iterator[tuple[str, bytes]]:
    """What each hostile body is, and the body."""
    yield from RAW.items()
    for path in _paths(BODIES[route]):
        for what, text in HOSTILE.items():
            marked = json.dumps(_with(BODIES[route], path, "\N{SNOWMAN}"), ensure_ascii=False)
            yield f"{what} as {'.'.join(path)}", marked.replace('"\N{SNOWMAN}"', text).encode()


def doubtful(route: str) -> Iterator[tuple[str, bytes]]:
    """Bodies with a value of another kind in each field."""
    for path in _paths(BODIES[route]):
        for value in DOUBTFUL:
            yield (
                f"{str(value)[:20]!r} as {'.'.join(path)}",
                json.dumps(_with(BODIES[route], path, value)).encode(),
            )


def _paths(body: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, value in body.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *deeper) for deeper in _paths(value))


def _with(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**body, first: _with(body[first], tuple(rest), value) if rest else value}
