"""Python, memory, the Discord token and the ports."""

from __future__ import annotations

import os
import platform
import socket
import sys
from pathlib import Path

from riffbot.commands.checks.result import BAD, GIB, GOOD, NOTE, CheckResult
from riffbot.locations import settings_example, settings_file
from riffbot.settings import Settings

MIN_PYTHON = (3, 11)
MIN_MEMORY = 2 << 30


def check_python(_: Settings) -> CheckResult:
    """The version of Python."""
    version = platform.python_version()
    if sys.version_info < MIN_PYTHON:
        return CheckResult("Python", BAD, version, "install Python 3.11 or newer, then make setup")
    return CheckResult("Python", GOOD, f"{version} on {platform.system()} {platform.machine()}")


def check_token(settings: Settings) -> CheckResult:
    """The Discord token: only its shape, since only Discord knows whether it is valid."""
    if settings.discord_token is None:
        return CheckResult(
            "token",
            NOTE,
            "none: riffbot starts the local Discord",
            f"for the real one, put DISCORD_TOKEN into {settings_file()} "
            f"(see {settings_example()})",
        )
    parts = settings.discord_token.get_secret_value().split(".")
    if len(parts) != 3 or not all(parts):
        return CheckResult(
            "token",
            BAD,
            "DISCORD_TOKEN does not look like a bot's token (three parts with dots between)",
            "copy it again: developer portal → your application → Bot → Reset Token",
        )
    return CheckResult("token", GOOD, "DISCORD_TOKEN is set")


def check_memory(_: Settings) -> CheckResult:
    """Free memory in bytes, against what RiffBot needs."""
    free = _free_memory()
    if free is None:
        return CheckResult("memory", NOTE, "unknown on this system", "RiffBot needs about 2 GB")
    found = f"{free / GIB:.1f} GB free"
    if free < MIN_MEMORY:
        return CheckResult("memory", NOTE, found, "close something: RiffBot likes to have 2 GB")
    return CheckResult("memory", GOOD, found)


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


def check_ports(settings: Settings) -> CheckResult:
    """Whether the ports are free, and who can reach the page."""
    taken = [
        port for port in (settings.port, settings.web_port) if port and _is_taken(settings, port)
    ]
    if taken:
        return CheckResult(
            "ports",
            BAD,
            f"port {taken[0]} on {settings.host} is taken (by a RiffBot that runs already?)",
            "set RIFFBOT_PORT or RIFFBOT_WEB_PORT to another, or to 0 for any",
        )
    found = (
        f"{settings.host}, any free port" if not settings.web_port else f"port {settings.web_port}"
    )
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        return CheckResult(
            "ports",
            NOTE,
            f"the page listens on {settings.host}, and it has no log-in",
            "set RIFFBOT_HOST=127.0.0.1, or put something with a log-in before it",
        )
    return CheckResult("ports", GOOD, found)


def _is_taken(settings: Settings, port: int) -> bool:
    family, *_, address = socket.getaddrinfo(settings.host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError:
            return True
    return False
