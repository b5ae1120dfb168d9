"""When a jam pauses, resumes and leaves because of who listens."""

from __future__ import annotations

import pytest

from cogs.jam._listeners import ListenerAction, ListenerWatch

NOTHING, PAUSE = ListenerAction.NOTHING, ListenerAction.PAUSE
RESUME, LEAVE = ListenerAction.RESUME, ListenerAction.LEAVE


@pytest.fixture
def watch() -> ListenerWatch:
    return ListenerWatch(leave_after_s=600.0)


def test_with_listeners_nothing_happens(watch: ListenerWatch) -> None:
    assert watch.update(2, is_playing=True, now=0.0) is NOTHING
    assert not watch.is_waiting


def test_without_listeners_it_pauses_once_and_waits(watch: ListenerWatch) -> None:
    assert watch.update(0, is_playing=True, now=0.0) is PAUSE
    assert watch.is_waiting
    assert watch.update(0, is_playing=False, now=1.0) is NOTHING


def test_a_listener_resumes_it(watch: ListenerWatch) -> None:
    watch.update(0, is_playing=True, now=0.0)
    assert watch.update(1, is_playing=False, now=5.0) is RESUME
    watch.resumed()
    assert not watch.is_waiting
    assert watch.update(1, is_playing=True, now=6.0) is NOTHING


def test_a_refusal_is_shown_and_resuming_is_tried_again(watch: ListenerWatch) -> None:
    watch.update(0, is_playing=True, now=0.0)
    assert watch.update(1, is_playing=False, now=5.0) is RESUME
    watch.resume_refused("Other jams need the machine.")
    assert watch.refusal == "Other jams need the machine."
    assert not watch.is_waiting
    assert watch.update(1, is_playing=False, now=7.0) is RESUME
    watch.update(0, is_playing=False, now=9.0)
    assert watch.refusal == ""
    assert watch.is_waiting


def test_it_leaves_after_the_limit_and_not_a_moment_sooner(watch: ListenerWatch) -> None:
    watch.update(0, is_playing=True, now=100.0)
    assert watch.update(0, is_playing=False, now=699.9) is NOTHING
    assert watch.update(0, is_playing=False, now=700.0) is LEAVE


def test_a_listener_resets_the_limit(watch: ListenerWatch) -> None:
    watch.update(0, is_playing=True, now=0.0)
    watch.update(1, is_playing=False, now=500.0)
    watch.resumed()
    assert watch.update(0, is_playing=True, now=900.0) is PAUSE
    assert watch.update(0, is_playing=False, now=1400.0) is NOTHING


def test_a_members_own_pause_is_not_ended_by_a_listener(watch: ListenerWatch) -> None:
    assert watch.update(0, is_playing=False, now=0.0) is NOTHING
    assert watch.update(1, is_playing=False, now=1.0) is NOTHING
