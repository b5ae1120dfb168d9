"""Train the denoiser: `python -m training.denoiser --shards DIR … --out CKPT`.

The network learns rectified flow (`training.flow`) on questions that `training.samples` draws. What
ships is an exponential moving average. It
stops by the clock, not by steps, reads new shards as they become ready, and goes on from its
checkpoint after a kill.

With `--distil CKPT` it learns another denoiser's answers under guidance (`training.distillation`),
best from that one's weights (`--start`).

In the first part (`--halves`) most batches are halves of clips: what instruments sound like is
learnt from more clips in the same time. The rest, with the falling learning rate, sees whole clips.

On a CPU it is `--workers` processes of one thread each: two threads in one process spin against
whatever else runs on the machine. Each goes its own way for `--meet` seconds, then all go on from
the mean of their weights (local SGD, Stich 2019). They meet by the clock, so a process whose core
is busy with something else makes fewer steps, and the others need not wait for each of them. On a
CUDA device it is one process (training/GPU.md): with `--ahead` captions and planes are computed
once and kept in its memory, with `--batch 0` the batch is the one that it works through fastest,
and `--compile inductor` changes to a compiled network once that is known to pay.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import signal
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from training.batch_size import fastest_batch
from training.compiled import Compiled
from training.dataset import (
    HELD_OUT,
    ByWidth,
    folder,
    write_checkpoint,
)
from training.distillation import GuidedTeacher, distillation_loss, guidance_scales
from training.feed import Feed
from training.flow import Question, channel_weights, velocity_loss
from training.held_out_loss import HeldOut
from training.networks import adopt, build_denoiser
from training.progress import Progress, wait_for
from training.samples import QuestionDrawer, Sources

_NOBODY = 1e-3
"""Steps that each counts for when all were paused: the mean is then of all alike."""


def remaining_rate(progress: float, falling: float) -> float:
    """Share of the learning rate at `progress` of the time, 0 … 1: it stays, and falls as a cosine
    to 0.02 in the last `falling` of the time.
    """
    fallen = 1.0 - (1.0 - min(1.0, progress)) / min(1.0, falling)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * max(0.0, fallen)))


class Trainer:
    """One process's share of the training; `rank` 0 writes and reports."""

    def __init__(self, options: argparse.Namespace, rank: int, device: torch.device) -> None:
        self.options, self.rank, self.device = options, rank, device
        wait_for(options.gist.exists, f"{options.gist} (training.prompt_embedding)")
        sources = Sources.of(options.gist, device, ahead=options.ahead)
        self.conditioner = sources.conditioner
        self.weights = channel_weights(options.autoencoder).to(device)
        torch.manual_seed(options.seed)
        self.teacher = None
        if options.distil is not None:
            self.teacher = GuidedTeacher(options.distil, self.conditioner([""]), device)
        network = build_denoiser(
            options.latent_channels, tuple(options.channels), guidance=self.teacher is not None
        )
        if options.start is not None and not options.out.exists():
            held = torch.load(options.start, map_location="cpu", weights_only=True)
            fresh = adopt(network, held["average"])
            if rank == 0:
                print(f"from {options.start}; new: {', '.join(fresh) or 'nothing'}", flush=True)
        self.network: Any = network.to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.forward = Compiled(self.network, options.compile, self._shape(options))
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=options.lr,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
        )
        self.step, self.spent, self.samples = 0, 0.0, 0
        self.steps_since_met, self.samples_met = 0, 0
        if options.out.exists():
            self._resume()
        self.generator = torch.Generator().manual_seed(options.seed + 1000 * self.step + rank)
        self.feed = Feed(options.shards, device, ByWidth(options.favour, options.favour_times))
        self.drawer = QuestionDrawer(self.feed.store, sources, self.generator, device)

    def _resume(self) -> None:
        held = torch.load(self.options.out, map_location=self.device, weights_only=True)
        self.network.load_state_dict(held["network"])
        self.average.load_state_dict(held["average"])
        self.optimizer.load_state_dict(held["optimizer"])
        self.step, self.spent, self.samples = held["step"], held["spent"], held["samples"]
        self.samples_met = self.samples

    def save(self, seconds: float) -> None:
        """Write the checkpoint atomically."""
        held = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "channels": list(self.options.channels),
            "latent_channels": self.options.latent_channels,
            "step": self.step,
            "spent": seconds,
            "samples": self.samples,
        }
        write_checkpoint(self.options.out, held)

    def _shape(self, options: argparse.Namespace) -> dict[str, Any] | None:
        """What another process needs to know to compile this network, on a GPU."""
        if self.device.type != "cuda":
            return None
        return {
            "latent_channels": options.latent_channels,
            "channels": list(options.channels),
            "in_channels": self.network.config.in_channels,
            "guidance": self.teacher is not None,
        }

    def _needed(self) -> int:
        return 8 * (self.options.batch or 8)

    def _enough(self) -> bool:
        self._refresh()
        return len(self.feed.store) >= self._needed()

    def _refresh(self) -> None:
        """Read new shards, and their words where those are kept."""
        came = self.feed.refresh()
        if self.options.ahead:
            self.conditioner.learn(text for said in came for text in said["captions"])

    def _fastest_batch(self) -> int:
        """The batch that this device works through fastest."""

        def step(size: int) -> None:
            self._loss(self.drawer.draw(size)).mean().backward()
            self.optimizer.zero_grad(set_to_none=True)

        size = fastest_batch(step, self.device)
        print(json.dumps({"batch": size}), flush=True)
        return size

    def run(self) -> None:
        """Train until the clock says stop."""
        wait_for(self._enough, f"{self._needed()} clips (training.prepare; or a smaller --batch)")
        self.options.batch = self.options.batch or self._fastest_batch()
        held_out = None
        if self.rank == 0:
            path = self.options.shards / f"ready-{HELD_OUT:05d}.pt"
            held_out = HeldOut(path, self.conditioner, self.device, self.teacher)
        started = saved = self._start_together()
        losses, met, budget = list[float](), 0, self.options.minutes * 60
        if self.options.ends_at is not None:
            budget = min(budget, self.spent + self.options.ends_at - time.time())
        log = self.options.out.with_suffix(".jsonl")
        bar = Progress("denoiser", budget, "s", log, quiet=self.rank != 0)
        # Whoever meets must do so as often as the others: all count the meetings by one clock.
        while True:
            elapsed = self.spent + time.monotonic() - started
            due = min(elapsed, budget) - self.spent >= (met + 1) * self.options.meet
            if self.options.workers > 1 and due:
                self._meet()
                met += 1
                continue
            if elapsed >= budget:
                break
            if self.step % 50 == 0:
                self._refresh()
                if self.forward.refresh():
                    bar.say(compiled=True, step=self.step)
            losses.append(self._one_step(elapsed / budget))
            if held_out is not None:
                bar.to(elapsed)
            if held_out is not None and self.step % self.options.every == 0:
                row: dict[str, float] = {
                    "step": self.step,
                    "seconds": round(elapsed),
                    "samples": self.samples,
                    "loss": round(sum(losses) / len(losses), 4),
                    "clips": len(self.feed.store),
                }
                losses = []
                if self.step % (self.options.every * 4) == 0:
                    row |= held_out.measure(self.average)
                bar.say(**row)
            if self.rank == 0 and time.monotonic() - saved > self.options.save_every:
                self.save(elapsed)
                saved = time.monotonic()
        if held_out is not None:
            self.save(max(self.spent, budget))
            final = held_out.measure(self.average)
            bar.say(final=final, samples=self.samples)
        self.forward.close()
        bar.close()

    def _one_step(self, progress: float) -> float:
        options = self.options
        rate = options.lr * min(1.0, (self.step + 1) / options.warmup)
        rate *= remaining_rate(progress, options.falls / options.minutes if options.falls else 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        question = self.drawer.draw(options.batch, with_halves=progress < options.halves)
        loss = self._loss(question).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0, foreach=True)
        if torch.isfinite(norm):
            self.optimizer.step()
        self.step += 1
        self.steps_since_met += 1
        self.samples += len(question.s)
        keep = min(options.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.network.parameters()), 1 - keep
            )
        return loss.item()

    def _loss(self, question: Question) -> Tensor:
        if self.teacher is None:
            return velocity_loss(self.forward, question, self.weights)
        guidance = guidance_scales(len(question.s), self.generator).to(self.device)
        return distillation_loss(self.forward, self.teacher, question, guidance, self.weights)

    def _meet(self) -> None:
        """Go on from the mean of all processes' weights, each weighed by the steps it made."""
        mine, self.steps_since_met = self.steps_since_met + _NOBODY, 0
        seen = self.samples - self.samples_met
        weights = list(self.network.parameters())
        flat = torch.cat([w.detach().reshape(-1) * mine for w in weights])
        flat = torch.cat([flat, flat.new_tensor([float(seen), mine])])
        dist.all_reduce(flat)
        self.samples += round(flat[-2].item()) - seen
        self.samples_met = self.samples
        means = (flat[:-2] / flat[-1]).split([w.numel() for w in weights])
        with torch.no_grad():
            for weight, mean in zip(weights, means, strict=True):
                weight.copy_(mean.view_as(weight))

    def _start_together(self) -> float:
        """The first process's clock, and what it has spent before, once all are ready."""
        if self.options.workers > 1:
            dist.barrier()
        shared = torch.tensor([time.monotonic(), self.spent], dtype=torch.float64)
        if self.options.workers > 1:
            dist.broadcast(shared, 0)
        now, self.spent = shared.tolist()
        return float(now)


