"""How well a model follows prompts whose wordings were held out of its training.

Every prompt of `held_out_prompts` with several seeds, written as MP3s with a manifest. What needs
no listener is measured here: seconds a clip, memory, tempo where a prompt names one, the seam of
the loop, how far the takes of one prompt differ. Whether the instrument is heard needs a listener.
Three environment variables add what not every machine has:

    RIFFBOT_BENCH_BESIDE   a second model, an earlier checkpoint say, measured on the same prompts
    RIFFBOT_BENCH_JUDGE    the script of a judge: `JUDGE score MANIFEST --models … --json -`
    RIFFBOT_BENCH_PYTHON   the interpreter that has the judge's libraries
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from audio.codec import image_to_audio
from audio.files import encode
from audio.image import encode_png
from audio.loudness import normalize
from audio.metrics import measure_seam_db
from riffbot.bench.held_out_prompts import PROMPTS, HeldOutPrompt
from riffbot.bench.progress import ProgressBar
from riffbot.images import Images
from riffbot.inference.pipeline.factory import open_pipeline
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.inference.torch_threads import use_few_threads
from riffbot.request import RiffRequest
from riffbot.settings import Settings

RATE = 44_100
HEADS = "MTT_musicnn,MTT_vgg,MSD_vgg"
"""The judge's networks that may be used for choosing a model."""

TEMPO_ERROR = 0.04


@dataclass(frozen=True)
class ModelResult:
    """What was found of one model.

    Attributes:
        seconds: median from words to MP3.
        memory_mb: the process's peak of resident memory.
        tempo_right, tempo_named: clips whose tempo is within 4 %, of those with a tempo named.
        seam_db: median change of level at the loop's seam against the clip's own (0: none).
        spread: mean correlation between the pictures of two takes of a prompt (1: the same).
        judge: the judge's own report, if one was named.
    """

    model: str
    clips: int
    seconds: float
    memory_mb: float
    tempo_right: int
    tempo_named: int
    seam_db: float
    spread: float | None
    judge: dict[str, Any] | None = None


def generate_takes(
    pipeline: Pipeline, prompts: Iterable[HeldOutPrompt], seeds: int
) -> Iterator[tuple[HeldOutPrompt, RiffRequest, NDArray[np.uint8], NDArray[np.float32], float]]:
    """Prompt, resolved request, picture, sound and seconds to the MP3 of every take."""
    for held_out in prompts:
        for seed in range(seeds):
            began = time.perf_counter()
            request = resolve(
                RiffRequest(prompt=held_out.prompt, seed=seed), pipeline.model.card, pipeline.images
            )
            picture = pipeline.run([request])[0]
            sound = normalize(image_to_audio(picture, loop=True, seed=seed), RATE, loop=True)
            encode(sound, RATE, "mp3")
            yield held_out, request, picture, sound, time.perf_counter() - began


def measure(
    pipeline: Pipeline,
    out: Path,
    *,
    prompts: int = len(PROMPTS),
    seeds: int = 3,
    bar: ProgressBar | None = None,
) -> ModelResult:
    """Generate the takes, write them to `out` with `manifest.json`, and measure them."""
    out.mkdir(parents=True, exist_ok=True)
    bar = bar or ProgressBar("model")
    rows: list[dict[str, Any]] = []
    pictures: dict[str, list[NDArray[np.uint8]]] = {}
    seconds, seams, right = [], [], list[bool]()
    for held_out, request, picture, sound, spent in generate_takes(
        pipeline, PROMPTS[:prompts], seeds
    ):
        name = f"{PROMPTS.index(held_out):03d}-{request.seed}"
        (out / f"{name}.mp3").write_bytes(encode(sound, RATE, "mp3"))
        (out / f"{name}.png").write_bytes(encode_png(picture))
        row = {
            "file": f"{name}.mp3",
            "prompt": held_out.prompt,
            "expected_tags": list(held_out.expected),
            "seed": request.seed,
        }
        if held_out.bpm is not None:
            row["bpm"] = held_out.bpm
            right.append(has_tempo(sound, held_out.bpm))
        rows.append(row)
        pictures.setdefault(held_out.prompt, []).append(picture)
        seconds.append(spent)
        seams.append(measure_seam_db(sound, RATE))
        bar.step(f"{name} {held_out.prompt}")
    (out / "manifest.json").write_text(json.dumps(rows, indent=1), "utf-8")
    pairs = [pair for found in pictures.values() for pair in combinations(found, 2)]
    spread = float(np.mean([correlation(*pair) for pair in pairs])) if pairs else None
    return ModelResult(
        model=f"{pipeline.model.name} {pipeline.model.card.version}",
        clips=len(rows),
        seconds=float(np.median(seconds)),
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        tempo_right=sum(right),
        tempo_named=len(right),
        seam_db=float(np.median(seams)),
        spread=spread,
    )


