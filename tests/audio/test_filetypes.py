"""What a file is, by its first bytes."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from audio.filetypes import AVIF, HEAD, HEIC, UNKNOWN, identify, is_json
from tests.support.picture_files import heic, saved


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_pictures_that_can_be_read_are_pictures(kind: str) -> None:
    picture = Image.new("RGB", (32, 32), "white")
    found = identify(saved(picture, kind)[:HEAD])
    assert found.family == "picture"
    assert kind.lower() in found.name.lower()


def test_a_phones_picture_is_told_from_a_film() -> None:
    assert identify(heic()) is HEIC
    film = b"\0\0\0\x18ftypisom\0\0\0\0isomiso2" + bytes(100)
    assert identify(film).family == "sound"
    named_after_any_picture = b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif" + bytes(100)
    assert identify(named_after_any_picture) is AVIF


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "AU", "RF64", "W64"])
def test_sounds_are_sounds(kind: str) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(4410), 44100, format=kind)
    assert identify(out.getvalue()[:HEAD]).family == "sound"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- by hand -->\n<svg>", "SVG"),
        (b'<?xml?><!DOCTYPE svg PUBLIC "x" [ <!ENTITY a ">"> ]><svg width="1">', "SVG"),
        (b"\xff\xfe" + "<svg >".encode("utf-16-le"), "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"MThd\0\0\0\6", "MIDI"),
        (b"PK\3\4", "ZIP"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"MZ\x90\0", "program"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b'\xef\xbb\xbf {"prompt": "x"}', "JSON"),
        (b"\xff\xfe" + '{"a": 1}'.encode("utf-16-le"), "JSON"),
    ],
)
def test_what_nobody_can_read_is_named_with_what_to_do(data: bytes, words: str) -> None:
    found = identify(data)
    assert found.family == "other"
    assert words in found.refusal
    assert found.refusal.endswith(".")
    assert is_json(data) == (words == "JSON")


@pytest.mark.parametrize("data", [b"", b"hello", b"<svgx>", b"BMW is a car", bytes(100)])
def test_what_has_no_signature_is_unknown(data: bytes) -> None:
    assert identify(data) is UNKNOWN


@given(st.binary(max_size=64))
def test_any_bytes_are_something(data: bytes) -> None:
    found = identify(data)
    assert bool(found.refusal) == (found.family == "other")


@pytest.mark.parametrize(
    "piece", [b"<!--", b"<?xml ", b" ", b"<!doctype svg [", b"<?xml?>", b"<!---->", b"<??>"]
)
def test_no_beginning_keeps_it_busy(piece: bytes) -> None:
    began = time.process_time()
    identify(piece * HEAD)
    assert time.process_time() - began < 1
