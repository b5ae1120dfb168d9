"""Words to picture: the whole of a generation, as one call with small named stages.

    conditions      prompts → embeddings, both sides of every pair of one length
    grids           tempo → where the beats are, for models that are shown that
    noise           a seed's own stream, on the CPU
    start           noise, or the seed image with noise upon it
    denoise         steps of the UNet with guidance; kept regions are held; events go out
    finish          latents → pictures; kept regions laid back to the pixel

Text to image, img2img, inpainting and interpolation differ only in what the stages are given, so
requests of all four kinds may share a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from riffbot.errors import Cancelled, GenerationFailed
from riffbot.images import Images
from riffbot.inference.batching import batch_key, steps_to_run
from riffbot.inference.models.beats import beat_grid, fainter, meter_of, whole_beats
from riffbot.inference.models.model import Model, SchedulerName
from riffbot.inference.models.schedulers import Draw, Sampler
from riffbot.inference.pipeline import pixels
from riffbot.inference.pipeline.noise import Noise
from riffbot.inference.pipeline.pixels import HEIGHT, Picture
from riffbot.inference.pipeline.text import Prompt, TextConditioner
from riffbot.prompt import Fragment, parse
from riffbot.request import RiffRequest
from riffbot.tempo import is_waltz, tempo_in

UNPROMPTED_BEAT = 0.5
"""How much of the beat the unprompted half of the guidance is shown.

At 1 guidance does nothing for the beat, at 0 it makes gentle music pound: tempo is as right at 0.5
as at 0, and clips lie closer to real ones (training/LOG.md, version 3).
"""


@dataclass(frozen=True)
class StepEvent:
    """A denoising step is done.

    Attributes:
        step, steps: 1 … steps; steps are those that this batch really runs.
        preview: decodes the pictures as foreseen from here, one a request. It costs an
            autoencoder's decode, so call it only to show it, and only within the callback.
    """

    step: int
    steps: int
    preview: Callable[[], list[Picture]]


OnStep = Callable[[StepEvent], bool | None]
"""Called after each step on the thread of `run`; returning False cancels the batch."""


class _Told(NamedTuple):
    """One side of the guidance: tokens float[N, T, D] and, for models with one, gists [N, G]."""

    tokens: torch.Tensor
    gists: torch.Tensor | None

    def __add__(self, other: _Told) -> _Told:  # type: ignore[override]
        """Both, one after the other."""
        both = torch.cat([self.tokens, other.tokens])
        if self.gists is None or other.gists is None:
            return _Told(both, None)
        return _Told(both, torch.cat([self.gists, other.gists]))


@dataclass(frozen=True)
class _Conditions:
    """What the denoiser hears for those rows of the batch whose texts are equally long.

    Padding a text to a longer neighbour's length would let the neighbour change its clip.
    """

    rows: list[int]
    positive: _Told
    negative: _Told | None  # None when nobody is guided
    guidance: torch.Tensor  # float32[len(rows), 1, 1, 1]


class _Sides(NamedTuple):
    """A request's texts, each at its start and at its target (the same where it has none)."""

    prompts: tuple[Prompt, Prompt]
    negatives: tuple[Prompt, Prompt]


@dataclass(frozen=True)
class _Seeds:
    """The pictures that a batch starts from or keeps parts of."""

    pictures: list[Picture | None]
    masks: list[Picture | None]
    latents: torch.Tensor | None  # float32[N, C, h, w]; zeros where there is no picture
    free: torch.Tensor | None  # float32[N, 1, h, w], 1 where it may change; None: no mask at all


