"""The main module of a decoder process, which decodes one file after the other.

Started by `audio.decoder` as `python -m audio.decoder_worker`, never by hand. It imports the
decoding libraries, restricts itself (`decoder_limits`), and communicates by `decoder_protocol` over
its standard streams. It opens no file: the bytes of a file are requested in pieces, so that of a
large file only the necessary parts are sent.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import io
import os
import sys
from typing import Any, BinaryIO, cast

import numpy as np

from audio import files, image
from audio.decoder_limits import confine, end_with_the_parent, limit_cpu, trim_memory
from audio.decoder_protocol import CHUNK, ProtocolError, read_exactly, receive, send
from audio.errors import AudioError

_ENCODINGS = (
    *("ascii", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"),
    *("utf-32", "utf-32-le", "utf-32-be", "cp1252", "cp437", "mac-roman", "idna"),
)


def main() -> None:
    """Answer requests until standard input ends."""
    source = sys.stdin.buffer
    # A library's output to standard output must not come between two frames.
    out = os.fdopen(os.dup(1), "wb")
    _load()
    confined = os.open(os.devnull, os.O_RDWR)
    os.dup2(confined, 1)
    missing = confine()
    end_with_the_parent(0)
    send(out, {"ready": True, "missing": missing})
    os.dup2(confined, 2)  # until here, errors at start go to the parent's standard error
    while True:
        try:
            header = receive(source)
            limit_cpu(int(header["seconds"]))
            file = io.BufferedReader(_RemoteFile(source, out, int(header["size"])), CHUNK)
            answer, body = _answer(header, cast("BinaryIO", file))
            send(out, answer, body)
            del body
            trim_memory()
        except (ProtocolError, OSError):
            return
        if "memory" in answer:
            return  # its address space is fragmented: a new process has all of it


def _answer(header: dict[str, Any], file: BinaryIO) -> tuple[dict[str, Any], memoryview | bytes]:
    try:
        match header["do"]:
            case "read":
                return _sound(
                    files.read(file, max_seconds=header["most"], skip_seconds=header["skip"])
                )
            case "tags":
                return {"done": files.read_tags(file)}, b""
            case _:
                return _image(image.decode_image(file.read(), max_pixels=header["most"]))
    except (ProtocolError, OSError):
        raise
    except AudioError as error:
        return {"error": str(error)}, b""
    except MemoryError:
        return {"memory": True}, b""


def _sound(sound: files.Sound) -> tuple[dict[str, Any], memoryview]:
    samples = np.ascontiguousarray(sound.samples, "<f4")
    return {
        "done": {
            "shape": samples.shape,
            "rate": sound.sample_rate,
            "notes": sound.notes,
            "more": sound.more,
        }
    }, _bytes(samples)


def _image(found: image.SpectrogramImage) -> tuple[dict[str, Any], memoryview]:
    fields = dataclasses.asdict(dataclasses.replace(found, pixels=np.zeros(0, np.uint8)))
    del fields["pixels"]
    pixels = np.ascontiguousarray(found.pixels)
    return {"done": {"shape": pixels.shape, "image": fields}}, _bytes(pixels)


def _bytes(array: np.typing.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _load() -> None:
    """Import everything that is imported at first use, which is impossible after `confine`."""
    for name in _ENCODINGS:
        codecs.lookup(name)
    samples = np.zeros(4800, np.float32)
    for kind in ("wav", "flac", "ogg", "mp3"):
        data = files.encode(samples, 48000, cast("Any", kind), tags={"title": "é"})
        files.read(data)
        files.read_tags(data)
    pixels = np.zeros((8, 8), np.uint8)
    image.decode_image(image.encode_png(pixels, recipe="é"))
    # None of these is a picture; to find that out, Pillow imports all its formats.
    for head in (bytes(64), b"no picture", b"\0\0\0\x18ftypheic", b"RIFF\x18\0\0\0WEBPVP8 "):
        with contextlib.suppress(AudioError):
            image.decode_image(head + bytes(64))


class _RemoteFile(io.RawIOBase):
    """A file of the parent process, whose bytes are requested in pieces."""

    def __init__(self, source: BinaryIO, out: BinaryIO, size: int) -> None:
        self._source, self._out, self._size, self._at = source, out, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), CHUNK, self._size - self._at))
        if not count:
            return 0
        send(self._out, {"want": [self._at, count]})
        given = receive(self._source)["body"]
        if given > count:
            raise ProtocolError("more than was asked for")
        view[:given] = read_exactly(self._source, given)
        self._at += given
        return int(given)


if __name__ == "__main__":
    main()
