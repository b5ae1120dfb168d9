"""`riffbot bench jam`: the joins, the beat, the delay of a change, and real time.

Each is compared with what people would use instead: clips put end to end (Riffusion), an
equal-power crossfade, and a buffer of three clips ahead (Riffusion's web app), all on the same
chunks and the same machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np

from audio import codec, loudness
from audio.columns import COLUMNS_PER_SECOND, seconds_of
from riffbot.bench.joins import (
    BeatMetrics,
    JoinAnalyser,
    JoinMetrics,
    concatenate_chunks,
    crossfade_chunks,
    estimate_beat_period,
    expected_pixels,
    find_beats,
    measure_beats,
    measure_boundaries,
)
from riffbot.bench.progress import ProgressBar
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.pipeline.factory import open_pipeline
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.offline import OfflineRenderer, ScheduledPrompt
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.realtime import RealtimeReport, run_realtime
from riffbot.jam.synthesizer import COLUMN_SAMPLES, SAMPLE_RATE
from riffbot.jam.tempo_lock import read_loop_grid
from riffbot.jam.timeline import Chunk, LoopGrid, Placement
from riffbot.settings import Settings

PROMPT = "funky sax"
SEED_IMAGE = "steady_beat"

CHANGE_INTERVAL_S = 4.3
"""Seconds between two changes of the prompt: no multiple of the beat, so that they fall anywhere in
the measure."""

CHANGES = ("church bells", "techno", "piano with rain", "funky sax", "jazz trio", "violin")
CLIPS_AHEAD = 3


@dataclass(frozen=True)
class JamSize:
    """How long is played.

    Attributes:
        seconds: of the sound whose joins are measured.
        script: its changes of the prompt.
        wishes: how many changes are made in real time.
        first_s, after_s: seconds before the first change and after the last.
    """

    seconds: float = 90.0
    script: tuple[ScheduledPrompt, ...] = (
        ScheduledPrompt(20, "church bells"),
        ScheduledPrompt(40, "techno"),
    )
    wishes: int = 20
    first_s: float = 5.0
    after_s: float = 12.0

    def changes(self) -> list[ScheduledPrompt]:
        """The changes of the prompt that are made in real time."""
        return [
            ScheduledPrompt(
                self.first_s + CHANGE_INTERVAL_S * number, CHANGES[number % len(CHANGES)]
            )
            for number in range(self.wishes)
        ]


FULL = JamSize()
QUICK = JamSize(
    seconds=12.0, script=(ScheduledPrompt(5, "church bells"),), wishes=1, first_s=0.5, after_s=3.0
)


@dataclass(frozen=True)
class JamResult:
    """What was measured.

    Attributes:
        model, seed_image, bpm: what was played.
        factor: seconds of sound for a second of work, chunks and sound together.
        ordinary: at the beats of our sound where no chunk begins.
        joins: at the chunk boundaries, by way of joining.
        loudness: range of the loudness of our sound's turns, LU.
        period_error: of the beat over the whole sound, as a share.
        repeats: whether the same script gave the same samples again.
        idle, busy: 20 changes in real time, alone and with riffs waiting in the queue.
        ahead: what three clips ahead would give for the same changes, seconds: mean and worst.
        size: how long was played.
    """

    model: str
    seed_image: str
    bpm: float
    factor: float
    ordinary: BeatMetrics
    joins: dict[str, JoinMetrics]
    loudness: float
    period_error: float
    repeats: bool
    idle: RealtimeReport
    busy: RealtimeReport
    ahead: tuple[float, float]
    size: JamSize = FULL

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, with the ratios."""
        return {
            **asdict(self),
            "times_sooner": self.times_sooner,
        }

    @property
    def times_sooner(self) -> float | None:
        """How much sooner a change is heard than with three clips ahead; None: none was heard."""
        answers = self.busy.answers
        return self.ahead[0] / mean(answers) if answers else None

    def table(self) -> str:
        """For people."""
        lines = [
            f"{self.model}: {self.size.seconds:g} s of “{PROMPT}”, "
            + ", ".join(f"at {c.at_s:g} s “{c.prompt}”" for c in self.size.script)
            + f", on {self.seed_image} ({self.bpm:.2f} bpm), {self.factor:.2f} times real time",
            f"{'at chunk boundaries':<26}{'flux dB/band':>20}{'level step dB':>20}"
            f"{'click dB':>20}{'mel error dB':>20}{'outside':>10}",
            f"{'':<26}" + f"{'median  p95   max':>20}" * 4,
            _format_row("ordinary beats", self.ordinary, ""),
        ]
        for name, joins in self.joins.items():
            lines.append(_format_row(name, joins, f"{joins.outside} of {joins.boundaries}"))
        return "\n".join(
            [
                *lines,
                f"loudness of the turns within {self.loudness:.1f} LU; beat period off by "
                f"{100 * self.period_error:.4f} %; same samples again: "
                f"{'yes' if self.repeats else 'NO'}",
                f"wishes: {_format_answers(self.idle.answers)}; "
                f"beside a line of riffs {_format_answers(self.busy.answers)}",
                f"three clips ahead: {self.ahead[0]:.2f} s, at worst {self.ahead[1]:.2f} s: "
                f"{self.times_sooner or 0:.1f} times later",
                "beside a line of riffs: " + self.busy.format_report().replace("\n", "; "),
            ]
        )


def _format_answers(answers: Sequence[float]) -> str:
    if not answers:
        return "none was heard"
    return f"{len(answers)} heard after {mean(answers):.2f} s, at worst {max(answers):.2f} s"


