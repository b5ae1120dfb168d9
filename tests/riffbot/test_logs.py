"""The log cannot flood: repetitions are counted, files are rotated."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from riffbot import logs
from riffbot.logs import ALIKE, ALTOGETHER, KINDS, WINDOW_S, RateLimitedHandler

Told = Callable[[], list[str]]


class Clock:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(clock: Clock, out: io.StringIO) -> Iterator[logging.Logger]:
    handler = RateLimitedHandler(logging.StreamHandler(out), clock=clock)
    logger = logging.getLogger("tests.limited")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)
    handler.close()


def test_what_repeats_itself_is_counted_and_told_in_one_line(
    log: logging.Logger, clock: Clock, out: io.StringIO
) -> None:
    for number in range(10_000):
        log.warning("no descriptors for %d", number)
    assert out.getvalue().splitlines() == [f"no descriptors for {n}" for n in range(ALIKE)]
    log.error("something else is still written at once")
    assert out.getvalue().endswith("written at once\n")
    clock.now = WINDOW_S + 1
    log.info("later")  # below the level, so nothing is told yet
    log.warning("no descriptors for %d", 7)
    lines = out.getvalue().splitlines()[ALIKE + 1 :]
    assert lines == ["10000 times in 61 s, last: no descriptors for 9999", "no descriptors for 7"]


def test_what_was_counted_is_told_at_the_end(
    log: logging.Logger, clock: Clock, out: io.StringIO
) -> None:
    for _ in range(ALIKE + 5):
        log.warning("again")
    clock.now = 3
    log.handlers[0].close()
    assert out.getvalue().splitlines()[-1] == f"{ALIKE + 5} times in 3 s, last: again"


def test_tracebacks_of_one_kind_are_counted_too(
    log: logging.Logger, clock: Clock, out: io.StringIO
) -> None:
    for number in range(200):
        try:
            raise ConnectionResetError(f"reader {number}")
        except ConnectionResetError:
            log.exception("GET %s broke", number)
    assert out.getvalue().count("Traceback") == ALIKE
    clock.now = WINDOW_S + 1
    log.warning("on")
    assert "200 times in 61 s, last: GET 199 broke (ConnectionResetError)" in out.getvalue()


def test_messages_that_are_all_different_are_bounded_as_well(
    log: logging.Logger, clock: Clock, out: io.StringIO
) -> None:
    for number in range(20_000):
        log.warning("a message of its own: %s" % number)  # noqa: G002, UP031
    assert len(out.getvalue().splitlines()) == ALTOGETHER
    handler = log.handlers[0]
    assert isinstance(handler, RateLimitedHandler)
    assert len(handler._kinds) <= KINDS + 1
    clock.now = WINDOW_S + 1
    log.warning("on")
    assert out.getvalue().splitlines()[-1] == "on"


def test_a_template_that_its_arguments_do_not_fit_breaks_nothing(
    log: logging.Logger, clock: Clock, out: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    for _ in range(ALIKE + 1):
        log.warning("%d", "x")
    clock.now = WINDOW_S + 1
    log.warning("on")
    assert "last: %d" in out.getvalue()


def test_a_log_file_is_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    file = tmp_path / "riffbot.log"
    every = logs.create_handlers(file)
    assert all(isinstance(handler, RateLimitedHandler) for handler in every)
    rotated = every[1]
    for number in range(300):
        rotated.handle(logging.makeLogRecord({"name": f"n{number}", "msg": "x" * 50}))
    rotated.close()
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["riffbot.log", *(f"riffbot.log.{n}" for n in range(1, logs.FILES + 1))]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())


def test_whoever_looks_for_a_bug_gets_everything(tmp_path: Path) -> None:
    every = logs.create_handlers(tmp_path / "riffbot.log", limited=False)
    assert [type(handler) for handler in every] == [logging.StreamHandler, RotatingFileHandler]
    every[1].close()
