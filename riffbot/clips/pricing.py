"""The price of a clip in seconds of this machine's work, and the limit on it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from riffbot.composition import plan_pictures
from riffbot.errors import BadRequest, TooCostly
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.engine.throughput import work_units
from riffbot.request import RiffRequest
from riffbot.wording import format_duration

RESUMED = 2.0
"""A piece from before a restart may cost so many times as much: what was found cheap enough when
it was admitted is made, also where the machine is slower now."""

_ORDINARY = 2.0
"""An ordinary clip is this many times the work of the model's default clip at most."""


@dataclass(frozen=True)
class Price:
    """The price of a clip: the pictures that it takes.

    Attributes:
        pictures: the requests to the model, resolved as far as the price depends on it.
    """

    pictures: tuple[RiffRequest, ...]

    def seconds(self, engine: Engine, after: int = 0) -> float | None:
        """How long the engine would compute it, without any wait.

        Args:
            after: leave out so many pictures, which are made already.

        Returns:
            None before the engine has measured anything.
        """
        return engine.estimate_seconds(self.pictures[after:])


class Pricing:
    """Computes prices of clips, and refuses those above the limit.

    Args:
        engine: measures how fast this machine is.
        images: the pictures that clips start from.
        limit_s: how long one clip, or all that one command asks for, may keep the engine busy
            (`RIFFBOT_MAX_JOB_S`).
    """

    def __init__(self, engine: Engine, images: Images, limit_s: float) -> None:
        self._engine = engine
        self._images = images
        self._limit_s = limit_s

    async def price(self, request: RiffRequest) -> Price | None:
        """Compute the price of a clip of one or many pictures.

        Returns:
            None while the model loads, which decides what the request leaves open.

        Raises:
            BadRequest: the request is invalid for this model.
            NotFound: a picture that it starts from is gone.
        """

        def compute() -> Price | None:
            try:
                return Price(tuple(plan_pictures(request, self._images, resolve)))
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
            resumed: it was admitted before a restart.

        Returns:
            The clip's seconds; None where nothing is known or measured yet, so that it has to be
            checked again.

        Raises:
            TooCostly: it would take longer.
        """
        seconds = None if price is None else price.seconds(self._engine)
        limit_s = self._limit_s * (RESUMED if resumed else 1.0)
        if seconds is None or spent_s + seconds <= limit_s:
            return seconds
        needed = format_duration(spent_s + seconds)
        raise TooCostly(
            f"That would keep this machine busy for {needed}, and one riff may for "
            f"{format_duration(self._limit_s)}: please ask for a shorter one, for fewer clips or "
            "for fewer steps."
        )

    async def admit(self, request: RiffRequest) -> tuple[Price | None, bool]:
        """The price of a clip, and whether it was found to be within the limit.

        An ordinary clip on an idle machine is always admitted: it measures the speed anew, or one
        slow moment would refuse everything for ever.

        Returns:
            None while the model loads, and for a single picture that is nonsense for it, which is
            refused as it is submitted; False as long as nothing was measured.

        Raises:
            TooCostly: it costs more.
            BadRequest: it has many pictures, and they do not fit together.
        """
        try:
            price = await self.price(request)
        except BadRequest:
            if request.piece is not None:  # which would be found out after its first picture
                raise
            return None, False
        if price is not None and self._engine.is_idle and self._ordinary(price):
            return price, True
        return price, self.check(price) is not None

    def _ordinary(self, price: Price) -> bool:
        """Whether it is a single picture of about the model's own length and steps."""
        usual = self._engine.resolve(RiffRequest(prompt="any", seed=0))
        return (
            usual is not None
            and len(price.pictures) == 1
            and work_units(price.pictures[0]) <= _ORDINARY * work_units(usual)
        )

    async def admit_together(self, requests: Sequence[RiffRequest]) -> None:
        """Check the price of several clips of one command together.

        Raises:
            TooCostly: they do.
            BadRequest: as `admit`.
        """
        spent_s = 0.0
        for request in requests if len(requests) > 1 else ():
            price, _ = await self.admit(request)
            spent_s += self.check(price, spent_s=spent_s) or 0.0


class _StillLoading(Exception):
    pass
