"""Whether RiffBot is alive and ready: every part of it has one probe.

*Alive* means that a restart would not help; *ready* means that a riff that is asked for now would
be made, stored and answered. A full disk is a matter of readiness: a restart frees no space.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

log = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[str | None]]
"""Returns what is wrong, in words that strangers may read; None if all is well."""

PROBE_S = 3.0
"""Seconds after which a probe counts as unanswered."""

FRESH_S = 2.0
"""Seconds for which an answer holds, however often it is asked for: probes write to the disk."""


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        name: of the part.
        is_vital: whether a restart might help.
        trouble: what is wrong; None if all is well.
    """

    name: str
    is_vital: bool
    trouble: str | None


class Health:
    """The probes of a running RiffBot."""

    def __init__(self) -> None:
        self._probes: dict[str, tuple[Probe, bool]] = {}
        self._results: list[ProbeResult] = []
        self._checked_at = float("-inf")
        self._lock = asyncio.Lock()

    def add(self, name: str, probe: Probe, *, is_vital: bool = False) -> None:
        """Add a probe; another one of that name is replaced.

        Args:
            is_vital: whether RiffBot should be restarted when it fails.
        """
        self._probes[name] = (probe, is_vital)
        self._checked_at = float("-inf")

    async def check(self) -> list[ProbeResult]:
        """Ask all probes, or return what they answered a moment ago. Never raises."""
        async with self._lock:
            if time.monotonic() - self._checked_at >= FRESH_S:
                self._results = list(
                    await asyncio.gather(
                        *(_ask(name, *probe) for name, probe in self._probes.items())
                    )
                )
                self._checked_at = time.monotonic()
            return self._results


async def _ask(name: str, probe: Probe, is_vital: bool) -> ProbeResult:
    try:
        async with asyncio.timeout(PROBE_S):
            trouble = await probe()
    except TimeoutError:
        trouble = f"no answer within {PROBE_S:.0f} seconds"
    except Exception:  # a bug in a probe is trouble, too
        log.exception("the probe “%s” failed", name)
        trouble = "it could not be looked at; the log has the details"
    return ProbeResult(name, is_vital, trouble)
