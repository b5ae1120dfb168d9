"""How fast this machine makes clips, measured while it does, and what that promises to the line."""

from __future__ import annotations

from collections.abc import Sequence

from riffbot.inference.job import Job
from riffbot.inference.plan import steps_to_run
from riffbot.request import RiffRequest

_NEWEST = 0.3
"""Weight of the newest measurement: three clips forget half of what was before."""

_DECODE = 2.0
"""Text, autoencoder and the like, in denoiser passes: 0.04 + 0.22 s beside 0.09 s a pass on the
embedded model. Only the estimate for a very different number of steps depends on it."""


class SpeedMeter:
    """Exponentially weighted averages of seconds a unit of work, one for each batch size.

    The unit is one pass of the denoiser over one column of 10 ms; guidance makes two passes a step.
    """

    def __init__(self) -> None:
        self._rates: dict[int, float] = {}
        self.seconds_per_clip: float | None = None
        self.real_time_factor: float | None = None

    def measure(self, requests: Sequence[RiffRequest], seconds: float) -> None:
        """Learn from a batch of resolved requests that took `seconds` in all.

        A batch without a denoising step (denoising 0) teaches nothing about the others.
        """
        if steps_to_run(requests[0]) == 0:
            return
        size = len(requests)
        self._rates[size] = _blend(self._rates.get(size), seconds / sum(map(work, requests)))
        self.seconds_per_clip = _blend(self.seconds_per_clip, seconds / size)
        sound = sum((request.width or 0) / 100 for request in requests)
        self.real_time_factor = _blend(self.real_time_factor, sound / seconds if seconds else 0.0)

    def seconds(self, requests: Sequence[RiffRequest]) -> float | None:
        """Expected time of a batch of resolved requests; None before anything was measured.

        A batch size that was never seen is taken to cost as much a clip as the nearest that was:
        a bound that batching can only improve on.
        """
        if not self._rates:
            return None
        nearest = min(self._rates, key=lambda size: abs(size - len(requests)))
        return self._rates[nearest] * sum(map(work, requests))


def line_times(meter: SpeedMeter, batches: Sequence[Sequence[Job]], ahead: float) -> list[float]:
    """When each batch of the line will be done, in seconds from now.

    Args:
        ahead: what the batch that is running still needs.

    Returns:
        One time a batch; an empty list before anything was measured.
    """
    times = []
    for batch in batches:
        requests = [job.request for job in batch for _ in range(job.repeat)]
        seconds = meter.seconds(requests)
        if seconds is None:
            return []
        ahead += seconds
        times.append(ahead)
    return times


def remaining(request: RiffRequest, elapsed: float, step: int, steps: int) -> float:
    """Seconds that a run still needs, judged by itself: `step` of `steps` took `elapsed`."""
    done = step * passes(request)
    return elapsed * ((steps - step) * passes(request) + _DECODE) / done


def work(request: RiffRequest) -> float:
    """Units of work that a resolved request costs."""
    return (request.width or 0) * (steps_to_run(request) * passes(request) + _DECODE)


def passes(request: RiffRequest) -> int:
    """How often the denoiser runs in one step: guidance needs an unprompted pass beside."""
    return 1 if request.guidance == 1.0 else 2


def _blend(old: float | None, new: float) -> float:
    return new if old is None else old + _NEWEST * (new - old)
