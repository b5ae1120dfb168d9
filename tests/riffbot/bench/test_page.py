"""The page's bench in small: everybody hears all of it, who never reads is let go, ratios hold."""

from __future__ import annotations

import pytest

from riffbot.bench import page
from riffbot.services import Services
from riffbot.web import browser_queue
from tests.riffbot.web.conftest import pipeline, services  # noqa: F401  # a RiffBot without a model


async def test_many_listen_to_one_jam_and_who_never_reads_is_let_go(
    services: Services,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browser_queue, "QUEUE", 32)  # five seconds
    result = await page.measure(
        services, seconds=3, listeners=12, stalled=2, clips=4, seed_image="beat"
    )
    assert result.packets > 100
    assert result.dropped == 2 + result.lost
    if not result.underruns:  # else this machine could not even keep the jam itself in time
        assert (result.gaps, result.lost) == (0, 0)
    assert result.clip_s == 1.28
    assert result.needed_s == pytest.approx(12 / 1.28)
    # One generation for all of them; what a late jam did not make counts as made.
    assert 1 / 1.28 <= result.ours_s < result.needed_s
    # So many would clips by POST keep in sound, each with a clip of its own every 1.28 s.
    figures = result.as_dict()
    assert figures["ratio_listeners"] * result.clips_s * 1.28 == pytest.approx(12)
    assert "12 browsers" in result.table()
