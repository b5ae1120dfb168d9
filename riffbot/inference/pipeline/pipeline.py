"""Requests → spectrograms: the whole of a generation, as one call with small named stages.

    conditioning    prompts → embeddings                              `conditioning.py`
    planes          tempo → beat grids, key and chords → harmony      `planes.py`
    seeds           seed images and masks → latents                   `seed_latents.py`
    denoise         a seed's noise, then steps of the UNet with guidance; masked regions are held
    decode          latents → pixels; masked regions laid back to the pixel

Text to image, img2img, inpainting and interpolation differ only in what the stages are given, so
requests of all four kinds may share a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from audio.arrays import Pixels
from riffbot.errors import Cancelled, GenerationFailed
from riffbot.images import Images
from riffbot.inference.batching import batch_key, steps_to_run
from riffbot.inference.models.flow_sampler import Draw
from riffbot.inference.models.guidance_embedding import embed_guidance
from riffbot.inference.models.model import Model, SchedulerName
from riffbot.inference.models.schedulers import Sampler, open_sampler
from riffbot.inference.pipeline import pixels
from riffbot.inference.pipeline.conditioning import Conditioner, Conditioning, ConditioningGroup
from riffbot.inference.pipeline.noise import noise_of
from riffbot.inference.pipeline.pixels import HEIGHT
from riffbot.inference.pipeline.planes import PlaneDrawer, Planes
from riffbot.inference.pipeline.seed_latents import SeedBatch, load_seed_image, load_seeds
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class StepEvent:
    """A denoising step is done.

    Attributes:
        step, steps: 1 … steps; steps are those that this batch really runs.
        preview: decodes the pixels as predicted from here, one picture a request. It costs an
            autoencoder's decode, so call it only to show it, and only within the callback.
    """

    step: int
    steps: int
    preview: Callable[[], list[Pixels]]


OnStep = Callable[[StepEvent], bool | None]
"""Called after each step on the thread of `run`; returning False cancels the batch."""


class Pipeline:
    """A model and the images it may start from. Not thread-safe: one worker owns it."""

    def __init__(self, model: Model, images: Images) -> None:
        self.model = model
        self.images = images
        self._conditioner = Conditioner(model)
        self._planes = PlaneDrawer(model, images)

    @torch.inference_mode()
    def run(
        self, requests: Sequence[RiffRequest], *, on_step: OnStep | None = None
    ) -> list[Pixels]:
        """Generate one picture a request, in one batch.

        Args:
            requests: resolved (`riffbot.inference.pipeline.resolve`), all of one
                `riffbot.inference.batching.batch_key`.
            on_step: see `StepEvent`.

        Returns:
            uint8[512, width] for each request. The same requests on the same device give the same
            bytes; alone or among others a picture is the same to within a grey level.

        Raises:
            ValueError: the requests do not go together.
            Cancelled: `on_step` returned False.
            GenerationFailed: the model gave something that is not a number.
            NotFound: a seed image is gone.
        """
        if len({batch_key(request) for request in requests}) != 1:
            raise ValueError("a batch needs requests of one batch_key")
        if steps_to_run(requests[0]) == 0:
            return [load_seed_image(request, self.images) for request in requests]
        groups = self._conditioner.groups(requests)
        seeds = load_seeds(self.model, self.images, requests)
        latents = self._denoise(requests, groups, seeds, on_step)
        return self._finish(requests, seeds, latents)

    # -- denoising -------------------------------------------------------------------------

    def _denoise(
        self,
        requests: Sequence[RiffRequest],
        groups: Sequence[ConditioningGroup],
        seeds: SeedBatch,
        on_step: OnStep | None,
    ) -> torch.Tensor:
        """float32[N, C, h, w] latents of the finished pictures."""
        sampler = self._sampler(requests[0])
        planes = self._planes.draw(requests)
        draw = self._noise_source(requests)
        noise = draw()
        latents = sampler.initial_latents(noise)
        if seeds.latents is not None and not sampler.from_noise:
            latents = sampler.add_noise(seeds.latents, noise, 0)

        for step in range(len(sampler)):
            output = self._predict(latents, planes, sampler.timestep(step), groups)
            latents, predicted = sampler.step(output, step, latents, draw)
            if seeds.free is not None and seeds.latents is not None:
                held = sampler.add_noise(seeds.latents, noise, step + 1)
                latents = torch.lerp(held, latents, seeds.free)
            self._report(on_step, step + 1, len(sampler), predicted)
        if not bool(torch.isfinite(latents).all()):
            raise GenerationFailed(
                "The model lost its way in this clip: please try another seed. Should that happen "
                "often, the owner can set RIFFBOT_DTYPE=float32."
            )
        return latents

    def _predict(
        self,
        latents: torch.Tensor,
        planes: Planes | None,
        timestep: torch.Tensor,
        groups: Sequence[ConditioningGroup],
    ) -> torch.Tensor:
        """The denoiser's guided prediction for the whole batch, float32[N, C, h, w]."""
        cond = uncond = latents
        if planes is not None:
            cond = torch.cat([latents, planes.prompted], dim=1)
            uncond = torch.cat([latents, planes.unprompted], dim=1)
        if len(groups) == 1:
            return self._guided(cond, uncond, timestep, groups[0])
        output = torch.empty_like(latents)
        for group in groups:
            rows = group.rows
            output[rows] = self._guided(cond[rows], uncond[rows], timestep, group)
        return output

    def _guided(
        self,
        cond: torch.Tensor,
        uncond: torch.Tensor,
        timestep: torch.Tensor,
        group: ConditioningGroup,
    ) -> torch.Tensor:
        """The prediction under classifier-free guidance (Ho 2022), both halves in one call."""
        if group.uncond is None:
            return self._unet(cond, timestep, group.cond, group.guidance)
        both = _concatenate(group.uncond, group.cond)
        inputs, scales = (
            torch.cat([uncond, cond]),
            torch.ones_like(group.guidance).repeat(2, 1, 1, 1),
        )
        without, with_prompt = self._unet(inputs, timestep, both, scales).chunk(2)
        return without + group.guidance * (with_prompt - without)

    def _unet(
        self,
        inputs: torch.Tensor,
        timestep: torch.Tensor,
        conditioning: Conditioning,
        guidance: torch.Tensor,
    ) -> torch.Tensor:
        """One pass; `guidance` (N, 1, 1, 1) is what a model of distilled guidance applies."""
        shown: dict[str, torch.Tensor] = {}
        if self.model.card.distilled_guidance is not None:
            embedding = embed_guidance(guidance.flatten()).to(self.model.dtype)
            shown["timestep_cond"] = embedding
        output: torch.Tensor = self.model.unet(
            self.model.to_device(inputs),
            timestep,
            conditioning.tokens,
            class_labels=conditioning.pooled,
            **shown,
            return_dict=False,
        )[0]
        return output.float()

    def _report(
        self, on_step: OnStep | None, step: int, steps: int, predicted: torch.Tensor
    ) -> None:
        if on_step is None:
            return
        if on_step(StepEvent(step, steps, lambda: self._decode(predicted))) is False:
            raise Cancelled("This riff was cancelled.")

    def _sampler(self, request: RiffRequest) -> Sampler:
        assert request.steps is not None
        name: SchedulerName = request.scheduler  # type: ignore[assignment]
        return open_sampler(
            name,
            self.model.scheduler_config,
            steps=request.steps,
            start=request.steps - steps_to_run(request),
            device=self.model.device,
        )

    def _noise_source(self, requests: Sequence[RiffRequest]) -> Draw:
        """Draws float32[N, C, h, w] onto the device, each row from its request's own stream."""
        streams = [noise_of(request) for request in requests]
        stride = self.model.stride
        width = self.model.padded_width(requests[0]) // stride
        shape = (self.model.latent_channels, HEIGHT // stride, width)
        return lambda: torch.stack([s.draw(shape) for s in streams]).to(self.model.device)

    # -- decoding --------------------------------------------------------------------------

    def _finish(
        self, requests: Sequence[RiffRequest], seeds: SeedBatch, latents: torch.Tensor
    ) -> list[Pixels]:
        """Decode, bring each picture to its width, and lay what a mask keeps back to the pixel."""
        finished = []
        for i, painted in enumerate(self._decode(latents)):
            kept, mask, width = seeds.pictures[i], seeds.masks[i], requests[i].width
            assert width is not None
            picture = pixels.resize_columns(painted, width)
            if kept is not None and mask is not None:
                picture = pixels.composite(kept, picture, mask)
            finished.append(np.ascontiguousarray(picture))
        return finished

    def _decode(self, latents: torch.Tensor) -> list[Pixels]:
        vae = self.model.vae
        scaled = self.model.to_device(latents / vae.config.scaling_factor)
        return pixels.to_pictures(vae.decode(scaled, return_dict=False)[0])


def _concatenate(first: Conditioning, second: Conditioning) -> Conditioning:
    """Both along the batch axis."""
    tokens = torch.cat([first.tokens, second.tokens])
    if first.pooled is None or second.pooled is None:
        return Conditioning(tokens, None)
    return Conditioning(tokens, torch.cat([first.pooled, second.pooled]))
