"""The parameters of a spectrogram picture, and their EXIF tags.

The defaults are the Riffusion v1 format, which every picture of this project has. The EXIF tag
numbers are Riffusion's, so that its tools read this project's pictures and the reverse.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audio.errors import AudioError

RATES = (1000, 768000)
DURATIONS_MS = (1, 10000)
BANDS = (1, 8192)
POWERS = (0.01, 10)
"""Ranges of the values that are read: Hz, milliseconds, rows, and the power of the magnitude."""

SAMPLE_RATE_TAG = 11000
STEREO_TAG = 11005
HOP_MS_TAG = 11010
WINDOW_MS_TAG = 11020
PADDED_MS_TAG = 11030
N_MELS_TAG = 11040
MIN_FREQUENCY_TAG = 11050
MAX_FREQUENCY_TAG = 11060
POWER_TAG = 11070
MAX_VALUE_TAG = 11080

RETIRED_TAG = 11007
"""Written, as 0, by earlier versions of this project. It has no meaning, and Riffusion's tools fail
on unknown tags; it is only written to reproduce the bytes of an old picture."""


@dataclass(frozen=True)
class SpectrogramParams:
    """How sound is converted to a picture: pixel = 255 − 255·(mel / max)^power, HTK mel bands.

    Attributes:
        sample_rate: of the analysed sound, Hz.
        hop_length: samples a column (10 ms).
        win_length: samples under the Hann window (100 ms).
        n_fft: the window padded with zeros (400 ms).
        n_mels: rows of the picture.
        min_frequency, max_frequency: the range of the rows, Hz.
        power: of the mel magnitude; 0.25 keeps quiet details visible in eight bits.
        stereo: whether left and right are the green and blue channels.
    """

    sample_rate: int = 44100
    hop_length: int = 441
    win_length: int = 4410
    n_fft: int = 17640
    n_mels: int = 512
    min_frequency: int = 0
    max_frequency: int = 10000
    power: float = 0.25
    stereo: bool = False

    @property
    def columns_per_second(self) -> float:
        """Columns of the picture in one second of sound (100)."""
        return self.sample_rate / self.hop_length

    @property
    def is_possible(self) -> bool:
        """Whether all values are in the ranges that `from_exif` accepts."""
        rate = self.sample_rate
        if not RATES[0] <= rate <= RATES[1]:
            return False
        shortest, longest = (round(ms * rate / 1000) for ms in DURATIONS_MS)
        lengths = (self.hop_length, self.win_length, self.n_fft)
        return (
            all(shortest <= samples <= longest for samples in lengths)
            and BANDS[0] <= self.n_mels <= BANDS[1]
            and 0 <= self.min_frequency < self.max_frequency <= rate
            and POWERS[0] <= self.power <= POWERS[1]
        )

    def to_exif(self, *, retired_tag: bool = False) -> dict[int, int | float]:
        """Return Riffusion's EXIF tags of this format.

        Args:
            retired_tag: add `RETIRED_TAG`, as earlier versions did.
        """

        def milliseconds(samples: int) -> int:
            return round(1000 * samples / self.sample_rate)

        return {
            SAMPLE_RATE_TAG: self.sample_rate,
            STEREO_TAG: int(self.stereo),
            **({RETIRED_TAG: 0} if retired_tag else {}),
            HOP_MS_TAG: milliseconds(self.hop_length),
            WINDOW_MS_TAG: milliseconds(self.win_length),
            PADDED_MS_TAG: milliseconds(self.n_fft),
            N_MELS_TAG: self.n_mels,
            MIN_FREQUENCY_TAG: self.min_frequency,
            MAX_FREQUENCY_TAG: self.max_frequency,
            POWER_TAG: float(self.power),
        }

    @classmethod
    def from_exif(cls, exif: Mapping[int, Any]) -> SpectrogramParams:
        """Read Riffusion's tags; absent ones have their v1 defaults.

        Raises:
            AudioError: a value is impossible (a negative rate, a band of no width).
        """
        default = cls()

        def number(tag: int, fallback: float, low: float, high: float) -> float:
            try:
                value = float(exif.get(tag, fallback))
            except (TypeError, ValueError, ZeroDivisionError):
                value = math.nan
            if not low <= value <= high:
                raise AudioError(
                    "The picture's spectrogram settings are damaged; "
                    "save it again without its metadata to use it as it looks."
                )
            return value

        rate = round(number(SAMPLE_RATE_TAG, default.sample_rate, *RATES))

        def samples(tag: int, fallback_ms: float) -> int:
            return round(number(tag, fallback_ms, *DURATIONS_MS) * rate / 1000)

        lowest = round(number(MIN_FREQUENCY_TAG, default.min_frequency, 0, rate))
        return cls(
            sample_rate=rate,
            hop_length=samples(HOP_MS_TAG, 10),
            win_length=samples(WINDOW_MS_TAG, 100),
            n_fft=samples(PADDED_MS_TAG, 400),
            n_mels=round(number(N_MELS_TAG, default.n_mels, *BANDS)),
            min_frequency=lowest,
            max_frequency=round(number(MAX_FREQUENCY_TAG, default.max_frequency, lowest + 1, rate)),
            power=number(POWER_TAG, default.power, *POWERS),
            stereo=bool(number(STEREO_TAG, 0, 0, 1)),
        )
