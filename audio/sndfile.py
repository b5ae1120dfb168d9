"""Decodes sound with libsndfile, and continues after damage in FLAC."""

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
"""Samples of the first step over damage in a FLAC, and the most steps in a row. Steps grow to a
second; all together are 30 s."""


def read_blocks(stream: BinaryIO, losses: Losses) -> Iterator[Block]:
    """Decode a file block by block; of a damaged FLAC, also what follows the damage.

    Args:
        stream: seekable, at its beginning.
        losses: losses are added to it.

    Raises:
        AudioError: the header is invalid.
        soundfile.LibsndfileError: the format is unknown, or the file is damaged.
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
    """Decode a FLAC from a damaged sample on: silence for the damage, then the sound after it.

    By seeking, libFLAC finds all intact frames after damage, FFmpeg only some of them.
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
