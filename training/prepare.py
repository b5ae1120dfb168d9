"""Shards as the denoiser reads them: `python -m training.prepare --shards DIR --autoencoder CKPT`.

Each `shard-00042` becomes `ready-00042.pt`: by width, latents float16 (n, C, 32, W/16) and what the
denoiser is told of each clip: its captions, made anew here (they cost nothing, so a better
vocabulary needs no new clips), its beats and its meter. Runs beside the renderer and the trainer;
`--watch` waits for more.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from training.captions import captions
from training.dataset import Clip, read_clips, shards, to_signal
from training.music import compose
from training.networks import build_autoencoder

TEMPO_TOLD = 0.3
"""Share of captions without a number that get the tempo put behind them, just as the pipeline
puts it behind a prompt when a seed image or the member has set one."""


def told_tempo(caption: str, about: dict[str, Any], rng: random.Random) -> str:
    """The caption, in some cases with the tempo behind it."""
    if any(c.isdigit() for c in caption) or rng.random() >= TEMPO_TOLD:
        return caption
    return f"{caption}, {round(about['bpm'])} bpm"


def told(clip: Clip, count: int) -> dict[str, Any]:
    """Captions, beats and meter of a clip."""
    seed = clip.about["seed"]
    piece = compose(random.Random(seed))
    if piece.width != clip.picture.shape[1] or piece.genre != clip.about["genre"]:
        raise ValueError("the composer has changed since these clips were rendered; render again")
    rng = random.Random(f"captions {seed}")
    texts = [told_tempo(text, clip.about, rng) for text in captions(piece, rng, count)]
    return {"captions": texts, "beats": piece.beats, "meter": piece.beats_per_measure}


def prepare(clips: list[Clip], network: Any, count: int) -> dict[int, Any]:
    """Latents and what is told of one shard, by width."""
    by_width = defaultdict(list)
    for clip in clips:
        by_width[clip.picture.shape[1]].append(clip)
    ready = {}
    for width, group in by_width.items():
        signal = to_signal(torch.stack([torch.from_numpy(clip.picture) for clip in group]))
        with torch.inference_mode():
            latents = network.encode(signal).latent_dist.mode().half()
        ready[width] = {"latents": latents, "told": [told(clip, count) for clip in group]}
    return ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--captions", type=int, default=10, help="of each clip")
    parser.add_argument("--watch", action="store_true", help="wait for more shards")
    options = parser.parse_args()
    torch.set_num_threads(1)
    while not options.autoencoder.exists():
        time.sleep(1.0)
    held = torch.load(options.autoencoder, weights_only=True)
    network = build_autoencoder(held["latent_channels"])
    network.load_state_dict(held["network"])
    while True:
        for path in shards(options.shards):
            target = path.with_name(path.stem.replace("shard", "ready") + ".pt")
            if not target.exists():
                ready = prepare(read_clips(path), network, options.captions)
                torch.save(ready, target.with_suffix(".tmp"))
                target.with_suffix(".tmp").replace(target)
                print(target.name, flush=True)
        if not options.watch:
            break
        time.sleep(2.0)


if __name__ == "__main__":
    main()
