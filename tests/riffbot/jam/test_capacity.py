"""What one more jam takes, and whether the machine has it."""

from __future__ import annotations

import pytest

from riffbot.errors import Refused
from riffbot.jam.capacity import Capacity


def test_a_measurement_moves_the_factor_and_one_alone_does_not_decide_it() -> None:
    capacity = Capacity(4.0, lambda: 0.0)
    assert (capacity.real_time_factor, capacity.load, capacity.chunk_s) == (None, 0.0, None)
    capacity.record(2.0)
    assert (capacity.real_time_factor, capacity.load, capacity.chunk_s) == (2.0, 0.5, 2.0)
    capacity.record(4.0)
    assert capacity.real_time_factor == pytest.approx(1.7)
    capacity.record(0.0)  # from a cache, for example
    assert capacity.real_time_factor == pytest.approx(1.7)


def test_the_door_refuses_what_cannot_be_sustained_and_says_what_is_needed() -> None:
    others = 0.0
    capacity = Capacity(4.0, lambda: others)
    capacity.check()  # not known yet
    with pytest.raises(Refused, match=r"0\.50 seconds .* needs 1\.25: .* in 3 minutes\."):
        capacity.check_failed_attempt(0.5, 170.0)
    capacity.check_failed_attempt(1.3, 170.0)
    capacity.record(2.0)
    capacity.check()
    others = 0.4
    with pytest.raises(Refused, match=r"needs 2\.50 beside .*\(they take 40% of it\)"):
        capacity.check()


def test_alone_a_pause_always_ends() -> None:
    others = 0.0
    capacity = Capacity(4.0, lambda: others)
    capacity.record(4.0)  # in a busy moment; at the door it was quicker
    with pytest.raises(Refused):
        capacity.check()
    capacity.check_resume()
    others = 0.1
    with pytest.raises(Refused, match="let one of them end first"):
        capacity.check_resume()
