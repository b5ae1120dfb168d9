"""`python -m training.voices.make`: have every speaker pronounce every line, and keep the frames.

Sung lines are pronounced slowly, on held vowels and a narrow melody of their own, so that little
is left to stretch and to transpose; rapped lines as they are spoken. Analysis is WORLD's (package
pyworld). It takes some two minutes a speaker on one core.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

from training.progress import Progress
from training.voices import bank
from training.voices.bank import APERIODICITY_HERTZ, BAND_HERTZ, Syllable, Take
from training.voices.speech import FRAME, RATE, Speech
from training.voices.words import Line, read_lines

_VOWEL = {"sung": (14, 24), "opera": (18, 28), "held": (96, 96), "rapped": (0, 0)}
"""Units that a vowel lasts at least, and the last one of a line."""

_STEPS = (-3, -2, 0, 0, 2, 4)
"""Semitones from home of the syllables of a sung line."""

_VOWEL_BANDS = slice(6, 50)
_FALL = 14.0
"""Decibels under its peak at which a vowel begins and ends, in the bands of its formants."""

_SILENT_HERTZ = 40.0
_SIZE = 1024


def read_speakers() -> dict[str, dict[str, Any]]:
    """The tables of `speakers.toml`."""
    return tomllib.loads(Path(__file__).with_name("speakers.toml").read_text("utf-8"))


def hold_vowels(line: Line, natural: np.ndarray) -> np.ndarray:
    """Durations with the vowels held as the kind of line wants them, half in the mark before."""
    usual, last = _VOWEL[line.kind]
    lengths = natural.copy()
    for place, syllable in enumerate(line.syllables, 1):
        wanted = last if place == len(line.syllables) else usual
        for symbol in (syllable.mark + 1, syllable.mark + 2):
            lengths[symbol] = max(lengths[symbol], wanted // 2)
    lengths[0], lengths[-1] = 5, 6
    return np.asarray(lengths)


def locate_syllables(line: Line, lengths: np.ndarray, level: np.ndarray) -> tuple[Syllable, ...]:
    """Where the syllables are: from the durations, the edges of vowels by their level."""
    ends = np.concatenate([[0], np.cumsum(lengths)]) * (FRAME // bank.HOP)
    loud = np.max(level[:, _VOWEL_BANDS], axis=1)
    found = []
    for one in line.syllables:
        start, vowel, coda, end = (
            min(int(ends[place]), len(loud) - 1)
            for place in (one.start + 1, one.mark + 1, one.mark + 3, one.end + 1)
        )
        voiced = np.flatnonzero(loud[vowel:coda] > np.max(loud[vowel:coda], initial=-200) - _FALL)
        if len(voiced):
            vowel, coda = vowel + int(voiced[0]), vowel + int(voiced[-1]) + 1
        found.append(Syllable(min(start, vowel), vowel, coda, max(end, coda)))
    return tuple(found)


def melody_for(
    line: Line, spoken: np.ndarray, lengths: np.ndarray, home: float, rng: np.random.Generator
) -> np.ndarray:
    """A pitch curve that moves as little as singing may, silent where speech was."""
    ends = np.cumsum(lengths) * 2
    curve = np.zeros(len(spoken))
    for syllable in line.syllables:
        start, end = ends[syllable.start], ends[syllable.end]
        curve[start:end] = 0 if line.kind == "held" else rng.choice(_STEPS)
    smooth = np.convolve(np.pad(curve, 4, mode="edge"), np.hanning(11)[1:-1] / 5, "valid")
    smooth = smooth + np.convolve(rng.normal(0, 0.1, len(spoken)), np.ones(9) / 9, "same")
    hertz = home * 2 ** (smooth[: len(spoken)] / 12)
    voiced = spoken > _SILENT_HERTZ
    for syllable in line.syllables:  # speech may end in a whisper, song does not
        voiced[ends[syllable.mark] : ends[syllable.mark + 2]] = True
    return np.where(voiced, hertz, 0.0)


def analyse(sound: np.ndarray, pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels, noise and pitch in frames of 5 ms of a sound whose pitch (80 a second) is known."""
    import pyworld  # noqa: PLC0415 - only the maker needs it

    frames = len(sound) // bank.HOP
    times = np.arange(frames) * (bank.HOP / RATE)
    at = np.minimum((times * 2 * RATE / FRAME).astype(np.int64), len(pitch) - 1)
    smooth = np.interp(times * 2 * RATE / FRAME, np.arange(len(pitch)), pitch)
    voiced = pitch[at] > _SILENT_HERTZ
    hertz = np.where(voiced, np.maximum(smooth, 60.0), 0.0)
    signal = sound.astype(np.float64) + np.random.default_rng(0).normal(0, 1e-5, len(sound))
    power = pyworld.cheaptrick(signal, hertz, times, RATE, fft_size=_SIZE)
    rough = pyworld.d4c(signal, hertz, times, RATE, fft_size=_SIZE)
    bins = np.linspace(0, RATE / 2, _SIZE // 2 + 1)
    level = 10 * np.log10(np.maximum(power, 1e-14))
    level = np.stack([np.interp(BAND_HERTZ, bins, row) for row in level])
    noise = np.stack([np.interp(APERIODICITY_HERTZ, bins, row) for row in rough])
    return level.astype(np.float32), noise.astype(np.float32), hertz.astype(np.float32)


def pronounce(speech: Speech, name: str, table: dict[str, Any], line: Line) -> Take:
    """One line by one speaker."""
    rng = np.random.default_rng(list(f"{name} {line.text}".encode()))
    style = speech.style(table["speaker"])
    lengths = hold_vowels(line, speech.durations(line.symbols, style))
    spoken = speech.pitch(line.symbols, style, lengths)
    curve = (
        spoken if line.kind == "rapped" else melody_for(line, spoken, lengths, table["home"], rng)
    )
    sound = speech.sound(line.symbols, style, lengths, np.where(curve > _SILENT_HERTZ, curve, 0.0))
    level, noise, pitch = analyse(sound, curve)
    loud = np.log10(np.mean(10 ** (level / 10), axis=1)) * 10
    level -= np.quantile(loud, 0.9)
    syllables = locate_syllables(line, lengths, level)
    return Take(name, line.kind, line.text, level, noise, pitch, syllables)


def lines_for(number: int, lines: tuple[Line, ...]) -> list[Line]:
    """The lines of a speaker: every other one, so that two say them all, and all held vowels."""
    return [
        line
        for place, line in enumerate(lines)
        if line.kind == "held" or place % 2 == number // 2 % 2
    ]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", type=Path, required=True, help="voices of kokoro-js")
    parser.add_argument("--out", type=Path, default=bank.DEFAULT_PATH)
    options = parser.parse_args()
    speakers, lines = read_speakers(), read_lines()
    todo = [
        (name, line) for number, name in enumerate(speakers) for line in lines_for(number, lines)
    ]
    speech, takes = Speech(options.speakers), list[Take]()
    progress = Progress("voices", len(todo), "lines")
    for name, line in todo:
        if takes and name != takes[-1].speaker:
            bank.save(options.out, takes)
        takes.append(pronounce(speech, name, speakers[name], line))
        progress.to(len(takes))
    bank.save(options.out, takes)
    progress.close()


if __name__ == "__main__":
    main()
