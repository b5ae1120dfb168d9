"""Render and prepare clips on all cores until stopped: `python -m training.kit.band --kit DIR`.

Each process makes whole shards: composes, plays, draws the pictures, writes the words, encodes.
The sound is deleted then; what stays is what the denoiser reads. Shards are numbered from
`--first-shard` on, beyond those that were packed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import torch

from audio import codec
from training import captions, prepare, render, soundfonts
from training.dataset import labels_path, pictures_path
from training.kit.folders import Kit
from training.networks import build_autoencoder
from training.synth import Synth

FIRST_SHARD = 10_000
CAPTIONS = 10


def make_shard(  # noqa: PLR0917 - as they are made
    synth: Synth, network: Any, out: Path, seed: int, shard: int, size: int
) -> None:
    """One prepared shard; what it was made of is deleted."""
    sounds, rows = [], []
    for index in range(size):
        sound, row = render.render_clip(synth, render.clip_seed(seed, shard, index), [])
        sounds.append(sound)
        rows.append(row)
    render.write_shard(out, shard, sounds, rows)
    path, _ = render.shard_paths(out, shard)
    captions.write(path, CAPTIONS)
    prepare.bring_up_to_date(path, network)
    for made in (path, path.with_suffix(".json"), labels_path(path), pictures_path(path)):
        made.unlink(missing_ok=True)


def work(options: argparse.Namespace, turn: Any) -> None:
    """One process: the next shard, and the next."""
    torch.set_num_threads(1)
    kit = Kit(options.kit)
    held = torch.load(kit.run / "autoencoder.pt", map_location="cpu", weights_only=True)
    network = build_autoencoder(held["latent_channels"])
    network.load_state_dict(held["network"])
    network.eval()
    synth = Synth(soundfonts.find())
    while True:
        with turn.get_lock():
            shard = turn.value
            turn.value += 1
        if shard >= options.first_shard + options.shards:
            return
        began = time.monotonic()
        make_shard(synth, network, kit.shards, options.seed, shard, options.size)
        each = (time.monotonic() - began) / options.size
        print(json.dumps({"shard": shard, "clips": options.size, "seconds_a_clip": round(each, 3)}))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.band", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--kit", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--size", type=int, default=48, help="clips of a shard")
    parser.add_argument("--first-shard", type=int, default=FIRST_SHARD)
    parser.add_argument("--shards", type=int, default=100_000, help="at most")
    options = parser.parse_args()
    Kit(options.kit).shards.mkdir(parents=True, exist_ok=True)
    codec.warm_up()  # compiled once and cached, not once a process
    # Each loads the SoundFonts itself: libfluidsynth's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    turn = context.Value("l", options.first_shard)
    team = [context.Process(target=work, args=(options, turn)) for _ in range(options.workers)]
    for process in team:
        process.start()
    for process in team:
        process.join()
    return 0 if all(process.exitcode == 0 for process in team) else 1


if __name__ == "__main__":
    raise SystemExit(main())