def work(rank: int, options: argparse.Namespace, meeting: str) -> None:
    """One process."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(1)
    if options.workers > 1:
        # PyTorch sends this when the parent dies; a shell's background job is born deaf to it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        where = f"file://{meeting}"
        dist.init_process_group(
            "gloo",
            init_method=where,
            rank=rank,
            world_size=options.workers,
            timeout=timedelta(days=7),  # whoever is paused is not lost
        )
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


def seconds(text: str) -> float:
    """A time longer than none."""
    if not (found := float(text)) > 0:
        raise ValueError
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=folder, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--gist", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="an older denoiser (training.unpack)")
    parser.add_argument("--distil", type=Path, help="the denoiser whose guided answers to learn")
    parser.add_argument("--minutes", type=float, default=60.0, help="in all, restarts included")
    parser.add_argument(
        "--falls",
        type=float,
        metavar="MINUTES",
        help="at the end, in which the learning rate falls; without it, it falls all the time",
    )
    parser.add_argument("--halves", type=float, default=0.6, help="share of the time with halves")
    parser.add_argument(
        "--favour", nargs="*", default=[], help="words whose clips are drawn more often"
    )
    parser.add_argument("--favour-times", type=float, default=2.0, help="how many times as often")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--batch", type=int, default=8, help="of each process; 0 finds the fastest of the device"
    )
    parser.add_argument(
        "--ahead", action="store_true", help="keep captions and planes in the device's memory"
    )
    parser.add_argument("--ends-at", type=float, help="seconds since 1970: not a step later")
    parser.add_argument(
        "--compile",
        metavar="BACKEND",
        help="of torch.compile: inductor on a GPU; does not pay on a CPU",
    )
    parser.add_argument("--meet", type=seconds, default=15.0, help="between two meetings")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=100)
    parser.add_argument("--average", type=float, default=0.998, help="decay of the moving average")
    parser.add_argument("--channels", type=int, nargs=3, default=(64, 128, 256))
    parser.add_argument("--latent-channels", type=int, default=32)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--save-every", type=float, default=120.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
