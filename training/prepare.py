"""Shards as the denoiser reads them: `python -m training.prepare --shards DIR --autoencoder CKPT`.

Each `shard-00042` becomes `ready-00042.pt`: by width, latents float16 (n, C, 32, W/16) and the
label of each clip (`training.captions`). Latents of another autoencoder are made anew;
where only the words are newer, only they are put in. Runs beside the renderer and the trainer;
`--watch` waits for more.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import torch

from training.dataset import (
    Clip,
    Json,
    abouts,
    folder,
    labels_path,
    read_clips,
    ready_path,
    shards,
    to_signal,
    write_checkpoint,
)
from training.networks import build_autoencoder
from training.progress import Progress, wait_for

BATCH = 32
"""Pictures encoded at a time."""


def fingerprint(network: Any) -> str:
    """Which latents an autoencoder makes: a hash of its analysis, which alone decides them."""
    digest = hashlib.sha256()
    for name, tensor in network.analysis.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def prepare(clips: list[Clip], words: list[Json], network: Any) -> dict[int, Json]:
    """Latents and labels of one shard, by width."""
    device, made_by = next(network.parameters()).device, fingerprint(network)
    by_width = defaultdict(list)
    for clip, said in zip(clips, words, strict=True):
        by_width[clip.picture.shape[1]].append((clip.picture, said))
    ready: dict[int, Json] = {}
    for width, group in by_width.items():
        pictures = torch.stack([torch.from_numpy(picture) for picture, _ in group])
        with torch.inference_mode():
            latents = torch.cat(
                [
                    network.encode(to_signal(some).to(device)).latent_dist.mode().half().cpu()
                    for some in pictures.split(BATCH)
                ]
            )
        labels = [said for _, said in group]
        ready[width] = {"latents": latents, "told": labels, "autoencoder": made_by}
    return ready


def relabelled(ready: dict[int, Json], clips: list[Json], words: list[Json]) -> dict[int, Json]:
    """The same latents with other words; `clips` says how wide each is."""
    by_width = defaultdict[int, list[Json]](list)
    for clip, said in zip(clips, words, strict=True):
        by_width[clip["width"]].append(said)
    return {width: {**rows, "told": by_width[width]} for width, rows in ready.items()}


def bring_up_to_date(shard: Path, network: Any) -> bool:
    """Make or mend a shard's `ready` file; whether there was anything to do."""
    words, target = labels_path(shard), ready_path(shard)
    text = words.read_bytes()
    said, spoken = json.loads(text), hashlib.sha256(text).hexdigest()[:16]
    ready = torch.load(target, weights_only=True) if target.exists() else None
    own = fingerprint(network)
    if ready is None or any(rows.get("autoencoder") != own for rows in ready.values()):
        ready = prepare(read_clips(shard), said, network)
    elif any(rows.get("words") != spoken for rows in ready.values()):
        ready = relabelled(ready, abouts(shard), said)
    else:
        return False
    write_checkpoint(target, {width: {**rows, "words": spoken} for width, rows in ready.items()})
    return True


def run(options: argparse.Namespace) -> None:
    """Bring all shards up to date, and with `--watch` those that come."""
    wait_for(options.autoencoder.exists, f"{options.autoencoder} (training.autoencoder)")
    held = torch.load(options.autoencoder, map_location="cpu", weights_only=True)
    network = build_autoencoder(held["latent_channels"])
    network.load_state_dict(held["network"])
    network.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    done, last = dict[Path, int](), False  # when the words were written that were read last
    while not last:
        last = not options.watch
        found = shards(options.shards)
        unlabelled = [path for path in found if not labels_path(path).exists()]
        written = {p: labels_path(p).stat().st_mtime_ns for p in found if p not in unlabelled}
        todo = [path for path, when in written.items() if done.get(path) != when]
        if unlabelled and not options.watch:
            raise FileNotFoundError(
                f"{unlabelled[0].name} has no words yet: run `python -m training.captions "
                f"--shards {options.shards}` first"
            )
        if todo:
            with Progress("prepare", len(todo), "shards", options.shards / "prepare.jsonl") as bar:
                made = 0
                for place, path in enumerate(todo, 1):
                    made += bring_up_to_date(path, network)
                    done[path] = written[path]
                    bar.to(place)
                bar.say(shards=len(todo), made=made)
        if not last:
            time.sleep(2.0)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description=__doc__)
    parser.add_argument("--shards", type=folder, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--watch", action="store_true", help="wait for more shards")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        run(options)
    except FileNotFoundError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
