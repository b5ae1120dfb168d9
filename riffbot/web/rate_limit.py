"""Token buckets: how often one network may ask."""

from __future__ import annotations

import time

from cachetools import LRUCache

from riffbot.web.errors import RateLimited
from riffbot.web.ip_addresses import get_network


class RateLimiter:
    """A token bucket for each network (an IPv4 address, or a /64 of IPv6).

    Args:
        burst: requests at once.
        every_s: seconds until one more is allowed.
    """

    REMEMBERED = 4096
    """Networks that are remembered; the one that asked least recently is forgotten first."""

    def __init__(self, burst: int = 20, every_s: float = 2.0) -> None:
        self._burst = burst
        self._every_s = every_s
        self._buckets: LRUCache[str, tuple[float, float]] = LRUCache(self.REMEMBERED)
        """Network → tokens that were left, and when (`time.monotonic`)."""

    def take(self, address: str) -> None:
        """Take one token of an address's network. Raises RateLimited where none is left."""
        network = get_network(address)
        now = time.monotonic()
        left, since = self._buckets.get(network, (float(self._burst), now))
        left = min(self._burst, left + (now - since) / self._every_s)
        granted = left >= 1
        self._buckets[network] = (left - granted, now)
        if not granted:
            wait = (1 - left) * self._every_s
            raise RateLimited("That was a lot at once; please wait a moment.", wait_s=wait)
