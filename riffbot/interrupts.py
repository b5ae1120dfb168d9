"""Ctrl-C: a notice at once, the process ends within two seconds, a second Ctrl-C ends it now.

Python handles a signal between two instructions of its main thread, which may be inside a kernel
or waiting for a thread that loads a model. So a separate thread watches for the signal: it prints
the notice, and ends the process if the orderly stop takes too long. Stored data survives that as
it survives a power cut: files are renamed into place when complete, rows are transactions.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

INTERRUPTED = 130
PATIENCE_S = 1.5
"""Seconds that an interrupted command may take to stop in order."""

ENGINE_THREAD, WARM_UP_THREAD = "riffbot-engine", "riffbot-warm-up"

notice_printed = threading.Event()
"""Set once the notice is printed, which must come before any other message."""

_unfinished: set[Path] = set()
_countdowns: list[threading.Timer] = []
_process = threading.Event()  # set where the process is RiffBot's own


@contextmanager
def watch_sigint(patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Watch for SIGINT within the block, which still gets its KeyboardInterrupt.

    Does nothing outside the main thread, where signals cannot be received.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    try:
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    except ValueError:
        reader.close()
        writer.close()
        yield
        return
    thread = threading.Thread(
        target=_watch, args=(reader, patience_s), name="riffbot-interrupts", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()  # ends the thread, unless it counts down already
        thread.join(0.2)


@contextmanager
def unfinished_file(path: Path) -> Iterator[None]:
    """Within the block, `exit_now` removes the file."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def claim_process() -> None:
    """Declare that the process runs RiffBot only, so that `exit_after` also limits the time after
    the orderly stop, when Python waits for every thread that is still busy."""
    _process.set()


def exit_after(seconds: float, code: int) -> None:
    """End the process after `seconds`, unless it has ended or `orderly_stop` cancels it."""
    timer = threading.Timer(seconds, exit_now, (code,))
    timer.daemon = True
    _countdowns.append(timer)
    timer.start()


@contextmanager
def orderly_stop() -> Iterator[None]:
    """Cancel the countdowns of `exit_after` at the end of the block, in a process that goes on
    without RiffBot (see `claim_process`)."""
    try:
        yield
    finally:
        while _countdowns and not _process.is_set():
            _countdowns.pop().cancel()


def exit_now(code: int) -> None:
    """End the process at once. Unfinished files are removed; nothing else is cleaned up."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, RuntimeError):
            stream.flush()
    os._exit(code)


def is_engine_busy() -> bool:
    """Whether a thread that cannot be stopped loads or uses a model, or compiles code.

    Python must not finalise meanwhile: the libraries in that thread would abort the process.
    """
    return any(thread.name in (ENGINE_THREAD, WARM_UP_THREAD) for thread in threading.enumerate())


def _watch(reader: socket.socket, patience_s: float) -> None:
    times = 0
    with reader:
        while True:
            try:
                numbers = reader.recv(64)
            except TimeoutError:
                exit_now(INTERRUPTED)
                return
            except OSError:
                return
            if not numbers:
                return
            times += numbers.count(signal.SIGINT)
            if times > 1:
                exit_now(INTERRUPTED)
            elif times == 1:
                _print_notice("stopping; Ctrl-C again stops at once.")
                reader.settimeout(patience_s)


def _print_notice(text: str) -> None:
    # Not through sys.stderr: the interrupted thread may hold its lock.
    with suppress(OSError):
        lead = b"\r\x1b[K" if os.isatty(2) else b""
        os.write(2, lead + f"riffbot: {text}\n".encode())
    notice_printed.set()
