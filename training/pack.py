"""Pack a kit for a borrowed CUDA machine without network: `python -m training.pack --out DIR`.

The kit holds what such a machine lacks: the code, the model as it stands, MiniLM, wheels, prepared
clips, and the sounds that the renderer plays, in parts of a limited size with checksums. The first
part alone trains; `sounds` lets the machine render clips of its own meanwhile; `bench` is for
`riffbot bench gpu`. training/GPU.md says how it is used.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from riffbot.inference.models.loading import read_card
from riffbot.locations import ROOT
from training import unpack
from training.dataset import HELD_OUT, folder, number
from training.export import export
from training.kit import latents, sources, text_encoder
from training.kit.parts import Item, TooLarge, fill, share_out, write_checksums
from training.progress import Progress

SCRIPTS = ("training/gpu.sh", "training/gpu_bench.sh", "training/kit/open_parts.py")
"""What lies beside the parts."""

PIECES = 400
"""Composed for the words that the renderer will use on the other machine."""


def stage_model(options: argparse.Namespace, out: Path) -> None:
    """The model as it stands: the folder that was named, with newer checkpoints put in."""
    newer = {
        "autoencoder.pt": options.autoencoder,
        "gist.pt": options.gist,
        "start.pt": options.denoiser,
    }
    if not any(newer.values()):
        shutil.copytree(options.model, out, ignore=shutil.ignore_patterns("*.md"))
        return
    with tempfile.TemporaryDirectory() as work:
        made = Path(work)
        if unpack.main(["--model", str(options.model), "--out", str(made)]):
            raise sources.Missing(f"{options.model} cannot be unpacked.")
        config = json.loads((options.model / "unet" / "config.json").read_text("utf-8"))
        held = torch.load(made / "start.pt", weights_only=True)
        torch.save({**held, "channels": config["block_out_channels"]}, made / "start.pt")
        paths = [given or made / name for name, given in newer.items()]
        (out / "unet").mkdir(parents=True)
        export(paths[0], paths[1], paths[2], out, read_card(options.model))


def told(ready: Path) -> list[str]:
    """The captions of a prepared shard."""
    held = torch.load(ready, weights_only=True)
    return [text for rows in held.values() for said in rows["told"] for text in said["captions"]]


def shards_to_pack(shards: Path) -> list[Path]:
    """The prepared shards, the held-out one first.

    Raises:
        Missing: there is no held-out shard, without which nothing is measured.
    """
    found = sorted(shards.glob("ready-*.pt"), key=lambda path: (number(path) != HELD_OUT, path))
    if not found or number(found[0]) != HELD_OUT:
        raise sources.Missing(
            f"There is no ready-{HELD_OUT:05d}.pt in {shards}: run training.render, "
            f"training.captions and training.prepare first."
        )
    return found


def packed_shards(paths: list[Path], autoencoder: Path, bar: Progress) -> Iterator[Item]:
    """The shards as they travel, each made when there is room for it."""
    greys = latents.component_greys(autoencoder)
    for path in paths:
        ready = torch.load(path, weights_only=True)
        step = latents.HELD_OUT_STEP if number(path) == HELD_OUT else latents.STEP
        content = latents.pack(ready, greys, step)
        error = latents.picture_error(ready, latents.unpack(content, greys), greys)
        clips = sum(len(rows["told"]) for rows in ready.values())
        bar.say(shard=path.name, clips=clips, bytes_a_clip=len(content) // clips, greys=error)
        yield Item(f"packed/{latents.packed_path(path).name}", content)


def base(options: argparse.Namespace, model: Path, words: list[str], work: Path) -> list[Item]:
    """What every training needs."""
    encoder = work / "encoder"
    text_encoder.pack(words, encoder)
    items = [Item("code.tar.xz", sources.code())]
    if not options.without_wheels:
        wheels = sources.fetch_wheels(list(sources.TRAINING_WHEELS), options.wheels)
        items.append(Item("site.tar.xz", sources.site(wheels, work / "site")))
    files = sorted(path for path in model.rglob("*") if path.is_file())
    items += [Item.of(f"model/{path.relative_to(model).as_posix()}", path) for path in files]
    items.append(Item("trainer.json", json.dumps(trainer_options(model)).encode()))
    kept = [path for path in sorted(encoder.iterdir()) if path.name != text_encoder.REST]
    return items + [Item.of(f"encoder/{path.name}", path) for path in kept]


def trainer_options(model: Path) -> list[str]:
    """Options of training.denoiser that make it go on from this model."""
    unet, vae = (
        json.loads((model / part / "config.json").read_text("utf-8")) for part in ("unet", "vae")
    )
    sizes = [str(size) for size in unet["block_out_channels"]]
    options = ["--channels", *sizes, "--latent-channels", str(vae["latent_channels"])]
    return [*options, "--lr", "1.5e-3", "--warmup", "200", "--average", "0.998"]


def bench(options: argparse.Namespace, work: Path) -> list[Item]:
    """What `riffbot bench gpu` needs beside the base."""
    items = [
        Item("seed_images.tar.xz", sources.seed_images()),
        Item.of(f"encoder/{text_encoder.REST}", work / "encoder" / text_encoder.REST),
    ]
    if not options.without_wheels:
        wheels = sources.fetch_wheels(list(sources.BENCH_WHEELS), options.wheels)
        items.append(Item("site_bench.tar.xz", sources.site(wheels, work / "site_bench")))
    return items


def run(options: argparse.Namespace) -> list[Path]:
    """Pack and write; the parts' paths.

    Raises:
        Missing: something is not to be had here.
        TooLarge: a file does not fit into a part.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Progress("pack", 6, "stages") as bar:
        work = Path(scratch)
        model, began = work / "model", time.monotonic()
        stage_model(options, model)
        if unpack.main(["--model", str(model), "--out", str(work / "checkpoints")]):
            raise sources.Missing(f"{model} cannot be unpacked.")
        paths = shards_to_pack(options.shards)
        words = [text for path in paths for text in told(path)]
        words += text_encoder.composed_captions(options.pieces)
        fillers = packed_shards(paths, work / "checkpoints" / "autoencoder.pt", bar)
        first = next(fillers)
        bar.to(1)
        groups = [("part-1", [*base(options, model, words, work), first])]
        bar.to(2)
        if not options.without_sounds:
            groups.append(("part-2-sounds", sources.first_sounds()))
            groups.append(("part-3-more-sounds", sources.more_sounds()))
        bar.to(3)
        limit = int(options.part_mib * (1 << 20))
        parts = share_out(groups, limit)
        fill(parts, fillers)
        parts += share_out([("bench", bench(options, work))], limit)
        bar.to(4)
        written = [part.write(options.out) for part in parts]
        bar.to(5)
        for name in SCRIPTS:
            source = ROOT / name
            shutil.copy(source, options.out / source.name)
        write_checksums(written, options.out)
        for part, path in zip(parts, written, strict=True):
            packed = sum(item.name.startswith("packed/") for item in part.items)
            bar.say(part=path.name, bytes=path.stat().st_size, shards=packed)
        bar.to(6)
        bar.say(seconds=round(time.monotonic() - began))
    return written


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.pack", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder that travels")
    parser.add_argument("--part-mib", type=float, default=55.0, help="a part's size at most")
    parser.add_argument("--shards", type=folder, required=True, help="training.prepare's")
    parser.add_argument("--model", type=folder, default=Path("models/riffbot-mini"))
    for name in ("autoencoder", "gist", "denoiser"):
        parser.add_argument(f"--{name}", type=Path, help=f"a newer {name} than the model's")
    parser.add_argument("--wheels", type=Path, default=Path("data/kit/wheels"), help="cached there")
    parser.add_argument("--without-wheels", action="store_true", help="the machine has them all")
    parser.add_argument("--without-sounds", action="store_true", help="nothing is rendered there")
    parser.add_argument("--pieces", type=int, default=PIECES, help="composed for their words")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    options = parse(argv)
    torch.set_num_threads(1)
    try:
        run(options)
    except (sources.Missing, TooLarge) as error:
        print(f"pack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
