"""Ready packets: never a wait, never a burst, never a lost beat."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.jam.ring import MAX_LISTENER_PACKETS, SILENCE, PacketRing
from tests.riffbot.jam.conftest import filled, packet


def test_before_the_first_packet_there_is_silence_and_the_place_stands_still() -> None:
    ring = PacketRing(10)
    assert [ring.read() for _ in range(3)] == [SILENCE] * 3
    assert ring.stats().head == ring.stats().underruns == 0
    ring.put(b"first", 0)
    assert ring.read() == b"first"


def test_what_is_missing_is_replaced_in_time_and_dropped_when_it_comes() -> None:
    ring = filled(6, measure_packets=4)
    assert [ring.read() for _ in range(6)] == [packet(i) for i in range(6)]
    assert [ring.read() for _ in range(3)] == [packet(2), packet(3), packet(4)]
    assert not ring.put(packet(6), 6), "its time has passed"
    assert not ring.put(packet(8), 8)
    assert ring.put(packet(9), 9)
    assert ring.read() == packet(9), "the beat has not moved"
    stats = ring.stats()
    assert (stats.head, stats.underruns, stats.late, stats.played) == (10, 3, 2, 7)


def test_a_hushed_ring_is_silent_and_goes_on_where_it_was() -> None:
    ring = filled(4)
    ring.read()
    ring.set_silent(True)
    assert [ring.read() for _ in range(5)] == [SILENCE] * 5
    ring.set_silent(False)
    assert ring.read() == packet(1)


def test_a_closed_ring_ends_the_stream() -> None:
    ring = filled(4)
    ring.close()
    assert ring.read() == b""
    assert not ring.wait_for_slots(1, 5)


def test_the_maker_waits_for_room_and_is_woken_by_a_read() -> None:
    ring = PacketRing(2)
    ring.put(b"a", 0)
    ring.put(b"b", 1)
    assert ring.free_slots() == 0
    assert not ring.wait_for_slots(1, 0.01)
    threading.Timer(0.05, ring.read).start()
    assert ring.wait_for_slots(1, 5)
    ring.resize(4)
    assert ring.free_slots() == 3
    with pytest.raises(ValueError, match="follow"):
        ring.put(b"z", 9)


def test_a_jam_that_goes_on_counts_on() -> None:
    ring = filled(2, head=700)
    assert ring.read() == packet(700)
    assert ring.head == 701
    again = PacketRing(10, head=3)
    assert not again.put(packet(2), 2), "heard in an earlier life"
    assert again.stats().late == 0
    assert again.put(packet(3), 3)


@given(st.lists(st.sampled_from(["read", "make", "skip"]), max_size=200))
def test_positions_and_packets_never_part(events: list[str]) -> None:
    """Whatever comes late, a real packet is only ever heard at its own position."""
    ring, made = PacketRing(10_000, measure_packets=3), 0
    for event in events:
        if event == "read":
            head, played = ring.head, ring.stats().played
            heard = ring.read()
            if ring.stats().played > played:
                assert heard == packet(head)
        elif event == "make":
            ring.put(packet(made), made)
            made += 1
        elif made < ring.head:
            made += 1  # the maker gave one up
    stats = ring.stats()
    assert stats.head == stats.played + stats.underruns


async def test_listeners_hear_what_the_pace_has_passed_each_for_themselves() -> None:
    ring = filled(600)
    ring.read()
    with ring.listen() as first, ring.listen() as lazy:
        assert ring.stats().listeners == 2
        for _ in range(3):
            ring.read()
        heard = []
        async for one in first:
            heard.append(one)
            if len(heard) == 3:
                break
        assert heard == [packet(1), packet(2), packet(3)]
        for _ in range(500):
            ring.read()
        ring.close()
        rest = [one async for one in lazy]
        assert len(rest) == MAX_LISTENER_PACKETS
        assert rest[-1] == packet(503)
    assert ring.stats().listeners == 0


async def test_a_listener_may_ask_for_what_was_just_heard() -> None:
    ring = filled(20)
    for _ in range(10):
        ring.read()
    with ring.listen(backlog=3) as late:
        ring.close()
        assert [one async for one in late] == [packet(7), packet(8), packet(9)]


async def test_a_stream_is_silent_while_no_packets_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riffbot.jam.ring.SILENCE_AFTER_S", 0.06)
    ring = filled(2)
    with ring.listen() as listener:
        heard = listener.continuous()
        ring.read()
        assert await anext(heard) == packet(0)
        assert [await anext(heard) for _ in range(7)] == [SILENCE] * 7  # 60 ms, and again
        ring.read()
        while (after := await anext(heard)) == SILENCE:
            pass
        assert after == packet(1)
        ring.close()
        assert [last async for last in heard if last != SILENCE] == []


async def test_whoever_comes_after_the_end_hears_nothing() -> None:
    ring = PacketRing(4)
    ring.close()
    with ring.listen() as late:
        assert [one async for one in late] == []
