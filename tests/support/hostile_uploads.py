"""Forty uploads that no friend would send, made on the spot."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from PIL import Image

RATE = 44100


def hostile() -> dict[str, tuple[str, Callable[[], bytes], bool]]:
    """What it is → the file's name, what makes it, whether it is usable after all.

    What is odd but sound is used; everything else is to be answered by one sentence.
    """
    tone = np.sin(np.arange(3 * RATE) / 20).astype(np.float32) / 3
    png, wav, mp3 = _png(), _wav(tone), _sound(tone, "MP3")
    flac, ogg = _sound(tone, "FLAC"), _sound(tone, "OGG")
    jpeg = _picture(Image.new("RGB", (300, 300), "white"), "JPEG")
    return {
        "an empty file": ("nothing.wav", lambda: b"", False),
        "one byte": ("one.png", lambda: b"\x89", False),
        "a PNG cut in half": ("half.png", lambda: png[: len(png) // 2], False),
        "a PNG's header alone": ("head.png", lambda: png[:33], False),
        "a PNG with a broken checksum": ("crc.png", lambda: _flipped(png), False),
        "a JPEG cut off": ("half.jpg", lambda: jpeg[: len(jpeg) // 3], False),
        "a WAV's header alone": ("head.wav", lambda: wav[:44], False),
        "an MP3 of one frame": ("half.mp3", lambda: mp3[:300], False),
        "a FLAC cut in its header": ("half.flac", lambda: flac[:30], False),
        "an Ogg cut in its header": ("half.ogg", lambda: ogg[:40], False),
        "a PNG of 60,000 × 60,000": ("huge.png", lambda: _declared(60_000, 60_000), False),
        "a PNG that says 2 billion wide": ("wide.png", lambda: _declared(2**31 - 1, 1), False),
        "a bomb of one colour": ("bomb.png", lambda: _bomb(20_000), False),
        "a GIF with an absurd screen": ("screen.gif", _gif_screen, False),
        "a zip bomb named .png": ("bomb.png", _zip_bomb, False),
        "a zip bomb named .mp3": ("bomb.mp3", _zip_bomb, False),
        "a gzip bomb named .wav": ("bomb.wav", _gzip_bomb, False),
        "a text bomb in a PNG": ("text.png", lambda: _text_bomb(png), True),
        "eight hours of silence": ("night.flac", _eight_hours, False),
        "a minute of silence": ("silence.wav", lambda: _wav(np.zeros(60 * 8000), 8000), False),
        "NaN floats": ("nan.wav", lambda: _floats(np.full(2 * RATE, np.nan)), False),
        "infinite floats": ("inf.wav", lambda: _floats(np.full(2 * RATE, np.inf)), False),
        "floats of 1e30": ("loud.wav", lambda: _floats(tone * 1e30), True),
        "some NaN in a tone": ("some.wav", lambda: _floats(_with_nan(tone)), True),
        "a 1-pixel PNG": ("dot.png", lambda: _picture(Image.new("L", (1, 1)), "PNG"), False),
        "a PNG one pixel high": (
            "line.png",
            lambda: _picture(Image.new("L", (512, 1)), "PNG"),
            False,
        ),
        "a plain white picture": (
            "white.png",
            lambda: _picture(Image.new("L", (512, 512), 255), "PNG"),
            False,
        ),
        "an APNG": ("moving.png", _apng, True),
        "a CMYK JPEG": ("print.jpg", lambda: _picture(_noise().convert("CMYK"), "JPEG"), True),
        "a 16-bit PNG": ("deep.png", _sixteen_bits, True),
        "a transparent WebP": ("clear.webp", lambda: _picture(_clear(), "WEBP"), True),
        "a 32-bit float WAV at 384 kHz": (
            "fine.wav",
            lambda: _floats(_tone(384_000), 384_000),
            True,
        ),
        "a WAV that lies about its length": ("liar.wav", lambda: _lying(wav), True),
        "a WAV of 64 channels": ("choir.wav", lambda: _wav(np.tile(tone[:RATE, None], 64)), True),
        "a tenth of a second": ("blip.wav", lambda: _wav(tone[:4410]), False),
        "a playlist that opens other files": (
            "list.m3u8",
            lambda: b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
            False,
        ),
        "a concat script": ("list.mp3", lambda: b"ffconcat version 1.0\nfile /etc/passwd\n", False),
        "an SVG": ("draw.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", False),
        "an EPS named .png": ("print.png", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", False),
        "a program": ("riff.exe", lambda: b"MZ" + bytes(5000), False),
        "a name with path tricks": ("../../../../etc/cron.d/riff.png", lambda: png, True),
        "a name of control characters": ("a\x00b\n\u202egnp.png", lambda: png, True),
        "a recipe that is a bomb": ("recipe.png", lambda: _png('{"a":' * 30_000), True),
        "a recipe with a stranger's path": (
            "path.png",
            lambda: _png('{"request":{"prompt":"x","seed_image":"../../x"}}'),
            True,
        ),
    }


def _picture(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (512, 256, 3), np.uint8))


def _png(recipe: str | None = None) -> bytes:
    from audio.image import encode_png

    pixels = np.random.default_rng(1).integers(0, 255, (512, 200), dtype=np.uint8)
    if recipe is None or len(recipe) <= 64_000:
        return encode_png(pixels, recipe=recipe)
    return _with_chunk(encode_png(pixels), b"tEXt", b"riffbot\0" + recipe.encode())


def _with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    chunk = struct.pack(">I", len(data)) + kind + data
    chunk += struct.pack(">I", zlib.crc32(kind + data))
    return png[:33] + chunk + png[33:]


def _flipped(png: bytes) -> bytes:
    at = png.index(b"IDAT") + 40
    return png[:at] + bytes([png[at] ^ 255]) + png[at + 1 :]


def _declared(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    out = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b"")):
        out += struct.pack(">I", len(data)) + kind + data
        out += struct.pack(">I", zlib.crc32(kind + data))
    return out


def _bomb(side: int) -> bytes:
    return _picture(Image.new("1", (side, side)), "PNG")


def _gif_screen() -> bytes:
    gif = bytearray(_picture(Image.new("L", (8, 8)), "GIF"))
    gif[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(gif)


def _zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", bytes(20_000_000))
    return out.getvalue()


def _gzip_bomb() -> bytes:
    import gzip

    return gzip.compress(bytes(50_000_000))


def _text_bomb(png: bytes) -> bytes:
    data = b"riffbot\0\0" + zlib.compress(b"{" * 80_000_000)
    return _with_chunk(png, b"zTXt", data)


def _eight_hours() -> bytes:
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 8000, 1, format="FLAC", subtype="PCM_16") as file:
        hour = np.zeros(3600 * 8000, np.int16)
        for _ in range(8):
            file.write(hour)
    return out.getvalue()


def _tone(rate: int) -> np.ndarray:
    return (np.sin(np.arange(2 * rate) * 2 * np.pi * 440 / rate) / 3).astype(np.float32)


def _with_nan(tone: np.ndarray) -> np.ndarray:
    tone = tone.copy()
    tone[1000:1100] = np.nan
    return tone


def _wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    return _sound(samples, "WAV", rate)


def _floats(samples: np.ndarray, rate: int = RATE) -> bytes:
    return _sound(samples.astype(np.float32), "WAV", rate, subtype="FLOAT")


def _sound(samples: np.ndarray, kind: str, rate: int = RATE, **options: Any) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, **options)
    return out.getvalue()


def _lying(wav: bytes) -> bytes:
    """Says that it goes on for hours."""
    at = wav.index(b"data") + 4
    return wav[:4] + b"\xf0\xff\xff\x7f" + wav[8:at] + b"\xf0\xff\xff\x7f" + wav[at + 4 :]


def _apng() -> bytes:
    frames = [Image.new("L", (256, 512), shade) for shade in (90, 20, 160)]
    return _picture(frames[0], "PNG", save_all=True, append_images=frames[1:])


def _sixteen_bits() -> bytes:
    deep = np.random.default_rng(2).integers(0, 65535, (512, 256), dtype=np.uint16)
    return _picture(Image.fromarray(deep), "PNG")


def _clear() -> Image.Image:
    clear = np.zeros((512, 200, 4), np.uint8)
    clear[100:120, 20:100] = (0, 0, 0, 255)
    return Image.fromarray(clear)
