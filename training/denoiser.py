"""Train the denoiser: `python -m training.denoiser --shards DIR --autoencoder CKPT --out CKPT`.

Rectified flow (Liu et al. 2022; Esser et al. 2024): x_s = (1 - s)·x + s·n, the network answers
n - x, s is logit-normal. One caption in ten is empty, for classifier-free guidance. What ships is
an exponential moving average. It stops by the clock, not by steps, reads new shards as they become
ready, and goes on from its checkpoint after a kill.

On a CPU it is `--workers` processes of one thread each that average their gradients: two threads in
one process spin against whatever else runs on the machine. On a CUDA device it is one process.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from training.dataset import HELD_OUT, ByWidth, number
from training.networks import build_denoiser
from training.text import CaptionEncoder

EMPTY_CAPTIONS = 0.1


def velocity_loss(
    network: Any, latents: Tensor, states: Tensor, s: Tensor, noise: Tensor
) -> Tensor:
    """Mean squared error of the velocity, (B,)."""
    at = s.view(-1, 1, 1, 1)
    with torch.autocast(latents.device.type, torch.bfloat16):
        mixed = (1 - at) * latents + at * noise
        answer = network(mixed, s * 1000.0, states, return_dict=False)[0]
    return (answer.float() - (noise - latents)).square().mean(dim=(1, 2, 3))


@torch.no_grad()
def held_out_loss(network: Any, rows: tuple[Tensor, ...], empty: Tensor) -> dict[str, float]:
    """Loss on clips never trained on, at fixed noise, with their caption and with none."""
    latents, states = (row[:64].float() for row in rows)
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(5)).to(
        latents.device
    )
    s = (torch.arange(len(latents), device=latents.device) + 0.5) / len(latents)
    told = {"caption": states[:, 0], "empty": empty.expand(len(latents), -1, -1)}
    return {
        name: round(
            torch.cat(
                [
                    velocity_loss(network, *part)
                    for part in zip(
                        latents.split(16), text.split(16), s.split(16), noise.split(16), strict=True
                    )
                ]
            )
            .mean()
            .item(),
            4,
        )
        for name, text in told.items()
    }


class Feed:
    """The ready shards, read as they appear."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.folder, self.device = folder, device
        self.store, self.seen = ByWidth(), set[Path]()

    def refresh(self) -> None:
        """Read what is new."""
        for path in sorted(self.folder.glob("ready-*.pt")):
            if path not in self.seen and number(path) != HELD_OUT:
                self.seen.add(path)
                for width, rows in torch.load(path, weights_only=True).items():
                    self.store.add(width, tuple(row.to(self.device) for row in rows))

    def held_out(self) -> tuple[Tensor, ...]:
        """The commonest width of the shard that nobody learns from."""
        path = self.folder / f"ready-{HELD_OUT:05d}.pt"
        while not path.exists():
            time.sleep(1.0)
        groups = torch.load(path, weights_only=True)
        rows = max(groups.values(), key=lambda rows: len(rows[0]))
        return tuple(row.to(self.device) for row in rows)


