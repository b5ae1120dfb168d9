"""Quality of the joins between chunks: flux, level and click, compared with ordinary beats.

The baselines convert the same pictures: each chunk alone, concatenated, which is what Riffusion
does; and the same with an equal-power crossfade of 50 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from audio import codec
from audio.arrays import Floats, Pixels
from audio.columns import COLUMNS_PER_SECOND, columns_of
from audio.mel import band_edges
from audio.resample import resample
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE
from riffbot.jam.timeline import LoopGrid, Placement

FADE_COLUMNS = 5
"""Length of the baseline's crossfade: 50 ms."""

_FRAME, _HOP = 1024, 240  # 21 ms, every 5 ms
_NEAR_S = 0.03
_LEVEL_S = 0.1
_CLICK_HZ = 10_600  # above everything that a picture can hold
_FLOOR = 1e-4
_NEAR_COLUMNS = 5
_HEARD = 1e-3  # within 60 dB of the loudest pixel


@dataclass(frozen=True)
class Spread:
    """Median, 95th percentile and largest of some values."""

    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Spread:
        """Of at least one value."""
        return cls(
            float(np.median(values)), float(np.percentile(values, 95)), float(np.max(values))
        )


@dataclass(frozen=True)
class JoinMetrics:
    """Metrics at chunk boundaries, compared with the other beats of the same sound.

    Attributes:
        flux: half-wave rectified change of log-mel magnitude within 30 ms, decibels a band.
        level: step of the level from 100 ms before to 100 ms after, decibels.
        click: energy above 10.6 kHz in the 10 ms around, decibels over the median moment.
        error: of the mel bands that are heard in the 100 ms around, against the pictures, after
            one gain, decibels; what does not fit in phase falls short.
        outside: boundaries whose flux or level exceeds that of every other beat.
        boundaries: how many there are.
    """

    flux: Spread
    level: Spread
    click: Spread
    error: Spread
    outside: int
    boundaries: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class BeatMetrics:
    """The same metrics at beats where no chunk begins."""

    flux: Spread
    level: Spread
    click: Spread
    error: Spread


class JoinAnalyser:
    """Measures one sound, mono at 48 kHz, around given samples.

    Args:
        sound: float32[n], the sound to measure.
        pictures: uint8[512, n], the pixels that it was made from.
    """

    def __init__(self, sound: Floats, pictures: Pixels) -> None:
        columns = len(sound) // COLUMN_SAMPLES
        at_24k = resample(sound, SAMPLE_RATE, 24000)
        self._mel = codec.mel_spectrogram(at_24k, columns)
        self._wanted = codec.mel_targets(pictures[:, :columns])
        self._sound = sound.astype(np.float64)
        self.envelope = compute_onset_envelope(sound)
        sos = scipy.signal.butter(8, _CLICK_HZ, "hp", fs=SAMPLE_RATE, output="sos")
        self._high = scipy.signal.sosfiltfilt(sos, self._sound)
        moments = range(COLUMN_SAMPLES, len(sound) - COLUMN_SAMPLES, COLUMN_SAMPLES)
        self._quiet = float(np.median([self._energy(at) for at in moments]))

    def flux(self, at: int) -> float:
        """Around a sample."""
        first = max(0, round((at - _NEAR_S * SAMPLE_RATE) / _HOP))
        return float(self.envelope[first : round((at + _NEAR_S * SAMPLE_RATE) / _HOP) + 1].max())

    def level(self, at: int) -> float:
        """The step at a sample."""
        reach = round(_LEVEL_S * SAMPLE_RATE)
        before, after = self._sound[at - reach : at], self._sound[at : at + reach]
        return float(abs(10 * np.log10((np.mean(after**2) + 1e-9) / (np.mean(before**2) + 1e-9))))

    def click(self, at: int) -> float:
        """Around a sample."""
        return self._energy(at) - self._quiet

    def error(self, at: int) -> float:
        """Around a sample."""
        column = at // COLUMN_SAMPLES
        near = slice(max(0, column - _NEAR_COLUMNS), column + _NEAR_COLUMNS)
        wanted, found = self._wanted[near].astype(np.float64), self._mel[near].astype(np.float64)
        heard = wanted > _HEARD
        if not heard.any():
            return 0.0
        ratio = 20 * np.log10(np.maximum(found[heard], 1e-12) / wanted[heard])
        return float(np.abs(ratio - np.median(ratio)).mean())

    def _energy(self, at: int) -> float:
        half = COLUMN_SAMPLES // 2
        return float(10 * np.log10(np.mean(self._high[at - half : at + half] ** 2) + 1e-14))


def compute_onset_envelope(sound: Floats) -> NDArray[np.float64]:
    """Half-wave rectified change of log-mel magnitude, mean over bands, every 5 ms."""
    padded = np.pad(sound.astype(np.float32), _FRAME // 2)
    count = len(sound) // _HOP
    window = scipy.signal.windows.hann(_FRAME, sym=False).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP][:count]
    spectra = np.abs(scipy.fft.rfft(frames * window, axis=1))
    bands = _bands(spectra.shape[1])
    mel = spectra @ bands
    loud = 20 * np.log10(np.maximum(mel, _FLOOR * mel.max()))
    rise = np.maximum(0, np.diff(loud, axis=0, prepend=loud[:1]))
    return np.asarray(rise.mean(1), np.float64)


