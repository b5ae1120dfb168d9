"""Distil MiniLM into a small text encoder: `python -m training.text_encoder --out CKPT`.

MiniLM comes as a package of 90 MB. Captions are about music only, so a network of six million
weights can learn to answer them as MiniLM does, state by state, and lie in eight bits in the
model's own folder (`TextEncoderCard` without a package). Words keep MiniLM's own vectors, in fewer
numbers, so that those which no caption uses still mean something.

    python -m training.text_encoder --out CKPT --minutes 60
    python -m training.text_encoder --out CKPT --export models/riffbot-mini/text_encoder

The training goes on where it was stopped. With `--gist` it also says what the prompt embedding
understands of captions that nobody read, by MiniLM's states and by the student's.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from riffbot.inference.models import network_files, quantised
from riffbot.inference.models.bert import Bert, BertConfig
from riffbot.inference.models.wordpiece import FILE as TOKENIZER
from riffbot.inference.models.wordpiece import WordPiece
from training.caption_writer import captions
from training.dataset import write_checkpoint
from training.music import Piece, compose
from training.progress import Progress
from training.prompt_embedding import Listener, attributes, measure_states
from training.text import MAX_TOKENS, encoder_folder

LAYERS, HIDDEN, HEADS, INNER, WORD_SIZE = 4, 256, 4, 1024, 96
PADDING_SHARE = 0.25
"""Weight of the states behind a text's end, which the denoiser reads as well."""

_CAPTIONS_A_PIECE = 4


class Texts:
    """Captions as MiniLM's token ids, a window each."""

    def __init__(self, tokenizer: WordPiece) -> None:
        self._tokenizer = tokenizer
        self._first, self._last = tokenizer("").input_ids

    def frame(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Ids int64 (n, MAX_TOKENS) and the mask (n, MAX_TOKENS) of the texts' own tokens."""
        rows, mask = [], torch.zeros(len(texts), MAX_TOKENS, dtype=torch.long)
        for place, text in enumerate(texts):
            ids = self._tokenizer(text, add_special_tokens=False).input_ids[: MAX_TOKENS - 2]
            framed = [self._first, *ids, self._last]
            mask[place, : len(framed)] = 1
            rows.append(framed + [self._tokenizer.pad_token_id] * (MAX_TOKENS - len(framed)))
        return torch.tensor(rows), mask


def compose_captions(name: str, count: int) -> list[tuple[Piece, str]]:
    """`count` captions, always the same for the same name, with the pieces that they describe."""
    rng, found = random.Random(name), list[tuple[Piece, str]]()
    while len(found) < count:
        piece = compose(rng)
        found += [(piece, text) for text in captions(piece, rng, _CAPTIONS_A_PIECE)]
    return found[:count]


def read_teacher(folder: Path) -> tuple[Bert, WordPiece]:
    """MiniLM and its tokenizer. Raises SystemExit if the folder holds another kind of encoder."""
    config = BertConfig.from_json(network_files.read_config(folder))
    if config is None:
        raise SystemExit(f"text_encoder: {folder} holds no BERT")
    file, _ = network_files.find_weights(folder, network_files.TEXT_STEMS)
    teacher: Bert = network_files.load(partial(Bert, config), file, may_hold_more=True)
    return teacher.eval().requires_grad_(False), WordPiece(folder)


def build_student(teacher: Bert) -> Bert:
    """A small encoder of the teacher's words, whose vectors are the teacher's in fewer numbers."""
    config = BertConfig(
        vocab_size=teacher.config.vocab_size,
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=MAX_TOKENS,
        embedding_size=min(WORD_SIZE, teacher.config.hidden_size),
        output_size=teacher.config.states_size,
    )
    student = Bert(config)
    words = teacher.embeddings.word_embeddings.weight
    size = config.embedding_size
    *_, directions = torch.linalg.svd(words.T @ words)  # principal axes, the strongest first
    with torch.no_grad():
        student.embeddings.word_embeddings.weight.copy_(words @ directions[:size].T)
        places = teacher.embeddings.position_embeddings.weight[:MAX_TOKENS]
        student.embeddings.position_embeddings.weight.copy_(places @ directions[:size].T)
    return student


def loss_of(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error of the states, in shares of their mean square; padding counts less."""
    weight = PADDING_SHARE + (1 - PADDING_SHARE) * mask[..., None].to(found.dtype)
    return ((found - wanted).square() * weight).mean() / wanted.square().mean()


class Examination:
    """Captions of pieces that nobody trains on, and how well a student answers them."""

    def __init__(self, teacher: Bert, texts: Texts, listener: Listener | None, count: int) -> None:
        asked = compose_captions("text encoder, held out", count)
        self._ids, self._mask = texts.frame([text for _, text in asked])
        self._about = torch.stack([attributes(piece) for piece, _ in asked])
        self._listener = listener
        self._wanted = self._answer(teacher)

    @torch.inference_mode()
    def ask(self, student: Bert) -> dict[str, float]:
        """Error and likeness of the texts' own states; with a listener, what it understands."""
        found, own = self._answer(student), self._mask.bool()
        error = (found - self._wanted)[own].square().mean() / self._wanted[own].square().mean()
        likeness = nn.functional.cosine_similarity(found[own], self._wanted[own], dim=-1).mean()
        said = {"error": round(float(error), 4), "likeness": round(float(likeness), 4)}
        if self._listener is not None:
            said |= self._understood("", found) | self._understood("minilm_", self._wanted)
        return said

    def _understood(self, prefix: str, states: Tensor) -> dict[str, float]:
        assert self._listener is not None
        found = measure_states(self._listener, states, self._mask.bool(), self._about)
        return {f"{prefix}{name}": value for name, value in found.items()}

    @torch.inference_mode()
    def _answer(self, encoder: Bert) -> Tensor:
        rows = zip(self._ids.split(64), self._mask.split(64), strict=True)
        return torch.cat([encoder(ids, mask)[0] for ids, mask in rows])


def read_listener(path: Path) -> Listener:
    """The prompt embedding and its readers from the checkpoint of `training.prompt_embedding`."""
    held = torch.load(path, map_location="cpu", weights_only=True)
    if "read" not in held:
        raise SystemExit(
            f"text_encoder: {path} has no readers; train one: training.prompt_embedding"
        )
    listener = Listener()
    listener.gist.load_state_dict(held["gist"])
    listener.read.load_state_dict(held["read"])
    return listener.eval()


def export(checkpoint: Path, out: Path, tokenizer: Path) -> None:
    """Write a trained student as a folder that the product loads, weights in eight bits."""
    held = torch.load(checkpoint, map_location="cpu", weights_only=True)
    out.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "bert", "hidden_act": "gelu", **held["config"]}
    (out / network_files.CONFIG).write_text(json.dumps(config, indent=2) + "\n", "utf-8")
    quantised.save(held["network"], out / quantised.FILE)
    for name in (TOKENIZER, "tokenizer_config.json"):
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, out / name)


