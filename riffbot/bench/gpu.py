"""How fast RiffBot is on a GPU: `riffbot bench gpu`, or `python -m riffbot.bench.gpu --out FILE`.

Two models. Stable Diffusion v1 at its full size, with random weights (`random_v1`), from words to
MP3: one clip and batches, in float16 and bfloat16, compiled, beside diffusers' own pipeline and
librosa on the same weights. And the model of the settings: clips a second, how many jams the
machine carries at once, and how soon a new prompt is heard in one.

What matters most comes first, and what no longer fits into the time is left out and named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from audio import codec, files, loudness
from audio.columns import seconds_of
from riffbot.bench.diffusers_baseline import DiffusersBaseline
from riffbot.bench.peers import ITERATIONS, RATE
from riffbot.bench.progress import ProgressBar
from riffbot.bench.random_v1 import FULL, TINY, V1Size, in_precision, random_v1
from riffbot.bench.stages import StageTimer, measure_seconds
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.pipeline.factory import open_pipeline
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.jam.capacity import MAX_LOAD
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.offline import ScheduledPrompt
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.realtime import run_realtime
from riffbot.jam.tempo_lock import read_loop_grid
from riffbot.request import RiffRequest
from riffbot.settings import Settings, load_settings

PROMPT = "funky saxophone riff"
SEED_IMAGE = "steady_beat"
NO_CUDA = (
    "There is no CUDA device here, so there is nothing to measure; `riffbot bench gpu --tiny` "
    "runs the same code on any machine, with small networks."
)


@dataclass(frozen=True)
class GpuSize:
    """How much is measured.

    Attributes:
        v1: the networks.
        precisions: the first is what the baseline runs in, too.
        batches: of v1, beside one clip.
        embedded_batches: of the model of the settings.
        iterations: of the baseline's Griffin-Lim.
        jam_s, wishes_s: how long a jam is played, and when its prompt is changed.
        backend: of torch.compile.
        compile_s: seconds that must be left before anything is compiled.
    """

    v1: V1Size
    precisions: tuple[torch.dtype, ...]
    batches: tuple[int, ...]
    embedded_batches: tuple[int, ...]
    iterations: int
    jam_s: float
    wishes_s: tuple[float, ...]
    backend: str
    compile_s: float


LARGE = GpuSize(
    v1=FULL,
    precisions=(torch.float16, torch.bfloat16),
    batches=(4, 16),
    embedded_batches=(1, 8, 64),
    iterations=ITERATIONS,
    jam_s=16.0,
    wishes_s=(3.0, 7.3, 11.6),
    backend="inductor",
    compile_s=55.0,
)
SMALL = GpuSize(
    v1=TINY,
    precisions=(torch.float32, torch.bfloat16),
    batches=(2,),
    embedded_batches=(1, 2),
    iterations=1,
    jam_s=3.0,
    wishes_s=(0.5,),
    backend="eager",
    compile_s=0.0,
)


@dataclass
class GpuResult:
    """What was measured; seconds are medians, from words to MP3 unless a name says otherwise.

    Attributes:
        device: its name.
        figures: by what was measured.
        left_out: what did not fit into the time, or failed, and why.
    """

    device: str
    figures: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, with the ratio to the baseline."""
        held: dict[str, Any] = {"device": self.device, **self.figures}
        ours, stock = self.figures.get("v1, one clip"), self.figures.get("diffusers and librosa")
        if ours and stock:
            held["times_faster"] = stock / ours
        return {**held, "left_out": self.left_out}

    def table(self) -> str:
        """For people."""
        rows = {name: value for name, value in self.as_dict().items() if isinstance(value, float)}
        lines = [
            f"on {self.device}",
            *(f"{name:<52}{value:>10.3f}" for name, value in rows.items()),
        ]
        return "\n".join(
            [*lines, *(f"left out: {name}: {why}" for name, why in self.left_out.items())]
        )


