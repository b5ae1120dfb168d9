"""The lifecycle of a jam: every legal move is made, every other one raises."""

from __future__ import annotations

import itertools

import pytest

from riffbot.jam.phase import NEXT_PHASES, IllegalTransition, JamLifecycle, JamPhase

ROUTES = {
    JamPhase.STARTING: (),
    JamPhase.PLAYING: (JamPhase.PLAYING,),
    JamPhase.CATCHING_UP: (JamPhase.PLAYING, JamPhase.CATCHING_UP),
    JamPhase.PAUSED: (JamPhase.PLAYING, JamPhase.PAUSED),
    JamPhase.ENDED: (JamPhase.ENDED,),
}
LEGAL = {
    ("starting", "playing"),
    ("starting", "ended"),
    ("playing", "catching up"),
    ("playing", "paused"),
    ("playing", "ended"),
    ("catching up", "playing"),
    ("catching up", "paused"),
    ("catching up", "ended"),
    ("paused", "playing"),
    ("paused", "ended"),
}


def jam_in(phase: JamPhase) -> JamLifecycle:
    jam = JamLifecycle()
    for step in ROUTES[phase]:
        jam.transition(step)
    assert jam.phase is phase
    return jam


@pytest.mark.parametrize(("before", "after"), list(itertools.product(JamPhase, JamPhase)))
def test_a_move_is_legal_or_raises(before: JamPhase, after: JamPhase) -> None:
    jam = jam_in(before)
    if (before, after) in LEGAL:
        jam.transition(after)
        assert jam.phase is after
    else:
        with pytest.raises(IllegalTransition, match=f"is {before} cannot become {after}"):
            jam.transition(after)
        assert jam.phase is before
    assert (after in NEXT_PHASES[before]) == ((before, after) in LEGAL)


def test_only_a_pause_that_nobody_asked_for_is_idle() -> None:
    jam = jam_in(JamPhase.PLAYING)
    jam.pause(idle=True)
    assert jam.is_idle_pause
    jam.transition(JamPhase.PLAYING)
    assert not jam.is_idle_pause
    jam.pause(idle=False)
    assert not jam.is_idle_pause
    with pytest.raises(IllegalTransition):
        jam.pause(idle=True)


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (JamPhase.STARTING, "running"),
        (JamPhase.PLAYING, "running"),
        (JamPhase.CATCHING_UP, "running"),
        (JamPhase.PAUSED, "paused"),
        (JamPhase.ENDED, "ended"),
    ],
)
def test_the_stored_status_is_one_of_three(phase: JamPhase, status: str) -> None:
    assert jam_in(phase).stored_status == status


def test_a_jam_that_was_parked_or_that_an_error_ended_is_stored_as_paused() -> None:
    failed = jam_in(JamPhase.PLAYING)
    failed.end("not a number")
    assert (failed.stored_status, failed.error) == ("paused", "not a number")
    parked = jam_in(JamPhase.PAUSED)
    parked.is_parked = True
    parked.end()
    assert parked.stored_status == "paused"
