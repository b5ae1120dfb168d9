"""Numbers as people say them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cogs.common.clip_cards import describe_request
from cogs.common.formatting import format_age, format_tempo, plural
from riffbot.request import RiffRequest


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 steps"), (1, "1 step"), (2, "2 steps"), (1234, "1,234 steps")]
)
def test_one_thing_is_not_things(count: int, words: str) -> None:
    assert plural(count, "step") == words


def test_what_an_s_does_not_make_many_says_how() -> None:
    assert plural(1, "riff is", "riffs are") == "1 riff is"
    assert plural(0, "riff is", "riffs are") == "0 riffs are"


@pytest.mark.parametrize(
    ("bpm", "words"),
    [(120, "120 bpm"), (115.3846, "115.4 bpm"), (93.75, "93.8 bpm"), (99.96, "100 bpm")],
)
def test_tempi_have_one_decimal_at_most(bpm: float, words: str) -> None:
    assert format_tempo(bpm) == words


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-3), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(minutes=5), "5 min ago"),
        (timedelta(days=400), "400 d ago"),
    ],
)
def test_ages_have_one_unit(passed: timedelta, words: str) -> None:
    assert format_age(passed) == words


def test_a_recipe_tells_what_it_started_from_and_how_far_it_went() -> None:
    loop = RiffRequest(prompt="x", seed=1, seed_image="steady", denoising=0.4, steps=1, bpm=93.75)
    assert describe_request(loop) == "seed `1` · 93.8 bpm · 1 step\nfrom `steady`, denoising 0.4"
    upload = RiffRequest(prompt="x", seed=1, seed_image="sha256:" + "0" * 64, denoising=0.75)
    assert describe_request(upload) == "seed `1`\ndenoising 0.75"
    drawn = upload.with_changes(denoising=0)
    assert describe_request(drawn) == "seed `1`\nas it was"
