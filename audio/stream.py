"""Endless sound from columns that come a few at a time, without a seam.

`image_to_audio` solves a picture as a whole. A jam has no whole, so here every step solves a short
stretch (`_BLOCK` columns to give away, `_AHEAD` columns to see what comes) together with the
`_CONTEXT` columns before it, whose sound is known, emitted and must not change. The phase goes
on from there (`solver.KnownSound`), so pictures that follow each other are joined as one continuous
sound: no click, no gap, and the same fixed gain for all of them.

Time is counted in columns of 10 ms from the stream's beginning, never in rounded milliseconds:
after n columns exactly round(n·rate/100) samples are out, for hours.
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
"""Columns that a step sees beyond its block: more than half a window, on which the block's last
samples depend, and some for the phase."""

_CONTEXT = 16
_RELEASE = 1
"""Columns over which one step's sound hands over to the next one's."""

_HALF = solver.WINDOW // 2 // solver.COLUMN
"""Half a window in columns."""

_EFFORT = solver.Effort(fixed=1, joint=8)
"""The known past gives the phase, so magnitude and phase are soon better corrected together:
1.36 dB of log-mel error instead of 1.43 at the same cost; a whole picture solved at once has 1.35,
pictures solved one by one 2.38 where they are joined and these 1.58."""
_DIRECT = (44100, 48000)


@dataclass(frozen=True, eq=False)
class StreamState:
    """A stream between two steps: everything that the samples to come depend on.

    Attributes:
        columns: how many were emitted (as sound), a multiple of `BLOCK`.
        pixels: uint8[512, n], the last columns pushed: context, and what is not yet sound.
        sound: float32 at 20 kHz, from half a window before the context's first column to the end
            of the release.
        overhang: float32 at the solver's output rate, the release of the last step.
        emitted: samples that were emitted; `given` in JSON.
    """

    columns: int
    pixels: Pixels
    sound: Floats
    overhang: Floats
    emitted: int

    @property
    def consumed(self) -> int:
        """Columns that were pushed and belong to the state."""
        return self.columns + self.pixels.shape[1] - _CONTEXT

    @classmethod
    def silence(cls, rate: int = 48000, *, columns: int = 0) -> Self:
        """Where a stream begins: silence before it.

        Args:
            rate: 44,100 or 48,000.
            columns: count from here, a multiple of `BLOCK`.
        """
        return cls(
            columns=columns,
            pixels=np.full((N_MELS, _CONTEXT), SILENT, np.uint8),
            sound=np.zeros((_HALF + _CONTEXT + _RELEASE) * solver.COLUMN, np.float32),
            overhang=np.zeros(_samples(_RELEASE, rate), np.float32),
            emitted=_samples(columns, rate),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values; about 25 kB."""
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
    """Pictures in, sound out, both without an end.

    The samples depend on the columns alone, not on how many come in one call.

    Args:
        sample_rate: of the sound, 8,000 to 384,000 Hz.
        seed: decides what the pictures leave open.
        state: go on from here, at the same rate and seed; None begins with silence before it.
        effort: quality against time.

    Raises:
        AudioError: an impossible rate, or a state at a rate that needs a resampler, which has no
            state that could be stored.
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
        """Where the stream is. Columns that do not fill a step yet are not in it."""
        return self._state

    @property
    def columns(self) -> int:
        """Columns emitted as sound."""
        return self._state.columns

    @property
    def consumed(self) -> int:
        """Columns that were pushed, heard or not."""
        return self._state.consumed + sum(columns.shape[1] for columns in self._waiting)

    def push(self, columns: Pixels) -> Floats:
        """The sound that these columns allow.

        Args:
            columns: uint8[512, n], any n.

        Returns:
            float32[m] in about [−1, 1], mono; it lags `AHEAD` columns and what does not fill a
            block behind.

        Raises:
            AudioError: not such columns.
        """
        if columns.ndim != 2 or columns.shape[0] != N_MELS or columns.dtype != np.uint8:
            raise AudioError(f"A stream takes columns of {N_MELS} 8-bit pixels.")
        self._waiting.append(columns)
        return self._resampled(self._steps(), last=False)

    def finish(self) -> Floats:
        """The rest: what was pushed and is not yet out, ending in silence.

        Afterwards exactly round(n·rate/100) samples were emitted for n columns, and nothing can be
        pushed any more.
        """
        consumed = self.consumed
        self._waiting.append(np.full((N_MELS, BLOCK + AHEAD), SILENT, np.uint8))
        rest = round(consumed * self._rate / COLUMNS_PER_SECOND) - self._state.emitted
        return self._resampled(self._steps()[:rest], last=True)

    def _steps(self) -> Floats:
        """Solve all blocks that are complete."""
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
        """Solve one block: its sound, and the state after it (with the same pixels)."""
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
