"""Train the gist: `python -m training.gist --out CKPT`: from captions alone to what they are about.

Composing a piece takes half a millisecond and its captions are free, so this network reads far
more captions than there will ever be clips: the language is learnt here, and the denoiser only
learns the music. The targets are what the composer decided: genre, instruments, sounds, kind of
clip, drum groove and kit, mode, tempo. A caption names only some of them, so the answer is what a
listener may expect: "jazz" means a ride cymbal with some probability.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from riffbot.inference.gist import Gist
from training.captions import captions
from training.music import INSTRUMENTS, Piece, compose
from training.music.genres import GENRES
from training.music.harmony import BRIGHT
from training.music.instruments import KITS
from training.music.textures import TEXTURES
from training.text import WIDTH, CaptionEncoder

CAPTIONS_A_PIECE = 3
WORDS_DROPPED = 0.08
"""Share of token states hidden while training, so that no single word decides alone."""

TEMPI = torch.linspace(math.log2(55), math.log2(185), 24)
KINDS = ("solo", "drums", "texture", "band")
ROLES = ("lead", "chords", "bass", "pad", "drums")


def _names() -> list[str]:
    heard = [f"instrument {key}" for key in INSTRUMENTS]
    front = [f"front {key}" for key in INSTRUMENTS]
    return [
        *(f"genre {name}" for name in GENRES),
        *heard,
        *front,
        *(f"texture {name}" for name in TEXTURES),
        *(f"kind {kind}" for kind in KINDS),
        *(f"role {role}" for role in ROLES),
        *(f"kit {kit}" for kit in KITS),
        "bright",
        "eastern",
        "three",
    ]


NAMES = _names()
"""What a piece is or is not; beside these, 24 tempi."""

_PLACE = {name: place for place, name in enumerate(NAMES)}


def attributes(piece: Piece) -> Tensor:
    """float (len(NAMES) + 24): 0 or 1 each, and the tempo as a bump over `TEMPI`."""
    said = [f"genre {piece.genre}", f"kind {piece.kind}", f"kit {piece.kit}"]
    for role, key in piece.roles.items():
        said += [f"instrument {key}", f"role {role}"]
        if role in {"solo", "lead"}:
            said.append(f"front {key}")
    said += [f"texture {texture.name}" for texture in piece.textures]
    said += ["bright"] * (piece.mode in BRIGHT)
    said += ["eastern"] * (piece.mode in {"hijaz", "double harmonic"})
    said += ["three"] * (piece.beats_per_measure == 3)
    row = torch.zeros(len(NAMES))
    for name in said:
        if name in _PLACE:
            row[_PLACE[name]] = 1.0
    bump = torch.exp(-0.5 * ((TEMPI - math.log2(piece.bpm)) / 0.08) ** 2)
    return torch.cat([row, bump / bump.sum()])


class Listener(nn.Module):
    """The gist and the attributes that can be read off it, linearly."""

    def __init__(self) -> None:
        super().__init__()
        self.gist: Any = Gist(width=WIDTH)
        self.read = nn.Linear(self.gist.config.size, len(NAMES) + len(TEMPI))

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Gist (B, size) and logits (B, attributes)."""
        gist = self.gist(states, mask)
        return gist, self.read(gist)


def loss_of(logits: Tensor, wanted: Tensor) -> Tensor:
    """Cross-entropy of each attribute, and of the tempo."""
    size = len(NAMES)
    each = functional.binary_cross_entropy_with_logits(logits[:, :size], wanted[:, :size])
    tempo = functional.cross_entropy(logits[:, size:], wanted[:, size:])
    return each * 40.0 + 0.25 * tempo


def corpus(pieces: int, seed: int) -> tuple[list[str], Tensor]:
    """Captions and what each is about: strings, float16 (n, attributes)."""
    texts, rows = [], []
    for number in range(pieces):
        rng = random.Random(f"gist {seed} {number}")
        piece = compose(rng)
        row = attributes(piece).half()
        for text in captions(piece, rng, CAPTIONS_A_PIECE):
            texts.append(text)
            rows.append(row)
    return texts, torch.stack(rows)


