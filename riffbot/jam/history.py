"""The last minute of a jam as sound: a ring buffer of samples, from which excerpts are taken."""

from __future__ import annotations

import threading

import numpy as np

from audio.arrays import Floats
from riffbot.jam.synthesizer import SAMPLE_RATE

HISTORY_S = 60


class AudioHistory:
    """A ring buffer of samples, addressed by their index in the jam; thread-safe.

    Args:
        first: index of the first sample.
    """

    def __init__(self, first: int = 0) -> None:
        # Sixteen bits are what Discord's listeners get, and take half the memory.
        self._ring = np.zeros(HISTORY_S * SAMPLE_RATE, np.int16)
        self._first = first
        self._end = first
        self._lock = threading.Lock()

    def append(self, samples: Floats) -> None:
        """Add the samples that come next; the oldest are overwritten."""
        fixed = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        with self._lock:
            at = np.arange(self._end, self._end + len(fixed)) % len(self._ring)
            self._ring[at] = fixed
            self._end += len(fixed)

    def read(self, first: int, last: int) -> tuple[int, Floats]:
        """The samples from `first` up to `last`, as far as they are still there.

        Returns:
            The index of the first of them, and float32[n], which may be empty.
        """
        with self._lock:
            first = max(first, self._first, self._end - len(self._ring))
            last = min(last, self._end)
            at = np.arange(first, max(first, last)) % len(self._ring)
            return first, self._ring[at].astype(np.float32) / np.float32(32767)
