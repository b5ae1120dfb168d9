"""The decoder process: decodes one file after the other for the process that started it.

Started by `audio.decoder` as `python -m audio.decoder_worker`, never by hand. It loads the
libraries that decode, gives up every right but that to compute (`decoder_limits`), and speaks
`decoder_protocol` over its standard streams. It requests a file's bytes piece by piece, so it opens
no file, and of a large one only what is needed is sent.
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
    """Serve until standard input ends."""
    source = sys.stdin.buffer
    # Whatever a library prints must not stand between two frames.
    out = os.fdopen(os.dup(1), "wb")
    _load()
    confined = os.open(os.devnull, os.O_RDWR)
    os.dup2(confined, 1)
    missing = confine()
    end_with_the_parent(0)
    send(out, {"ready": True, "missing": missing})
    os.dup2(confined, 2)  # up to here it may say why it does not start
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
            return  # what is left of it would be in pieces


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
    """Import what is otherwise imported only when it is first needed, and cannot be then."""
    for name in _ENCODINGS:
        codecs.lookup(name)
    samples = np.zeros(4800, np.float32)
    for kind in ("wav", "flac", "ogg", "mp3"):
        data = files.encode(samples, 48000, cast("Any", kind), tags={"title": "é"})
        files.read(data)
        files.read_tags(data)
    pixels = np.zeros((8, 8), np.uint8)
    image.decode_image(image.encode_png(pixels, recipe="é"))
    # None of them is a picture: before Pillow fails, it loads every format that it knows.
    for head in (bytes(64), b"no picture", b"\0\0\0\x18ftypheic", b"RIFF\x18\0\0\0WEBPVP8 "):
        with contextlib.suppress(AudioError):
            image.decode_image(head + bytes(64))


class _RemoteFile(io.RawIOBase):
    """A file that the parent process holds, read piece by piece."""

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
