"""How fast this machine makes clips, and the waiting times that follow for the queue."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median_high, median_low

from audio.columns import seconds_of
from riffbot.clock import monotonic
from riffbot.inference.batching import steps_to_run
from riffbot.inference.job import Job
from riffbot.request import RiffRequest

MEASURED_S = 120.0
"""Measurements this much older than the newest one are discarded."""

_KEPT = 5
"""Measurements that a median is taken of: two outliers among them change nothing."""

_DECODE = 2.0
"""Text, autoencoder and the like, in denoiser passes: 0.04 + 0.22 s beside 0.09 s a pass on the
embedded model. Only the estimate for a very different number of steps depends on it."""


class _Recent:
    """The last measurements of one quantity."""

    def __init__(self) -> None:
        # When, and what; replaced as a whole, because event loops read what a worker measures.
        self._values: tuple[tuple[float, float], ...] = ()

    def add(self, value: float, now: float) -> None:
        """Add a measurement and discard those that are out of date beside it."""
        fresh = [one for one in self._values if now - one[0] <= MEASURED_S]
        self._values = (*fresh, (now, value))[-_KEPT:]

    @property
    def newest(self) -> float:
        """When the last measurement was made (seconds of `monotonic`)."""
        return self._values[-1][0]

    @property
    def lower_median(self) -> float | None:
        """The median, the lower of the two middle values; None without measurements."""
        values = [value for _, value in self._values]
        return median_low(values) if values else None

    @property
    def upper_median(self) -> float | None:
        """The median, the higher of the two middle values; None without measurements."""
        values = [value for _, value in self._values]
        return median_high(values) if values else None


class ThroughputMeter:
    """Medians of the last measured seconds a unit of work, one for each batch size.

    One slow moment (a suspended machine) is an outlier that the next measurement outvotes. The
    unit is one pass of the denoiser over one column of 10 ms; guidance makes two passes a step.
    """

    def __init__(self) -> None:
        self._rates: dict[int, _Recent] = {}
        self._per_clip = _Recent()
        self._real_time = _Recent()

    @property
    def seconds_per_clip(self) -> float | None:
        """Measured seconds a clip; None before the first."""
        return self._per_clip.lower_median

    @property
    def real_time_factor(self) -> float | None:
        """Measured seconds of sound made in one second; None before the first clip."""
        return self._real_time.upper_median

    def measure(self, requests: Sequence[RiffRequest], seconds: float) -> None:
        """Record a batch of resolved requests that took `seconds` in all.

        A batch without a denoising step (denoising 0) teaches nothing about the others.
        """
        if steps_to_run(requests[0]) == 0:
            return
        now, size = monotonic(), len(requests)
        rates = {**self._rates, size: self._rates.get(size, _Recent())}
        rates[size].add(seconds / sum(map(work_units, requests)), now)
        # Another size that was measured long ago may have been measured in a slow moment.
        self._rates = {n: rate for n, rate in rates.items() if now - rate.newest <= MEASURED_S}
        self._per_clip.add(seconds / size, now)
        sound = sum(seconds_of(request.width or 0) for request in requests)
        self._real_time.add(sound / seconds if seconds else 0.0, now)

    def seconds(self, requests: Sequence[RiffRequest]) -> float | None:
        """Expected time of a batch of resolved requests; None before anything was measured.

        A batch size that was never seen is taken to cost as much a clip as the nearest that was:
        a bound that batching can only improve on.
        """
        rates = self._rates
        if not rates:
            return None
        nearest = min(rates, key=lambda size: abs(size - len(requests)))
        return (rates[nearest].lower_median or 0.0) * sum(map(work_units, requests))


def sequential_seconds(
    throughput: ThroughputMeter, requests: Sequence[RiffRequest]
) -> float | None:
    """Seconds that resolved pictures take one after the other.

    Returns:
        None before anything was measured, unless there is nothing to do.
    """
    times = [throughput.seconds([request]) for request in requests]
    return None if None in times else sum(time or 0.0 for time in times)


def completion_times(
    throughput: ThroughputMeter, batches: Sequence[Sequence[Job]], ahead: float
) -> list[float]:
    """When each planned batch of the queue will be done, in seconds from now.

    Args:
        ahead: seconds that the running batch still needs.

    Returns:
        One time for each batch; an empty list before anything was measured.
    """
    times = []
    for batch in batches:
        requests = [job.request for job in batch for _ in range(job.repeat)]
        seconds = throughput.seconds(requests)
        if seconds is None:
            return []
        ahead += seconds
        times.append(ahead)
    return times


def remaining_seconds(request: RiffRequest, elapsed: float, step: int, steps: int) -> float:
    """Seconds that a run still needs at its own speed: `step` of `steps` took `elapsed`."""
    done = step * passes_per_step(request)
    return elapsed * ((steps - step) * passes_per_step(request) + _DECODE) / done


def work_units(request: RiffRequest) -> float:
    """Units of work that a resolved request costs."""
    return (request.width or 0) * (steps_to_run(request) * passes_per_step(request) + _DECODE)


def passes_per_step(request: RiffRequest) -> int:
    """How often the denoiser runs in one step: guidance needs an unconditional pass, too."""
    return 1 if request.guidance == 1.0 else 2
