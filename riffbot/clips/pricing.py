"""The price of a clip, which is the estimated compute time in seconds, and the limit on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from riffbot.composition import plan_requests
from riffbot.errors import BadRequest, TooCostly
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.engine.throughput import work_units
from riffbot.request import RiffRequest
from riffbot.wording import format_duration

RESUME_LIMIT_FACTOR = 2.0
"""The limit is multiplied by this for clips that were admitted before a restart, so that they are
made even if the machine is slower now."""

_MAX_ORDINARY_FACTOR = 2.0
"""An ordinary clip is at most this many times the work of the model's default clip."""


@dataclass(frozen=True)
class Price:
    """The price of a clip: the pictures that it consists of.

    Attributes:
        requests: the requests to the model, resolved as far as the price depends on it.
    """

    requests: tuple[RiffRequest, ...]

    def seconds(self, engine: Engine, after: int = 0) -> float | None:
        """Estimate the compute time in seconds, without any wait in the queue.

        Args:
            after: how many pictures are computed already and left out.

        Returns:
            None before the engine has measured anything.
        """
        return engine.estimate_seconds(self.requests[after:])


class Pricing:
    """Computes prices of clips, and refuses those above the limit.

    Args:
        engine: measures the speed of this machine.
        images: the pictures that clips start from.
        limit_s: the most seconds that one clip, or all clips of one command, may take
            (`RIFFBOT_MAX_JOB_S`).
    """

    def __init__(self, engine: Engine, images: Images, limit_s: float) -> None:
        self._engine = engine
        self._images = images
        self._limit_s = limit_s

    async def price(self, request: RiffRequest) -> Price | None:
        """Compute the price of a clip of one or many pictures.

        Returns:
            None while the model loads, whose defaults the price depends on.

        Raises:
            BadRequest: the request is invalid for this model.
            NotFound: a picture that the clip starts from is gone.
        """

        def compute() -> Price | None:
            try:
                return Price(tuple(plan_requests(request, self._images, resolve)))
            except _StillLoading:
                return None

        def resolve(picture: RiffRequest) -> RiffRequest:
            resolved = self._engine.resolve(picture)
            if resolved is None:
                raise _StillLoading
            return resolved

        if request.piece is None and request.seed_image is None:
            return compute()
        return await asyncio.to_thread(compute)  # opens picture files

    def check(
        self, price: Price | None, *, spent_s: float = 0.0, resumed: bool = False
    ) -> float | None:
        """Check a price against the limit.

        Args:
            spent_s: seconds of the same clip or command that were admitted before.
            resumed: whether the clip was admitted before a restart.

        Returns:
            The clip's seconds; None if nothing is measured yet, so that it must be checked again.

        Raises:
            TooCostly: the price is above the limit.
        """
        seconds = None if price is None else price.seconds(self._engine)
        limit_s = self._limit_s * (RESUME_LIMIT_FACTOR if resumed else 1.0)
        if seconds is None or spent_s + seconds <= limit_s:
            return seconds
        needed = format_duration(spent_s + seconds)
        raise TooCostly(
            f"That would keep this machine busy for {needed}, and one riff may for "
            f"{format_duration(self._limit_s)}: please ask for a shorter one, for fewer clips or "
            "for fewer steps."
        )

    async def admit(self, request: RiffRequest) -> tuple[Price | None, bool]:
        """Price a clip, and check the price against the limit.

        An ordinary clip on an idle machine is always admitted: it measures the speed again.
        Otherwise one slow measurement would refuse all further clips.

        Returns:
            The price, and whether it was checked. The price is None while the model loads, and
            for an invalid single picture, which the engine refuses as it is submitted; the check
            is False as long as nothing was measured.

        Raises:
            TooCostly: the price is above the limit.
            BadRequest: a clip of many pictures is invalid, or they do not fit together.
        """
        try:
            price = await self.price(request)
        except BadRequest:
            if request.piece is not None:  # the engine would find out after its first picture
                raise
            return None, False
        if price is not None and self._engine.is_idle and self._is_ordinary(price):
            return price, True
        return price, self.check(price) is not None

    def _is_ordinary(self, price: Price) -> bool:
        """Whether a clip is a single picture of about the model's default length and steps."""
        usual = self._engine.resolve(RiffRequest(prompt="any", seed=0))
        return (
            usual is not None
            and len(price.requests) == 1
            and work_units(price.requests[0]) <= _MAX_ORDINARY_FACTOR * work_units(usual)
        )

    async def admit_together(self, requests: Sequence[RiffRequest]) -> None:
        """Check the price of several clips of one command together.

        Raises:
            TooCostly: together they are above the limit.
            BadRequest: as `admit`.
        """
        spent_s = 0.0
        for request in requests if len(requests) > 1 else ():
            price, _ = await self.admit(request)
            spent_s += self.check(price, spent_s=spent_s) or 0.0


class _StillLoading(Exception):
    pass
