"""A status line on stderr; silent if stderr is not a terminal."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from riffbot.inference.job import Progress

BAR_WIDTH = 24


class StatusLine:
    """A status line on a terminal, replaced by each call.

    Args:
        stream: stderr by default; nothing is shown if it is not a terminal.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._started = time.monotonic()

    def show(self, text: str) -> None:
        """Replace the line."""
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(f"\r\x1b[K{text[:width]}")
            self._stream.flush()

    def clear(self) -> None:
        """Remove the line, so that something else can be printed."""
        if self._live:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def print_note(self, sentence: str) -> None:
        """Print one sentence on stderr, terminal or not."""
        self.clear()
        print(f"riffbot: {sentence}", file=self._stream, flush=True)

    def show_step(self, label: str, progress: Progress) -> None:
        """Show the progress of a clip; `label` stands before it, for example `2/8 `."""
        if progress.stage == "queued":
            # Nobody is ahead of a command: what it waits for is the model.
            waited = time.monotonic() - self._started
            self.show(f"{label}loading the model … {waited:.0f} s")
            return
        done = round(BAR_WIDTH * progress.step / max(progress.steps, 1))
        eta = f"  about {progress.eta_s:.0f} s" if progress.eta_s else ""
        bar = "█" * done + "·" * (BAR_WIDTH - done)
        self.show(f"{label}{bar} step {progress.step}/{progress.steps}{eta}")