def _format_row(name: str, values: JoinMetrics | BeatMetrics, outside: str) -> str:
    columns = "".join(
        f"{f'{v.median:.2f} {v.p95:5.2f} {v.most:5.2f}':>20}"
        for v in (values.flux, values.level, values.click, values.error)
    )
    return f"{name:<26}{columns}{outside:>10}"


def run(settings: Settings, *, size: JamSize = FULL, bar: ProgressBar | None = None) -> JamResult:
    """Measure with the model of the settings. Takes about five minutes, most of it in time.

    Args:
        size: how long is played.
        bar: shows the progress.

    Raises:
        ModelError: the model cannot be loaded.
        Refused: this machine cannot sustain a jam.
    """
    return asyncio.run(_run(settings, size, bar or ProgressBar("jam")))


async def _run(settings: Settings, size: JamSize, bar: ProgressBar) -> JamResult:
    images = Images(settings.seed_images)
    codec.warm_up()
    path = PromptPath.begin(ChunkOptions(prompt=PROMPT), seed_image=SEED_IMAGE)
    loop_grid = read_loop_grid(images, SEED_IMAGE)
    seconds, changes = size.seconds, size.changes()
    in_time_s = changes[-1].at_s + size.after_s
    bar.expect(2.5 * seconds + 2 * in_time_s)
    async with Engine(lambda: open_pipeline(settings, images), max_batch=1) as engine:
        first = await engine.submit(path.build_request())  # loads the model
        began = perf_counter()
        entries, ours = await _render_offline(engine, path, loop_grid, settings, size=size, bar=bar)
        factor = seconds / (perf_counter() - began)
        again = await _render_offline(engine, path, loop_grid, settings, size=size, bar=bar)
        boundaries = [entry.start * COLUMN_SAMPLES for entry in entries[1:]]
        beats = [at for at in find_beats(loop_grid, seconds) if at not in set(boundaries)]
        sounds = {
            "RiffBot": ours,
            "crossfade of 50 ms": crossfade_chunks(entries, seconds),
            "end to end (Riffusion)": concatenate_chunks(entries, seconds),
        }
        pictures = expected_pixels(entries)
        with bar.part("listening to the joins", 0.5 * seconds):
            analysers = {name: JoinAnalyser(sound, pictures) for name, sound in sounds.items()}
        period = estimate_beat_period(analysers["RiffBot"].envelope, 60 / loop_grid.bpm)
        reports = []
        for busy in (False, True):
            where = "beside a line of riffs" if busy else "alone"
            with bar.part(f"{len(changes)} wishes in time, {where}", in_time_s, seconds=in_time_s):
                report = await run_realtime(
                    engine,
                    images,
                    path,
                    changes=changes,
                    seconds=in_time_s,
                    loudness_lufs=settings.loudness_lufs,
                    busy=busy,
                )
            reports.append(report)
    return JamResult(
        model=first.model_name,
        seed_image=SEED_IMAGE,
        bpm=loop_grid.bpm,
        factor=factor,
        ordinary=measure_beats(analysers["RiffBot"], beats),
        joins={
            name: measure_boundaries(analyser, boundaries, beats)
            for name, analyser in analysers.items()
        },
        loudness=_loudness_range(ours, loop_grid),
        period_error=abs(period * loop_grid.bpm / 60 - 1),
        repeats=bool(np.array_equal(ours, again[1])),
        idle=reports[0],
        busy=reports[1],
        ahead=_three_clips_ahead(changes, loop_grid),
        size=size,
    )


async def _render_offline(
    engine: Engine,
    path: PromptPath,
    loop_grid: LoopGrid,
    settings: Settings,
    *,
    size: JamSize,
    bar: ProgressBar,
) -> tuple[list[Placement], np.ndarray[tuple[int], np.dtype[np.float32]]]:
    entries: list[Placement] = []
    begin = bar.done

    def on_placement(entry: Placement) -> None:
        entries.append(entry)
        bar.to(begin + min(size.seconds, seconds_of(entry.end)))

    async def make(path: PromptPath) -> Chunk:
        riff = await engine.submit(path.build_request())
        return Chunk(path, riff.request, riff.image)

    renderer = OfflineRenderer(
        make,
        path,
        loop_grid,
        changes=size.script,
        seconds=size.seconds,
        loudness_lufs=settings.loudness_lufs,
        on_placement=on_placement,
    )
    with bar.part(f"playing {size.seconds:g} s as fast as it can", size.seconds):
        samples = await renderer.samples()
    inside = [entry for entry in entries if entry.start < size.seconds * COLUMNS_PER_SECOND]
    return inside, samples


def _three_clips_ahead(
    changes: Sequence[ScheduledPrompt], loop_grid: LoopGrid
) -> tuple[float, float]:
    """What Riffusion's web app does: a change is heard when the clip that plays and the three that
    are buffered have ended. Our own chunks' length and the same moments; no time to compute, for
    its new clip is made while the others play."""
    clip = seconds_of(loop_grid.width)
    waits = [clip - change.at_s % clip + CLIPS_AHEAD * clip for change in changes]
    return mean(waits), max(waits)


def _loudness_range(sound: np.ndarray[Any, np.dtype[np.float32]], loop_grid: LoopGrid) -> float:
    turn = loop_grid.width * COLUMN_SAMPLES
    values = [
        loudness.integrated_loudness(sound[at : at + turn], SAMPLE_RATE)
        for at in range(0, len(sound) - turn + 1, turn)
    ]
    return float(max(values) - min(values))
