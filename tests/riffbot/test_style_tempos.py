"""Words suggest a tempo, the seed chooses within it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.style_tempos import USUAL, suggest_tempo
from riffbot.tempo import FASTEST, SLOWEST, is_waltz


@given(prompt=st.text(max_size=200), seed=st.integers(0, 2**32 - 1))
def test_always_a_tempo_that_a_request_may_have(prompt: str, seed: int) -> None:
    bpm = suggest_tempo(prompt, seed)
    assert SLOWEST <= bpm <= FASTEST
    assert bpm == suggest_tempo(prompt, seed)


def tempi(prompt: str) -> list[float]:
    return [suggest_tempo(prompt, seed) for seed in range(40)]


@pytest.mark.parametrize(
    ("slower", "faster"),
    [
        ("ambient drone", "techno"),
        ("slow techno", "techno"),
        ("piano", "fast piano"),
        ("fast piano", "very fast piano"),
        ("hip hop", "drum and bass"),
        ("reggae", "punk"),
    ],
)
def test_words_order_tempi(slower: str, faster: str) -> None:
    assert max(tempi(slower)) + min(tempi(slower)) < max(tempi(faster)) + min(tempi(faster))


def test_a_word_within_a_word_says_nothing() -> None:
    assert tempi("breakfast clubbing") == tempi("xyzzy")
    assert all(USUAL[0] <= bpm <= USUAL[1] for bpm in tempi("xyzzy"))


def test_waltzes() -> None:
    for prompt in ("Viennese waltz", "piano in 3/4", "waltzing along"):
        assert is_waltz(prompt)
    for prompt in ("13/4 jazz", "rock"):
        assert not is_waltz(prompt)
