"""Plays a jam against the clock and measures it: `riffbot jam --realtime` and `bench jam`.

The names of the report's fields are those of the JSON that both print.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from audio.arrays import Floats
from riffbot.errors import RiffBotError
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine, Requester
from riffbot.jam.ballot import Ballot
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.offline import ScheduledPrompt
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.synthesizer import SAMPLE_RATE
from riffbot.jam.types import LOCAL_USER
from riffbot.request import RiffRequest

BUSY_MEMBERS = 3
"""Members who always want another riff while `busy`: the queue is never empty."""

_EVERY_S = 0.5


@dataclass
class RealtimeReport:
    """How well a jam kept time.

    Attributes:
        seconds: heard.
        bpm: of the seed image.
        underruns: packets of 20 ms that were not ready in time.
        late_chunks: how often the last bar had to loop.
        least_ready: the fewest packets that were ready, as sampled.
        real_time_factor: seconds of this jam that the model makes in a second, as measured.
        start_s: from the command to the first sound, the model's loading included.
        answers: seconds from each change to the sound that changed.
        memory_mb: resident memory after a tenth of the time, in the middle and at the end; None
            where the system does not say.
        riffs: clips that were generated for others meanwhile.
        chunks: how many were placed after the first.
    """

    seconds: float = 0.0
    bpm: float = 0.0
    underruns: int = 0
    late_chunks: int = 0
    least_ready: int = 0
    real_time_factor: float | None = None
    start_s: float = 0.0
    answers: list[float] = field(default_factory=list)
    memory_mb: list[float | None] = field(default_factory=list)
    riffs: int = 0
    chunks: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The values for `--json`."""
        return asdict(self)

    def format_report(self) -> str:
        """A table for people."""
        memory = " → ".join("?" if mb is None else f"{mb:.0f}" for mb in self.memory_mb)
        lines = [
            f"{self.seconds:.1f} s in time at {self.bpm:.2f} bpm, {self.chunks} chunks: "
            f"{self.underruns} underruns, {self.late_chunks} late chunks",
            f"real-time factor {self.real_time_factor or 0:.2f}, first sound after "
            f"{self.start_s:.1f} s, at least {self.least_ready} packets ready",
            f"resident memory {memory} MB, {self.riffs} riffs made beside",
        ]
        if self.answers:
            mean = sum(self.answers) / len(self.answers)
            lines.append(
                f"{len(self.answers)} changes, heard after {mean:.2f} s in the mean, "
                f"{max(self.answers):.2f} s at worst"
            )
        return "\n".join(lines)


async def run_realtime(
    engine: Engine,
    images: Images,
    path: PromptPath,
    *,
    changes: Sequence[ScheduledPrompt] = (),
    seconds: float,
    loudness_lufs: float = -14.0,
    busy: bool = False,
    record: Callable[[Floats], object] | None = None,
    on_progress: Callable[[str], None] = lambda _: None,
) -> RealtimeReport:
    """Play a jam against the clock.

    Args:
        changes: prompts, voted for when their time has come.
        busy: keep a queue of riffs waiting, as on a busy server.
        record: called on another thread with every block of sound, `seconds` in all.
        on_progress: called every half second with a line for people.

    Raises:
        Refused: this machine cannot sustain the jam.
        RiffBotError: it ended by itself.
    """
    began = perf_counter()
    report = RealtimeReport(least_ready=10**6)
    loop = LoopThread()
    ballot = Ballot().cast(LOCAL_USER.user_id, LOCAL_USER.name, path.start.prompt, 0.0)
    session = JamSession(
        JamHost(engine, images, loop),
        JamSnapshot.begin(path, ballot=ballot),
        JamConfig(loudness_lufs=loudness_lufs, paced_by="clock", pause_when_idle=False),
    )
    report.bpm = session.loop_grid.bpm
    recording = _recording(session, record, seconds) if record else contextlib.nullcontext()
    with recording:
        try:
            async with _keep_engine_busy(engine, report) if busy else contextlib.nullcontext():
                await session.start()
                report.start_s = perf_counter() - began
                await _follow(
                    session, sorted(changes, key=lambda c: c.at_s), seconds, report, on_progress
                )
        finally:
            await session.stop()
            loop.stop()
    return report


async def _follow(
    session: JamSession,
    changes: list[ScheduledPrompt],
    seconds: float,
    report: RealtimeReport,
    on_progress: Callable[[str], None],
) -> None:
    checkpoints = [seconds * share for share in (0.1, 0.5)]
    while session.reader.played_s < seconds:
        while changes and session.reader.played_s >= changes[0].at_s:
            await session.vote_for_prompt(changes.pop(0).prompt, LOCAL_USER)
        while checkpoints and session.reader.played_s >= checkpoints[0]:
            checkpoints.pop(0)
            report.memory_mb.append(resident_mb())
        status = session.status()
        if status.error is not None:
            raise RiffBotError(status.error)
        report.least_ready = min(report.least_ready, status.packets_ready)
        on_progress(
            f"{status.played_s:.1f} of {seconds:g} s: {status.current_prompt} ({status.phase}, "
            f"{status.buffer_s:.1f} s ahead)"
        )
        await asyncio.sleep(min(_EVERY_S, max(0.02, seconds - session.reader.played_s)))
    status = session.status()
    report.memory_mb.append(resident_mb())
    report.seconds = session.reader.played_s
    report.underruns = status.underruns
    report.late_chunks = status.late_chunks
    report.real_time_factor = status.real_time_factor
    report.answers = list(session.reader.response_times)
    report.chunks = session.reader.chunk_count


@contextlib.asynccontextmanager
async def _keep_engine_busy(engine: Engine, report: RealtimeReport) -> AsyncIterator[None]:
    """Members who always want another riff."""

    async def member(number: int) -> None:
        for take in itertools.count():
            request = RiffRequest(prompt=f"lo-fi piano {number}", seed=1000 * number + take)
            await engine.submit(request, owner=Requester(number, number))
            report.riffs += 1

    tasks = [asyncio.create_task(member(number)) for number in range(1, BUSY_MEMBERS + 1)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def resident_mb() -> float | None:
    """This process's resident memory; None where the system does not say."""
    try:
        for line in Path("/proc/self/status").read_text("utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError, IndexError):
        return None
    return None


@contextlib.contextmanager
def _recording(
    session: JamSession, record: Callable[[Floats], object], seconds: float
) -> Iterator[None]:
    """Give `record` what is played, on a thread of its own: a slow disk must not stop the music."""
    length = round(seconds * SAMPLE_RATE)
    blocks: queue.SimpleQueue[Floats | None] = queue.SimpleQueue()

    def tap(sample_index: int, samples: Floats) -> None:
        if sample_index < length:
            blocks.put(samples[: length - sample_index])

    troubles: list[Exception] = []

    def write() -> None:
        while (block := blocks.get()) is not None:
            try:
                if not troubles:
                    record(block)
            except Exception as error:
                troubles.append(error)

    writer = threading.Thread(target=write, name="riffbot-jam-recorder")
    session.reader.add_block_callback(tap)
    writer.start()
    try:
        yield
    finally:
        blocks.put(None)
        writer.join()
    if troubles:
        raise troubles[0]
