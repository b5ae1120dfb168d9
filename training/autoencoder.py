"""Fit and train the autoencoder: `python -m training.autoencoder --shards DIR --out CKPT`.

First the principal components of 16×16 patches, in seconds, from a few hundred clips: from then on
the latents are fixed and the denoiser can train. Then the decoder's correcting net, mean squared
error in pixels, on latents with up to 10 % of noise so that it forgives what a small denoiser gets
wrong. Resumes from its checkpoint; `--minutes` is the total.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.dataset import (
    PicturesByWidth,
    folder,
    held_out,
    learnt_from,
    read_clips,
    to_signal,
    write_checkpoint,
)
from training.networks import STRIDE, build_autoencoder
from training.progress import Progress, wait_for

NOISE = 0.1
WHITENING = 0.5
"""Latent channels are divided by std**WHITENING: 0 leaves all the energy in the first few, 1 asks
the denoiser for every grain of texture as loudly as for the notes."""


def fit(network: Any, pictures: list[Tensor]) -> float:
    """Set the projections from pictures uint8 (512, W); returns the plane's PSNR in dB."""
    patches = torch.cat([_patches(picture) for picture in pictures])
    mean = patches.mean()
    centred = patches - mean
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    kept = network.config.latent_channels
    values, vectors = values.flip(0)[:kept], vectors.flip(1)[:, :kept]
    scale = values.sqrt() ** WHITENING
    # The pipelines expect latents of RMS 1, like the noise they are mixed with.
    scale = scale * (values / scale**2).mean().sqrt()
    analysis = (vectors / scale).T.reshape(kept, 1, STRIDE, STRIDE)
    with torch.no_grad():
        network.analysis.weight.copy_(analysis)
        network.analysis.bias.copy_(-(analysis.sum((1, 2, 3)) * mean))
        network.synthesis.weight.copy_((vectors * scale).T.reshape(kept, 1, STRIDE, STRIDE))
        network.synthesis.bias.copy_(mean)
    lost = (centred - centred @ vectors @ vectors.T).square().mean()
    return 10 * math.log10(4.0 / lost.item())


def _patches(picture: Tensor) -> Tensor:
    signal = to_signal(picture[None])
    return torch.nn.functional.unfold(signal, STRIDE, stride=STRIDE)[0].T


def psnr(network: Any, pictures: list[Tensor]) -> float:
    """Mean peak signal-to-noise ratio in dB of decode(encode(picture)), pictures uint8 (512, W)."""
    errors, device = [], next(network.parameters()).device
    with torch.inference_mode():
        for picture in pictures:
            signal = to_signal(picture[None]).to(device)
            errors.append((network(signal).clamp(-1, 1) - signal).square().mean().item())
    return 10 * math.log10(4.0 / (sum(errors) / len(errors)))


class Studio:
    """What the trainer works with: the pictures it learns from, and those it does not."""

    def __init__(self, folder: Path, use: int) -> None:
        wait_for(held_out(folder).exists, f"{held_out(folder)} (training.render)")
        wait_for(
            lambda: len(learnt_from(folder)) >= use,
            f"{use} shards besides it (training.render makes more; --use wants fewer)",
        )
        self.held_out = [torch.from_numpy(c.picture) for c in read_clips(held_out(folder))[:32]]
        self.store, self.first = PicturesByWidth(), list[Tensor]()
        for path in learnt_from(folder)[:use]:
            for clip in read_clips(path):
                picture = torch.from_numpy(clip.picture)
                self.store.add(picture)
                self.first.append(picture)


def main() -> None:
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    network = build_autoencoder(options.latent_channels).to(device)
    studio = Studio(options.shards, options.use)
    learnt = [
        p for n, p in network.named_parameters() if not n.startswith(("analysis", "synthesis"))
    ]
    optimizer = torch.optim.AdamW(learnt, lr=options.lr, betas=(0.9, 0.99), weight_decay=1e-4)
    budget = options.minutes * 60
    with Progress("autoencoder", budget, "s", options.out.with_suffix(".jsonl")) as bar:
        step, spent = 0, 0.0
        if options.out.exists():
            held = torch.load(options.out, map_location=device, weights_only=True)
            network.load_state_dict(held["network"])
            if "optimizer" in held:  # what training.unpack wrote has none
                optimizer.load_state_dict(held["optimizer"])
                step, spent = held["step"], held["spent"]
        else:
            plane = fit(network.cpu(), studio.first[:300])
            network.to(device)
            save(options.out, network, optimizer, 0, 0.0)
            found = psnr(network, studio.held_out)
            bar.say(plane_db=round(plane, 2), held_out_db=round(found, 2))
        generator = torch.Generator().manual_seed(options.seed + step)
        started, losses = time.monotonic(), list[float]()
        while (elapsed := spent + time.monotonic() - started) < budget:
            left = 0.5 * (1 + math.cos(math.pi * elapsed / budget))
            for group in optimizer.param_groups:
                group["lr"] = options.lr * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * left)
            pictures = studio.store.draw(options.batch, generator)
            losses.append(one_step(network, optimizer, learnt, pictures, generator))
            step += 1
            bar.to(elapsed)
            if step % options.every == 0:
                bar.say(
                    step=step,
                    seconds=round(elapsed),
                    train_db=round(10 * math.log10(4 * len(losses) / sum(losses)), 2),
                    held_out_db=round(psnr(network, studio.held_out), 2),
                )
                losses = []
                save(options.out, network, optimizer, step, elapsed)
        save(options.out, network, optimizer, step, max(spent, budget))


def one_step(
    network: Any, optimizer: Any, learnt: list[Any], pictures: Tensor, generator: torch.Generator
) -> float:
    """One step of the correcting net on a batch of pictures; its loss."""
    device = next(network.parameters()).device
    signal = to_signal(pictures).to(device)
    with torch.no_grad():
        latent = network.encode(signal).latent_dist.mode()
        share = torch.rand(len(latent), 1, 1, 1, generator=generator) * NOISE
        noise = torch.randn(latent.shape, generator=generator) * share
        latent = latent + noise.to(device)
    with torch.autocast(device.type, torch.bfloat16):
        back = network.decode(latent).sample
    loss = (back.float() - signal).square().mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(learnt, 1.0)
    optimizer.step()
    return float(loss.item())


def save(path: Path, network: Any, optimizer: Any, step: int, spent: float) -> None:
    """Write the checkpoint atomically: a kill leaves the previous one."""
    held = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "latent_channels": network.config.latent_channels,
        "step": step,
        "spent": spent,
    }
    write_checkpoint(path, held)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=folder, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--use", type=int, default=6, help="shards to learn from")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--latent-channels", type=int, default=32)
    parser.add_argument("--every", type=int, default=100, help="steps between log lines")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
