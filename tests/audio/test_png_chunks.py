"""The chunks of a PNG: what is not needed goes, the picture and its recipe stay."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.errors import AudioError
from audio.image import decode_image, encode_png
from audio.png_chunks import MAX_METADATA, strip_metadata
from tests.support.picture_files import chunk, with_chunk

PIXELS = np.random.default_rng(0).integers(0, 255, (64, 48), dtype=np.uint8)
OURS = encode_png(PIXELS, recipe='{"prompt":"x"}')
MEGABYTES = bytes(3_000_000)

CHUNKS = st.tuples(
    st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"gAMA", b"acTL", b"prVt"]),
    st.one_of(
        st.binary(max_size=80),
        st.binary(max_size=40).map(lambda text: b"riffbot\0\0" + zlib.compress(text)),
        st.just(b"riffbot\0\0" + zlib.compress(MEGABYTES)),
        st.just(b"icc\0\0" + zlib.compress(MEGABYTES)),
    ),
    st.sampled_from([None, None, 1]),
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"iCCP", b"icc\0\0" + zlib.compress(MEGABYTES)),
        (b"zTXt", b"workflow\0\0" + zlib.compress(MEGABYTES)),
        (b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(MEGABYTES)),
        (b"tEXt", b"workflow\0" + MEGABYTES),
        (b"eXIf", MEGABYTES),
        (b"zTXt", b"riffbot\0\0" + zlib.compress(MEGABYTES)),
        (b"zTXt", b"riffbot\0\0no zlib at all"),
        (b"iTXt", b"riffbot"),
    ],
)
def test_metadata_never_costs_the_picture_nor_its_recipe(kind: bytes, body: bytes) -> None:
    found = decode_image(with_chunk(OURS, kind, body))
    np.testing.assert_array_equal(found.pixels, PIXELS)
    assert found.recipe == '{"prompt":"x"}'


def test_a_wrong_checksum_beside_the_pixels_does_not_cost_them() -> None:
    found = decode_image(with_chunk(OURS, b"tEXt", b"a\0b", crc=1))
    np.testing.assert_array_equal(found.pixels, PIXELS)


def test_a_packed_recipe_is_still_read() -> None:
    plain = encode_png(PIXELS)
    packed = with_chunk(plain, b"zTXt", b"riffbot\0\0" + zlib.compress(b"{}"))
    assert decode_image(packed).recipe == "{}"


@settings(max_examples=60, deadline=None)
@given(extra=st.lists(CHUNKS, max_size=6))
def test_whatever_lies_beside_the_pixels_they_are_read(
    extra: list[tuple[bytes, bytes, int | None]],
) -> None:
    data = OURS[:33] + b"".join(chunk(kind, body, crc=crc) for kind, body, crc in extra)
    data += OURS[33:]
    try:
        found = decode_image(data)
    except AudioError as error:
        assert "settings are damaged" in str(error)  # noqa: PT017 - EXIF that says nonsense
        return
    np.testing.assert_array_equal(found.pixels, PIXELS)


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(0, len(OURS)), flips=st.lists(st.integers(0, len(OURS) - 1), max_size=6))
def test_damage_is_passed_on_and_never_grows(cut: int, flips: list[int]) -> None:
    data = bytearray(OURS)
    for place in flips:
        data[place] ^= 0x5A
    damaged = bytes(data[:cut])
    kept = strip_metadata(damaged, ("riffbot",))
    assert len(kept) <= len(damaged)
    assert strip_metadata(kept, ("riffbot",)) == kept


def test_what_is_no_png_is_left_alone() -> None:
    assert strip_metadata(b"GIF89a whatever", ()) == b"GIF89a whatever"


def test_packed_text_is_not_unpacked_beyond_the_limit() -> None:
    bomb = with_chunk(OURS, b"zTXt", b"riffbot\0\0" + zlib.compress(bytes(60 * MAX_METADATA)))
    assert strip_metadata(bomb, ("riffbot",)) == strip_metadata(OURS, ("riffbot",))


def test_many_packed_texts_cost_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = b"riffbot\0\0" + zlib.compress(bytes(2 * MAX_METADATA))
    bomb = encode_png(PIXELS)
    end = bomb.index(b"IDAT") - 4
    bomb = bomb[:end] + chunk(b"zTXt", packed) * 1000 + bomb[end:]
    unpacked = 0
    unpacker = zlib.decompressobj

    def counted() -> object:
        nonlocal unpacked
        unpacked += 1
        return unpacker()

    monkeypatch.setattr("audio.png_chunks.zlib.decompressobj", counted)
    assert strip_metadata(bomb, ("riffbot",)) == encode_png(PIXELS)
    assert 0 < unpacked < 10
