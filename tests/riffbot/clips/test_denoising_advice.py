"""The advice on denoising: one table for Discord, the guide, the documentation and the page."""

from __future__ import annotations

from cogs.guide._content import PAGES
from riffbot.clips.denoising_advice import (
    DENOISING_RANGES,
    LEAP,
    RECOLOUR,
    RETHINK,
    denoising_suggestions,
)
from riffbot.jam.prompt_path import MAX_STEERED_DENOISING
from riffbot.locations import ROOT


def test_every_suggestion_lies_in_its_range() -> None:
    starts = [one.start for one in DENOISING_RANGES]
    assert starts == sorted(starts)
    assert starts[0] == 0
    for one, end in zip(DENOISING_RANGES, [*starts[1:], 1.01], strict=True):
        assert all(one.start <= value < end for value, _ in one.suggestions)


def test_discord_suggests_values_from_a_touch_to_a_leap_and_zero_last() -> None:
    suggestions = denoising_suggestions()
    assert [value for value, _ in suggestions] == [0.25, 0.4, 0.6, 0.75, 0.85, 0.95, 0.0]
    assert suggestions[0] == (0.25, "0.25 · a touch: nearly the same")
    assert suggestions[-1] == (0.0, "0 · gives it back as it is")
    assert all(len(name) <= 100 for _, name in suggestions)


def test_guide_and_documentation_name_values_that_are_suggested() -> None:
    assert {RECOLOUR, RETHINK, LEAP} <= {value for value, _ in denoising_suggestions()}
    words = "0.4 recolours it, 0.75 rethinks it, 0.95 keeps a memory of it."
    assert any(words in page.text for page in PAGES)
    members = " ".join((ROOT / "docs" / "members.md").read_text("utf-8").split())
    assert words.replace("recolours it", "recolours a clip") in members


def test_a_jam_is_steered_no_further_than_the_boldest_suggestion() -> None:
    assert MAX_STEERED_DENOISING == LEAP
