"""Starts, uses, watches and ends one decoder process."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
import psutil

from audio import decoder_answers as answers
from audio.decoder_limits import ADDRESS_SPACE
from audio.decoder_protocol import CHUNK, ProtocolError, receive, send
from audio.errors import AudioError

log = logging.getLogger(__name__)

T = TypeVar("T")
Accept = Callable[[dict[str, Any], answers.Body], T]
"""Validates an answer and converts it, as the functions of `decoder_answers`."""

_START_SECONDS = 60.0
_LIMITED = platform.system() == "Linux"
"""Linux limits a process's memory; on other systems the parent measures it every 0.2 s."""

_CRASHED = (
    "Decoding that file failed in the middle, so I cannot use it; please save it again as WAV, "
    "FLAC or PNG."
)
_TOO_SLOW = "Decoding that file takes too long; please send a shorter or simpler one."
_TOO_LARGE = "Decoding that file needs more memory than a file gets; please send a smaller one."
_NO_START = "My decoder does not start, so I can read no files; the log has the details."

_PASSED_ON = ("PATH", "SYSTEMROOT", "WINDIR", "TEMP", "TMP", "PYTHONHOME", "LD_LIBRARY_PATH")
"""The environment variables that a child gets; the others include the bot's token."""


_reported: set[str] = set()
"""Restrictions whose absence was logged already."""


class BrokenWhileIdle(AudioError):
    """The child, which had decoded other files, broke before it read this one."""


class DecoderProcess:
    """One child process, used by one thread at a time; any thread may kill it.

    Attributes:
        files: the number of files that it was given.
    """

    def __init__(self) -> None:
        self.files = 0
        self._begun = False
        self._ending = threading.Lock()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "audio.decoder_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is handled by the parent
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except (OSError, ValueError) as error:
            log.error("the decoder cannot be started: %s", error)
            raise AudioError(_NO_START) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._out: BinaryIO = self._process.stdout  # type: ignore[assignment]
        for pipe in (self._in, self._out):
            _widen(pipe)
        with self._watched(_START_SECONDS):
            try:
                ready = receive(self._out)
            except ProtocolError as error:
                said = self._process.stderr.read(4000).decode("utf-8", "replace").strip()
                self.kill()
                log.error("the decoder does not start (%s): %s", self._process.returncode, said)
                raise AudioError(_NO_START) from error
        self._process.stderr.close()
        _report(ready.get("missing"))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        with self._ending:
            if self._process.returncode is not None or not hasattr(os, "waitid"):
                return self._process.poll() is None
            # It stays a zombie until `kill`, so that its process group's id is not reused.
            try:
                return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
            except ChildProcessError:
                return False

    def kill(self) -> None:
        """Kill the process, and every process that it started, and close its pipes."""
        with self._ending:
            self._signal()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()

    def _signal(self) -> None:
        """Kill the process and its group. The caller holds the lock: later the id may be reused."""
        if self._process.returncode is not None:
            return
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()

    def ask(self, file: BinaryIO, command: dict[str, Any], seconds: float, accept: Accept[T]) -> T:
        """Decode one file.

        Args:
            file: seekable; requested pieces of it are sent.
            command: the request, see `decoder_protocol`.
            seconds: the longest time that it may take.
            accept: validates and converts the answer.

        Raises:
            BrokenWhileIdle: the process had ended before it read this file.
            AudioError: the decoder's error, or it crashed or took too long.
        """
        self.files += 1
        self._begun = False
        with self._watched(seconds) as over:
            try:
                answer = self._converse(file, {**command, "seconds": round(seconds)})
                if "done" in answer:
                    size = answer["body"]
                    return accept(answer["done"], lambda array: self._fill(array, size))
                memory, sentence = answer.get("memory") is True, answer.get("error")
                if answer["body"] or not (memory or isinstance(sentence, str)):
                    raise ProtocolError("an answer that is none")
            except (OSError, ValueError, KeyError, TypeError) as error:
                self.kill()
                why = "out of time or memory" if over.is_set() else "broken off"
                code = self._process.returncode
                log.warning("the decoder was ended, %s (%s): %s", why, code, error)
                if self.files > 1 and not self._begun and not over.is_set():
                    raise BrokenWhileIdle(_CRASHED) from error
                raise AudioError(_TOO_SLOW if over.is_set() else _CRASHED) from error
        if memory:
            self.kill()  # it ends by itself, but perhaps after it was given the next file
        raise AudioError(_TOO_LARGE if memory else answers.parse_sentence(sentence))

    def _converse(self, file: BinaryIO, command: dict[str, Any]) -> dict[str, Any]:
        """Send the request, then pieces of the file until the answer comes."""
        size = file.seek(0, io.SEEK_END)
        send(self._in, {**command, "size": size})
        while "want" in (answer := receive(self._out)):
            self._begun = True
            at, count = answer["want"]
            if not (type(at) is type(count) is int and at >= 0 and 0 < count <= CHUNK):
                raise ProtocolError("a piece that there cannot be")
            file.seek(at)
            send(self._in, {}, file.read(count))
        return answer

    def _fill(self, array: np.typing.NDArray[Any], size: int) -> None:
        """Read an answer's body into an array of its size."""
        if array.nbytes != size:
            raise ProtocolError("a body of another size than its header says")
        view = array.reshape(-1).view(np.uint8).data
        while view.nbytes:
            count = self._out.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise ProtocolError("the stream ended")
            view = view[count:]

    @contextlib.contextmanager
    def _watched(self, seconds: float) -> Iterator[threading.Event]:
        """Kill the process when the time is over or its memory too large; then the event is set."""
        done, over = threading.Event(), threading.Event()

        def watch() -> None:
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0 and not self._too_large():
                if done.wait(left if _LIMITED else min(left, 0.2)):
                    return
            over.set()
            with self._ending:
                self._signal()

        thread = threading.Thread(target=watch, name="decoder watch", daemon=True)
        thread.start()
        try:
            yield over
        finally:
            done.set()
            thread.join()

    def _too_large(self) -> bool:
        if _LIMITED:
            return False
        try:
            return bool(psutil.Process(self.pid).memory_info().rss > ADDRESS_SPACE)
        except psutil.Error:
            return False


def _report(missing: Any) -> None:
    """Log the restrictions that a child lacks, each once."""
    if not isinstance(missing, list):
        return
    fresh = {str(name) for name in missing} - _reported
    if fresh:
        _reported.update(fresh)
        log.warning("this system lets the decoder process run without %s", ", ".join(sorted(fresh)))


def _widen(pipe: BinaryIO) -> None:
    """Enlarge a pipe's buffer to a megabyte on Linux, so that samples need fewer switches."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - absent on Windows

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parent.parent)
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # One thread a library: more take memory, and decoding is short.
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**passed, **threads, "PYTHONPATH": root, "PYTHONUTF8": "1"}
