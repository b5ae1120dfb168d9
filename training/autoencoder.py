"""Train the autoencoder: `python -m training.autoencoder --shards DIR --out CKPT --minutes 5`.

Pixels in, pixels out, mean squared and absolute error. The latent is not variational: Gaussian
noise of 0 to 15 % of its overall RMS is added before decoding. With the RMS fixed, that is a power
constraint on a noisy channel, so the encoder spends amplitude where the picture needs it
(reverse water-filling) and the decoder forgives what a small denoiser gets wrong.
"""

from __future__ import annotations

import argparse
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

from training.dataset import ByWidth, Clips, ShardFeed, read_shard
from training.networks import build_autoencoder

NOISE = 0.15


def to_signal(pixels: Tensor) -> Tensor:
    """uint8 (B, 512, W) -> float (B, 1, 512, W) in [-1, 1]."""
    return pixels[:, None].float() / 127.5 - 1.0


def psnr(network: Any, pixels: Tensor, batch: int = 8) -> float:
    """Peak signal-to-noise ratio in dB of encode and decode, over uint8 (n, 512, W)."""
    total = 0.0
    with torch.inference_mode():
        for chunk in pixels.split(batch):
            signal = to_signal(chunk)
            latent = network.encode(signal).latent_dist.mode()
            back = network.decode(latent).sample.clamp(-1, 1)
            total += (back - signal).square().mean(dim=(1, 2, 3)).sum().item()
    return 10 * math.log10(4.0 / (total / len(pixels)))


def main() -> None:
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    torch.backends.cudnn.benchmark = True
    network = build_autoencoder(options.latent_channels).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    step, spent, average_rms = 0, 0.0, torch.ones((), device=device)
    if options.out.exists():
        held = torch.load(options.out, map_location=device, weights_only=True)
        network.load_state_dict(held["network"])
        optimizer.load_state_dict(held["optimizer"])
        step, spent, average_rms = held["step"], held["spent"], held["rms"].to(device)

    feed = ShardFeed(options.shards, device, lambda clips: (clips.pictures,), limit=options.max_shards)
    feed.start()
    held_out = wait_for_held_out(options.shards, device)
    store, started, record = ByWidth(), time.monotonic(), []
    budget = options.minutes * 60
    while (elapsed := spent + time.monotonic() - started) < budget:
        for width, rows in feed.new():
            store.add(width, rows)
        if len(store) < options.batch * 4:
            time.sleep(0.5)
            continue
        left = 0.5 * (1 + math.cos(math.pi * elapsed / budget))
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * left)
        signal = to_signal(store.draw(options.batch, rng)[1][0])
        signal = signal.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16):
            latent = network.encode(signal).latent_dist.mode()
            rms = latent.float().square().mean().sqrt()
            share = torch.rand(len(signal), 1, 1, 1, device=device) * NOISE
            back = network.decode(latent + torch.randn_like(latent) * share * rms).sample
        error = back.float() - signal
        # The RMS itself is free; only keep it from wandering to where bf16 is coarse.
        loss = error.square().mean() + 0.1 * error.abs().mean() + 1e-4 * (rms.log() ** 2)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        if torch.isfinite(norm):
            optimizer.step()
        average_rms = average_rms.lerp(rms.detach(), 0.01)
        step += 1
        if step % options.every == 0:
            row = {
                "step": step,
                "seconds": round(elapsed),
                "pictures": step * options.batch,
                "train_db": round(10 * math.log10(4 / error.square().mean().item()), 2),
                "rms": round(average_rms.item(), 3),
                "clips": len(store),
            }
            if step % (options.every * 5) == 0:
                row["held_out_db"] = round(psnr(network, held_out[0].pictures[:32]), 2)
                save(options.out, network, optimizer, step, elapsed, average_rms)
            record.append(row)
            print(json.dumps(row), flush=True)
    save(options.out, network, optimizer, step, elapsed, average_rms)
    final = {f"held_out_db_{g.width}": round(psnr(network, g.pictures[:64]), 2) for g in held_out[:3]}
    print(json.dumps({"final": final, "step": step, "pictures": step * options.batch}), flush=True)


def wait_for_held_out(shards: Path, device: torch.device) -> list[Clips]:
    """Shard 0, never trained on, most frequent width first."""
    path = shards / "shard-00000.npz"
    while not path.exists():
        time.sleep(0.5)
    return sorted(read_shard(path, device), key=lambda clips: -len(clips.about))


def save(path: Path, network: Any, optimizer: Any, step: int, spent: float, rms: Tensor) -> None:
    """Write the checkpoint atomically: a kill leaves the previous one."""
    held = {
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "latent_channels": network.config.latent_channels,
        "step": step,
        "spent": spent,
        "rms": rms,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(held, path.with_suffix(".tmp"))
    os.replace(path.with_suffix(".tmp"), path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--latent-channels", type=int, default=24)
    parser.add_argument("--every", type=int, default=100, help="steps between log lines")
    parser.add_argument("--max-shards", type=int)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
