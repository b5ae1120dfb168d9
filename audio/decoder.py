"""Decodes untrusted files in a child process, so that a decoder's fault costs one sentence.

libsndfile, FFmpeg and Pillow are large libraries of native code, and an upload may crash them, keep
them busy, or take the process over. So they run in a child process that has no network, no files
and little memory (`decoder_limits`), is ended when a file takes too long, and is started anew for
the next one. The functions are those of `files` and `image`, with the same arguments and results,
and may be called from any thread.

What RiffBot itself wrote (the library's files, bundled pictures) may be read by `files` and
`image` directly: it is trusted, and a child costs time.
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
"""After so many files a child is replaced: what a decoder leaks goes with it."""

_SECONDS = 60.0


class Decoder:
    """A few child processes that decode, started when they are needed.

    Args:
        workers: files that are decoded at once; more wait.
        seconds: that one file may take.
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
        """As `files.read`. Raises AudioError, also where the decoder crashed or took too long."""
        with _opened(source) as file:
            command = {"do": "read", "most": max_seconds, "skip": skip_seconds}
            most = round((max_seconds + 1) * MAX_RATE) * 2 * 4
            return self._ask(
                file, command, lambda done, body: answers.parse_sound(done, body, most)
            )

    def read_tags(self, source: Path | bytes) -> dict[str, str]:
        """As `files.read_tags`."""
        with _opened(source) as file:
            return self._ask(file, {"do": "tags"}, answers.parse_tags)

    def decode_image(
        self, source: Path | bytes, *, max_pixels: int = MAX_PIXELS
    ) -> SpectrogramImage:
        """As `image.decode_image`; of a file's name, up to 256 MB are read."""
        if isinstance(source, str | Path):
            source = read_regular_file(Path(source), MAX_BYTES)
        with _opened(source) as file:
            command = {"do": "image", "most": max_pixels}
            return self._ask(
                file, command, lambda done, body: answers.parse_image(done, body, max_pixels)
            )

    def close(self) -> None:
        """End every child at once; files that are being decoded fail with a sentence.

        A later call starts a new one.
        """
        with self._lock:
            workers = list(self._all)
            self._closings += 1
            self._idle.clear()
        for worker in workers:
            worker.kill()

    def processes(self) -> list[int]:
        """The process ids of the children that run, for monitoring."""
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
                # It broke over an earlier file.
                return self._ask_one(self._start(), file, command, accept)

    def _ask_one(
        self, worker: DecoderProcess, file: BinaryIO, command: dict[str, Any], accept: Accept[T]
    ) -> T:
        try:
            answer = worker.ask(file, command, self._seconds, accept)
        except AudioError:  # a sentence about the file: the child can be asked again, or is dead
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
                self._idle.append(worker)  # one is kept waiting; of more, the memory matters
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