def train(options: argparse.Namespace) -> None:
    """Train by the clock, from where the checkpoint stands."""
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    teacher, tokenizer = read_teacher(encoder_folder())
    student, texts = build_student(teacher), Texts(tokenizer)
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.lr, weight_decay=0.01)
    step, spent = _resume(options.out, student, optimizer)
    listener = read_listener(options.gist) if options.gist else None
    examination = Examination(teacher, texts, listener, options.held_out)
    budget, started, losses = options.minutes * 60, time.monotonic(), list[float]()
    with Progress("text encoder", budget, "s", options.out.with_suffix(".jsonl")) as bar:
        while (elapsed := spent + time.monotonic() - started) < budget:
            rate = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * elapsed / budget))
            for group in optimizer.param_groups:
                group["lr"] = options.lr * min(1.0, (step + 1) / 100) * rate
            named = f"text encoder {options.seed} {step}"
            ids, mask = texts.frame([text for _, text in compose_captions(named, options.batch)])
            loss = loss_of(student(ids, mask)[0], teacher(ids, mask)[0], mask)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 1.0)
            optimizer.step()
            step += 1
            losses.append(loss.item())
            bar.to(elapsed)
            if step % options.every == 0:
                said = examination.ask(student)
                bar.say(step=step, seconds=round(elapsed), loss=sum(losses) / len(losses), **said)
                losses = []
                _save(options.out, student, optimizer, step=step, spent=elapsed)
        _save(options.out, student, optimizer, step=step, spent=max(spent, budget))
        bar.say(step=step, final=examination.ask(student))


def _resume(path: Path, student: Bert, optimizer: Any) -> tuple[int, float]:
    """Go on from a checkpoint if there is one; the steps and the seconds spent so far."""
    if not path.exists():
        return 0, 0.0
    held = torch.load(path, map_location="cpu", weights_only=True)
    student.load_state_dict(held["network"])
    optimizer.load_state_dict(held["optimizer"])
    return int(held["step"]), float(held["spent"])


def _save(path: Path, student: Bert, optimizer: Any, **at: float) -> None:
    held = {
        "network": student.state_dict(),
        "config": asdict(student.config),
        "optimizer": optimizer.state_dict(),
        **at,
    }
    write_checkpoint(path, held)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint")
    parser.add_argument("--export", type=Path, help="write it as a model's folder instead")
    parser.add_argument("--gist", type=Path, help="a prompt embedding to be asked as well")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--every", type=int, default=200)
    parser.add_argument("--held-out", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """The command."""
    options = parse(argv)
    if options.export:
        export(options.out, options.export, encoder_folder())
    else:
        train(options)


if __name__ == "__main__":
    main()
