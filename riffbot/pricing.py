"""What a clip costs this machine, and how much one clip may."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from riffbot.composing import pictures
from riffbot.errors import TooCostly
from riffbot.images import Images
from riffbot.inference.engine import Engine
from riffbot.inference.line import in_words
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class Price:
    """What a clip costs.

    Attributes:
        pictures: what the model will be asked for, resolved as far as the price depends on it.
    """

    pictures: tuple[RiffRequest, ...]

    @property
    def first(self) -> RiffRequest | None:
        """The first picture, which is the one that joins the line; None without any."""
        return self.pictures[0] if self.pictures else None

    def seconds(self, engine: Engine, after: int = 0) -> float | None:
        """How long the engine would compute it, without any wait.

        Args:
            after: leave out so many pictures, which are made already.

        Returns:
            None before the engine has measured anything.
        """
        return engine.work_s(self.pictures[after:])


async def priced(request: RiffRequest, images: Images, engine: Engine) -> Price | None:
    """The price of a clip of one or many pictures.

    Returns:
        None while the model loads, which decides what the request leaves open.

    Raises:
        BadRequest: the request is nonsense for this model.
        NotFound: a picture that it starts from is gone.
    """

    def look() -> Price | None:
        try:
            return Price(tuple(pictures(request, images, resolve)))
        except _StillLoading:
            return None

    def resolve(picture: RiffRequest) -> RiffRequest:
        resolved = engine.resolved(picture)
        if resolved is None:
            raise _StillLoading
        return resolved

    if request.piece is None and request.seed_image is None:
        return look()
    return await asyncio.to_thread(look)  # opens picture files


class _StillLoading(Exception):
    pass


def check(price: Price, engine: Engine, limit_s: float, *, spent_s: float = 0.0) -> float | None:
    """Refuse what would keep the machine busy for too long.

    Args:
        limit_s: how long one clip may (`RIFFBOT_MAX_JOB_S`).
        spent_s: what belongs to the same clip and was let in before.

    Returns:
        The clip's seconds; None before anything was measured, when nothing can be refused.

    Raises:
        TooCostly: it would take longer.
    """
    seconds = price.seconds(engine)
    if seconds is None or spent_s + seconds <= limit_s:
        return seconds
    needed = in_words(spent_s + seconds)
    raise TooCostly(
        f"That would keep this machine busy for {needed}, and one riff may for "
        f"{in_words(limit_s)}: please ask for a shorter one, for fewer clips or for fewer steps."
    )
