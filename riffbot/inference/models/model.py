"""What a loaded model is: its parts, its card, and the name under which a riff remembers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from riffbot.request import RiffRequest
from riffbot.tempo import MAX_WIDTH, MIN_WIDTH

SchedulerName = Literal["ddim", "dpm++", "lcm", "flow", "pndm", "euler", "euler_a", "lms"]


class _CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TextEncoderCard(_CardPart):
    """Where a text encoder and its tokenizer are, in one folder as transformers saves them.

    Attributes:
        package: import name of the Python package that holds the folder; None: the model's own
            folder holds it.
        folder: path within the package or within the model's folder.
        max_length: tokens in one window, the two special ones included; shorter prompts are
            padded to it.
    """

    package: str | None = None
    folder: str = "model"
    max_length: Annotated[int, Field(ge=3)]


class Defaults(_CardPart):
    """What a request that leaves a field open gets from this model."""

    steps: Annotated[int, Field(ge=1, le=200)]
    guidance: Annotated[float, Field(ge=1.0, le=30.0)]
    scheduler: SchedulerName
    width: Annotated[int, Field(ge=MIN_WIDTH, le=MAX_WIDTH)] = 512

    @model_validator(mode="before")
    @classmethod
    def _of_older_cards(cls, given: Any) -> Any:
        # Cards once named a denoising that nothing read; it is the request's own.
        if isinstance(given, dict):
            return {name: value for name, value in given.items() if name != "denoising"}
        return given


class ModelCard(_CardPart):
    """`riffbot.json` in a model's folder: what the weights cannot say about themselves.

    Attributes:
        name, version: what a riff's recipe remembers, e.g. `riffbot-mini` `1.0`.
        kind: what the model draws. Only `spectrogram` models make sound.
        licence: SPDX expression of the weights.
        text_encoder: where the text encoder is; None if it lies in `text_encoder` and its tokenizer
            in `tokenizer`, as in a Stable Diffusion checkpoint.
        defaults: see `Defaults`.
        schedulers: the samplers that suit the model; the first is no more than the rest, the
            default is named in `defaults`.
        width_multiple: a clip's width must be a multiple of this many columns.
        circular: time is a circle in every convolution, so that a clip is a loop.
        tempo_in_prompt: the model was trained with “, 120 bpm” in its captions.
        grayscale: the autoencoder has one channel, not three.
        beat_grid: the denoiser is shown where the beats are (`models.beats`), so a
            clip made from text alone gets a tempo of its own.
        harmony_grid: the denoiser is shown the key and the chord of every beat
            (`models.harmony_planes`). With other models a request's key and chords decide nothing.
        distilled_guidance: guidance scales from 1 to this one are an input of the denoiser
            (`models.guidance_embedding`), which then needs one pass a step instead of two. A
            negative prompt, or a higher scale, takes two.
    """

    name: Annotated[str, Field(min_length=1)]
    version: str = "1"
    kind: Literal["spectrogram", "image"] = "spectrogram"
    licence: str = "unknown"
    text_encoder: TextEncoderCard | None = None
    defaults: Defaults
    schedulers: Annotated[tuple[SchedulerName, ...], Field(min_length=1)]
    width_multiple: Annotated[int, Field(ge=1, le=512)]
    circular: bool = True
    tempo_in_prompt: bool = False
    grayscale: bool = False
    beat_grid: bool = False
    harmony_grid: bool = False
    distilled_guidance: Annotated[float, Field(gt=1.0, le=30.0)] | None = None

    @model_validator(mode="after")
    def _default_is_offered(self) -> ModelCard:
        if self.defaults.scheduler not in self.schedulers:
            raise ValueError(f"the default scheduler {self.defaults.scheduler} is not offered")
        if self.defaults.width % self.width_multiple:
            raise ValueError(f"the default width is no multiple of {self.width_multiple}")
        if self.harmony_grid and not self.beat_grid:
            raise ValueError("harmony is shown in the beats of a beat grid, which it lacks")
        return self


@dataclass(frozen=True)
class Model:
    """Everything that turns words into a picture, on one device.

    Attributes:
        name: the card's name, or the hub id or folder name of a foreign checkpoint.
        hash: sha256 over the weight files in order of their paths, 64 hex digits.
        tokenizer, text_encoder: `wordpiece.WordPiece` and `bert.Bert`, or transformers' own;
            `text_window` tokens are read at a time.
        prompt_embedding: see `prompt_embedding.PromptEmbedding`; None where the denoiser is
            conditioned on token states only.
        unet: `unet.UNet`, or diffusers' UNet2DConditionModel.
        vae: `patch_autoencoder.PatchAutoencoder`, or diffusers' AutoencoderKL.
        scheduler_config: the scheduler config that came with the weights.
        card, device, dtype: as loaded; latents between the steps are float32 whatever dtype is.
    """

    name: str
    hash: str
    tokenizer: Any
    text_encoder: Any
    text_window: int
    prompt_embedding: Any
    unet: Any
    vae: Any
    scheduler_config: Mapping[str, Any]
    card: ModelCard
    device: torch.device
    dtype: torch.dtype

    @property
    def stride(self) -> int:
        """Columns (and rows) of the picture that one latent cell stands for."""
        return int(2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        """Channels of the latent picture."""
        return int(self.vae.config.latent_channels)

    def padded_width(self, request: RiffRequest) -> int:
        """A resolved request's width, rounded up to what the model takes (seed images have any)."""
        assert request.width is not None
        multiple = self.card.width_multiple
        return -(-request.width // multiple) * multiple

    def to_device(self, tensor: torch.Tensor) -> torch.Tensor:
        """A tensor [N, C, H, W] on the model's device, in its dtype, channels last."""
        return tensor.to(self.device, self.dtype, memory_format=torch.channels_last)
