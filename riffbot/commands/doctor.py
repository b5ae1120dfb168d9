"""`riffbot doctor`: everything that must be right, each with what was found and its remedy.

A check returns one `Finding` and never raises: what breaks inside a check is itself a finding.
"""
# ruff: noqa: PLC0415 - each check imports what it looks at, and a broken import is a finding

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from audio.arrays import Floats
from riffbot import caches
from riffbot.commands.trial import nearest_existing
from riffbot.errors import RiffBotError, describe_for_owner
from riffbot.settings import DATABASE_FILE, Settings

GOOD, NOTE, BAD = "good", "note", "bad"
MARKS = {GOOD: "✓", NOTE: "•", BAD: "✗"}

LEAST_PYTHON = (3, 11)
LEAST_DISK = 1 << 30
LEAST_MEMORY = 2 << 30
GIB = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what.
        state: `good`; `note`, which limits something and stops nothing; `bad`, which must be
            mended before RiffBot can work.
        found: what it is like here.
        remedy: what to do about it; empty when it is good.
    """

    name: str
    state: str
    found: str
    remedy: str = ""


Check = Callable[[Settings], Finding]


def examine(settings: Settings, *, speed: bool = False) -> Iterator[Finding]:
    """Look at everything, one after the other, then try it; with `speed`, time one clip too."""
    bad: list[str] = []
    for name, check in CHECKS:
        finding = _looked(name, check, settings)
        if finding.state == BAD and name in NEEDED:
            bad.append(name)
        yield finding
    if bad:
        yield Finding("a riff", NOTE, "not tried", f"mend {' and '.join(bad)} first")
    else:
        yield _looked("a riff", _a_riff, settings)
    if speed:
        yield _looked("speed", _speed, settings)


def healthy(findings: list[Finding]) -> bool:
    """Whether RiffBot can work."""
    return all(finding.state != BAD for finding in findings)


def as_json(findings: list[Finding]) -> str:
    """One JSON object: `{"healthy": …, "findings": […]}`."""
    told = {"healthy": healthy(findings), "findings": [asdict(finding) for finding in findings]}
    return json.dumps(told, ensure_ascii=False)


def line_of(finding: Finding) -> str:
    """For people: what was found, and the remedy below it."""
    line = f"{MARKS[finding.state]} {finding.name:<12} {finding.found}"
    return f"{line}\n  {'':<12} → {finding.remedy}" if finding.remedy else line


def summary(findings: list[Finding]) -> str:
    """The last line."""
    bad = [finding.name for finding in findings if finding.state == BAD]
    return f"To be mended: {', '.join(bad)}." if bad else "All is well."


def _looked(name: str, check: Check, settings: Settings) -> Finding:
    try:
        return check(settings)
    except RiffBotError as error:
        return Finding(name, BAD, describe_for_owner(error), "see above")
    except Exception as error:
        what = " ".join(str(error).split())[:160]
        return Finding(
            name,
            BAD,
            f"could not be looked at ({type(error).__name__}: {what})",
            "reinstall: make setup",
        )


def _python(_: Settings) -> Finding:
    version = platform.python_version()
    if sys.version_info < LEAST_PYTHON:
        return Finding("Python", BAD, version, "install Python 3.11 or newer, then make setup")
    return Finding("Python", GOOD, f"{version} on {platform.system()} {platform.machine()}")


def _token(settings: Settings) -> Finding:
    if settings.discord_token is None:
        return Finding(
            "token",
            NOTE,
            "none: riffbot starts the local Discord",
            "for the real one, put DISCORD_TOKEN into .env (see .env.example)",
        )
    parts = settings.discord_token.get_secret_value().split(".")
    if len(parts) != 3 or not all(parts):
        return Finding(
            "token",
            BAD,
            "DISCORD_TOKEN does not look like a bot's token (three parts with dots between)",
            "copy it again: developer portal → your application → Bot → Reset Token",
        )
    return Finding("token", GOOD, "DISCORD_TOKEN is set")


def _model(settings: Settings) -> Finding:
    from riffbot.inference.pipeline.factory import open_model

    model = open_model(settings.model_copy(update={"device": "cpu", "dtype": "float32"}))
    size = sum(p.numel() for part in (model.unet, model.vae) for p in part.parameters())
    return Finding(
        "model", GOOD, f"{model.name}, {size / 1e6:.1f} million parameters, hash {model.hash[:16]}"
    )


def _device(settings: Settings) -> Finding:
    import torch

    has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    asked = settings.device.partition(":")[0]
    if asked != "auto" and not has.get(asked, False):
        there = ", ".join(name for name, present in has.items() if present)
        return Finding(
            "device",
            BAD,
            f"RIFFBOT_DEVICE is {settings.device}, and this machine has {there}",
            "set RIFFBOT_DEVICE=auto, or install the PyTorch build for that device",
        )
    used = next(name for name, present in has.items() if present) if asked == "auto" else asked
    if used == "cuda":
        return Finding("device", GOOD, f"cuda: {torch.cuda.get_device_name()}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if used == "cpu":
        return Finding("device", GOOD, f"cpu, {cores} cores (the embedded model needs no more)")
    return Finding("device", GOOD, used)


def _memory(_: Settings) -> Finding:
    free = _free_memory()
    if free is None:
        return Finding("memory", NOTE, "unknown on this system", "RiffBot needs about 2 GB")
    found = f"{free / GIB:.1f} GB free"
    if free < LEAST_MEMORY:
        return Finding("memory", NOTE, found, "close something: RiffBot likes to have 2 GB")
    return Finding("memory", GOOD, found)


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
        return int(kib) * 1024
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _mp3(_: Settings) -> Finding:
    from audio.files import encode, read

    tone: Floats = (np.sin(np.arange(44100) / 20) / 4).astype(np.float32)
    seconds = read(encode(tone, 44100, "mp3")).seconds
    if abs(seconds - 1) > 0.01:
        return Finding(
            "MP3", BAD, f"a second became {seconds:.3f} s: it is not gapless", "make setup"
        )
    return Finding("MP3", GOOD, "LAME in PyAV; a second stays a second")


def _opus(_: Settings) -> Finding:
    import av

    try:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate, codec.layout, codec.format = 48000, "stereo", "s16"
        codec.open()
    except (av.FFmpegError, ValueError) as error:
        return Finding(
            "Opus",
            NOTE,
            f"PyAV has no libopus here ({error}): no voice channels",
            "pip install --force-reinstall --only-binary av av",
        )
    return Finding("Opus", GOOD, f"libopus in PyAV {av.__version__}: no system library needed")


def _dave(_: Settings) -> Finding:
    missing = [name for name in ("davey", "nacl") if importlib.util.find_spec(name) is None]
    if missing:
        return Finding(
            "DAVE",
            NOTE,
            f"{' and '.join(missing)} missing: Discord refuses the bot in voice channels",
            'pip install "discord.py[voice]" davey',
        )
    import davey

    version = getattr(davey, "__version__", "")
    return Finding("DAVE", GOOD, f"davey {version} and PyNaCl: end-to-end encrypted voice")


def _folder(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    there = nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Finding(
            "data folder",
            BAD,
            f"{folder} cannot be written ({(error.strerror or str(error)).lower()})",
            f"give it to this user, or set RIFFBOT_DATA_DIR elsewhere ({there} is in the way)",
        )
    return Finding("data folder", GOOD, f"{folder}{'' if there == folder else ' (will be made)'}")


def _caches(_: Settings) -> Finding:
    folder = caches.compiled_code_folder()
    if folder is None:
        return Finding(
            "cache",
            NOTE,
            "no folder can be written, so every start compiles for half a minute",
            "set NUMBA_CACHE_DIR to a folder that this user can write to",
        )
    return Finding("cache", GOOD, f"compiled code is kept in {folder}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    there = nearest_existing(folder)
    free = shutil.disk_usage(there).free
    found = f"{free / GIB:.1f} GB free, room for some {free // 400_000:,} riffs"
    if free < LEAST_DISK:
        return Finding("disk", NOTE, found, "make room, or set RIFFBOT_DATA_DIR to a larger disk")
    return Finding("disk", GOOD, found)


def _database(settings: Settings) -> Finding:
    from riffbot.library.connection import database_url, file_of
    from riffbot.library.migrate import revisions

    path = file_of(database_url(settings.database))
    if path is not None and not path.exists():
        return Finding("database", GOOD, "none yet: the first start makes it")
    has, newest = revisions(settings.database)
    if has != newest:
        return Finding(
            "database",
            NOTE,
            f"revision {has}, and this RiffBot knows {newest}",
            "the next start upgrades it, or riffbot db upgrade does; back it up before",
        )
    if (
        path is not None
        and path.parent != settings.data_dir.absolute()
        and settings.database_url is None
    ):
        return Finding(
            "database",
            NOTE,
            f"up to date (revision {has}), in {path}, where an older RiffBot put it",
            f"stop RiffBot and move it to {settings.data_dir.absolute() / DATABASE_FILE}",
        )
    return Finding("database", GOOD, f"up to date (revision {has})")


def _seed_images(settings: Settings) -> Finding:
    from riffbot.images import Images

    images = Images(settings.seed_images)
    for name in images.names():
        images.load(name)
    if not images.names():
        return Finding(
            "seed images",
            NOTE,
            f"none in {settings.seed_images}: riffs come from the prompt alone",
            "set RIFFBOT_SEED_IMAGES to the folder that came with RiffBot",
        )
    return Finding("seed images", GOOD, ", ".join(images.names()))


def _ports(settings: Settings) -> Finding:
    taken = [port for port in (settings.port, settings.web_port) if port and _taken(settings, port)]
    if taken:
        return Finding(
            "ports",
            BAD,
            f"port {taken[0]} on {settings.host} is taken (by a RiffBot that runs already?)",
            "set RIFFBOT_PORT or RIFFBOT_WEB_PORT to another, or to 0 for any",
        )
    words = (
        f"{settings.host}, any free port" if not settings.web_port else f"port {settings.web_port}"
    )
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        return Finding(
            "ports",
            NOTE,
            f"the page listens on {settings.host}, and it has no log-in",
            "set RIFFBOT_HOST=127.0.0.1, or put something with a log-in before it",
        )
    return Finding("ports", GOOD, words)


def _taken(settings: Settings, port: int) -> bool:
    family, *_, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError:
            return True
    return False


def _a_riff(settings: Settings) -> Finding:
    from riffbot.commands import trial

    outcome = trial.run_trial(settings)
    if outcome.failed:
        return Finding("a riff", BAD, f"{outcome.failed} fails: {outcome.reason}", outcome.remedy)
    return Finding("a riff", GOOD, f"made, kept and heard, all in {outcome.seconds:.1f} s")


def _speed(settings: Settings) -> Finding:
    from riffbot.images import Images
    from riffbot.inference.pipeline.factory import open_pipeline
    from riffbot.inference.pipeline.resolve import resolve
    from riffbot.rendering import sound
    from riffbot.request import RiffRequest

    images = Images(settings.seed_images)
    pipeline = open_pipeline(settings, images)
    request = resolve(RiffRequest(prompt="funky sax", seed=1), pipeline.model.card, images)
    pipeline.run([request.but(steps=2)], on_step=None)  # first use pays for kernels and caches
    sound(np.full((512, 64), 200, np.uint8))
    began = time.perf_counter()
    (picture,) = pipeline.run([request], on_step=None)
    sound(picture)
    spent = time.perf_counter() - began
    seconds = picture.shape[1] / 100
    found = f"{spent:.2f} s for a clip of {seconds:.2f} s: {seconds / spent:.1f} × real time"
    if spent > seconds:
        return Finding("speed", NOTE, found, "fewer steps, a quieter machine or a GPU")
    return Finding("speed", GOOD, found)


CHECKS: list[tuple[str, Check]] = [
    ("Python", _python),
    ("token", _token),
    ("model", _model),
    ("device", _device),
    ("memory", _memory),
    ("MP3", _mp3),
    ("Opus", _opus),
    ("DAVE", _dave),
    ("data folder", _folder),
    ("cache", _caches),
    ("disk", _disk),
    ("database", _database),
    ("seed images", _seed_images),
    ("ports", _ports),
]
NEEDED = {"Python", "model", "device", "MP3", "data folder", "database", "seed images"}
"""Without these no riff can be made, so that trying would only say the same again."""
