"""Converts endless columns to sound, a few at a time and without a seam.

`image_to_audio` solves a picture as a whole. A jam has no end, so here each step solves `BLOCK`
columns, which are output, and `AHEAD` columns after them together with the `_CONTEXT` columns
before, whose sound was output already and must not change. The phase continues from there
(`solver.KnownSound`), so successive pictures become one continuous sound: no click, no gap, and the
same fixed gain for all of them.

Time is counted in columns of 10 ms from the stream's beginning, never in rounded milliseconds:
after n columns exactly round(n·rate/100) samples were output, even after hours.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import soxr

from audio import solver
from audio.arrays import Floats, Pixels
from audio.codec import FULL_SCALE, MAX_RATE, MIN_RATE, mel_targets
from audio.columns import COLUMNS_PER_SECOND
from audio.errors import AudioError
from audio.mel import N_MELS
from audio.pixels import SILENT

BLOCK = 16
"""Columns solved at a time: 160 ms, eight packets of Opus."""

AHEAD = 8
"""Columns after the block that a step solves with it: more than half a window, on which the block's
last samples depend, and some for the phase."""

_CONTEXT = 16
_RELEASE = 1
"""Columns over which one step's sound is crossfaded to the next one's."""

_HALF = solver.WINDOW // 2 // solver.COLUMN
"""Half a window in columns."""

_EFFORT = solver.Effort(fixed=1, joint=8)
"""The known sound determines the phase, so that joint iterations are soon better than fixed ones:
1.36 dB of log-mel error instead of 1.43 at the same cost; a whole picture solved at once has 1.35.
At the joins of pictures it is 1.58, and 2.38 if they are solved one by one."""
_DIRECT = (44100, 48000)


@dataclass(frozen=True, eq=False)
class StreamState:
    """The state of a stream between two steps, on which all further samples depend.

    Attributes:
        columns: the number of columns that were output as sound, a multiple of `BLOCK`.
        pixels: uint8[512, n], the last columns: the context, and those that are not output yet.
        sound: float32 at 20 kHz, from half a window before the context's first column to the end
            of the crossfade.
        overhang: float32 at the solver's output rate, the last step's part of the crossfade.
        emitted: the number of samples that were output; `given` in JSON.
    """

    columns: int
    pixels: Pixels
    sound: Floats
    overhang: Floats
    emitted: int

    @property
    def consumed(self) -> int:
        """The number of columns that were pushed and are in the state."""
        return self.columns + self.pixels.shape[1] - _CONTEXT

    @classmethod
    def silence(cls, rate: int = 48000, *, columns: int = 0) -> Self:
        """Build the state at a stream's beginning: silence before it.

        Args:
            rate: 44,100 or 48,000 Hz.
            columns: the column to count from, a multiple of `BLOCK`.
        """
        return cls(
            columns=columns,
            pixels=np.full((N_MELS, _CONTEXT), SILENT, np.uint8),
            sound=np.zeros((_HALF + _CONTEXT + _RELEASE) * solver.COLUMN, np.float32),
            overhang=np.zeros(_samples(_RELEASE, rate), np.float32),
            emitted=_samples(columns, rate),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON, about 25 kB."""
        return {
            "columns": self.columns,
            "given": self.emitted,
            "pixels": _packed(np.ascontiguousarray(self.pixels)),
            "sound": _packed(self.sound),
            "overhang": _packed(self.overhang),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises AudioError on anything else."""
        try:
            state = cls(
                columns=int(value["columns"]),
                emitted=int(value["given"]),
                pixels=np.frombuffer(_unpacked(value["pixels"]), np.uint8).reshape(N_MELS, -1),
                sound=np.frombuffer(_unpacked(value["sound"]), np.float32),
                overhang=np.frombuffer(_unpacked(value["overhang"]), np.float32),
            )
            if not (np.isfinite(state.sound).all() and np.isfinite(state.overhang).all()):
                raise ValueError("not a number")
            return state
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise AudioError("That is no place in a stream: it cannot be gone on from.") from error


class Stream:
    """Converts columns to sound without an end.

    The samples depend only on the columns, not on how many are pushed at a time.

    Args:
        sample_rate: of the sound, 8,000 to 384,000 Hz.
        seed: of the phases that the pictures do not determine.
        state: the state to continue from, of the same rate and seed; None begins after silence.
        effort: how much time is spent on quality.

    Raises:
        AudioError: an impossible rate, or a state at a rate that needs a resampler, whose state
            cannot be stored.
    """

    def __init__(
        self,
        sample_rate: int = 48000,
        *,
        seed: int = 0,
        state: StreamState | None = None,
        effort: solver.Effort = _EFFORT,
    ) -> None:
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise AudioError(
                f"A sample rate of {sample_rate} Hz is outside {MIN_RATE} to {MAX_RATE}."
            )
        self.sample_rate = sample_rate
        self._rate = sample_rate if sample_rate in _DIRECT else 48000
        self._resampler: soxr.ResampleStream | None = None
        if self._rate != sample_rate:
            if state is not None:
                raise AudioError("A stream can only be gone on with at 44,100 or 48,000 Hz.")
            self._resampler = soxr.ResampleStream(self._rate, sample_rate, 1, "float32", "HQ")
        self._seed = seed
        self._effort = effort
        self._waiting: list[Pixels] = []
        frames = (_CONTEXT + BLOCK + AHEAD) // effort.stride
        self._layout = solver.lay_out_frames(frames, effort.stride, circular=False)
        self._state = state or StreamState.silence(self._rate)

    @property
    def state(self) -> StreamState:
        """The state after the last step; columns that do not fill a step yet are not in it."""
        return self._state

    @property
    def columns(self) -> int:
        """The number of columns that were output as sound."""
        return self._state.columns

    @property
    def consumed(self) -> int:
        """The number of columns that were pushed."""
        return self._state.consumed + sum(columns.shape[1] for columns in self._waiting)

    def push(self, columns: Pixels) -> Floats:
        """Add columns, and return the sound of the blocks that are complete.

        Args:
            columns: uint8[512, n], any n.

        Returns:
            float32[m] in about [−1, 1], mono, delayed by `AHEAD` columns and the columns that do
            not fill a block yet.

        Raises:
            AudioError: another kind of array.
        """
        if columns.ndim != 2 or columns.shape[0] != N_MELS or columns.dtype != np.uint8:
            raise AudioError(f"A stream takes columns of {N_MELS} 8-bit pixels.")
        self._waiting.append(columns)
        return self._resampled(self._steps(), last=False)

    def finish(self) -> Floats:
        """Return the sound of the remaining columns, which ends in silence.

        Afterwards exactly round(n·rate/100) samples were output for n columns, and no more columns
        can be pushed.
        """
        consumed = self.consumed
        self._waiting.append(np.full((N_MELS, BLOCK + AHEAD), SILENT, np.uint8))
        rest = round(consumed * self._rate / COLUMNS_PER_SECOND) - self._state.emitted
        return self._resampled(self._steps()[:rest], last=True)

    def _steps(self) -> Floats:
        """Solve all complete blocks and return their sound."""
        state = self._state
        pixels = np.concatenate([state.pixels, *self._waiting], axis=1)
        parts = [np.zeros(0, np.float32)]
        window = _CONTEXT + BLOCK + AHEAD
        while pixels.shape[1] >= window:
            state, sound = self._step(replace(state, pixels=pixels[:, :window]))
            parts.append(sound)
            pixels = pixels[:, BLOCK:]
        self._state = replace(state, pixels=pixels)
        self._waiting = []
        return np.concatenate(parts)

    def _step(self, state: StreamState) -> tuple[StreamState, Floats]:
        """Solve one block; return the state after it, with the same pixels, and its sound."""
        mel = mel_targets(state.pixels, self._effort.stride)
        known = solver.KnownSound(state.sound, _RELEASE * solver.COLUMN)
        seed = (self._seed * 1_000_003 + state.columns // BLOCK) % 2**63
        solved = solver.solve(mel, self._layout, self._effort, seed=seed, known=known)
        rendered = solver.render(solved, mel, self._layout, self._rate) * FULL_SCALE
        first = _samples(_HALF + _CONTEXT, self._rate)
        length, release = _samples(BLOCK, self._rate), _samples(_RELEASE, self._rate)
        sound = rendered[first : first + length + release]
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(release, dtype=np.float32) + 0.5) / release)
        sound[:release] = state.overhang + ramp * (sound[:release] - state.overhang)
        heard = (BLOCK + _HALF + _CONTEXT + _RELEASE) * solver.COLUMN
        return (
            StreamState(
                columns=state.columns + BLOCK,
                pixels=state.pixels,
                sound=solved[BLOCK * solver.COLUMN : heard].copy(),
                overhang=sound[length:].copy(),
                emitted=state.emitted + length,
            ),
            sound[:length],
        )

    def _resampled(self, sound: Floats, *, last: bool) -> Floats:
        if self._resampler is None:
            return sound
        return np.asarray(self._resampler.resample_chunk(sound, last=last), np.float32)


def _samples(columns: int, rate: int) -> int:
    return columns * rate // COLUMNS_PER_SECOND


def _packed(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(zlib.compress(array.tobytes(), 6)).decode()


def _unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text, validate=True))
