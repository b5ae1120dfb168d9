"""Limits the page's connections to the file descriptors that this process may open."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from riffbot.web.connections import ConnectionLimits

log = logging.getLogger(__name__)

RESERVED = 48
"""Descriptors that are kept for everything but the page: library, Discord, decoders."""

MIN_CONNECTIONS = 16
"""Connections that the page may have however few descriptors there are."""

WANTED_DESCRIPTORS = 4096


def fit_to_descriptors(limits: ConnectionLimits) -> ConnectionLimits:
    """The limits, with no more connections than this process has descriptors for."""
    most = raise_descriptor_limit()
    if most is None:
        return limits
    room = max(MIN_CONNECTIONS, most - count_open_descriptors() - max(RESERVED, most // 16))
    if room >= limits.total:
        return limits
    log.warning(
        "this system allows %d descriptors, so the page takes %d connections instead of %d",
        most,
        room,
        limits.total,
    )
    return ConnectionLimits(room, min(limits.per_address, room), limits.exempt)


def raise_descriptor_limit() -> int | None:
    """Raise the limit of descriptors where the system allows it; the limit, None if unknown."""
    try:
        import resource  # noqa: PLC0415  # there is none on Windows
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft


def count_open_descriptors() -> int:
    """Descriptors that are open now, or a guess where the system does not say."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sum(1 for _ in Path(folder).iterdir())
    return 32
