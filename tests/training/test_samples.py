"""What the denoiser is shown of a clip, as often as it should be."""

from __future__ import annotations

import pytest
import torch

from training.samples import (
    BASSES,
    BLANK_GRIDS,
    CHORDS_SHOWN,
    KEYS_SHOWN,
    draw_shares,
    draw_shown,
)

GENERATOR = torch.Generator().manual_seed(0)


def test_without_a_caption_the_beat_is_mostly_faint() -> None:
    silent = torch.arange(4000) < 2000
    unprompted, prompted = draw_shares(silent, BLANK_GRIDS, GENERATOR).split(2000)
    assert set(prompted.tolist()) == {0.0, 1.0}
    for shown in (unprompted, prompted):
        assert (shown == 0).float().mean().item() == pytest.approx(BLANK_GRIDS, abs=0.04)
    faint = (unprompted > 0) & (unprompted < 1)
    assert faint.float().mean().item() == pytest.approx(0.65, abs=0.05)
    assert unprompted[faint].mean().item() == pytest.approx(0.5, abs=0.05)


def test_harmony_is_shown_in_most_samples_and_left_open_in_the_others() -> None:
    shown = draw_shown(4000, GENERATOR)
    share = lambda rows: sum(rows) / len(shown)  # noqa: E731
    assert share(how.key for how in shown) == pytest.approx(KEYS_SHOWN, abs=0.04)
    assert share(how.chords for how in shown) == pytest.approx(CHORDS_SHOWN, abs=0.04)
    neither = (1 - KEYS_SHOWN) * (1 - CHORDS_SHOWN)
    assert share(not (how.key or how.chords) for how in shown) == pytest.approx(neither, abs=0.04)
    for bass in BASSES:
        assert share(how.bass == bass for how in shown) == pytest.approx(1 / 3, abs=0.04)
