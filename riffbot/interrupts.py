"""Ctrl-C: a word at once, gone within two seconds, and twice means now.

Python handles a signal between two instructions of its main thread, which may be inside a kernel
or wait for a thread that loads a model. So a thread of its own watches for the signal: it says the
word, and ends the process where the orderly way takes too long. What RiffBot keeps survives that,
as it survives a power cut: files are renamed into place when they are whole, rows are transactions.
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
"""How long an interrupted command may take to end in order."""

ENGINE_THREAD, WARM_UP_THREAD = "riffbot-engine", "riffbot-warm-up"

word_said = threading.Event()
"""Set once the first word is out, which comes before any other."""

_unfinished: set[Path] = set()
_countdowns: list[threading.Timer] = []
_process = threading.Event()  # set where the process is RiffBot's own


@contextmanager
def watched(patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Watch for SIGINT within the block, which gets its KeyboardInterrupt as ever.

    Does nothing outside the main thread, where signals cannot be watched.
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
def unfinished(path: Path) -> Iterator[None]:
    """Within the block the file is removed should the process be ended at once."""
    _unfinished.add(path)
    try:
        yield
    finally:
        _unfinished.discard(path)


def own_process() -> None:
    """From now on the process is RiffBot's alone, and `end_after` bounds its whole end: after the
    orderly stop Python waits for every thread that is busy still."""
    _process.set()


def end_after(seconds: float, code: int) -> None:
    """End the process then, unless it has ended by itself or was kept by `stopping_in_order`."""
    timer = threading.Timer(seconds, end_now, (code,))
    timer.daemon = True
    _countdowns.append(timer)
    timer.start()


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """The end of the block calls off what `end_after` has begun, in a process that goes on without
    RiffBot: the stop was orderly."""
    try:
        yield
    finally:
        while _countdowns and not _process.is_set():
            _countdowns.pop().cancel()


def end_now(code: int) -> None:
    """End the process at once. Half-written files go; nothing else is tidied up."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, RuntimeError):
            stream.flush()
    os._exit(code)


def engine_is_busy() -> bool:
    """Whether a model is being loaded or used, or code compiled, in a thread that nothing stops.

    Python must not tidy up beside it: the libraries in that thread would abort the process.
    """
    return any(thread.name in (ENGINE_THREAD, WARM_UP_THREAD) for thread in threading.enumerate())


def _watch(reader: socket.socket, patience_s: float) -> None:
    times = 0
    with reader:
        while True:
            try:
                numbers = reader.recv(64)
            except TimeoutError:
                end_now(INTERRUPTED)
                return
            except OSError:
                return
            if not numbers:
                return
            times += numbers.count(signal.SIGINT)
            if times > 1:
                end_now(INTERRUPTED)
            elif times == 1:
                _say("stopping; Ctrl-C again stops at once.")
                reader.settimeout(patience_s)


def _say(word: str) -> None:
    # Not through sys.stderr: the interrupted thread may hold its lock.
    with suppress(OSError):
        lead = b"\r\x1b[K" if os.isatty(2) else b""
        os.write(2, lead + f"riffbot: {word}\n".encode())
    word_said.set()
