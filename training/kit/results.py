"""Weights in files that are small enough to be fetched: eight bits, in pieces of 16 MB.

    python -m training.kit.results --folder DIR --out denoiser.pt

puts the pieces together again, as a checkpoint that `training.export` and
`training.denoiser --start` read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from riffbot.inference.models import quantised
from training.dataset import folder, write_checkpoint, write_json

PIECE = 16_000_000
"""Bytes of a piece, below the 16 MiB that a fetched file may have."""

CARD = "weights.json"


class Incomplete(ValueError):
    """A piece is missing, or not of the same weights as the others."""


def write_pieces(state: Mapping[str, Tensor], about: Mapping[str, Any], out: Path) -> list[Path]:
    """Write weights and what is to be known of them; an older set is replaced at once.

    A reader that comes in between sees pieces whose checksum is not the card's.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        whole = Path(work) / quantised.FILE
        quantised.save(state, whole)
        content = whole.read_bytes()
    pieces = [content[at : at + PIECE] for at in range(0, len(content), PIECE)]
    drafts = []
    for number, piece in enumerate(pieces, 1):
        draft = out / f"weights-{number}.draft"
        draft.write_bytes(piece)
        drafts.append(draft)
    paths = [draft.with_suffix(".bin") for draft in drafts]
    for old in set(out.glob("weights-*.bin")) - set(paths):
        old.unlink()
    for draft, path in zip(drafts, paths, strict=True):
        draft.replace(path)
    checksum = hashlib.sha256(content).hexdigest()
    write_json(out / CARD, {**about, "pieces": [p.name for p in paths], "sha256": checksum})
    return paths


def read_pieces(held: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The weights in float32, and what was told of them.

    Raises:
        Incomplete: a piece is missing, or they are not of one set.
    """
    try:
        about = json.loads((held / CARD).read_text("utf-8"))
        content = b"".join((held / name).read_bytes() for name in about["pieces"])
    except OSError as error:
        raise Incomplete(f"{error.filename} is missing: fetch all of the results") from error
    if hashlib.sha256(content).hexdigest() != about["sha256"]:
        raise Incomplete("the pieces are not of one set of weights: fetch them again")
    with tempfile.TemporaryDirectory() as work:
        whole = Path(work) / quantised.FILE
        whole.write_bytes(content)
        return quantised.load(whole), about


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.results", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--folder", type=folder, required=True, help="what was fetched")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint to write")
    options = parser.parse_args(argv)
    try:
        state, about = read_pieces(options.folder)
    except Incomplete as error:
        print(f"results: {error}", file=sys.stderr)
        return 1
    kept = {name: about[name] for name in ("channels", "latent_channels", "step", "samples")}
    write_checkpoint(options.out, {"average": state, **kept})
    print(f"{options.out}: {about['samples']} samples in {about['step']} steps")
    return 0


def deliver(checkpoint: Path, out: Path) -> dict[str, Any]:
    """Write the average of a trainer's checkpoint in pieces; what is told of it."""
    held = torch.load(checkpoint, map_location="cpu", weights_only=True)
    about = {name: held[name] for name in ("channels", "latent_channels", "step", "samples")}
    about["seconds"] = round(held["spent"], 1)
    write_pieces(held["average"], about, out)
    return about


if __name__ == "__main__":
    raise SystemExit(main())
