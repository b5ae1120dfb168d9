"""The one thread that owns the model: it loads it, takes batches and answers their jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from audio.arrays import Pixels
from riffbot.errors import Cancelled, GenerationFailed, ModelError, RiffBotError, describe_for_owner
from riffbot.inference.batching import batch_key
from riffbot.inference.engine.dispatcher import Dispatcher
from riffbot.inference.engine.memory import free_memory, is_out_of_memory
from riffbot.inference.engine.pending_job import PendingJob
from riffbot.inference.engine.protocols import PipelineLike, StepEvent
from riffbot.inference.engine.throughput import remaining_seconds
from riffbot.inference.job import GeneratedRiff, Job, Progress
from riffbot.inference.torch_threads import use_few_threads
from riffbot.interrupts import ENGINE_THREAD
from riffbot.request import RiffRequest
from riffbot.request_id import serving

log = logging.getLogger(__name__)

OnPicture = Callable[[str, float, float], None]
"""Called with the kind of what was made, the seconds that it waited and those that it took."""

PREVIEW_EVERY_S = 2.0

MAX_QUEUE_FAILURES = 3
"""Errors of the queue in a row after which it is closed."""

QUEUE_BROKE = "Something broke in my line of clips; please ask again. The log has the details."


def batch_limit(device: str, most: int) -> int:
    """How many clips to compute together on a device type.

    A CPU is busy with one clip already: a step of a 10 M denoiser took 138, 115 and 109 ms of CPU
    time a clip in batches of 1, 2 and 4. So there a batch would only keep the first clip waiting
    for the last one, and batches of one make the same request give the same bits whatever else is
    queued (in a batch of two they differed by 2e-6). Accelerators are nearly idle on one clip.
    """
    return 1 if device == "cpu" else most


class Worker:
    """Runs in one daemon thread from `start` until the queue is closed.

    Attributes:
        state: `loading`, `ready`, `broken` or `closed`.
        done, failed: how many clips succeeded and failed since the start.
        closing: set by the engine when it stops.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        load: Callable[[], PipelineLike],
        *,
        max_batch: int,
        warm_up: RiffRequest | None,
        on_picture: OnPicture | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._load = load
        self._most = max_batch
        self._warm_up = warm_up
        self._on_picture = on_picture
        self._pipeline: PipelineLike | None = None
        self._thread = threading.Thread(target=self._run_thread, name=ENGINE_THREAD, daemon=True)
        self.state = "loading"
        self.done = 0
        self.failed = 0
        self.closing = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread to end; return whether it did."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def resolve(self, job: Job) -> None:
        """Fill a job's request from the model; a job that comes before the model waits for it.

        Raises:
            BadRequest: it is nonsense for this model.
        """
        if self._pipeline is None:
            return
        from riffbot.inference.pipeline.resolve import resolve  # noqa: PLC0415  # brings torch

        model = self._pipeline.model
        job.request = resolve(job.request, model.card, self._pipeline.images)
        job.key = batch_key(job.request)

    @property
    def knows_harmony(self) -> bool | None:
        """Whether the model is told the key and the chords; None while it loads."""
        pipeline = self._pipeline
        return None if pipeline is None else bool(pipeline.model.card.harmony_grid)

    # -- in the worker's thread only -------------------------------------------------------------

    def _run_thread(self) -> None:
        """Work until the queue closes; whatever ends the thread before ends the queue, too."""
        try:
            self._work()
        except BaseException as error:
            log.critical("the engine's thread has ended", exc_info=error)
            self.state = "broken"
            self._dispatcher.close(GenerationFailed(QUEUE_BROKE))

    def _work(self) -> None:
        try:
            self._pipeline = pipeline = self._load()
        except Exception as error:
            self._break(error)
            return
        use_few_threads()
        self._dispatcher.batch_limit = batch_limit(
            str(pipeline.model.device).split(":")[0], self._most
        )
        self.state = "ready"
        if self._warm_up is not None and not self._dispatcher.queued:
            self._warm(self._warm_up)
        for pending_job in self._dispatcher.unresolved_jobs():
            self._resolve_pending(pending_job)
        while batch := self._next():
            self._serve(pipeline, batch)
        if self.state == "ready":
            self.state = "closed"

    def _serve(self, pipeline: PipelineLike, batch: list[PendingJob]) -> None:
        """Compute a batch from the queue and set the results or errors of its jobs."""
        origins = dict.fromkeys(pending.job.request_id for pending in batch)
        with serving(" ".join(filter(None, origins))):
            is_chunk = all(pending.job.deadline is not None for pending in batch)
            level = logging.DEBUG if is_chunk else logging.INFO  # a jam has one every few seconds
            log.log(level, "the model begins: %s", " ".join(pending.job.id for pending in batch))
            self._serve_in_request(pipeline, batch)

    def _serve_in_request(self, pipeline: PipelineLike, batch: list[PendingJob]) -> None:
        try:
            alive = [
                pending_job
                for pending_job in batch
                if self._resolve_pending(pending_job) and self._run_start_hook(pending_job)
            ]
            if alive:
                self._compute(pipeline, alive)
        except Exception as error:  # a bug: this batch fails, the thread goes on
            for pending_job in batch:
                self._fail(pending_job, error)
        finally:
            self._dispatcher.finish_batch()

    def _run_urgent_batches(self) -> float:
        """Compute urgent batches before the next step of the running one; return the seconds taken.

        The running batch is suspended on the call stack meanwhile. No picture depends on what was
        computed in between.
        """
        assert self._pipeline is not None
        began = time.monotonic()
        while batch := self._dispatcher.take_urgent_batch():
            self._serve(self._pipeline, batch)
        return time.monotonic() - began

    def _next(self) -> list[PendingJob]:
        """The next batch; an empty list when the queue is closed.

        On a queue error all waiting jobs fail; after `MAX_QUEUE_FAILURES` errors the queue closes.
        """
        for _ in range(MAX_QUEUE_FAILURES):
            try:
                return self._dispatcher.take_batch()
            except Exception:
                log.exception("the queue broke: all jobs in it fail, and it goes on")
                with suppress(Exception):  # the same error may occur again
                    self._dispatcher.cancel(lambda _: True, GenerationFailed(QUEUE_BROKE))
        self.state = "broken"
        with suppress(Exception):
            self._dispatcher.close(GenerationFailed(QUEUE_BROKE))
        return []

    def _break(self, error: Exception) -> None:
        """Fail all jobs, now and later: the model could not be loaded."""
        self.state = "broken"
        path = None
        if isinstance(error, RiffBotError):
            log.error("the model could not be loaded: %s", describe_for_owner(error))
            sentence, path = str(error), error.path
        else:
            log.error("the model could not be loaded", exc_info=error)
            sentence = "The model could not be loaded; the log says why, and so may riffbot doctor."
        self._dispatcher.close(ModelError(sentence).with_path(path))

    def _warm(self, request: RiffRequest) -> None:
        """Warm up: run one small clip twice; the second run is timed."""
        job = Job(request)
        try:
            self.resolve(job)
            self._run([job], measured=False)
            if not self._dispatcher.queued:
                self._run([job])
        except Exception:
            log.exception("the warm-up clip failed; going on")

    def _resolve_pending(self, pending_job: PendingJob) -> bool:
        """Resolve a job's request if needed; False if that failed or the job was cancelled."""
        if pending_job.job.key is None:
            try:
                self.resolve(pending_job.job)
            except Exception as error:
                self._fail(pending_job, error)
                return False
        return not pending_job.job.cancelled

    def _run_start_hook(self, pending_job: PendingJob) -> bool:
        """Run the submitter's start hook; False if the job must not start."""
        try:
            pending_job.run_start_hook()
        except RiffBotError as error:
            self._fail(pending_job, error)
            return False
        return True

    def _compute(self, pipeline: PipelineLike, pending: list[PendingJob]) -> None:
        """Compute a batch and set its results; split it where it fails as a whole."""
        started = time.monotonic()
        watch = _BatchProgress(self._dispatcher, pending, self._run_urgent_batches)
        try:
            images = self._run([pending_job.job for pending_job in pending], watch)
        except Exception as error:
            if all(pending_job.job.cancelled for pending_job in pending):
                return
            if is_out_of_memory(error):
                free_memory()
            if len(pending) == 1:
                self._fail(pending[0], error)
                return
            half = len(pending) // 2
            if is_out_of_memory(error):
                self._dispatcher.batch_limit = half
                log.warning("out of memory with %d clips at once: now %d", len(pending), half)
            # Split the batch so that only the failing job fails.
            self._compute(pipeline, pending[:half])
            self._compute(pipeline, pending[half:])
            return
        seconds = time.monotonic() - started - watch.interrupted_s
        model = pipeline.model
        for pending_job, image in zip(pending, images, strict=True):
            job = pending_job.job
            if not job.cancelled:
                self.done += 1
                timings = {"queued_s": started - job.submitted, "generate_s": seconds}
                if self._on_picture is not None:
                    kind = "clip" if job.deadline is None else "chunk"
                    self._on_picture(kind, timings["queued_s"], seconds)
                size = max(len(pending), job.repeat)
                pending_job.set_result(
                    GeneratedRiff(job.request, image, model.name, model.hash, timings, batch=size)
                )

    def _run(
        self, jobs: list[Job], watch: _BatchProgress | None = None, *, measured: bool = True
    ) -> list[Pixels]:
        """Compute a batch; at each step `watch` reports progress and checks for cancellation."""
        assert self._pipeline is not None
        requests = [job.request for job in jobs for _ in range(job.repeat)]
        started = time.monotonic()
        images = self._pipeline.run(requests, on_step=watch.step if watch else None)
        seconds = time.monotonic() - started
        if watch is not None:
            if watch.is_cancelled:
                raise Cancelled("Every clip of the batch was taken back.")
            seconds -= watch.interrupted_s
        if measured:
            self._dispatcher.throughput.measure(requests, seconds)
        return list(images)[:: jobs[0].repeat]

    def _fail(self, pending_job: PendingJob, error: Exception) -> None:
        """Set one job's error, with a sentence for the member."""
        if pending_job.job.cancelled:
            return
        self.failed += 1
        if isinstance(error, RiffBotError):
            pending_job.set_error(error)
        elif is_out_of_memory(error):
            pending_job.set_error(
                GenerationFailed(
                    "There is not enough memory for this clip: please ask for a shorter one."
                )
            )
        else:
            log.error("job %s failed", pending_job.job.id, exc_info=error)
            pending_job.set_error(
                GenerationFailed("Something broke while making this clip; the log has the details.")
            )


