"""The baseline of two benchmarks: diffusers' own pipelines on the same weights, and librosa.

Weights, scheduler, steps and guidance are those of RiffBot. The sound comes from librosa's
least-squares inversion of the mel bands and `librosa.griffinlim` with Riffusion's parameters,
written by libsndfile as MP3.
"""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import soundfile
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)
from PIL import Image

from audio.arrays import Pixels
from audio.pixels import pixels_to_mel
from riffbot.bench.peers import FFT, HOP, ITERATIONS, MOMENTUM, RATE, WINDOW
from riffbot.bench.stages import StageTimer
from riffbot.inference.models.model import Model
from riffbot.request import RiffRequest


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


def to_greyscale(answer: Any) -> Pixels:
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
        return self.render(self._picture(), timer)

    def render(self, picture: Pixels, timer: StageTimer) -> bytes:
        """Turn a picture uint8[512, W] into an MP3, with librosa and libsndfile."""
        with timer.stage("codec"):
            mel = pixels_to_mel(picture[::-1])
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

    def _picture(self) -> Pixels:
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


class DiffusersEdits:
    """diffusers' img2img and inpainting on the same weights."""

    def __init__(self, model: Model, request: RiffRequest, iterations: int) -> None:
        self._request = request
        self._model = model
        self._text_to_image = DiffusersBaseline(model, request, iterations=iterations)
        self._img2img = build_diffusers_pipeline(StableDiffusionImg2ImgPipeline, model)
        self._inpaint = build_diffusers_pipeline(StableDiffusionInpaintPipeline, model)

    @property
    def inpaints(self) -> bool:
        """diffusers inpaints with four latent channels (or nine) and refuses all others."""
        return self._model.latent_channels == 4

    def render(self, picture: Pixels) -> bytes:
        """Turn a picture into an MP3 as `DiffusersBaseline` does."""
        return self._text_to_image.render(picture, StageTimer())

    def remix(self, source: Pixels, seed: int = 1) -> Pixels:
        """The picture of an img2img."""
        return self._run(self._img2img, source, seed)

    def inpaint(self, source: Pixels, mask: Pixels) -> Pixels:
        """The picture of an inpainting, or of the whole where diffusers cannot inpaint it."""
        if not self.inpaints:
            return self.remix(source)
        size = {"height": source.shape[0], "width": source.shape[1]}
        white = Image.fromarray(mask)
        return self._run(self._inpaint, source, 1, mask_image=white, strength=1.0, **size)

    def _run(self, pipe: Any, source: Pixels, seed: int, **options: Any) -> Pixels:
        image: Any = Image.fromarray(source)
        if self._model.vae.config.in_channels == 1:
            # Its own preprocessing makes colours of it: give it what the autoencoder takes.
            image = torch.from_numpy(source.astype(np.float32) / 255)[None, None]
            if "mask_image" in options:
                grey = np.asarray(options["mask_image"], np.float32) / 255
                options["mask_image"] = torch.from_numpy(grey)[None, None]
        else:
            image = image.convert("RGB")
        answer = pipe(
            self._request.prompt,
            image=image,
            num_inference_steps=self._request.steps,
            guidance_scale=self._request.guidance,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
            **{"strength": self._request.denoising, **options},
        )
        return to_greyscale(answer)
