"""Voices in the composer and in the captions."""

from __future__ import annotations

import random
import re

from training.caption_voices import BAND, keeps_promises
from training.caption_writer import captions
from training.music import INSTRUMENTS, compose
from training.music.band import compose_band
from training.music.genres import GENRES
from training.music.singing import FLOWS, PHRASES
from training.music.vocals import VOCALS
from training.voices.choir import SINGERS


def test_the_tables_agree() -> None:
    assert set(BAND) == set(SINGERS)
    assert set(SINGERS) <= set(INSTRUMENTS)
    for name, vocals in VOCALS.items():
        assert name in GENRES
        assert set(vocals.who) <= set(SINGERS), name
        assert set(vocals.phrases) <= set(PHRASES), name
    for phrase in PHRASES.values():
        assert all(sum(map(abs, row)) == 16 for row in phrase["even"])
        assert all(sum(map(abs, row)) == 12 for row in phrase["ternary"])
    assert all(len(flow) == 16 for flow in FLOWS["even"])
    assert all(len(flow) == 12 for flow in FLOWS["ternary"])


def test_a_genre_is_sung_as_often_as_it_says() -> None:
    for name in ("soul", "country", "techno"):
        sung = sum(
            compose_band(random.Random(seed), name).roles.get("lead") in SINGERS
            for seed in range(200)
        )
        share = VOCALS[name].share if name in VOCALS else 0.05
        assert abs(sung / 200 - share) < 0.1, name


def test_singers_breathe_and_stay_in_their_range() -> None:
    for seed in range(120):
        piece = compose_band(random.Random(seed), ("soul", "pop", "country", "blues")[seed % 4])
        for track in piece.tracks:
            if track.role == "lead" and track.instrument in {"woman", "man"}:
                who = INSTRUMENTS[track.instrument]
                assert all(who.low <= note.pitch <= who.high for note in track.notes)
                assert sum(note.duration for note in track.notes) < 0.97 * piece.seconds


def test_an_instrument_in_front_of_which_somebody_sings_steps_back() -> None:
    for seed in range(60):
        piece = compose_band(random.Random(seed), "country")
        levels = {track.role: track.level for track in piece.tracks}
        if "fill" in levels and piece.roles.get("lead") in SINGERS:
            assert levels["fill"] < levels["lead"]


def test_what_a_style_promises() -> None:
    assert not keeps_promises("rap music", frozenset())
    assert not keeps_promises("rap music", frozenset({"woman"}))
    assert keeps_promises("rap music", frozenset({"rapper"}))
    assert keeps_promises("beats to rap over", frozenset())
    assert not keeps_promises("rap instrumental", frozenset({"rapper"}))
    assert not keeps_promises("vocal house", frozenset())
    assert keeps_promises("vocal house", frozenset({"woman"}))


def test_captions_know_who_sings() -> None:
    heard = re.compile(r"\b(?:female|woman|(?<!lofi )girl(?! from ipanema| group)|lady|she|diva)\b")
    nobody = re.compile(r"\binstrumental\b")
    told = 0
    for seed in range(400):
        rng = random.Random(seed)
        piece = compose(rng)
        texts = captions(piece, rng, 6)
        voices = set(piece.roles.values()) & set(SINGERS)
        for text in map(str.lower, texts):
            assert not (voices and nobody.search(text)), text
            if not voices & {"woman", "woman_rapper", "soprano_voice", "oohs", "singers"}:
                assert not heard.search(text), (text, piece.roles)
        told += piece.roles.get("lead") == "woman" and any(map(heard.search, texts))
    assert told > 10
