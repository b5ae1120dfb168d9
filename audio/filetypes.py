"""Identifies a file by its first bytes, not by its name or declared type.

Whether the file is intact is found out by decoding it. This module only selects the decoder, and
the sentence for files that cannot be decoded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

HEAD = 4096
"""Bytes from a file's beginning that are enough for `identify`."""

Family = Literal["picture", "sound", "other", "unknown"]


@dataclass(frozen=True)
class FileType:
    """A kind of file.

    Attributes:
        family: `picture` and `sound` (videos included) can be decoded; `other` cannot; `unknown`
            files have no signature, like some sounds.
        name: with its article, as in “That is a WAV sound”; empty if unknown.
        refusal: for `other`, one sentence that says what it is and what to do.
    """

    family: Family
    name: str = ""
    refusal: str = ""


UNKNOWN = FileType("unknown")


def _picture(name: str) -> FileType:
    return FileType("picture", f"{name} picture")


def _sound(name: str) -> FileType:
    return FileType("sound", name)


def _drawing(name: str) -> FileType:
    advice = "no picture made of pixels: please export it as a PNG."
    return FileType("other", name, f"That is {name}, {advice}")


def _foreign(name: str) -> FileType:
    advice = "no picture that I can read: please export it as a PNG or JPEG."
    return FileType("other", name, f"That is {name}, {advice}")


def _archive(name: str) -> FileType:
    advice = "please unpack it and send one picture or sound of it."
    return FileType("other", name, f"That is {name}: {advice}")


HEIC, AVIF = _picture("a HEIC"), _picture("an AVIF")
PNG = _picture("a PNG")
_WEBP = _picture("a WebP")
_TIFF = _picture("a TIFF")
_JPEG_2000 = _foreign("a JPEG 2000 picture")
_JPEG_XL = _foreign("a JPEG XL picture")
_MP4 = _sound("an MP4 video")
_MATROSKA = _sound("a Matroska or WebM video")
_PROGRAM = FileType(
    "other", "a program", "That is a program, neither a picture nor a sound: please send one."
)
_MIDI = FileType(
    "other",
    "a MIDI file",
    "That is a MIDI file, which holds notes but no sound: please export it as an MP3 or WAV.",
)
_JSON = FileType(
    "other",
    "a JSON file",
    "That is a JSON file, neither a picture nor a sound; should it be a riff's recipe, "
    "“replay” makes the riff again.",
)
_WEB_PAGE = FileType(
    "other",
    "a web page",
    "That is a web page, neither a picture nor a sound: please send the file that it links to.",
)

_SIGNATURES = (
    (b"\x89PNG", PNG),
    (b"\xff\xd8\xff", _picture("a JPEG")),
    (b"GIF8", _picture("a GIF")),
    (b"II*\0", _TIFF),
    (b"MM\0*", _TIFF),
    (b"II+\0", _TIFF),
    (b"MM\0+", _TIFF),
    (b"\0\0\0\x0cjP  ", _JPEG_2000),
    (b"\xff\x4f\xff\x51", _JPEG_2000),
    (b"\0\0\0\x0cJXL ", _JPEG_XL),
    (b"\xff\x0a", _JPEG_XL),
    (b"8BPS", _foreign("a Photoshop file")),
    (b"gimp xcf", _foreign("a GIMP file")),
    (b"\0\0\x01\0", _foreign("an icon")),
    (b"qoif", _foreign("a QOI picture")),
    (b"\x76\x2f\x31\x01", _foreign("an OpenEXR picture")),
    (b"DDS ", _foreign("a DDS texture")),
    (b"FUJIFILMCCD-RAW", _foreign("a camera's raw picture")),
    (b"%PDF-", _drawing("a PDF document")),
    (b"%!PS", _drawing("a PostScript drawing")),
    (b"\xc5\xd0\xd3\xc6", _drawing("a PostScript drawing")),
    (b"ID3", _sound("an MP3 sound")),
    (b"fLaC", _sound("a FLAC sound")),
    (b"OggS", _sound("an Ogg sound")),
    (b"RF64", _sound("a WAV sound")),
    (b"BW64", _sound("a WAV sound")),
    (b"RIFX", _sound("a WAV sound")),
    (b"riff\x2e\x91\xcf\x11", _sound("a Wave64 sound")),
    (b"caff", _sound("a CAF sound")),
    (b".snd", _sound("an AU sound")),
    (b"wvpk", _sound("a WavPack sound")),
    (b"MAC ", _sound("a Monkey's Audio sound")),
    (b"TTA1", _sound("a True Audio sound")),
    (b"MPCK", _sound("a Musepack sound")),
    (b"#!AMR", _sound("an AMR sound")),
    (b"NIST_1A", _sound("a NIST Sphere sound")),
    (b"Creative Voice File", _sound("a VOC sound")),
    (b"\x1a\x45\xdf\xa3", _MATROSKA),
    (b"FLV\x01", _sound("a Flash video")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _sound("a Windows Media file")),
    (b"\0\0\x01\xba", _sound("an MPEG video")),
    (b"\0\0\x01\xb3", _sound("an MPEG video")),
    (b"MThd", _MIDI),
    (b"PK\x03\x04", _archive("a ZIP archive")),
    (b"PK\x05\x06", _archive("a ZIP archive")),
    (b"7z\xbc\xaf\x27\x1c", _archive("a 7-Zip archive")),
    (b"Rar!\x1a\x07", _archive("a RAR archive")),
    (b"\x1f\x8b\x08", _archive("a gzip archive")),
    (b"BZh", _archive("a bzip2 archive")),
    (b"\xfd7zXZ\0", _archive("an xz archive")),
    (b"\x28\xb5\x2f\xfd", _archive("a Zstandard archive")),
    (b"\x7fELF", _PROGRAM),
    (b"MZ", _PROGRAM),
)

