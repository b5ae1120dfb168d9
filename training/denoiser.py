"""Train the denoiser: `python -m training.denoiser --shards DIR --autoencoder CKPT --out CKPT`.

Rectified flow (Liu et al. 2022; Esser et al. 2024): x_s = (1 - s)·x + s·n, the network answers
n - x, s is logit-normal. One caption in ten is empty, for classifier-free guidance. The weights
that ship are an exponential moving average. Stops by the clock, not by steps, so that a lent GPU's
minutes are used up exactly; restarts from its checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import random
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from training.autoencoder import to_signal
from training.dataset import ByWidth, Clips, ShardFeed, read_shard
from training.networks import build_autoencoder, build_denoiser
from training.text import CaptionEncoder

EMPTY_CAPTIONS = 0.1
TEMPO_ADDED = 0.3


class Preparer:
    """A group of clips as the denoiser sees it: latents and caption states."""

    def __init__(self, checkpoint: Path, device: torch.device) -> None:
        held = torch.load(checkpoint, map_location=device, weights_only=True)
        self.network = build_autoencoder(held["latent_channels"]).to(device).eval()
        self.network.load_state_dict(held["network"])
        self.latent_channels: int = held["latent_channels"]
        self.scale = 1.0 / float(held["rms"])
        self.text = CaptionEncoder(device)
        self.device = device

    @torch.inference_mode()
    def latents(self, pixels: Tensor, batch: int = 16) -> Tensor:
        """uint8 (n, 512, W) -> float16 (n, latent_channels, 32, W/16), RMS about 1."""
        parts = [
            self.network.encode(to_signal(chunk)).latent_dist.mode() * self.scale
            for chunk in pixels.split(batch)
        ]
        return torch.cat(parts).half()

    def __call__(self, clips: Clips) -> tuple[Tensor, Tensor]:
        texts = [
            told_tempo(caption, about, random.Random(f"{index}{caption}"))
            for index, about in enumerate(clips.about)
            for caption in about["captions"]
        ]
        states = self.text(texts)
        return self.latents(clips.pictures), states.view(len(clips.about), -1, *states.shape[1:])


def told_tempo(caption: str, about: dict[str, Any], rng: random.Random) -> str:
    """The caption, in some cases with the tempo put behind it just as the pipeline puts it."""
    if any(c.isdigit() for c in caption) or rng.random() >= TEMPO_ADDED:
        return caption
    return f"{caption}, {round(about['bpm'])} bpm"


def velocity_loss(network: Any, latents: Tensor, states: Tensor, s: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of the velocity, (B,)."""
    at = s.view(-1, 1, 1, 1)
    mixed = (1 - at) * latents + at * noise
    answer = network(mixed.to(latents.dtype), s * 1000.0, states, return_dict=False)[0]
    return (answer.float() - (noise - latents)).square().mean(dim=(1, 2, 3))


@torch.inference_mode()
def held_out_loss(network: Any, groups: list[tuple[Tensor, Tensor]], empty: Tensor) -> dict[str, float]:
    """Loss on clips never trained on, at fixed noise, with their caption and with none."""
    rows = {}
    latents, states = groups[0]
    latents, own = latents[:128].float(), states[:128, 0]
    generator = torch.Generator(latents.device).manual_seed(5)
    noise = torch.randn(latents.shape, generator=generator, device=latents.device)
    s = (torch.arange(len(latents), device=latents.device) + 0.5) / len(latents)
    for name, told in (("caption", own), ("empty", empty.expand(len(latents), -1, -1))):
        with torch.autocast(latents.device.type, torch.bfloat16):
            losses = [
                velocity_loss(network, *parts)
                for parts in zip(latents.split(32), told.float().split(32), s.split(32), noise.split(32), strict=True)
            ]
        rows[name] = round(torch.cat(losses).mean().item(), 4)
    return rows


