"""The last minute of a jam as sound, so that anybody can keep what they just heard."""

from __future__ import annotations

import threading

import numpy as np

from audio.arrays import Floats
from riffbot.jam.synthesizer import SAMPLE_RATE

REMEMBERED_S = 60


class Heard:
    """A circle of samples, found by their position in the jam; thread-safe.

    Args:
        first: position of the first sample.
    """

    def __init__(self, first: int = 0) -> None:
        # Sixteen bits are what Discord's listeners get, and half the memory.
        self._circle = np.zeros(REMEMBERED_S * SAMPLE_RATE, np.int16)
        self._first = first
        self._end = first
        self._lock = threading.Lock()

    def add(self, samples: Floats) -> None:
        """Remember the samples that come next."""
        fixed = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        with self._lock:
            at = np.arange(self._end, self._end + len(fixed)) % len(self._circle)
            self._circle[at] = fixed
            self._end += len(fixed)

    def between(self, first: int, last: int) -> tuple[int, Floats]:
        """What is remembered of the samples from `first` up to `last`.

        Returns:
            The position at which it begins, and float32[n], which may be empty.
        """
        with self._lock:
            first = max(first, self._first, self._end - len(self._circle))
            last = min(last, self._end)
            at = np.arange(first, max(first, last)) % len(self._circle)
            return first, self._circle[at].astype(np.float32) / np.float32(32767)
