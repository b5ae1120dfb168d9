"""Normalises the loudness of endless sound with a slow gain and a limiter, block by block.

`audio.loudness` measures a whole clip, which a jam never is. Here the gain follows the loudness of
the last seconds (K-weighted and gated as in ITU-R BS.1770-5), more slowly than music changes, so
that neither the beginning of a chunk nor a quiet bar changes it audibly. Peaks above the ceiling
are limited as in `audio.limiter`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.signal

from audio import limiter
from audio.arrays import Floats
from audio.errors import AudioError
from audio.loudness import MAX_GAIN_DB, SILENCE_LUFS, k_weighting

BLOCK_S = 0.16
"""Seconds of a block, during which the gain changes linearly in decibels."""

MEMORY_S = 8.0
"""Time constant in seconds of the loudness that the gain follows."""

SLEW_DB_S = 0.75
"""The fastest change of the gain, in decibels a second. A change of a tenth of a decibel in a beat
is inaudible."""

_GATE = 0.1  # BS.1770's relative gate, -10 LU
_DELAY_S = 0.01
_CONTEXT_S = 0.15
"""Seconds of context before and after a block for the limiter, more than its filters span."""


@dataclass(frozen=True, eq=False)
class LevellerState:
    """The state of a leveller between two blocks.

    Attributes:
        power: K-weighted mean square of the last seconds; 0 before the first sound.
        gain_db: the gain at the end of the last block.
        filters: the state of the K-weighting filters [2, 2].
        tail: the last samples after the gain and before the limiter.
    """

    power: float
    gain_db: float
    filters: npt.NDArray[np.float64]
    tail: Floats

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "power": self.power,
            "gain_db": self.gain_db,
            "filters": self.filters.tolist(),
            "tail": base64.b64encode(self.tail.tobytes()).decode(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises AudioError on anything else."""
        try:
            tail = np.frombuffer(base64.b64decode(value["tail"], validate=True), np.float32)
            filters = np.array(value["filters"], np.float64).reshape(2, 2)
            power, gain_db = float(value["power"]), float(value["gain_db"])
            if not all(np.isfinite(part).all() for part in (power, gain_db, filters, tail)):
                raise ValueError("not a number")
            return cls(power, gain_db, filters, tail)
        except (KeyError, TypeError, ValueError) as error:
            raise AudioError("That is no state of a leveller.") from error


class Leveller:
    """Normalises the loudness of a mono sound, with a delay of `delay` samples.

    Args:
        sample_rate: Hz.
        target_lufs: the target loudness, LUFS.
        true_peak_db: the ceiling of the oversampled signal, dBTP.
        state: the state to continue from; None begins anew.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        target_lufs: float = -14.0,
        true_peak_db: float = -1.0,
        state: LevellerState | None = None,
    ) -> None:
        self.block = round(BLOCK_S * sample_rate)
        self.delay = round(_DELAY_S * sample_rate)
        self._rate = sample_rate
        self._target = target_lufs
        self._ceiling_db = true_peak_db
        self._context = round(_CONTEXT_S * sample_rate)
        self._weighting = k_weighting(sample_rate)
        self.state = state or LevellerState(
            0.0, 0.0, np.zeros((2, 2)), np.zeros(self._context + self.delay, np.float32)
        )

    def expect(self, power: float) -> None:
        """Set how loud the sound will be, before the first block, so that the gain begins there.

        Args:
            power: K-weighted mean square, see `power_of`.
        """
        gain = self._wanted_db(power)
        self.state = replace(self.state, power=power, gain_db=gain)

    def push(self, samples: Floats) -> Floats:
        """Level one block.

        Args:
            samples: float32[block], mono. NaN and infinity count as silence; the filters would
                never forget them.

        Returns:
            float32[block]: the levelled sound of `delay` samples earlier.
        """
        state, samples = self.state, _finite(samples)
        weighted, filters = scipy.signal.sosfilt(
            self._weighting, samples.astype(np.float64), zi=state.filters
        )
        power = self._blended(state.power, float(np.mean(weighted**2)))
        most = SLEW_DB_S * len(samples) / self._rate
        move = float(np.clip(self._wanted_db(power) - state.gain_db, -most, most))
        if state.power == 0.0:
            move = self._wanted_db(power) - state.gain_db  # there was no sound before
        ramp = np.linspace(0, 1, len(samples) + 1, dtype=np.float32)[1:]
        gain = np.float32(10) ** ((np.float32(state.gain_db) + np.float32(move) * ramp) / 20)
        whole = np.concatenate([state.tail, samples * gain.astype(np.float32)])
        self.state = LevellerState(
            power=power,
            gain_db=state.gain_db + move,
            filters=filters,
            tail=whole[len(samples) :].copy(),
        )
        return self._limited(whole)[self._context : self._context + len(samples)]

    def finish(self) -> Floats:
        """Return the last `delay` samples."""
        tail = self.state.tail
        return self._limited(np.pad(tail, (0, self.delay)))[self._context : len(tail)]

    def power_of(self, samples: Floats) -> float:
        """Compute the gated K-weighted mean square of a clip [n], for `expect`."""
        weighted = scipy.signal.sosfilt(self._weighting, _finite(samples).astype(np.float64))
        whole = weighted[: len(weighted) // self.block * self.block].reshape(-1, self.block)
        powers = np.mean(whole**2, axis=1) if len(whole) else np.array([np.mean(weighted**2)])
        loud = powers[powers > _GATE * powers.mean()]
        return float(loud.mean()) if len(loud) else 0.0

    def _blended(self, old: float, new: float) -> float:
        if new < _power(SILENCE_LUFS) or new < _GATE * old:
            return old
        return new if old == 0 else old + (new - old) * BLOCK_S / MEMORY_S

    def _wanted_db(self, power: float) -> float:
        if power <= _power(SILENCE_LUFS):
            return 0.0
        loudness = -0.691 + 10 * np.log10(power)
        return float(np.clip(self._target - loudness, -MAX_GAIN_DB, MAX_GAIN_DB))

    def _limited(self, samples: Floats) -> Floats:
        # Below half the ceiling, true peaks between the samples are below it, too: for most blocks
        # nothing needs to be oversampled.
        ceiling = 10 ** (self._ceiling_db / 20)
        if float(np.abs(samples).max(initial=0.0)) <= ceiling / 2:
            return samples
        return limiter.limit(samples, self._rate, ceiling_db=self._ceiling_db)


def _finite(samples: Floats) -> Floats:
    return np.nan_to_num(samples, posinf=0.0, neginf=0.0)


def _power(lufs: float) -> float:
    return float(10 ** ((lufs + 0.691) / 10))