_CONTAINERS = {
    (b"RIFF", b"WAVE"): _sound("a WAV sound"),
    (b"RIFF", b"AVI "): _sound("an AVI video"),
    (b"RIFF", b"RMID"): _MIDI,
    (b"RIFF", b"WEBP"): _WEBP,
    (b"FORM", b"AIFF"): _sound("an AIFF sound"),
    (b"FORM", b"AIFC"): _sound("an AIFF sound"),
    (b"FORM", b"8SVX"): _sound("an 8SVX sound"),
}
"""Chunked containers by their first four bytes and the four after the length."""

_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_IMAGE_BRANDS = {b"mif1", b"msf1"}
"""Brands of pictures in general; the other brands show how they are encoded."""

_NETPBM = re.compile(rb"P[1-6Ff][\s#]")
_BMP = re.compile(rb"BM.{4}\0\0\0\0", re.DOTALL)


def identify(data: bytes) -> FileType:
    """Identify a file.

    Args:
        data: the file, or at least its first `HEAD` bytes.
    """
    head = bytes(data[:HEAD])
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            return found
    if (container := _CONTAINERS.get((head[:4], head[8:12]))) is not None:
        return container
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if _NETPBM.match(head):
        return _picture("a PPM")
    if head.startswith(b"BM"):
        return _picture("a BMP") if _BMP.match(head) or len(head) < 10 else UNKNOWN
    if (text := _text(head)) is not UNKNOWN:
        return text
    return _sound("an MP3 or AAC sound") if _mpeg_frame(head) else UNKNOWN


def is_json(data: bytes) -> bool:
    """Whether data begin as a JSON object or list, in UTF-8 or in UTF-16 with a byte order mark."""
    return _plain(data[:HEAD]).lstrip()[:1] in (b"{", b"[")


def _iso_media(head: bytes) -> FileType:
    """Identify by `ftyp`: the major brand, a version, then the compatible brands."""
    brand = head[8:12]
    end = min(int.from_bytes(head[:4], "big"), len(head))
    others = {head[at : at + 4] for at in range(16, end, 4)}
    if brand in _AVIF_BRANDS or (brand in _IMAGE_BRANDS and others & _AVIF_BRANDS):
        return AVIF
    if brand in _HEIC_BRANDS | _IMAGE_BRANDS:
        return HEIC
    if brand == b"crx ":
        return _foreign("a camera's raw picture")
    return _sound("an M4A sound") if brand in (b"M4A ", b"M4B ") else _MP4


def _mpeg_frame(head: bytes) -> bool:
    """Whether data begin with the sync bits of MPEG audio (eleven) or AAC (twelve, layer 0)."""
    return len(head) > 2 and head[0] == 0xFF and (head[1] & 0xE0) == 0xE0 and head[2] != 0xFF


def _text(head: bytes) -> FileType:
    if is_json(head):
        return _JSON
    root = _root_element(_plain(head).lower())
    if root.startswith((b"<!doctype html", b"<html")):
        return _WEB_PAGE
    if root.startswith(b"<svg") and root[4:5] in b" \t\r\n/>:":
        return _drawing("an SVG drawing")
    return UNKNOWN


def _plain(head: bytes) -> bytes:
    """Return text without a byte order mark; of UTF-16, also without zero bytes."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head[2:].replace(b"\0", b"")
    return head.removeprefix(b"\xef\xbb\xbf")


_PREAMBLES = 64
"""The most declarations and comments at the beginning that are skipped; usually there are few."""


def _root_element(text: bytes) -> bytes:
    """Return a document from its root element on, without declarations and comments before it."""
    for _ in range(_PREAMBLES):
        text = text.lstrip()
        if text.startswith(b"<?"):
            text = text.partition(b"?>")[2]
        elif text.startswith(b"<!--"):
            text = text.partition(b"-->")[2]
        elif text.startswith(b"<!doctype svg"):
            declared, _, behind = text.partition(b">")
            # Entity declarations are in brackets, and may contain “>”.
            text = text.partition(b"]")[2].lstrip()[1:] if b"[" in declared else behind
        else:
            break
    return text
