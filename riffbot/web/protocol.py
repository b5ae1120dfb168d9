"""The messages of a live jam's WebSocket, as bytes and JSON. Pure functions, no clock.

Binary messages begin with 16 bytes, little-endian: kind (u8), codec (u8), count (u16), rows (u32),
place (f64). Everything has its place on the jam's one clock: samples at 48 kHz, or columns of 480
samples.

| kind | place | count, rows | then |
| --- | --- | --- | --- |
| 1 sound, codec 0 | sample | Opus packets, 0 | `count` u16 lengths, then the packets (20 ms each) |
| 1 sound, codec 1 | sample | 0, samples | i16 samples, mono |
| 2 tile | column | columns, bands | u8[bands, columns], loud = 255, low notes in the last row |

A tile replaces what an earlier one said of its columns: what is only planned may change.
A decoder's sound lags `pre_skip` samples behind its packet's place.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from audio.arrays import Floats, Pixels
from audio.pixels import SILENT
from riffbot.jam.opus import PRE_SKIP
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE
from riffbot.jam.timeline import LoopGrid, Placement
from riffbot.web import schema
from riffbot.web.schema import Codec

HEADER = struct.Struct("<BBHId")
SOUND, TILE = 1, 2
OPUS, PCM = 0, 1

BANDS = 256
"""Rows of a tile: half of the picture's, more than a screen shows of them."""

TILE_COLUMNS = 512
"""The most columns of a tile (128 kB)."""


def encode_opus(packet_index: int, packets: Sequence[bytes]) -> bytes:
    """The sound message of consecutive Opus packets, the first of them with `packet_index`."""
    header = HEADER.pack(SOUND, OPUS, len(packets), 0, packet_index * PACKET_SAMPLES)
    lengths = struct.pack(f"<{len(packets)}H", *map(len, packets))
    return b"".join((header, lengths, *packets))


def encode_pcm(sample: int, samples: Floats) -> bytes:
    """The sound message of PCM samples, float32[n] in [−1, 1], from `sample` on."""
    header = HEADER.pack(SOUND, PCM, 0, len(samples), sample)
    fixed: bytes = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
    return header + fixed


def encode_tile(column: int, picture: Pixels) -> bytes:
    """The tile message of a picture's columns (uint8[512, n], 255 silent), at half height."""
    rows, columns = picture.shape
    # The louder of two rows: a mean would wash thin partials out.
    halved = SILENT - picture.reshape(BANDS, rows // BANDS, columns).min(1)
    levels: bytes = halved.tobytes()
    return HEADER.pack(TILE, 0, columns, BANDS, column) + levels


def encode_tiles(column: int, picture: Pixels) -> list[bytes]:
    """The tile messages of a picture, none wider than `TILE_COLUMNS`."""
    return [
        encode_tile(column + at, picture[:, at : at + TILE_COLUMNS])
        for at in range(0, picture.shape[1], TILE_COLUMNS)
    ]


def hello_message(codec: Codec, loop_grid: LoopGrid) -> schema.HelloMessage:
    """The first message of every connection."""
    return schema.HelloMessage(
        type="hello",
        codec=codec,
        sample_rate=SAMPLE_RATE,
        pre_skip=PRE_SKIP if codec == "opus" else 0,
        packet_samples=PACKET_SAMPLES,
        column_samples=COLUMN_SAMPLES,
        bands=BANDS,
        meter=schema.LoopGrid(
            width=loop_grid.width, beats=loop_grid.beats, measure=loop_grid.beats_per_measure
        ),
    )


def serialize_timeline(placements: Sequence[Placement]) -> list[schema.TimelineEntry]:
    """The chunks of a jam in order as JSON, for the list of prompts and for the table."""
    return [
        schema.TimelineEntry(
            start=placement.start,
            end=placement.end,
            prompt=placement.chunk.prompt,
            seed=placement.chunk.request.seed,
            denoising=placement.chunk.request.denoising,
            guidance=placement.chunk.request.guidance,
            alpha=placement.chunk.request.alpha,
            towards=target.prompt if (target := placement.chunk.request.target) else None,
        )
        for placement in placements
    ]
