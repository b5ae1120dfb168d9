"""Sound by libsndfile, read on past damage where it can be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from audio.arrays import Floats
from audio.demuxing import Block, Losses
from audio.errors import AudioError

_BLOCK_S = 1.0
_MAX_CHANNELS = 64
_FLAC_STEP, _FLAC_TRIES = 512, 60
"""Samples that a damaged FLAC is probed by, and how often in a row: ever wider, 30 s in all."""


def read_blocks(stream: BinaryIO, losses: Losses) -> Iterator[Block]:
    """Decode a file, block by block; of a damaged FLAC, what is behind the damage as well.

    Args:
        stream: seekable, at its beginning.
        losses: is added to.

    Raises:
        AudioError: its header makes no sense.
        soundfile.LibsndfileError: it is no format that is read, or damaged.
    """
    with soundfile.SoundFile(stream) as file:
        size = round(_BLOCK_S * file.samplerate) if file.samplerate > 0 else 0
        if not 0 < size <= 4_000_000 or not 0 < file.channels <= _MAX_CHANNELS:
            raise AudioError("That file's header makes no sense; please save it again.")
        kind, rate, total = file.format, int(file.samplerate), int(file.frames)
        count = 0
        with contextlib.suppress(*([soundfile.LibsndfileError] if kind == "FLAC" else [])):
            while len(block := file.read(size, dtype="float32", always_2d=True)):
                count += len(block)
                yield Block(block, rate)
    if kind == "FLAC":
        for block in _beyond_damage(stream, count, losses):
            count += len(block)
            yield Block(block, rate)
    if count < total < 2**40:
        losses.announced_s = total / rate


def _beyond_damage(stream: BinaryIO, at: int, losses: Losses) -> Iterator[Floats]:
    """A FLAC from a sample on that cannot be decoded: silence, and then what is behind it.

    libFLAC finds frames behind damage by seeking; FFmpeg loses some more that are whole.
    """
    damaged, tries = 0, 0
    step = float(_FLAC_STEP)
    while tries < _FLAC_TRIES:
        stream.seek(0)
        with soundfile.SoundFile(stream) as file:
            if at + damaged >= file.frames:
                return
            block = np.zeros((0, file.channels), np.float32)
            with contextlib.suppress(soundfile.LibsndfileError):
                file.seek(at + damaged)
                block = file.read(_FLAC_STEP, dtype="float32", always_2d=True)
            if not len(block):
                damaged += round(step)
                tries += 1
                step = min((1.0 if tries < 20 else 1.5) * step, file.samplerate)
                continue
            if damaged:
                losses.silent_s += damaged / file.samplerate
                yield np.zeros((damaged, file.channels), np.float32)
            yield block
            at += damaged + len(block)
            damaged, tries, step = 0, 0, float(_FLAC_STEP)
            with contextlib.suppress(soundfile.LibsndfileError):
                while len(block := file.read(_FLAC_STEP, dtype="float32", always_2d=True)):
                    at += len(block)
                    yield block