def encoded(texts: list[str], encoder: CaptionEncoder) -> tuple[Tensor, Tensor, Tensor]:
    """All token states in one long row, float16 (total, 384), and each text's start and length."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts: list[Tensor] = []
    starts, lengths = torch.zeros(len(texts), dtype=torch.long), torch.zeros(len(texts)).long()
    total = 0
    for first in range(0, len(order), 64):
        group = order[first : first + 64]
        states, mask = encoder.states([texts[i] for i in group])
        for row, i in enumerate(group):
            used = int(mask[row].sum())
            parts.append(states[row, :used])
            starts[i], lengths[i] = total, used
            total += used
    return torch.cat(parts), starts, lengths


def batch_of(held: tuple[Tensor, Tensor, Tensor], picks: Tensor) -> tuple[Tensor, Tensor]:
    """Padded token states float32 (B, T, 384) and their mask (B, T)."""
    states, starts, lengths = held
    longest = int(lengths[picks].max())
    place = torch.arange(longest)
    mask = place < lengths[picks, None]
    at = (starts[picks, None] + place).clamp(max=len(states) - 1)
    return states[at].float() * mask[..., None], mask


def measure(listener: Listener, held: Any, wanted: Tensor) -> dict[str, float]:
    """On captions never read: loss, and how often genre and leading instrument come first."""
    with torch.inference_mode():
        states, mask = batch_of(held, torch.arange(len(wanted)))
        logits = listener(states, mask)[1]
    wanted = wanted.float()
    found = {"held_out": round(loss_of(logits, wanted).item(), 4)}
    for kind in ("genre", "front"):
        columns = [place for name, place in _PLACE.items() if name.startswith(kind)]
        rows = wanted[:, columns].sum(1) > 0
        right = logits[rows][:, columns].argmax(1) == wanted[rows][:, columns].argmax(1)
        found[kind] = round(right.float().mean().item(), 4)
    return found


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    encoder = CaptionEncoder(torch.device("cpu"))
    texts, wanted = corpus(options.pieces, options.seed)
    print(f"{len(texts)} captions, {len(set(texts))} different", flush=True)
    held = encoded(texts, encoder)
    other_texts, other_wanted = corpus(600, options.seed + 1)
    others = encoded(other_texts, encoder)
    listener = Listener()
    optimizer = torch.optim.AdamW(listener.parameters(), lr=options.lr, weight_decay=0.02)
    generator = torch.Generator().manual_seed(options.seed)
    started, step, losses = time.monotonic(), 0, list[float]()
    budget = options.minutes * 60
    while (elapsed := time.monotonic() - started) < budget:
        rate = 0.5 * (1 + math.cos(math.pi * elapsed / budget))
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * rate)
        picks = torch.randint(len(texts), (options.batch,), generator=generator)
        states, mask = batch_of(held, picks)
        shown = mask & (torch.rand(mask.shape, generator=generator) > WORDS_DROPPED)
        shown[:, 0] = True
        logits = listener(states, shown)[1]
        loss = loss_of(logits, wanted[picks].float())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        losses.append(loss.item())
        if step % options.every == 0:
            row = {"step": step, "seconds": round(elapsed), "loss": sum(losses) / len(losses)}
            losses = []
            print(json.dumps(row | measure(listener, others, other_wanted)), flush=True)
    save(options.out, listener, batch_of(held, torch.arange(min(4000, len(texts)))))
    print(json.dumps(measure(listener, others, other_wanted)), flush=True)


def save(path: Path, listener: Listener, some: tuple[Tensor, Tensor]) -> None:
    """Write the checkpoint, the gist scaled to an RMS of one and its readers to suit."""
    with torch.inference_mode():
        scale = listener.gist(*some).square().mean().sqrt()
        listener.gist.outer.weight /= scale
        listener.gist.outer.bias /= scale
        listener.read.weight *= scale
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {"gist": listener.gist.state_dict(), "read": listener.read.state_dict()}
    torch.save(held, path.with_suffix(".tmp"))
    path.with_suffix(".tmp").replace(path)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=60_000, help="to make captions of")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--every", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