def main() -> None:  # noqa: PLR0915 - the training loop is one story, told once
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = True
    prepare = Preparer(options.autoencoder, device)
    empty = prepare.text([""])
    network = build_denoiser(prepare.latent_channels, tuple(options.channels))
    network = network.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=device.type == "cuda"
    )
    step, spent, samples = 0, 0.0, 0
    if options.out.exists():
        held = torch.load(options.out, map_location=device, weights_only=True)
        network.load_state_dict(held["network"])
        average.load_state_dict(held["average"])
        if "optimizer" in held:
            optimizer.load_state_dict(held["optimizer"])
            step, spent, samples = held["step"], held["spent"], held["samples"]
    fast = torch.compile(network) if options.compile else network
    feed = ShardFeed(options.shards, device, prepare, limit=options.max_shards)
    feed.start()
    while not (options.shards / "shard-00000.npz").exists():
        time.sleep(0.5)
    held_out = [prepare(g) for g in read_shard(options.shards / "shard-00000.npz", device)]
    held_out.sort(key=lambda rows: -len(rows[0]))

    def checkpoint(seconds: float) -> None:
        held = {
            "network": network.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "channels": list(options.channels),
            "latent_channels": prepare.latent_channels,
            "scale": prepare.scale,
            "step": step,
            "spent": seconds,
            "samples": samples,
        }
        torch.save(held, options.out.with_suffix(".tmp"))
        os.replace(options.out.with_suffix(".tmp"), options.out)

    options.out.parent.mkdir(parents=True, exist_ok=True)
    store, started, losses = ByWidth(), time.monotonic(), []
    budget, saved = options.minutes * 60, time.monotonic()
    while (elapsed := spent + time.monotonic() - started) < budget:
        for width, rows in feed.new():
            store.add(width, rows)
        if len(store) < options.batch * 2:
            time.sleep(0.5)
            continue
        rate = options.lr * min(1.0, (step + 1) / options.warmup)
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, elapsed / budget)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        width, (latents, states) = store.draw(options.batch, rng)
        chosen = torch.randint(states.shape[1], (len(states),), device=device)
        told = states[torch.arange(len(states), device=device), chosen]
        silent = torch.rand(len(told), device=device) < EMPTY_CAPTIONS
        told = torch.where(silent[:, None, None], empty, told).float()
        latents = latents.float().contiguous(memory_format=torch.channels_last)
        s = torch.sigmoid(torch.randn(len(latents), device=device) * 1.0 + options.shift)
        noise = torch.randn_like(latents)
        with torch.autocast(device.type, torch.bfloat16):
            # Only the commonest width is worth a compilation.
            used = fast if width == options.compiled_width else network
            loss = velocity_loss(used, latents, told, s, noise).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        step += 1
        samples += len(latents)
        keep = min(options.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
        losses.append(loss.detach())
        if step % options.every == 0:
            row = {
                "step": step,
                "seconds": round(elapsed),
                "samples": samples,
                "per_second": round(samples / max(1.0, elapsed)),
                "loss": round(torch.stack(losses).mean().item(), 4),
                "clips": len(store),
            }
            losses = []
            if step % (options.every * 5) == 0:
                row |= held_out_loss(average, held_out, empty[0])
            print(json.dumps(row), flush=True)
        if time.monotonic() - saved > options.save_every:
            checkpoint(elapsed)
            saved = time.monotonic()
    checkpoint(elapsed)
    print(json.dumps({"final": held_out_loss(average, held_out, empty[0]), "samples": samples}), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=300)
    parser.add_argument("--shift", type=float, default=0.0, help="mean of the logit-normal s")
    parser.add_argument("--average", type=float, default=0.9995, help="decay of the moving average")
    parser.add_argument("--channels", type=int, nargs=3, default=(96, 192, 320))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--compiled-width", type=int, default=512)
    parser.add_argument("--every", type=int, default=100)
    parser.add_argument("--save-every", type=float, default=60.0, help="seconds")
    parser.add_argument("--max-shards", type=int)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
