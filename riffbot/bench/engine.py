"""Time of a clip from prompt to MP3, stage by stage, compared with what people would use.

The baseline is the ordinary way to use such a model: diffusers' StableDiffusionPipeline on the very
same weights, scheduler, steps and guidance, then librosa: least-squares inversion of the mel bands
and `librosa.griffinlim` with Riffusion's parameters, written by libsndfile as MP3.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import soundfile
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline
from numpy.typing import NDArray

from audio import codec, files, loudness
from riffbot.bench.peers import FFT, HOP, ITERATIONS, MOMENTUM, RATE, WINDOW
from riffbot.bench.progress import ProgressBar
from riffbot.images import Images
from riffbot.inference.models.model import Model
from riffbot.inference.pipeline.factory import open_pipeline
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.inference.torch_threads import use_few_threads
from riffbot.request import RiffRequest
from riffbot.settings import Settings

STAGES = ("text", "denoise", "decode", "codec", "encode")
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
            "real_time_factor": self.columns / 100 / self.ours["total"],
        }

    def table(self) -> str:
        """For people."""
        result = self.as_dict()
        lines = [
            f"{self.model} on {self.device}: {self.steps} steps, {self.columns / 100:g} s of sound",
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
    stock = TimedMethod(model, DiffusersBaseline(model, first, iterations=iterations).clip)
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
            singles.append(_seconds(lambda: [pipeline.run([request]) for request in requests]))
        with bar.part(f"{BATCH} clips as one batch {of}"):
            batches.append(_seconds(lambda: pipeline.run(requests)))
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


class StageTimer:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began = _now()
        try:
            yield
        finally:
            self.spent[name] += _now() - began


class TimedMethod:
    """One of the two methods, timed by stage.

    Stages inside a pipeline are distinguished by its modules: the time of each call of the text
    encoder, the denoiser or the decoder counts for that stage.

    Args:
        model: the modules to time.
        make: makes one clip, from prompt to MP3, and times the stages after the pipeline itself.
    """

    def __init__(self, model: Model, make: Callable[[StageTimer], object]) -> None:
        self._parts = (
            (model.text_encoder, "forward", "text"),
            (model.unet, "forward", "denoise"),
            (model.vae, "decode", "decode"),
        )
        self._make = make
        self.times: list[dict[str, float]] = []

    def measure(self) -> None:
        """Make one clip."""
        timer = StageTimer()
        for part, name, stage in self._parts:
            setattr(part, name, _time_calls(timer, stage, getattr(part, name)))
        try:
            total = _seconds(lambda: self._make(timer))
        finally:
            for part, name, _ in self._parts:
                delattr(part, name)  # the class's own comes through again
        other = total - sum(timer.spent.values())
        self.times.append({**timer.spent, "other": other, "total": total})

    def medians(self) -> dict[str, float]:
        """Seconds by stage."""
        return {name: median(times[name] for times in self.times) for name in self.times[0]}


def _make_clip(
    pipeline: Pipeline, request: RiffRequest, settings: Settings, timer: StageTimer
) -> bytes:
    (picture,) = pipeline.run([request])
    with timer.stage("codec"):
        sound = codec.image_to_audio(picture, loop=True, seed=request.seed)
        sound = loudness.normalize(sound, RATE, target_lufs=settings.loudness_lufs, loop=True)
    with timer.stage("encode"):
        return files.encode(sound, RATE, "mp3")


class UnconditionedUNet(torch.nn.Module):
    """The denoiser with the interface that diffusers' pipelines expect.

    Prompt embedding and beat grid are zeros, so that the same network does the same work.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._unet = model.unet
        self._inputs = model.unet.config.in_channels - model.latent_channels
        self._embedding_width = getattr(
            model.unet.config, "projection_class_embeddings_input_dim", None
        )
        self.config = SimpleNamespace(**{**model.unet.config, "in_channels": model.latent_channels})
        self.dtype, self.device = model.dtype, model.device

    def forward(
        self, sample: torch.Tensor, timestep: torch.Tensor, **inputs: Any
    ) -> tuple[torch.Tensor]:
        """Predict the noise; `inputs` are the pipeline's keyword arguments."""
        if self._inputs:
            shape = (len(sample), self._inputs, *sample.shape[2:])
            sample = torch.cat([sample, sample.new_zeros(shape)], dim=1)
        embedding = (
            None
            if self._embedding_width is None
            else sample.new_zeros(len(sample), self._embedding_width)
        )
        states = inputs["encoder_hidden_states"]
        answer: tuple[torch.Tensor] = self._unet(
            sample, timestep, states, class_labels=embedding, return_dict=False
        )
        return answer


def build_diffusers_pipeline(kind: Any, model: Model) -> Any:
    """Build a pipeline of diffusers (untyped) on the same weights and scheduler."""
    scheduler: Any = DPMSolverMultistepScheduler
    pipeline = kind(
        vae=model.vae,
        text_encoder=model.text_encoder,
        tokenizer=model.tokenizer,
        unet=UnconditionedUNet(model),
        scheduler=scheduler.from_config({**model.scheduler_config, "steps_offset": 1}),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def to_greyscale(answer: Any) -> NDArray[np.uint8]:
    """Average the colours of a diffusers pipeline's picture: uint8[512, W]."""
    grey = np.asarray(answer.images[0]).mean(axis=-1)
    return np.asarray((grey * 255).round(), np.uint8)


class DiffusersBaseline:
    """diffusers' own pipeline on the same weights, and librosa behind it."""

    def __init__(self, model: Model, request: RiffRequest, *, iterations: int = ITERATIONS) -> None:
        self._request = request
        self._iterations = iterations
        self._pipe = build_diffusers_pipeline(StableDiffusionPipeline, model)
        bank = librosa.filters.mel(
            sr=RATE, n_fft=FFT, n_mels=512, fmin=0, fmax=10000, htk=True, norm=None
        )
        self._inverse = np.linalg.pinv(bank)

    def clip(self, timer: StageTimer) -> bytes:
        """One clip, from words to MP3."""
        picture = self._picture()
        with timer.stage("codec"):
            mel = ((255 - picture[::-1].astype(np.float32)) / 255) ** 4
            sound = librosa.griffinlim(
                np.maximum(self._inverse @ mel, 0),
                n_iter=self._iterations,
                hop_length=HOP,
                win_length=WINDOW,
                n_fft=FFT,
                momentum=MOMENTUM,
                random_state=self._request.seed,
            )
        with timer.stage("encode"):
            out = io.BytesIO()
            soundfile.write(out, sound / max(np.abs(sound).max(), 1e-9), RATE, format="MP3")
            return out.getvalue()

    def _picture(self) -> NDArray[np.uint8]:
        answer = self._pipe(
            self._request.prompt,
            height=512,
            width=self._request.width,
            num_inference_steps=self._request.steps,
            guidance_scale=self._request.guidance,
            generator=torch.Generator().manual_seed(self._request.seed),
            output_type="np",
        )
        return to_greyscale(answer)


def _time_calls(timer: StageTimer, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **options: Any) -> Any:
        with timer.stage(stage):
            return function(*args, **options)

    return timed


def _seconds(work: Callable[[], object]) -> float:
    began = _now()
    work()
    return _now() - began


def _now() -> float:
    # A GPU answers before it is done.
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