class Trainer:
    """One process's share of the training; `rank` 0 writes and reports."""

    def __init__(self, options: argparse.Namespace, rank: int, device: torch.device) -> None:
        self.options, self.rank, self.device = options, rank, device
        self.empty = CaptionEncoder(device)([""])[0].float()
        while not options.autoencoder.exists():
            time.sleep(1.0)
        channels = torch.load(options.autoencoder, weights_only=True)["latent_channels"]
        torch.manual_seed(options.seed)
        network = build_denoiser(channels, tuple(options.channels))
        self.network: Any = network.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=options.lr, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step, self.spent, self.samples = 0, 0.0, 0
        self.latent_channels = channels
        if options.out.exists():
            self._resume()
        self.generator = torch.Generator().manual_seed(options.seed + 1000 * self.step + rank)
        self.feed = Feed(options.shards, device)

    def _resume(self) -> None:
        held = torch.load(self.options.out, map_location=self.device, weights_only=True)
        self.network.load_state_dict(held["network"])
        self.average.load_state_dict(held["average"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.step, self.spent, self.samples = held["step"], held["spent"], held["samples"]

    def save(self, seconds: float) -> None:
        """Write the checkpoint atomically."""
        held = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "channels": list(self.options.channels),
            "latent_channels": self.latent_channels,
            "step": self.step,
            "spent": seconds,
            "samples": self.samples,
        }
        draft = self.options.out.with_suffix(".tmp")
        torch.save(held, draft)
        draft.replace(self.options.out)

    def run(self) -> None:
        """Train until the clock says stop."""
        while len(self.feed.store) < self.options.batch * 8:
            self.feed.refresh()
            time.sleep(0.5)
        held_out = self.feed.held_out() if self.rank == 0 else ()
        started, losses, saved = time.monotonic(), list[float](), time.monotonic()
        budget = self.options.minutes * 60
        while (elapsed := self._agreed(self.spent + time.monotonic() - started)) < budget:
            if self.step % 100 == 0:
                self.feed.refresh()
            losses.append(self._one_step(elapsed / budget))
            if self.rank == 0 and self.step % self.options.every == 0:
                row: dict[str, float] = {
                    "step": self.step,
                    "seconds": round(elapsed),
                    "samples": self.samples,
                    "loss": round(sum(losses) / len(losses), 4),
                    "clips": len(self.feed.store),
                }
                losses = []
                if self.step % (self.options.every * 4) == 0:
                    row |= held_out_loss(self.average, held_out, self.empty)
                print(json.dumps(row), flush=True)
            if self.rank == 0 and time.monotonic() - saved > self.options.save_every:
                self.save(elapsed)
                saved = time.monotonic()
        if self.rank == 0:
            self.save(budget)
            final = held_out_loss(self.average, held_out, self.empty)
            print(json.dumps({"final": final, "samples": self.samples}), flush=True)

    def _one_step(self, progress: float) -> float:
        options = self.options
        rate = options.lr * min(1.0, (self.step + 1) / options.warmup)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        latents, states = self.feed.store.draw(options.batch, self.generator)
        chosen = torch.randint(states.shape[1], (len(states),), generator=self.generator)
        told = states[torch.arange(len(states)), chosen.to(self.device)].float()
        silent = torch.rand(len(told), generator=self.generator) < EMPTY_CAPTIONS
        told = torch.where(silent.to(self.device)[:, None, None], self.empty, told)
        latents = latents.float().contiguous(memory_format=torch.channels_last)
        noise = torch.randn(latents.shape, generator=self.generator).to(self.device)
        s = torch.sigmoid(torch.randn(len(latents), generator=self.generator)).to(self.device)
        loss = velocity_loss(self.network, latents, told, s, noise).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        value = self._averaged_gradients(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.samples += len(latents) * options.workers
        keep = min(options.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.network.parameters()), 1 - keep
            )
        return value

    def _averaged_gradients(self, loss: Tensor) -> float:
        """Average loss and gradients over the processes, in one message."""
        if self.options.workers == 1:
            return loss.item()
        gradients = [p.grad for p in self.network.parameters()]
        flat = torch.cat([g.reshape(-1) for g in gradients] + [loss.reshape(1)])
        dist.all_reduce(flat)
        flat /= self.options.workers
        for gradient, mean in zip(
            gradients, flat[:-1].split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))
        return flat[-1].item()

    def _agreed(self, elapsed: float) -> float:
        """The first process's clock: all stop at the same step."""
        if self.options.workers == 1:
            return elapsed
        told = torch.tensor([elapsed], dtype=torch.float64)
        dist.broadcast(told, 0)
        return told.item()


def work(rank: int, options: argparse.Namespace, meeting: str) -> None:
    """One process."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    if options.workers > 1:
        where = f"file://{meeting}"
        dist.init_process_group("gloo", init_method=where, rank=rank, world_size=options.workers)
    Trainer(options, rank, device).run()
    if options.workers > 1:
        dist.destroy_process_group()


def main() -> None:
    options = parse()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if torch.cuda.is_available():
        options.workers = 1
    with tempfile.TemporaryDirectory() as folder:
        meeting = str(Path(folder) / "meeting")
        if options.workers == 1:
            work(0, options, meeting)
        else:
            spawn(work, (options, meeting), nprocs=options.workers)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0, help="in all, restarts included")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch", type=int, default=8, help="of each process")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--average", type=float, default=0.998, help="decay of the moving average")
    parser.add_argument("--channels", type=int, nargs=3, default=(64, 128, 256))
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--save-every", type=float, default=120.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
