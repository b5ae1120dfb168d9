"""The page's bench in small: everybody hears all of it, who never reads is let go, ratios hold."""

from __future__ import annotations

import pytest

from riffbot import bench_page
from riffbot.services import Services
from riffbot.web import hub
from tests.web.conftest import pipeline, services  # noqa: F401  # a RiffBot without a model


async def test_many_listen_to_one_jam_and_who_never_reads_is_let_go(
    services: Services,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "QUEUE", 32)  # five seconds
    result = await bench_page.measure(
        services, seconds=3, listeners=12, stalled=2, clips=4, seed_image="beat"
    )
    assert result.packets > 100
    assert (result.gaps, result.lost) == (0, 0)
    assert result.dropped == 2
    assert result.ours_s < result.needed_s  # one generation for all of them
    assert result.as_dict()["ratio_generations"] > 1
    assert "12 browsers" in result.table()
