"""What is counted and timed while RiffBot runs, for Prometheus.

Numbers that some part of RiffBot knows anyway (the queue's length, the jams) are asked of it when
Prometheus asks (`riffbot.web.metric_families`); here is what would be gone by then.
"""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)
"""Upper bounds of the histograms: from a GPU's chunk to a song that waits on a CPU."""

_REQUEST_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Series with the times at which others began: nobody asks for them.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """Counters and histograms of one RiffBot.

    Attributes:
        registry: holds them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._riffs = Histogram(
            "riffbot_riff_seconds",
            "From when a riff joined the queue to its row in the library, by kind of riff.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._waits = Histogram(
            "riffbot_picture_wait_seconds",
            "What a picture of the model waited in line; chunk: of a jam.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._generations = Histogram(
            "riffbot_picture_seconds",
            "What the model took for a picture; chunk: of a jam.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._underruns = Counter(
            "riffbot_jam_underrun_packets",
            "Packets of jams that were not ready in time, since the start.",
            registry=self.registry,
        )
        self._late_chunks = Counter(
            "riffbot_jam_looped_bars",
            "How often a jam's last bar had to loop, since the start.",
            registry=self.registry,
        )
        self._jams: dict[str, tuple[int, int]] = {}  # underruns and late chunks that are counted
        self._requests = Histogram(
            "riffbot_discord_request_seconds",
            "Requests to Discord by status; 429: Discord's rate limit; error: no answer.",
            ["status"],
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self._rate_limits = Counter(
            "riffbot_discord_rate_limits",
            "Requests that Discord turned away, by the scope of the limit.",
            ["scope"],
            registry=self.registry,
        )
        for scope in ("user", "global", "shared"):
            self._rate_limits.labels(scope)

    def observe_riff(self, kind: str, seconds: float) -> None:
        """Record a riff that was stored."""
        self._riffs.labels(kind).observe(seconds)

    def observe_picture(self, kind: str, waited_s: float, seconds: float) -> None:
        """Record a picture that the engine made: `clip` or `chunk`."""
        self._waits.labels(kind).observe(waited_s)
        self._generations.labels(kind).observe(seconds)

    def count_jam(self, jam_id: str, underruns: int, late_chunks: int) -> None:
        """Record where the counts of a jam stand; only what is new is added."""
        known_underruns, known_late = self._jams.get(jam_id, (0, 0))
        self._underruns.inc(max(0, underruns - known_underruns))
        self._late_chunks.inc(max(0, late_chunks - known_late))
        self._jams[jam_id] = (underruns, late_chunks)

    def keep_jams(self, jam_ids: set[str]) -> None:
        """Forget jams that have ended; what was counted of them stays counted."""
        self._jams = {jam: counts for jam, counts in self._jams.items() if jam in jam_ids}

    def observe_discord(self, status: str, seconds: float) -> None:
        """Record a request to Discord."""
        self._requests.labels(status).observe(seconds)

    def count_rate_limit(self, scope: str) -> None:
        """Record that Discord turned a request away: `user`, `global` or `shared`."""
        self._rate_limits.labels(scope).inc()
