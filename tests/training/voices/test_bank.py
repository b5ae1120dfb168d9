"""The bank: lines that can be pronounced, frames that come back, one sentence if it is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.voices import bank
from training.voices.bank import Bank, Syllable, Take, VoicesError
from training.voices.make import lines_for, read_speakers
from training.voices.words import VOWELS, parse, read_lines


def test_every_syllable_of_every_line_has_one_stressed_vowel() -> None:
    lines = read_lines()
    assert {line.kind for line in lines} == {"sung", "opera", "held", "rapped"}
    for line in lines:
        end = 0
        for syllable in line.syllables:
            assert syllable.start == end
            assert line.symbols[syllable.mark] in "ˈˌ"
            assert line.symbols[syllable.mark + 1] in VOWELS
            assert not VOWELS & set(line.symbols[syllable.mark + 2 : syllable.end])
            end = syllable.end
        assert end == len(line.symbols)


def test_a_syllable_without_a_vowel_is_named() -> None:
    with pytest.raises(ValueError, match="'st' in 'step by'"):
        parse("sung", "step by", "st-ˈɛp bI")


def test_two_speakers_of_a_sex_say_all_lines() -> None:
    lines = read_lines()
    for sex in ("woman", "man"):
        said = {
            line.text
            for number, (_, table) in enumerate(read_speakers().items())
            if table["sex"] == sex
            for line in lines_for(number, lines)
        }
        assert said == {line.text for line in lines}


def test_frames_come_back_within_their_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    level = rng.uniform(-90, 15, (30, bank.BANDS)).astype(np.float32)
    noise = rng.random((30, bank.APERIODICITY_BANDS), np.float32)
    pitch = rng.uniform(80, 400, 30).astype(np.float32)
    take = Take("ann", "sung", "la", level, noise, pitch, (Syllable(0, 5, 20, 30),))
    bank.save(tmp_path / "bank.npz", [take, take])
    found = Bank(tmp_path / "bank.npz")
    assert found.count("ann", "sung") == 2
    assert found.count("bob", "sung") == 0
    back = found.take("ann", "sung", 3)
    assert (back.text, back.syllables) == ("la", take.syllables)
    np.testing.assert_allclose(back.level, level, atol=0.26)
    np.testing.assert_allclose(back.noise, noise, atol=0.01)
    np.testing.assert_allclose(back.pitch, pitch, rtol=1e-3)


def test_a_missing_bank_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIFFBOT_VOICES", str(tmp_path / "none.npz"))
    with pytest.raises(VoicesError, match=r"voices are missing at .*none.npz: make them with"):
        Bank()