def has_tempo(sound: NDArray[np.float32], bpm: float) -> bool:
    """Whether librosa finds this tempo, within 4 %, in the clip repeated three times."""
    heard = librosa.feature.tempo(
        y=np.tile(sound, 3), sr=RATE, hop_length=441, start_bpm=110.0, max_tempo=240.0
    )
    return bool(abs(float(heard[0]) / bpm - 1) <= TEMPO_ERROR)


def correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two pictures' pixels over their common columns, -1 to 1."""
    width = min(one.shape[1], other.shape[1])
    return float(np.corrcoef(one[:, :width].ravel(), other[:, :width].ravel())[0, 1])


def run_judge(manifest: Path, judge: Path, python: str | None = None) -> dict[str, Any]:
    """Run an independent judge on a manifest; returns its JSON.

    Raises:
        subprocess.CalledProcessError: the judge failed; its message is on stderr.
    """
    command = [python or sys.executable, str(judge), "score", str(manifest), "--models", HEADS]
    done = subprocess.run([*command, "--json", "-"], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def load_pipeline(settings: Settings, ref: str | None = None) -> Pipeline:
    """Load the model of the settings, or another, without LoRA adapters."""
    named = settings.model_copy(update={"model": ref or settings.model, "loras": []})
    pipeline = open_pipeline(named, Images(settings.seed_images))
    use_few_threads()
    return pipeline


def run(
    settings: Settings,
    *,
    clips: int = 3,
    prompts: int = len(PROMPTS),
    bar: ProgressBar | None = None,
) -> ModelComparison:
    """Measure the settings' model with `clips` seeds, and whatever the environment adds.

    Args:
        prompts: how many of the prompts, from the first on.
        bar: shows the progress.
    """
    bar = bar or ProgressBar("model")
    beside, judge = os.environ.get("RIFFBOT_BENCH_BESIDE"), os.environ.get("RIFFBOT_BENCH_JUDGE")
    found = []
    models = [settings.model, *filter(None, [beside])]
    bar.expect(len(models) * len(PROMPTS[:prompts]) * clips)
    for place, ref in enumerate(models):
        out = settings.data_dir / "bench" / f"model-{place}"
        result = measure(load_pipeline(settings, ref), out, prompts=prompts, seeds=clips, bar=bar)
        if judge:
            python = os.environ.get("RIFFBOT_BENCH_PYTHON")
            result = replace(result, judge=run_judge(out / "manifest.json", Path(judge), python))
        found.append(result)
    return ModelComparison(tuple(found))


@dataclass(frozen=True)
class ModelComparison:
    """One or two models side by side."""

    models: tuple[ModelResult, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"models": [asdict(found) for found in self.models]}

    def table(self) -> str:
        """For people."""
        lines = [f"{'':<34}" + "".join(f"{found.model:>20}" for found in self.models)]
        for title, cells in self._rows():
            lines.append(f"{title:<34}" + "".join(f"{cell:>20}" for cell in cells))
        return "\n".join(lines)

    def _rows(self) -> Iterator[tuple[str, list[str]]]:
        def row(title: str, show: Any) -> tuple[str, list[str]]:
            return title, [show(found) for found in self.models]

        yield row("clips", lambda r: str(r.clips))
        yield row("seconds, words to MP3 (median)", lambda r: f"{r.seconds:.2f}")
        yield row("resident memory, peak (MB)", lambda r: f"{r.memory_mb:.0f}")
        yield row("tempo within 4 %", lambda r: f"{r.tempo_right} of {r.tempo_named}")
        yield row("loop seam (dB)", lambda r: f"{r.seam_db:.1f}")
        yield row("likeness of two takes (1: same)", lambda r: f"{r.spread or 0:.2f}")
        if all(found.judge for found in self.models):
            for title, path in _VERDICTS:
                yield row(title, lambda r, path=path: f"{_get_figure(r.judge, path):.3f}")


_VERDICTS = (
    ("judge: top-3 raw", ("raw", "top3")),
    ("judge: top-1 raw", ("raw", "top1")),
    ("judge: MRR raw", ("raw", "mrr")),
    ("judge: top-3 normalised", ("norm", "top3")),
    ("judge: top-3 by chance, raw", ("chance_top3", "raw")),
    ("judge: mean AUC", ("mean_auc",)),
    ("judge: tempo within 4 %", ("tempo", "acc1")),
)


def _get_figure(verdict: dict[str, Any], path: tuple[str, ...]) -> float:
    found: Any = verdict
    for key in path:
        found = found.get(key, {}) if isinstance(found, dict) else {}
    return float(found) if isinstance(found, int | float) else float("nan")
