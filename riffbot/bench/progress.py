"""Progress of a bench on stderr: a bar on a terminal, else a line every ten seconds."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TextIO

_WIDTH = 24
_TICK_S = 0.5
_LINE_S = 10.0
"""Seconds between two lines where stderr is no terminal."""


class ProgressBar:
    """Counts the parts of a bench's work and shows them.

    A bench declares the amount of work (`expect`) and does it in `part`s. As a context manager it
    removes itself at the end, so that only the report remains.

    Args:
        title: the bench's name.
        stream: where to show it; None: stderr.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._lock = threading.Lock()
        self._began = self._said = time.monotonic()
        self._total = 0.0
        self._done = 0.0
        self._words = "loading"

    def expect(self, units: float) -> None:
        """Add to the total amount of work, in units of the bench's choice."""
        self._total += units
        self._show()

    @contextmanager
    def part(
        self, words: str, units: float = 1.0, *, seconds: float | None = None
    ) -> Iterator[None]:
        """Count `units` at the end of the block.

        Args:
            words: what the block does, for the display.
            seconds: its duration, if known: the bar then advances with the clock.
        """
        self._words = words
        begin = self._done
        self._show()
        try:
            if seconds is None:
                yield
            else:
                with self._by_the_clock(units, seconds):
                    yield
        finally:
            self.to(begin + units)

    def step(self, words: str, units: float = 1.0) -> None:
        """Count work that is done already."""
        self._words = words
        self.to(self._done + units)

    def to(self, units: float) -> None:
        """Set the amount of work done in all."""
        self._done = units
        self._show()

    @property
    def done(self) -> float:
        """The units of work done."""
        return self._done

    def close(self) -> None:
        """Remove the bar."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __enter__(self) -> Self:
        self._show()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _by_the_clock(self, units: float, seconds: float) -> Iterator[None]:
        stop, begin, began = threading.Event(), self._done, time.monotonic()

        def tick() -> None:
            while not stop.wait(_TICK_S):
                share = min(1.0, (time.monotonic() - began) / seconds)
                self.to(begin + units * share)

        ticking = threading.Thread(target=tick, name="riffbot-bench-bar", daemon=True)
        ticking.start()
        try:
            yield
        finally:
            stop.set()
            ticking.join()

    def _show(self) -> None:
        with self._lock:
            if self._live:
                columns = shutil.get_terminal_size().columns - 1
                self._stream.write(f"\r\x1b[K{self._line(bar=True)[:columns]}")
                self._stream.flush()
                return
            now = time.monotonic()
            if now - self._said >= _LINE_S:
                self._said = now
                print(self._line(bar=False), file=self._stream, flush=True)

    def _line(self, *, bar: bool) -> str:
        share = min(1.0, self._done / self._total) if self._total else 0.0
        filled = round(_WIDTH * share)
        drawn = f"{'█' * filled}{'·' * (_WIDTH - filled)} " if bar else ""
        spent = time.monotonic() - self._began
        left = f", about {_duration(spent * (1 - share) / share)} left" if share > 0.02 else ""
        return f"{self._title} {drawn}{100 * share:.0f} %  {self._words}{left}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
