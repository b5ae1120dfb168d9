"""MP3, Opus and the encryption of voice channels."""
# ruff: noqa: PLC0415 - each check imports what it checks, and a broken import is a result

from __future__ import annotations

import importlib.util

import numpy as np

from audio.arrays import Floats
from riffbot.commands.checks.result import BAD, GOOD, NOTE, CheckResult
from riffbot.settings import Settings


def check_mp3(_: Settings) -> CheckResult:
    """Encode and decode one second as MP3."""
    from audio.files import encode, read

    tone: Floats = (np.sin(np.arange(44100) / 20) / 4).astype(np.float32)
    seconds = read(encode(tone, 44100, "mp3")).seconds
    if abs(seconds - 1) > 0.01:
        return CheckResult(
            "MP3", BAD, f"a second became {seconds:.3f} s: it is not gapless", "make setup"
        )
    return CheckResult("MP3", GOOD, "LAME in PyAV; a second stays a second")


def check_opus(_: Settings) -> CheckResult:
    """Open the Opus encoder of PyAV."""
    import av

    try:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = 48000, "stereo", "s16"
        codec.open()
    except (av.FFmpegError, ValueError) as error:
        return CheckResult(
            "Opus",
            NOTE,
            f"PyAV has no libopus here ({error}): no voice channels",
            "pip install --force-reinstall --only-binary av av",
        )
    return CheckResult("Opus", GOOD, f"libopus in PyAV {av.__version__}: no system library needed")


def check_dave(_: Settings) -> CheckResult:
    """The libraries of encrypted voice channels."""
    missing = [name for name in ("davey", "nacl") if importlib.util.find_spec(name) is None]
    if missing:
        return CheckResult(
            "DAVE",
            NOTE,
            f"{' and '.join(missing)} missing: Discord refuses the bot in voice channels",
            'pip install "discord.py[voice]" davey',
        )
    import davey

    version = getattr(davey, "__version__", "")
    return CheckResult("DAVE", GOOD, f"davey {version} and PyNaCl: end-to-end encrypted voice")