class GpuBench:
    """Measures one thing after the other, each as long as there is time.

    Args:
        size: how much is measured.
        clips: repetitions.
        seconds: in all.
        on_result: called after each measurement.
    """

    def __init__(
        self,
        settings: Settings,
        size: GpuSize,
        *,
        clips: int,
        seconds: float,
        bar: ProgressBar,
        on_result: Callable[[GpuResult], object] = lambda _: None,
    ) -> None:
        self.settings, self.size, self.clips, self.bar = settings, size, clips, bar
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        name = torch.cuda.get_device_name() if self.device.type == "cuda" else "a CPU"
        self.result = GpuResult(f"{name}, PyTorch {torch.__version__}")
        self._ends_at = time.monotonic() + seconds
        self._on_result = on_result
        self._images = Images(settings.seed_images)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1)

    def run(self) -> GpuResult:
        """All of it, the most important first."""
        parts: tuple[tuple[str, float, Callable[[], None]], ...] = (
            ("Stable Diffusion v1", 0.0, self._v1),
            ("the embedded model", 8.0, self._embedded),
            ("a jam", self.size.jam_s + 6, self._jam),
            ("other precisions", 5.0, self._precisions),
            ("batches", 12.0, self._batches),
            ("compiled", self.size.compile_s, self._compiled),
        )
        self.bar.expect(len(parts))
        for name, needs, part in parts:
            with self.bar.part(name):
                if self._ends_at - time.monotonic() < needs:
                    self.result.left_out[name] = "no time was left"
                else:
                    self._try(name, part)
            self._on_result(self.result)
        self._threads.shutdown()
        return self.result

    def _try(self, name: str, part: Callable[[], None]) -> None:
        """One failure, out of memory say, must not cost the other figures."""
        try:
            part()
        except Exception as error:
            said = str(error).strip().splitlines() or [""]
            self.result.left_out[name] = f"{type(error).__name__}: {said[0][:200]}"

    # -- Stable Diffusion v1 ---------------------------------------------------------------

    def _v1(self) -> None:
        self.v1 = random_v1(self.size.v1, self.device, self.size.precisions[0])
        request = RiffRequest(
            prompt=PROMPT, seed=1, steps=self.size.v1.steps, width=self.size.v1.width
        )
        self.request = resolve(request, self.v1.card, self._images)
        pipeline = Pipeline(self.v1, self._images)
        self._note("v1, one clip", self._seconds(lambda: self._clips(pipeline, self.request, 1)))
        self._note("v1, its picture", self._seconds(lambda: pipeline.run([self.request])))
        baseline = DiffusersBaseline(self.v1, self.request, iterations=self.size.iterations)
        baseline.clip(StageTimer())
        timer = StageTimer()
        whole = measure_seconds(lambda: baseline.clip(timer))
        self._note("diffusers and librosa", whole)
        picture = whole - timer.spent["codec"] - timer.spent["encode"]
        self._note("diffusers and librosa, the picture", picture)

    def _precisions(self) -> None:
        first, *others = self.size.precisions
        for dtype in others:
            pipeline = Pipeline(in_precision(self.v1, dtype), self._images)
            name = f"v1, its picture, {str(dtype).removeprefix('torch.')}"
            self._note(name, self._seconds(lambda: pipeline.run([self.request])))  # noqa: B023
        self.v1 = in_precision(self.v1, first)

    def _batches(self) -> None:
        pipeline = Pipeline(self.v1, self._images)
        for batch in self.size.batches:
            work = self._seconds(lambda: self._clips(pipeline, self.request, batch), times=1)  # noqa: B023
            self._note(f"v1, a clip of {batch} at once", work / batch)

    def _compiled(self) -> None:
        began = time.monotonic()
        fast: Any = torch.compile(self.v1.unet, backend=self.size.backend)
        pipeline = Pipeline(replace(self.v1, unet=fast), self._images)
        pipeline.run([self.request])
        self._note("v1, compiling", time.monotonic() - began)
        work = self._seconds(lambda: self._clips(pipeline, self.request, 1))
        self._note("v1, one clip, compiled", work)

    # -- the embedded model ----------------------------------------------------------------

    def _embedded(self) -> None:
        pipeline = open_pipeline(self.settings, self._images)
        request = resolve(RiffRequest(prompt=PROMPT, seed=1), pipeline.model.card, self._images)
        for batch in self.size.embedded_batches:
            work = self._seconds(lambda: self._clips(pipeline, request, batch))  # noqa: B023
            self._note(f"{pipeline.model.name}, clips a second, {batch} at once", batch / work)
        for batch in {1, self.size.embedded_batches[-1]}:
            requests = [request.with_changes(seed=seed) for seed in range(batch)]
            chunks = self._seconds(lambda: pipeline.run(requests))  # noqa: B023
            factor = batch * seconds_of(request.width or 0) / chunks
            at_once = f"{batch} at once" if batch > 1 else "one by one"
            self._note(f"{pipeline.model.name}, times real time, {at_once}", factor)
            self._note(f"{pipeline.model.name}, jams, {at_once}", float(int(MAX_LOAD * factor)))

    def _jam(self) -> None:
        report = asyncio.run(self._play())
        if report.answers:
            self._note("a jam's prompt heard after", sum(report.answers) / len(report.answers))
            self._note("a jam's prompt heard after, at worst", max(report.answers))
        self._note("a jam's first sound after", report.start_s)
        self._note("a jam's underruns", float(report.underruns))

    async def _play(self) -> Any:
        path = PromptPath.begin(ChunkOptions(prompt=PROMPT), seed_image=SEED_IMAGE)
        read_loop_grid(self._images, SEED_IMAGE)
        wishes = [
            ScheduledPrompt(at, prompt)
            for at, prompt in zip(
                self.size.wishes_s, ("church bells", "techno", "piano"), strict=False
            )
        ]
        async with Engine(lambda: open_pipeline(self.settings, self._images)) as engine:
            await engine.submit(path.build_request())  # loads the model
            return await run_realtime(
                engine, self._images, path, changes=wishes, seconds=self.size.jam_s
            )

    # -- common ----------------------------------------------------------------------------

    def _clips(self, pipeline: Pipeline, request: RiffRequest, count: int) -> None:
        """So many clips as one batch, from words to MP3; the sounds on all cores."""
        requests = [request.with_changes(seed=seed) for seed in range(count)]
        list(self._threads.map(self._sound, pipeline.run(requests)))

    def _sound(self, picture: Any) -> bytes:
        sound = codec.image_to_audio(picture, loop=True, seed=1)
        target = self.settings.loudness_lufs
        sound = loudness.normalize(sound, RATE, target_lufs=target, loop=True)
        return files.encode(sound, RATE, "mp3")

    def _seconds(self, work: Callable[[], object], times: int | None = None) -> float:
        """Median seconds, after one go to warm up."""
        work()
        return median(measure_seconds(work) for _ in range(times or self.clips))

    def _note(self, name: str, value: float) -> None:
        self.result.figures[name] = value
        self._on_result(self.result)