def _bands(bins: int, count: int = 40) -> NDArray[np.float64]:
    """Forty coarse mel bands [bins, 40]: a window of 21 ms sees no finer ones."""
    hz = np.arange(bins) * SAMPLE_RATE / _FRAME
    corner = band_edges(count)
    rise = (hz[:, None] - corner[:-2]) / np.diff(corner)[:-1]
    fall = (corner[2:] - hz[:, None]) / np.diff(corner)[1:]
    bank = np.maximum(0, np.minimum(rise, fall))
    return np.asarray(bank / np.maximum(bank.sum(0), 1e-9))


def measure_boundaries(
    analyser: JoinAnalyser, boundaries: Sequence[int], beats: Sequence[int]
) -> JoinMetrics:
    """Measure a sound where its chunks meet.

    Args:
        boundaries: samples at which a chunk begins.
        beats: samples of the other beats.
    """
    ordinary = measure_beats(analyser, beats)
    flux, level, click, error = _measure(analyser, boundaries)
    outside = (flux > ordinary.flux.most) | (level > ordinary.level.most)
    return JoinMetrics(
        flux=Spread.of(flux),
        level=Spread.of(level),
        click=Spread.of(click),
        error=Spread.of(error),
        outside=int(outside.sum()),
        boundaries=len(boundaries),
    )


def measure_beats(analyser: JoinAnalyser, beats: Sequence[int]) -> BeatMetrics:
    """Measure a sound at beats where nothing is joined."""
    return BeatMetrics(*(Spread.of(values) for values in _measure(analyser, beats)))


def _measure(analyser: JoinAnalyser, at: Sequence[int]) -> tuple[NDArray[np.float64], ...]:
    measures: tuple[Callable[[int], float], ...] = (
        analyser.flux,
        analyser.level,
        analyser.click,
        analyser.error,
    )
    return tuple(np.array([measure(sample) for sample in at]) for measure in measures)


def concatenate_chunks(entries: Sequence[Placement], seconds: float) -> Floats:
    """Convert the same columns chunk by chunk and concatenate the sounds."""
    return _trim(
        np.concatenate([_render_alone(e, last) for e, last in _excerpts(entries)]), seconds
    )


def crossfade_chunks(entries: Sequence[Placement], seconds: float) -> Floats:
    """Like `concatenate_chunks`, with an equal-power crossfade of 50 ms."""
    fade = FADE_COLUMNS * COLUMN_SAMPLES
    out = np.zeros(0, np.float32)
    ramp = np.linspace(0, np.pi / 2, fade, dtype=np.float32)
    for entry, last in _excerpts(entries):
        sound = _render_alone(entry, last + FADE_COLUMNS)
        if len(out):
            sound[:fade] = out[-fade:] * np.cos(ramp) + sound[:fade] * np.sin(ramp)
            out = out[:-fade]
        out = np.concatenate([out, sound])
    return _trim(out, seconds)


def expected_pixels(entries: Sequence[Placement]) -> Pixels:
    """Return the columns that should be heard, uint8[512, n]."""
    return np.concatenate(
        [
            entry.chunk.pixels[:, np.arange(entry.start, last) % entry.chunk.pixels.shape[1]]
            for entry, last in _excerpts(entries)
        ],
        axis=1,
    )


def _excerpts(entries: Sequence[Placement]) -> list[tuple[Placement, int]]:
    ends = [following.start for following in entries[1:]] + [entries[-1].end]
    return list(zip(entries, ends, strict=True))


def _render_alone(entry: Placement, last: int) -> Floats:
    picture = entry.chunk.pixels
    columns = picture[:, np.arange(entry.start, last) % picture.shape[1]]
    return codec.image_to_audio(columns, sample_rate=SAMPLE_RATE)


def _trim(sound: Floats, seconds: float) -> Floats:
    return sound[: round(seconds * SAMPLE_RATE)]


def find_beats(loop_grid: LoopGrid, seconds: float) -> list[int]:
    """Return the samples of all beats with enough sound on both sides."""
    margin = columns_of(_LEVEL_S) + 2
    beats, column = list[int](), loop_grid.next_beat(margin)
    while column < seconds * COLUMNS_PER_SECOND - margin:
        beats.append(column * COLUMN_SAMPLES)
        column = loop_grid.next_beat(column + 1)
    return beats


def estimate_beat_period(envelope: NDArray[np.float64], near_s: float) -> float:
    """Estimate the beat period of the whole sound, in seconds.

    The envelope's spectrum is read at the first eight multiples of a frequency, which is varied by
    up to 2 % around the expected one: over 90 s a thousandth more is a tenth of a turn at the
    first multiple and most of one at the eighth.
    """
    centred = envelope - envelope.mean()
    time = np.arange(len(centred)) * _HOP / SAMPLE_RATE
    window = scipy.signal.windows.hann(len(centred))

    def strength(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros(len(hz))
        for multiple in range(1, 9):
            turns = np.exp(-2j * np.pi * multiple * hz[:, None] * time)
            total += np.abs(turns @ (centred * window)) ** 2
        return total

    best, width = 1 / near_s, 0.02
    for _ in range(4):
        hz = best * (1 + np.linspace(-width, width, 81))
        best = float(hz[np.argmax(strength(hz))])
        width /= 10
    return 1 / best
