"""Captions: true, various, and silent about what is held out."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from riffbot.bench.held_out_prompts import HELD_OUT, PROMPTS
from training.caption_wider import PICTURES
from training.caption_writer import captions, held_out
from training.music import INSTRUMENTS, Piece, compose

Captioned = list[tuple[Piece, list[str]]]


@pytest.fixture(scope="module")
def captioned() -> Captioned:
    rows = []
    for seed in range(500):
        rng = random.Random(seed)
        piece = compose(rng)
        rows.append((piece, captions(piece, rng, 6)))
    return rows


def test_as_many_as_asked_and_nearly_all_different(captioned: Captioned) -> None:
    repeats = 0
    for _, texts in captioned:
        assert len(texts) == 6
        repeats += 6 - len(set(texts))
    assert repeats < 0.01 * 6 * len(captioned)
    everything = [text for _, texts in captioned for text in texts]
    assert len(set(everything)) > 0.8 * len(everything)


def test_no_held_out_wording(captioned: Captioned) -> None:
    prompts = {row.prompt.lower() for row in PROMPTS}
    for _, texts in captioned:
        for text in texts:
            assert not held_out(text)
            assert text.lower() not in prompts


def test_every_prompt_is_held_out_or_unlike_any_caption(captioned: Captioned) -> None:
    assert len(PROMPTS) >= 60
    assert all(phrase == phrase.lower() for phrase in HELD_OUT)
    assert sum(held_out(row.prompt) for row in PROMPTS) > 0.6 * len(PROMPTS)


def test_a_tempo_that_is_named_is_the_tempo(captioned: Captioned) -> None:
    named = total = 0
    for piece, texts in captioned:
        for text in texts:
            total += 1
            match = re.search(r"(\d+) ?bpm", text.lower()) or re.search(
                r"tempo (\d{2,3})\b(?! bar)", text
            )
            if match:
                named += 1
                assert int(match[1]) == round(piece.bpm)
    assert 0.25 < named / total < 0.45


def test_instruments_that_are_named_play(captioned: Captioned) -> None:
    unmistakable = ("saxophone", "violin", "harpsichord", "sitar", "banjo", "accordion", "trombone")
    for piece, texts in captioned:
        can = {
            n for key in piece.roles.values() if key in INSTRUMENTS for n in INSTRUMENTS[key].names
        }
        for text in texts:
            for word in unmistakable:
                if re.search(rf"\b{word}\b", text.lower()):
                    assert any(word in name for name in can), (text, piece.roles)


def test_a_sea_or_a_storm_that_is_a_picture_is_not_heard(captioned: Captioned) -> None:
    frames = [re.escape(frame).replace(r"\{x\}", ".+") for frame in PICTURES]
    picture = re.compile("|".join(frames))
    likened = [piece for piece, texts in captioned for text in texts if picture.search(text)]
    assert len(likened) > 0.03 * 6 * len(captioned)
    assert not any(piece.textures for piece in likened)


def test_nothing_is_denied(captioned: Captioned) -> None:
    words = Counter(
        word for _, texts in captioned for text in texts for word in text.lower().split()
    )
    assert not {"no", "without", "not"} & set(words)