def run(
    settings: Settings,
    *,
    clips: int = 3,
    tiny: bool = False,
    seconds: float = 300.0,
    bar: ProgressBar | None = None,
    on_result: Callable[[GpuResult], object] = lambda _: None,
) -> GpuResult:
    """Measure.

    Args:
        clips: repetitions; medians count.
        tiny: small networks, on any device: it runs, and measures nothing.
        seconds: what is not begun by then is left out.
        bar: shows the progress.
        on_result: called after each measurement, with all there are.
    """
    if not tiny and not torch.cuda.is_available():
        return GpuResult("no GPU", left_out={"everything": NO_CUDA})
    size = SMALL if tiny else LARGE
    bench = GpuBench(
        settings,
        size,
        clips=clips,
        seconds=seconds,
        bar=bar or ProgressBar("gpu"),
        on_result=on_result,
    )
    return bench.run()


def main(argv: list[str] | None = None) -> int:
    """Measure, and write the figures into a file after each, for a machine that may be taken."""
    parser = argparse.ArgumentParser(prog="python -m riffbot.bench.gpu")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=100.0)
    parser.add_argument("--clips", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="small networks, on any device")
    options = parser.parse_args(argv)
    options.out.parent.mkdir(parents=True, exist_ok=True)

    def write(result: GpuResult) -> None:
        options.out.write_text(json.dumps(result.as_dict(), indent=1), "utf-8")

    with ProgressBar("gpu") as bar:
        result = run(
            load_settings(),
            clips=options.clips,
            tiny=options.tiny,
            seconds=options.seconds,
            bar=bar,
            on_result=write,
        )
    write(result)
    print(result.table())
    return 0 if result.figures else 1


if __name__ == "__main__":
    raise SystemExit(main())