class _BatchProgress:
    """Reports the progress of one run of the pipeline to its submitters.

    Attributes:
        interrupted_s: seconds in which the run was suspended for urgent batches.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        pending: Sequence[PendingJob],
        run_urgent_batches: Callable[[], float],
    ) -> None:
        self._dispatcher = dispatcher
        self._pending = pending
        self._run_urgent_batches = run_urgent_batches
        self._started = self._previewed = time.monotonic()
        self.interrupted_s = 0.0

    @property
    def is_cancelled(self) -> bool:
        """Whether every job of the batch was cancelled."""
        return all(pending_job.job.cancelled for pending_job in self._pending)

    def step(self, event: StepEvent) -> bool:
        """Run urgent batches, then report progress; False when every job was cancelled."""
        if self.is_cancelled:
            return False
        self.interrupted_s += self._run_urgent_batches()
        spent = time.monotonic() - self._started - self.interrupted_s
        eta = remaining_seconds(self._pending[0].job.request, spent, event.step, event.steps)
        self._dispatcher.set_remaining_seconds(eta)
        previews = self._previews(event)
        for pending_job, preview in zip(self._pending, previews, strict=True):
            pending_job.report_progress(
                Progress(pending_job.job.id, "running", 0, eta, event.step, event.steps, preview)
            )
        return True

    def _previews(self, event: StepEvent) -> list[Pixels | None]:
        wanted = any(
            pending_job.job.wants_preview and not pending_job.job.cancelled
            for pending_job in self._pending
        )
        if not wanted or time.monotonic() - self._previewed < PREVIEW_EVERY_S:
            return [None] * len(self._pending)
        pictures = list(event.preview())[:: self._pending[0].job.repeat]
        self._previewed = time.monotonic()
        return [
            picture if pending_job.job.wants_preview else None
            for pending_job, picture in zip(self._pending, pictures, strict=True)
        ]
