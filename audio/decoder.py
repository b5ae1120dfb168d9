"""Decodes untrusted files in child processes, so that a crash there is only an AudioError here.

libsndfile, FFmpeg and Pillow are large libraries of native code; an untrusted file may crash them,
keep them busy, or take over the process. So they run in a child process that has no network, no
files and little memory (`decoder_limits`), is ended when a file takes too long, and is then
replaced. The functions are those of `files` and `image`, with the same arguments and results, and
may be called from any thread.

Files that RiffBot wrote (the library's, bundled pictures) may be read by `files` and `image`
directly, which takes less time.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from audio import decoder_answers as answers
from audio.decoder_process import Accept, BrokenWhileIdle, DecoderProcess, T
from audio.errors import AudioError
from audio.files import MAX_RATE, Sound
from audio.image import MAX_BYTES, MAX_PIXELS, SpectrogramImage
from audio.regular_files import open_regular_file, read_regular_file

_WORKERS = 2
_FILES_EACH = 200
"""Files after which a child is replaced, because decoders may leak memory."""

_SECONDS = 60.0
"""The longest time for one file."""


class Decoder:
    """A few child processes that decode files, started when they are needed.

    Args:
        workers: the most files that are decoded at once; further calls wait.
        seconds: the longest time for one file.
    """

    def __init__(self, *, workers: int = _WORKERS, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._places = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._idle: list[DecoderProcess] = []
        self._all: set[DecoderProcess] = set()
        self._closings = 0

    def read(
        self, source: Path | bytes, *, max_seconds: float = 600.0, skip_seconds: float = 0.0
    ) -> Sound:
        """Read as `files.read`. Raises AudioError, also if the decoder crashed or took too long."""
        with _opened(source) as file:
            command = {"do": "read", "most": max_seconds, "skip": skip_seconds}
            most = round((max_seconds + 1) * MAX_RATE) * 2 * 4
            return self._ask(
                file, command, lambda done, body: answers.parse_sound(done, body, most)
            )

    def read_tags(self, source: Path | bytes) -> dict[str, str]:
        """Read tags as `files.read_tags`; raises as `read`."""
        with _opened(source) as file:
            return self._ask(file, {"do": "tags"}, answers.parse_tags)

    def decode_image(
        self, source: Path | bytes, *, max_pixels: int = MAX_PIXELS
    ) -> SpectrogramImage:
        """Decode as `image.decode_image`, files up to 256 MB; raises as `read`."""
        if isinstance(source, str | Path):
            source = read_regular_file(Path(source), MAX_BYTES)
        with _opened(source) as file:
            command = {"do": "image", "most": max_pixels}
            return self._ask(
                file, command, lambda done, body: answers.parse_image(done, body, max_pixels)
            )

    def close(self) -> None:
        """Kill all children; files that are being decoded fail with AudioError.

        Later calls start new children.
        """
        with self._lock:
            workers = list(self._all)
            self._closings += 1
            self._idle.clear()
        for worker in workers:
            worker.kill()

    def processes(self) -> list[int]:
        """Return the process ids of the running children, for monitoring."""
        with self._lock:
            return [worker.pid for worker in self._all if worker.is_running]

    def _ask(self, file: BinaryIO, command: dict[str, Any], accept: Accept[T]) -> T:
        with self._places:
            closings = self._closings
            try:
                return self._ask_one(self._take(), file, command, accept)
            except BrokenWhileIdle:
                if self._closings != closings:
                    raise
                # An earlier file broke the child: this one is decoded by a new child.
                return self._ask_one(self._start(), file, command, accept)

    def _ask_one(
        self, worker: DecoderProcess, file: BinaryIO, command: dict[str, Any], accept: Accept[T]
    ) -> T:
        try:
            answer = worker.ask(file, command, self._seconds, accept)
        except AudioError:  # the child can decode further files, or is dead
            self._give_back(worker)
            raise
        except BaseException:
            worker.kill()
            self._give_back(worker)
            raise
        self._give_back(worker)
        return answer

    def _take(self) -> DecoderProcess:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.is_running:
                    return worker
                self._all.discard(worker)
                worker.kill()
        return self._start()

    def _start(self) -> DecoderProcess:
        worker = DecoderProcess()
        with self._lock:
            self._all.add(worker)
        return worker

    def _give_back(self, worker: DecoderProcess) -> None:
        with self._lock:
            if worker.is_running and worker.files < _FILES_EACH and not self._idle:
                self._idle.append(worker)  # one idle child is kept; more would take memory
                return
            self._all.discard(worker)
        worker.kill()


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[BinaryIO]:
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    else:
        with open_regular_file(Path(source)) as file:
            yield file


_shared = Decoder()
atexit.register(_shared.close)

read = _shared.read
read_tags = _shared.read_tags
decode_image = _shared.decode_image
close = _shared.close
processes = _shared.processes
