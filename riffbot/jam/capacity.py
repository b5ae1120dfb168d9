"""How much of this machine's time a jam needs, and whether that much is free."""

from __future__ import annotations

import math
from collections.abc import Callable

from riffbot.clock import monotonic
from riffbot.errors import Refused
from riffbot.wording import format_duration

MAX_LOAD = 0.8
"""The share of the machine's time that all jams together may need."""

MIN_SHARE = 0.05
"""A smaller share of the machine's time is no use to a jam."""

MEASUREMENT_VALID_S = 120.0
"""An older measurement refuses nobody: the machine may have been busy just then."""

_SMOOTHING = 0.3
"""Weight of a new measurement in the moving average."""


class Capacity:
    """The measured cost of generating one jam's chunks on this machine.

    Args:
        cycle_s: seconds of sound in a chunk.
        load_of_others: the share of the machine's time that the other jams need now.

    Attributes:
        real_time_factor: seconds of this jam that the machine generates in a second; None before
            the first measurement.
    """

    def __init__(self, cycle_s: float, load_of_others: Callable[[], float]) -> None:
        self._cycle_s = cycle_s
        self._load_of_others = load_of_others
        self.real_time_factor: float | None = None
        self._measured_at = monotonic()

    def record(self, seconds: float) -> None:
        """Record how long a chunk took."""
        if seconds > 0:
            self._measured_at = monotonic()
            factor = self._cycle_s / seconds
            old = self.real_time_factor
            self.real_time_factor = factor if old is None else old + _SMOOTHING * (factor - old)

    def scale_cost(self, ratio: float) -> None:
        """Convert the measurements for chunks that cost `ratio` times as much from now on."""
        if self.real_time_factor is not None:
            self.real_time_factor /= ratio

    def can_sustain(self, ratio: float = 1.0, *, margin: float = 1.0) -> bool:
        """Whether the machine can sustain chunks that cost `ratio` times as much as now.

        Args:
            margin: the share of the limit that may be used, 0 … 1.

        Returns:
            True before the first measurement.
        """
        return self.load * ratio + self._load_of_others() <= margin * MAX_LOAD

    @property
    def chunk_s(self) -> float | None:
        """Seconds that a chunk takes; None before the first measurement."""
        return self._cycle_s / self.real_time_factor if self.real_time_factor else None

    @property
    def load(self) -> float:
        """The share of the machine's time that this jam needs while it plays."""
        return 1 / self.real_time_factor if self.real_time_factor else 0.0

    def check(self) -> None:
        """Raise Refused if the machine cannot sustain this jam beside the others."""
        self._refuse_if_slow(self.real_time_factor)

    def check_resume(self) -> None:
        """Check again at the end of a pause: other jams may have begun since. Raises Refused.

        A jam that is alone may always resume: it was admitted once, and during a pause nothing
        corrects a measurement that was made in a busy moment.
        """
        if self._load_of_others():
            self.check()

    @property
    def is_outdated(self) -> bool:
        """Whether the last measurement is too old to refuse anybody."""
        return monotonic() - self._measured_at >= MEASUREMENT_VALID_S

    def check_failed_attempt(self, factor: float, wait_s: float) -> None:
        """Check the capacity before the first chunk, from an attempt that failed lately.

        Args:
            factor: the real-time factor that it measured.
            wait_s: seconds until the next attempt.

        Raises:
            Refused: that would still be too slow; the sentence says when it is measured again.
        """
        again = f" It is measured again in {format_duration(wait_s)}."
        self._refuse_if_slow(factor, more=again)

    def _refuse_if_slow(self, factor: float | None, *, more: str = "") -> None:
        others = self._load_of_others()
        if factor is None or 1 / factor + others <= MAX_LOAD:
            return
        left = MAX_LOAD - others
        jams = f"the jams that play already (they take {others:.0%} of it)"
        if others and left < MIN_SHARE:
            raise Refused(
                f"This machine has nothing left for one more beside {jams}: "
                f"please let one of them end first, or make single riffs.{more}"
            )
        beside, advice = "", "make single riffs here, or try again when it has less to do."
        if others:
            beside = f" beside {jams}"
            advice = "please let one of them end first, or make single riffs."
        made = math.floor(100 * factor) / 100  # never as much as is needed, by rounding
        raise Refused(
            f"This machine makes {made:.2f} seconds of this jam in a second and needs "
            f"{1 / left:.2f}{beside}: {advice}{more}"
        )
