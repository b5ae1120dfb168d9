"""Chords and basses of sounds that are known."""

from __future__ import annotations

import numpy as np
import pytest

from riffbot.inference.models.harmony_planes import ShownChord
from training.evaluation.heard_harmony import Score, hear, score

RATE, BEAT = 44_100, 0.5
C, F, G, AM, E7 = (0, 4, 7), (5, 9, 0), (7, 11, 2), (9, 0, 4), (4, 8, 11, 2)


def tone(note: int, loudness: float) -> np.ndarray:
    """A beat of a note with four partials, struck and fading."""
    time = np.arange(round(RATE * BEAT)) / RATE
    hertz = 440 * 2 ** ((note - 69) / 12)
    sound = sum(np.sin(2 * np.pi * hertz * k * time) / k**2 for k in range(1, 5))
    return np.asarray(loudness * sound * np.exp(-2 * time) * np.minimum(1, time / 0.01))


def beat(tones: tuple[int, ...], bass: int) -> np.ndarray:
    """A beat of a chord around middle C over a bass in its second octave."""
    return sum((tone(55 + (t - 7) % 12, 0.1) for t in tones), tone(36 + bass, 0.2))


def loop(*beats: tuple[tuple[int, ...], int]) -> np.ndarray:
    return np.concatenate([beat(*one) for one in beats])


def test_chords_and_basses_are_heard_in_their_beats() -> None:
    played = [(C, 0), (C, 4), (F, 5), (G, 7), (AM, 9), (E7, 4), (F, 5), (G, 2)]
    asked = [ShownChord(tones, bass) for tones, bass in played]
    found = score(hear(loop(*played), RATE, 8), asked, (0, 2, 4, 5, 7, 9, 11)).rates()
    assert found["beats"] == 8
    assert found["chords"] == found["roots"] == found["basses"] == 1.0
    assert found["in_key"] is not None
    assert found["in_key"] > 0.8
    elsewhere = score(hear(loop(*played), RATE, 8), asked, (1, 3, 6, 8, 10)).rates()
    assert elsewhere["in_key"] is not None
    assert elsewhere["in_key"] < 0.3


def test_other_chords_are_no_hits() -> None:
    heard = hear(loop((C, 0), (C, 0), (AM, 9), (AM, 9)), RATE, 4)
    wrong = [ShownChord((0, 3, 7), 3), ShownChord((6, 10, 1), 6), ShownChord((2, 5, 9), 2), None]
    found = score(heard, wrong, None)
    assert found.chords == (3, 0.0)
    assert found.roots == (3, 1.0)  # C minor shares its root with C
    assert found.basses == (3, 0.0)
    assert found.in_key == (0, 0.0)


def test_what_was_not_asked_is_not_counted() -> None:
    heard = hear(loop((C, 0), (G, 7)), RATE, 2)
    found = score(heard, [ShownChord((0, 7)), None], None)
    assert (found.chords, found.roots, found.basses) == ((0, 0.0), (1, 1.0), (0, 0.0))
    assert found.rates() == {
        "beats": 1,
        "chords": None,
        "roots": 1.0,
        "basses": None,
        "in_key": None,
    }


def test_a_loop_is_heard_as_one() -> None:
    """The first beat's sound begins before the end."""
    sound = np.roll(loop((C, 0), (F, 5), (G, 7), (AM, 9)), -round(RATE * BEAT / 20))
    asked = [ShownChord(tones, tones[0]) for tones in (C, F, G, AM)]
    assert score(hear(sound, RATE, 4), asked, None).chords == (4, 4.0)


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_sounds_without_notes_are_no_error(kind: str) -> None:
    sound = np.zeros(2 * RATE)
    if kind == "noise":
        sound = np.random.default_rng(0).normal(0, 0.1, 2 * RATE)
    heard = hear(sound, RATE, 4)
    assert len(heard) == 4
    if kind == "silence":
        assert {beat.bass for beat in heard} == {None}


def test_scores_add_up() -> None:
    one, other = Score(chords=(2, 1.0), roots=(2, 2.0)), Score(chords=(2, 2.0), basses=(1, 0.0))
    assert (one + other).rates() == {
        "beats": 2,
        "chords": 0.75,
        "roots": 1.0,
        "basses": 0.0,
        "in_key": None,
    }
