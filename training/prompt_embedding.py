"""Train the prompt embedding: `python -m training.prompt_embedding --out CKPT`.

It learns from captions alone what they are about; its checkpoint and folder are called `gist`.

Composing a piece takes half a millisecond and its captions are free, so this network reads far
more captions than there will ever be clips: the language is learnt here, and the denoiser only
learns the music. The targets are what the composer decided: genre, instruments, sounds, kind of
clip, roles, drum kit, mode, tempo. A caption names only some of them, so the answer is what a
listener may expect: "jazz" means a ride cymbal with some probability.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from riffbot.inference.models.prompt_embedding import PromptEmbedding
from training.caption_writer import captions
from training.dataset import write_checkpoint
from training.music import INSTRUMENTS, Piece, compose
from training.music.genres import GENRES
from training.music.harmony import BRIGHT
from training.music.instruments import KITS
from training.music.textures import TEXTURES
from training.progress import Progress
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
        self.gist: Any = PromptEmbedding(width=WIDTH)
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
    return measure_states(listener, *batch_of(held, torch.arange(len(wanted))), wanted)


@torch.inference_mode()
def measure_states(
    listener: Listener, states: Tensor, mask: Tensor, wanted: Tensor
) -> dict[str, float]:
    """The same of token states (n, T, 384), their mask (n, T), and what the texts are about."""
    device = listener.read.weight.device
    logits = listener(states.to(device), mask.to(device))[1].cpu()
    wanted = wanted.float()
    found = {"held_out": round(loss_of(logits, wanted).item(), 4)}
    for kind in ("genre", "front"):
        columns = [place for name, place in _PLACE.items() if name.startswith(kind)]
        rows = wanted[:, columns].sum(1) > 0
        right = logits[rows][:, columns].argmax(1) == wanted[rows][:, columns].argmax(1)
        found[kind] = round(right.float().mean().item(), 4)
    return found


class School:
    """The captions to read, and others, never read, to be asked about."""

    def __init__(self, pieces: int, seed: int, others: int = 600) -> None:
        encoder = CaptionEncoder(torch.device("cpu"))
        self.texts, self.wanted = corpus(pieces, seed)
        self.states = encoded(self.texts, encoder)
        read = set(self.texts)
        texts, wanted = corpus(others, seed + 1)
        fresh = [place for place, text in enumerate(texts) if text not in read]
        self.other_wanted = wanted[fresh]
        self.others = encoded([texts[place] for place in fresh], encoder)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Token states, mask with some words hidden, and what they are about."""
        picks = torch.randint(len(self.texts), (size,), generator=generator)
        states, mask = batch_of(self.states, picks)
        shown = mask & (torch.rand(mask.shape, generator=generator) > WORDS_DROPPED)
        shown[:, 0] = True
        return states, shown, self.wanted[picks].float()


def main() -> None:
    options = parse()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    listener = Listener()
    if options.start is not None and not options.out.exists():
        older = torch.load(options.start, map_location="cpu", weights_only=True)
        listener.gist.load_state_dict(older["gist"])
    listener.to(device)
    optimizer = torch.optim.AdamW(listener.parameters(), lr=options.lr, weight_decay=0.02)
    step, spent = resume(options.out, listener, optimizer)
    school = School(options.pieces, options.seed)
    budget = options.minutes * 60
    generator = torch.Generator().manual_seed(options.seed + step)
    some = batch_of(school.states, torch.arange(min(4000, len(school.texts))))
    started, losses = time.monotonic(), list[float]()
    with Progress("gist", budget, "s", options.out.with_suffix(".jsonl")) as bar:
        bar.say(captions=len(school.texts), different=len(set(school.texts)))
        while (elapsed := spent + time.monotonic() - started) < budget:
            rate = 0.5 * (1 + math.cos(math.pi * elapsed / budget))
            for group in optimizer.param_groups:
                group["lr"] = options.lr * min(1.0, (step + 1) / 200) * (0.01 + 0.99 * rate)
            states, shown, about = (
                part.to(device) for part in school.batch(options.batch, generator)
            )
            loss = loss_of(listener(states, shown)[1], about)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
            losses.append(loss.item())
            bar.to(elapsed)
            if step % options.every == 0:
                found = measure(listener, school.others, school.other_wanted)
                bar.say(step=step, seconds=round(elapsed), loss=sum(losses) / len(losses), **found)
                losses = []
                save(options.out, listener, some, optimizer, step=step, spent=elapsed)
        save(options.out, listener, some, optimizer, step=step, spent=max(spent, budget))
        bar.say(final=measure(listener, school.others, school.other_wanted))


def resume(path: Path, listener: Listener, optimizer: Any) -> tuple[int, float]:
    """Go on from a checkpoint if there is one; the steps and the seconds spent so far.

    Raises:
        SystemExit: it is the shipped gist (`training.unpack`), which the denoiser knows as it is.
    """
    if not path.exists():
        return 0, 0.0
    held = torch.load(path, map_location="cpu", weights_only=True)
    if "training" not in held:
        raise SystemExit(
            f"gist: {path} is finished and the denoiser was taught by it; name another --out to "
            f"train a new one"
        )
    listener.load_state_dict(held["training"]["listener"])
    optimizer.load_state_dict(held["training"]["optimizer"])
    return int(held["training"]["step"]), float(held["training"]["spent"])


def save(
    path: Path, listener: Listener, some: tuple[Tensor, Tensor], optimizer: Any, **at: float
) -> None:
    """Write the checkpoint: the gist scaled to an RMS of one over `some` and its readers to suit,
    and beside them the training as it stands (`at`: step and spent), unscaled, to go on from.
    """
    scaled = copy.deepcopy(listener).cpu()
    with torch.inference_mode():
        scale = scaled.gist(*some).square().mean().sqrt()
        scaled.gist.outer.weight /= scale
        scaled.gist.outer.bias /= scale
        scaled.read.weight *= scale
    held = {
        "gist": scaled.gist.state_dict(),
        "read": scaled.read.state_dict(),
        "training": {
            "listener": listener.state_dict(),
            "optimizer": optimizer.state_dict(),
            **at,
        },
    }
    write_checkpoint(path, held)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--start", type=Path, help="an older gist (training.unpack) to learn on from"
    )
    parser.add_argument("--pieces", type=int, default=60_000, help="to make captions of")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--every", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
