"""Time of a clip from prompt to MP3, stage by stage, compared with what people would use.

The baseline is the ordinary way to use such a model, see `diffusers_baseline`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from audio import codec, files, loudness
from audio.columns import seconds_of
from riffbot.bench.diffusers_baseline import DiffusersBaseline
from riffbot.bench.peers import ITERATIONS, RATE
from riffbot.bench.progress import ProgressBar
from riffbot.bench.stages import STAGES, StageTimer, TimedMethod, measure_seconds
from riffbot.images import Images
from riffbot.inference.pipeline.factory import open_model, open_pipeline
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.inference.torch_threads import use_few_threads
from riffbot.request import RiffRequest
from riffbot.settings import Settings

BATCH = 4
PROMPT = "funky saxophone riff"


@dataclass(frozen=True)
class EngineResult:
    """What was measured; all times are medians in seconds.

    Attributes:
        model, device, steps, columns: what was run.
        ours, stock: seconds by stage; `other` is what lies between the stages; `total`.
        singles, batch: four clips one by one, and as one batch (pictures only).
    """

    model: str
    device: str
    steps: int
    columns: int
    ours: dict[str, float] = field(default_factory=dict)
    stock: dict[str, float] = field(default_factory=dict)
    singles: float = 0.0
    batch: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, with the ratios."""
        return {
            **asdict(self),
            "times_faster": self.stock["total"] / self.ours["total"],
            "batch_gain": self.singles / self.batch,
            "real_time_factor": seconds_of(self.columns) / self.ours["total"],
        }

    def table(self) -> str:
        """For people."""
        result = self.as_dict()
        lines = [
            f"{self.model} on {self.device}: {self.steps} steps, "
            f"{seconds_of(self.columns):g} s of sound",
            f"{'seconds':<10}{'RiffBot':>10}{'diffusers + librosa':>22}{'ratio':>9}",
        ]
        for stage in (*STAGES, "other", "total"):
            ours, stock = self.ours[stage], self.stock[stage]
            ratio = f"{stock / ours:8.1f}×" if ours > 1e-4 else " " * 9
            lines.append(f"{stage:<10}{ours:>10.3f}{stock:>22.3f}{ratio}")
        lines += [
            f"real-time factor {result['real_time_factor']:.2f} (above 1 sustains a jam)",
            f"{BATCH} clips: {self.singles:.2f} s one by one, {self.batch:.2f} s as one batch: "
            f"{result['batch_gain']:.2f}×",
        ]
        return "\n".join(lines)


def run(
    settings: Settings,
    *,
    clips: int = 3,
    iterations: int = ITERATIONS,
    bar: ProgressBar | None = None,
) -> EngineResult:
    """Measure with the model of the settings at its own defaults.

    Args:
        clips: how often each side makes its clip, in turn; medians count.
        iterations: of the other side's Griffin-Lim.
        bar: shows the progress.

    Raises:
        ModelError: the model cannot be loaded.
    """
    images = Images(settings.seed_images)
    pipeline = open_pipeline(settings, images)
    model = pipeline.model
    use_few_threads()
    first = resolve(RiffRequest(prompt=PROMPT, seed=0), model.card, images)
    # A prompt without a tempo is given one by its seed, and a width with it: a batch has one width.
    requests = [first.with_changes(seed=seed) for seed in range(BATCH)]
    ours = TimedMethod(model, lambda timer: _make_clip(pipeline, first, settings, timer))
    theirs = open_model(settings, stock=True)
    stock = TimedMethod(theirs, DiffusersBaseline(theirs, first, iterations=iterations).clip)
    bar = bar or ProgressBar("engine")
    bar.expect(2 + 4 * clips)
    for side, name in ((ours, "RiffBot"), (stock, "diffusers + librosa")):
        with bar.part(f"{name}, first use"):  # compiles and fills caches
            side.measure()
        side.times.clear()
    singles, batches = [], []
    for number in range(1, clips + 1):
        of = f"{number}/{clips}"
        with bar.part(f"RiffBot {of}"):
            ours.measure()
        with bar.part(f"diffusers + librosa {of}"):
            stock.measure()
        with bar.part(f"{BATCH} clips one by one {of}"):
            singles.append(
                measure_seconds(lambda: [pipeline.run([request]) for request in requests])
            )
        with bar.part(f"{BATCH} clips as one batch {of}"):
            batches.append(measure_seconds(lambda: pipeline.run(requests)))
    assert first.steps is not None
    return EngineResult(
        model=model.name,
        device=str(model.device),
        steps=first.steps,
        columns=first.width or 0,
        ours=ours.medians(),
        stock=stock.medians(),
        singles=median(singles),
        batch=median(batches),
    )


def _make_clip(
    pipeline: Pipeline, request: RiffRequest, settings: Settings, timer: StageTimer
) -> bytes:
    (picture,) = pipeline.run([request])
    with timer.stage("codec"):
        sound = codec.image_to_audio(picture, loop=True, seed=request.seed)
        sound = loudness.normalize(sound, RATE, target_lufs=settings.loudness_lufs, loop=True)
    with timer.stage("encode"):
        return files.encode(sound, RATE, "mp3")