class Pipeline:
    """A model and the images it may start from. Not thread-safe: one worker owns it."""

    def __init__(self, model: Model, images: Images) -> None:
        self.model = model
        self.images = images
        self._text = TextConditioner(
            model.tokenizer, model.text_encoder, window=model.text_window, gist=model.gist
        )

    @torch.inference_mode()
    def run(
        self, requests: Sequence[RiffRequest], *, on_step: OnStep | None = None
    ) -> list[Picture]:
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
            return [self._seed_picture(request) for request in requests]
        conditions = self._conditions(requests)
        seeds = self._seeds(requests)
        latents = self._denoise(requests, conditions, seeds, on_step)
        return self._finish(requests, seeds, latents)

    # -- conditions ------------------------------------------------------------------------

    def _conditions(self, requests: Sequence[RiffRequest]) -> list[_Conditions]:
        """The batch, parted by length of text: one part unless a prompt outgrows the window."""
        sides = [self._prompts(request) for request in requests]
        lengths = [max(map(self._text.windows, [*s.prompts, *s.negatives])) for s in sides]
        return [
            self._part([i for i, n in enumerate(lengths) if n == length], requests, sides, length)
            for length in sorted(set(lengths))
        ]

    def _part(
        self,
        rows: list[int],
        requests: Sequence[RiffRequest],
        sides: Sequence[_Sides],
        windows: int,
    ) -> _Conditions:
        guidance = torch.tensor([requests[i].guidance for i in rows]).view(-1, 1, 1, 1)
        alphas = [requests[i].alpha for i in rows]
        positive = self._embed([sides[i].prompts for i in rows], alphas, windows)
        negative = None
        if requests[0].guidance != 1.0:
            negative = self._embed([sides[i].negatives for i in rows], alphas, windows)
        return _Conditions(rows, positive, negative, guidance.to(self.model.device))

    def _prompts(self, request: RiffRequest) -> _Sides:
        # At its ends an interpolation is the clip of that end to the bit, so the other end's
        # prompt must not even lengthen the text.
        target = request.target or request
        start = target if request.alpha >= 1 else request
        end = request if request.alpha <= 0 else target
        prompts = [self._told_tempo(side.prompt, request.bpm) for side in (start, end)]
        negatives = [tuple(parse(side.negative)) for side in (start, end)]
        return _Sides((prompts[0], prompts[1]), (negatives[0], negatives[1]))

    def _told_tempo(self, prompt: str, bpm: float | None) -> Prompt:
        fragments = parse(prompt)
        if not self.model.card.tempo_in_prompt or bpm is None or tempo_in(prompt) is not None:
            return tuple(fragments)
        # Behind the fragments rather than the text, where an open bracket would swallow it.
        return (*fragments, Fragment(f", {round(bpm)} bpm"))

    def _embed(
        self, pairs: Sequence[tuple[Prompt, Prompt]], alphas: Sequence[float], windows: int
    ) -> _Told:
        """Each pair lerped by its alpha, in the model's dtype."""
        tokens, gists = [], []
        for (start, end), alpha in zip(pairs, alphas, strict=True):
            first, last = self._text.encode(start, windows), self._text.encode(end, windows)
            tokens.append(torch.lerp(first.float(), last.float(), alpha))
            one, other = self._text.gist(start), self._text.gist(end)
            if one is not None and other is not None:
                gists.append(torch.lerp(one.float(), other.float(), alpha))
        dtype = self.model.dtype
        return _Told(torch.stack(tokens).to(dtype), torch.stack(gists).to(dtype) if gists else None)

    # -- seed images -----------------------------------------------------------------------

    def _seeds(self, requests: Sequence[RiffRequest]) -> _Seeds:
        width = self._whole_width(requests[0])
        pictures = [self._seed_picture(r) if r.seed_image else None for r in requests]
        masks = [self.images.mask(r.mask, r.width or width) if r.mask else None for r in requests]
        seen = [None if p is None else pixels.stretched(p, width) for p in pictures]
        free = [None if m is None else pixels.stretched_mask(m, width) for m in masks]
        return _Seeds(pictures, masks, self._encoded(seen), self._free(free))

    def _seed_picture(self, request: RiffRequest) -> Picture:
        assert request.seed_image is not None
        return self.images.load(request.seed_image)

    def _encoded(self, pictures: Sequence[Picture | None]) -> torch.Tensor | None:
        """Latents of the pictures there are, zeros for the others; None if there is none."""
        present = [i for i, picture in enumerate(pictures) if picture is not None]
        if not present:
            return None
        vae = self.model.vae
        batch = pixels.to_tensor(
            [picture for picture in pictures if picture is not None], vae.config.in_channels
        )
        # The mode, not a sample: the seed image decides, and nothing else may.
        encoded = vae.encode(self._onto_device(batch)).latent_dist.mode().float()
        latents = encoded.new_zeros(len(pictures), *encoded.shape[1:])
        latents[present] = encoded * vae.config.scaling_factor
        return latents

    def _free(self, masks: Sequence[Picture | None]) -> torch.Tensor | None:
        if all(mask is None for mask in masks):
            return None
        stride = self.model.stride
        shape = next(m.shape for m in masks if m is not None)
        cells = [
            pixels.latent_mask(m if m is not None else np.full(shape, 255, np.uint8), stride)
            for m in masks
        ]
        return torch.from_numpy(np.stack(cells))[:, None].to(self.model.device)

    # -- beat grids ------------------------------------------------------------------------

    def _grids(self, requests: Sequence[RiffRequest]) -> torch.Tensor | None:
        """Where the beats are, float32[N, CHANNELS, h, w]; None where the model is not shown it."""
        if not self.model.card.beat_grid:
            return None
        stride = self.model.stride
        cells = self._whole_width(requests[0]) // stride
        rows = [self._grid(request, cells) for request in requests]
        return torch.stack(rows).to(self.model.device)

    def _grid(self, request: RiffRequest, cells: int) -> torch.Tensor:
        stride = self.model.stride
        assert request.width is not None
        beats = whole_beats(request.width, request.bpm)
        waltz = is_waltz(request.prompt)
        if request.seed_image is not None:
            known = self.images.waltz(request.seed_image)
            waltz = waltz if known is None else known
        meter = 4 if beats is None else meter_of(beats, waltz=waltz)
        return beat_grid(cells, HEIGHT // stride, beats, meter)

    # -- denoising -------------------------------------------------------------------------

    def _denoise(
        self,
        requests: Sequence[RiffRequest],
        conditions: Sequence[_Conditions],
        seeds: _Seeds,
        on_step: OnStep | None,
    ) -> torch.Tensor:
        """float32[N, C, h, w] latents of the finished pictures."""
        sampler = self._sampler(requests[0])
        grids = self._grids(requests)
        draw = self._noise(requests)
        noise = draw()
        latents = sampler.begin(noise)
        if seeds.latents is not None and not sampler.from_noise:
            latents = sampler.noised(seeds.latents, noise, 0)

        for step in range(len(sampler)):
            output = self._predict(latents, grids, sampler.timestep(step), conditions)
            latents, foreseen = sampler.step(output, step, latents, draw)
            if seeds.free is not None and seeds.latents is not None:
                held = sampler.noised(seeds.latents, noise, step + 1)
                latents = torch.lerp(held, latents, seeds.free)
            self._tell(on_step, step + 1, len(sampler), foreseen)
        if not bool(torch.isfinite(latents).all()):
            raise GenerationFailed(
                "The model lost its way in this clip: please try another seed. Should that happen "
                "often, the owner can set RIFFBOT_DTYPE=float32."
            )
        return latents

    def _predict(
        self,
        latents: torch.Tensor,
        grids: torch.Tensor | None,
        timestep: torch.Tensor,
        conditions: Sequence[_Conditions],
    ) -> torch.Tensor:
        shown = blind = latents
        if grids is not None:
            shown = torch.cat([latents, grids], dim=1)
            blind = torch.cat([latents, fainter(grids, UNPROMPTED_BEAT)], dim=1)
        if len(conditions) == 1:
            return self._guided(shown, blind, timestep, conditions[0])
        output = torch.empty_like(latents)
        for part in conditions:
            output[part.rows] = self._guided(shown[part.rows], blind[part.rows], timestep, part)
        return output

    def _guided(
        self, shown: torch.Tensor, blind: torch.Tensor, timestep: torch.Tensor, part: _Conditions
    ) -> torch.Tensor:
        """The answer under classifier-free guidance (Ho 2022), both halves in one call.

        The half without the prompt is shown a faint beat (`UNPROMPTED_BEAT`), so that guidance
        leads towards the beat as it leads towards the prompt.
        """
        if part.negative is None:
            return self._unet(shown, timestep, part.positive)
        both = part.negative + part.positive
        without, with_prompt = self._unet(torch.cat([blind, shown]), timestep, both).chunk(2)
        return without + part.guidance * (with_prompt - without)

    def _unet(self, seen: torch.Tensor, timestep: torch.Tensor, told: _Told) -> torch.Tensor:
        answer: torch.Tensor = self.model.unet(
            self._onto_device(seen),
            timestep,
            told.tokens,
            class_labels=told.gists,
            return_dict=False,
        )[0]
        return answer.float()

    def _tell(self, on_step: OnStep | None, step: int, steps: int, foreseen: torch.Tensor) -> None:
        if on_step is None:
            return
        if on_step(StepEvent(step, steps, lambda: self._decode(foreseen))) is False:
            raise Cancelled("This riff was cancelled.")

    # -- finishing -------------------------------------------------------------------------

    def _finish(
        self, requests: Sequence[RiffRequest], seeds: _Seeds, latents: torch.Tensor
    ) -> list[Picture]:
        finished = []
        for i, painted in enumerate(self._decode(latents)):
            kept, mask, width = seeds.pictures[i], seeds.masks[i], requests[i].width
            assert width is not None
            picture = pixels.stretched(painted, width)
            if kept is not None and mask is not None:
                picture = pixels.composite(kept, picture, mask)
            finished.append(np.ascontiguousarray(picture))
        return finished

    def _decode(self, latents: torch.Tensor) -> list[Picture]:
        vae = self.model.vae
        scaled = self._onto_device(latents / vae.config.scaling_factor)
        return pixels.to_pictures(vae.decode(scaled, return_dict=False)[0])

    # -- small things ----------------------------------------------------------------------

    def _whole_width(self, request: RiffRequest) -> int:
        """The next width that the model can take: a seed image may be of any."""
        assert request.width is not None
        multiple = self.model.card.width_multiple
        return -(-request.width // multiple) * multiple

    def _sampler(self, request: RiffRequest) -> Sampler:
        assert request.steps is not None
        name: SchedulerName = request.scheduler  # type: ignore[assignment]
        return Sampler(
            name,
            self.model.scheduler_config,
            steps=request.steps,
            start=request.steps - steps_to_run(request),
            device=self.model.device,
        )

    def _noise(self, requests: Sequence[RiffRequest]) -> Draw:
        """Draws float32[N, C, h, w] onto the device, each row from its request's own stream."""
        streams = [_noise(request) for request in requests]
        stride = self.model.stride
        width = self._whole_width(requests[0]) // stride
        shape = (self.model.latent_channels, HEIGHT // stride, width)
        return lambda: torch.stack([s.draw(shape) for s in streams]).to(self.model.device)

    def _onto_device(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(self.model.device, self.model.dtype, memory_format=torch.channels_last)


def _noise(request: RiffRequest) -> Noise:
    if request.target is None:
        return Noise(request.seed)
    return Noise(request.seed, request.target.seed, request.alpha)
