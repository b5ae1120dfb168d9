"""What a step of the training shows of itself: a bar, and a log that stays.

The bar is for a terminal only. Each report is a line of JSON on stdout and at the end of a log file
beside what the step makes, so that a training that was stopped and went on has one log.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm


class Progress:
    """A bar from 0 to `total`.

    Args:
        title: the step's name.
        total: units until it is done; seconds, where a step goes by the clock.
        unit: what is counted.
        log: the file that the reports are added to; None keeps none.
        quiet: no bar, for one of several processes that do the same.
    """

    def __init__(
        self, title: str, total: float, unit: str, log: Path | None = None, *, quiet: bool = False
    ) -> None:
        # None: no bar where nobody watches, in a file or a test.
        hidden = True if quiet else None
        self._bar: Any = tqdm(total=round(total), desc=title, unit=f" {unit}", disable=hidden)
        self._log = log

    def to(self, done: float) -> None:
        """Move the bar to `done` units."""
        self._bar.update(round(min(done, self._bar.total)) - self._bar.n)

    def say(self, **row: Any) -> None:
        """Report something."""
        tqdm.write(json.dumps(row))
        sys.stdout.flush()
        if self._log is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%S"), **row}) + "\n")

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def wait_for(there: Callable[[], bool], what: str, every: float = 1.0) -> None:
    """Wait until something is there. The steps may run beside each other, so a missing file can
    be a later one or a mistyped one: it says at once, and every minute, what it waits for.
    """
    last_shown: float | None = None
    while not there():
        now = time.monotonic()
        if last_shown is None or now - last_shown >= 60:
            print(f"waiting for {what}", flush=True)
            last_shown = now
        time.sleep(every)
