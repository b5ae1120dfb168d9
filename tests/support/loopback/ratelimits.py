"""Rate limits as Discord sets them: buckets, the global limit, and the 10,000 invalid requests.

See the API reference's "Rate Limits". Windows run on the real clock: the library really sleeps.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass

INVALID_WINDOW_S = 600.0
WEBHOOK = "webhook"


@dataclass(frozen=True)
class Limit:
    """So many requests in each window."""

    requests: int
    window_s: float


LIMITS: dict[str, Limit] = {
    "send_message": Limit(5, 5.0),
    "edit_message": Limit(5, 5.0),
    "delete_message": Limit(5, 1.0),
    WEBHOOK: Limit(5, 2.0),
}
"""Per bucket and major parameter (channel, or webhook and token). What is not listed is free."""
GLOBAL_LIMIT = Limit(50, 1.0)
"""All routes that need the bot's token, together; interactions are outside of it."""


class Window:
    """Counts requests in a window that opens with the first of them."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._used = 0
        self._ends = 0.0

    def take(self) -> bool:
        """Use one request up; False when none is left."""
        now = time.monotonic()
        if now >= self._ends:
            self._used, self._ends = 0, now + self.limit.window_s
        if self._used >= self.limit.requests:
            return False
        self._used += 1
        return True

    @property
    def reset_after_s(self) -> float:
        """Seconds until the window starts anew."""
        return max(0.0, self._ends - time.monotonic())

    def headers(self, bucket: str) -> dict[str, str]:
        """The X-RateLimit headers."""
        reset = self.reset_after_s
        return {
            "X-RateLimit-Limit": str(self.limit.requests),
            "X-RateLimit-Remaining": str(self.limit.requests - self._used),
            "X-RateLimit-Reset": f"{time.time() + reset:.3f}",
            "X-RateLimit-Reset-After": f"{reset:.3f}",
            "X-RateLimit-Bucket": bucket,
        }


@dataclass(frozen=True)
class Limited:
    """Why a request is answered with 429."""

    retry_after_s: float
    scope: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers by which discord.py tells Discord's 429 from Cloudflare's ban."""
        everywhere = {"X-RateLimit-Global": "true"} if self.scope == "global" else {}
        return {
            "Retry-After": f"{self.retry_after_s:.3f}",
            "X-RateLimit-Scope": self.scope,
            "Via": "1.1 google",
            **everywhere,
        }

    @property
    def body(self) -> dict[str, object]:
        """The JSON answer."""
        return {
            "message": "You are being rate limited.",
            "retry_after": round(self.retry_after_s, 3),
            "global": self.scope == "global",
        }


class RateLimits:
    """All windows of one bot, and its invalid requests of the last ten minutes."""

    def __init__(self) -> None:
        self.limits = dict(LIMITS)
        self.invalid_limit = 10_000
        self._windows: dict[tuple[str, str], Window] = {}
        self._global = Window(GLOBAL_LIMIT)
        self._invalid: deque[float] = deque()
        self.answered_429: dict[str, int] = defaultdict(int)

    def take(
        self, bucket: str, major: str, *, is_global: bool
    ) -> tuple[Mapping[str, str], Limited | None]:
        """Let a request in, or not: the headers to send either way, and the reason for a 429."""
        if is_global and not self._global.take():
            return {}, Limited(self._global.reset_after_s, "global")
        limit = self.limits.get(bucket)
        if limit is None:
            return {}, None
        window = self._windows.setdefault((bucket, major), Window(limit))
        allowed = window.take()
        refusal = None if allowed else Limited(window.reset_after_s, "user")
        return window.headers(bucket), refusal

    @property
    def invalid(self) -> int:
        """Answers of 401, 403 and 429 in the last ten minutes (those of scope "shared" not)."""
        while self._invalid and self._invalid[0] < time.monotonic() - INVALID_WINDOW_S:
            self._invalid.popleft()
        return len(self._invalid)

    @property
    def banned(self) -> bool:
        """Cloudflare answers now, not Discord."""
        return self.invalid >= self.invalid_limit

    def count(self, route: str, status: int, scope: str | None) -> None:
        """Keep the books on an answer."""
        if status == 429:
            self.answered_429[route] += 1
        if status in {401, 403, 429} and scope != "shared":
            self._invalid.append(time.monotonic())
