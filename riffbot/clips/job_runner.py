"""Computes an accepted job, of one picture or many, and checks its price on the way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from riffbot.clips.job_ledger import JobLedger
from riffbot.clips.pricing import Price, Pricing
from riffbot.composition import compose
from riffbot.composition.progress import whole_clip_progress
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine, Reservation
from riffbot.inference.engine.pending_job import OnProgress
from riffbot.inference.job import GeneratedRiff, Requester
from riffbot.library.tables import StoredJob
from riffbot.request import RiffRequest


@dataclass(eq=False)
class AcceptedJob:
    """A clip that was admitted to the queue, and whose job is stored.

    Attributes:
        job: the stored row.
        owner: the requester whose turn in the queue it takes.
        reserved: the reservation in the queue for it and its further pictures.
        price: the price; None while the model loads.
        checked: whether the price was found to be within the limit.
        resumed: whether it was admitted before a restart.
    """

    job: StoredJob
    owner: Requester
    reserved: Reservation
    price: Price | None
    checked: bool
    resumed: bool = False


class JobRunner:
    """Computes accepted jobs on the engine, and cancels them."""

    def __init__(self, engine: Engine, images: Images, pricing: Pricing, ledger: JobLedger) -> None:
        self._engine = engine
        self._images = images
        self._pricing = pricing
        self._ledger = ledger
        self._parts: dict[str, str] = {}  # job → the engine's id of the part that is computed now

    def cancel(self, job_id: str) -> bool:
        """Cancel a job by its id; returns whether there was one to cancel."""
        return self._engine.cancel(self._parts.get(job_id, job_id)) > 0

    async def compute(
        self,
        accepted: AcceptedJob,
        on_progress: OnProgress | None,
        wants_preview: bool,
        deadline: float | None,
    ) -> GeneratedRiff:
        """Compute the picture of a job, or all of its pictures as one.

        Raises:
            RiffBotError: as `ClipService.carry_out`.
        """
        job = accepted.job

        async def submit(request: RiffRequest, number: int, count: int) -> GeneratedRiff:
            if number > 0 and accepted.price is None:  # it was admitted while the model loaded
                accepted.price = await self._pricing.price(job.request)
            price = accepted.price
            if not accepted.checked:
                self._check(accepted, number)
            rest_s = None if price is None else price.seconds(self._engine, after=number + 1)
            # The engine may still be removing the picture before.
            part = self._parts[job.id] = job.id if number == 0 else f"{job.id}.{number}"
            return await self._engine.submit(
                request,
                deadline=deadline,
                owner=accepted.owner,
                on_progress=whole_clip_progress(on_progress, number, count, rest_s),
                wants_preview=wants_preview,
                job_id=part,
                on_start=partial(self._ledger.begin, job) if number == 0 else None,
                # An admitted clip is finished, however long the queue has become meanwhile.
                promised=accepted.resumed or number > 0,
                reserved=accepted.reserved,
            )

        try:
            return await compose(job.request, self._images, submit)
        finally:
            self._parts.pop(job.id, None)

    def _check(self, accepted: AcceptedJob, number: int) -> None:
        """Refuse a clip above the limit that was admitted before anything was measured.

        Args:
            number: the number of its next picture, from 0.

        Raises:
            TooCostly: the clip alone is above the limit.
            Refused: the clip and those that its requester has waiting are.
        """
        price, resumed = accepted.price, accepted.resumed
        accepted.checked = self._pricing.check(price, resumed=resumed) is not None
        if accepted.checked and price is not None:
            self._engine.announce_requests(
                accepted.reserved, price.requests[number:], is_admitted=resumed
            )
