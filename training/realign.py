"""A new gist for an older denoiser: `python -m training.realign --old G --new G --start D --out D`.

A denoiser understands the prompt embeddings of the gist that taught it. A newly trained gist means
the same by other numbers, so the best linear map from its embeddings to the old ones is found on
captions (ridge regression) and put in front of the denoiser's first layer for them, which is
linear, too. What the old gist did not tell apart is learnt from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from training.conditioning import Conditioner
from training.dataset import write_checkpoint
from training.prompt_embedding import corpus

LAYER = "class_embedding.linear_1"
RIDGE = 1e-3
"""Of the regression, as a share of the embeddings' mean square."""


def fit_map(new: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """Matrix (N, O) and offset (O,) that bring embeddings `new` (n, N) closest to `old` (n, O)."""
    x, y = new.double(), old.double()
    centre, target = x.mean(0), y.mean(0)
    x, y = x - centre, y - target
    gram = x.T @ x
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    matrix = torch.linalg.solve(gram, x.T @ y)
    return matrix.float(), (target - centre @ matrix).float()


def explained(matrix: Tensor, offset: Tensor, new: Tensor, old: Tensor) -> float:
    """Share of the old embeddings' variance that the map gets right."""
    left = (old - (new @ matrix + offset)).square().sum()
    return 1.0 - float(left / (old - old.mean(0)).square().sum())


def put_in_front(state: dict[str, Tensor], matrix: Tensor, offset: Tensor) -> dict[str, Tensor]:
    """A denoiser's weights that take new embeddings where they took old ones."""
    weight, bias = state[f"{LAYER}.weight"], state[f"{LAYER}.bias"]
    return {
        **state,
        f"{LAYER}.weight": weight @ matrix.T,
        f"{LAYER}.bias": bias + weight @ offset,
    }


@torch.inference_mode()
def embeddings(texts: list[str], *gists: Path) -> list[Tensor]:
    """What each gist makes of the texts: (texts, size) of each."""
    conditioners = [Conditioner(path, torch.device("cpu")) for path in gists]
    found = [list[Tensor]() for _ in gists]
    for first in range(0, len(texts), 64):
        states, mask = conditioners[0].encoder.padded(texts[first : first + 64])
        for rows, conditioner in zip(found, conditioners, strict=True):
            rows.append(conditioner.prompt_embedding(states.float(), mask))
    return [torch.cat(rows) for rows in found]


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.realign", description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="the gist that taught the denoiser")
    parser.add_argument("--new", type=Path, required=True, help="the gist that is to teach it")
    parser.add_argument("--start", type=Path, required=True, help="the denoiser (training.unpack)")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=4000, help="to make captions of")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    texts = [*corpus(options.pieces, seed=77)[0], *[""] * (options.pieces // 20)]
    new, old = embeddings(texts, options.new, options.old)
    fitted = torch.arange(len(texts)) % 10 > 0
    matrix, offset = fit_map(new[fitted], old[fitted])
    share = explained(matrix, offset, new[~fitted], old[~fitted])
    print(f"{share:.3f} of the old embeddings' variance, on captions not fitted")
    held = torch.load(options.start, map_location="cpu", weights_only=True)
    held["average"] = put_in_front(held["average"], matrix, offset)
    write_checkpoint(options.out, held)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
