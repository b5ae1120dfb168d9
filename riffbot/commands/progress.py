"""One line on stderr that says what is happening; silent when stderr is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from riffbot.inference.job import Progress

BAR_WIDTH = 24


class StatusLine:
    """A line that rewrites itself.

    Args:
        stream: where to write; only a terminal is written to.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._started = time.monotonic()

    def show(self, words: str) -> None:
        """Show these words instead of the last ones."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{words[:width]}")
            self._stream.flush()

    def clear(self) -> None:
        """Take the line away, so that something lasting can be printed."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def print_note(self, words: str) -> None:
        """One lasting sentence on stderr, terminal or not."""
        self.clear()
        print(f"riffbot: {words}", file=self._stream, flush=True)

    def show_step(self, place: str, progress: Progress) -> None:
        """Show how far a clip is; `place` says which one, for example `2/8 `."""
        if progress.stage == "queued":
            # Nobody is ahead of a command: what it waits for is the model.
            waited = time.monotonic() - self._started
            self.show(f"{place}loading the model … {waited:.0f} s")
            return
        done = round(BAR_WIDTH * progress.step / max(progress.steps, 1))
        eta = f"  about {progress.eta_s:.0f} s" if progress.eta_s else ""
        bar = "█" * done + "·" * (BAR_WIDTH - done)
        self.show(f"{place}{bar} step {progress.step}/{progress.steps}{eta}")
