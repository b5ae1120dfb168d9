"""The voice bench runs, and what it claims about bursts is so."""

from __future__ import annotations

import pytest

from riffbot.bench import voice


@pytest.mark.slow
def test_a_stall_ends_without_a_burst() -> None:
    result = voice.run(size=voice.VoiceSize(seconds=1.5))
    assert result.ours.burst == 0
    assert result.ours.packet_us > 0
    if result.pcm is not None:
        assert result.pcm.burst > 30
    assert "burst" in result.table()
