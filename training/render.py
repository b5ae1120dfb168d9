"""`python -m training.render`: clips and captions, shard by shard, in parallel and resumable.

Clip i of shard k is a pure function of (seed, k, i) and of `--words`, with which only pieces are
rendered whose captions have one of these words: more of what is heard least. A shard appears all
at once: its captions (`shard-00042.json`) first, then its sound (`shard-00042.npz`), each renamed
into place.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from training import kits, soundfonts, strums
from training.caption_writer import captions, mentions
from training.dataset import labels_path, pictures_path, ready_path
from training.fluid import FluidError
from training.music import INSTRUMENTS, Piece, compose
from training.music.genres import GENRES
from training.music.textures import TEXTURES
from training.progress import Progress
from training.synth import Synth
from training.voices import bank
from training.voices.bank import VoicesError

CAPTIONS_A_CLIP = 6
TEACHER = 2
"""The teacher's version, written with each clip: 1 played FluidR3Mono and MuseScore_General_Lite
without recordings or voices, and made the clips that riffbot-mini 5 and older learnt from."""
_MIX = 1_000_003


def clip_seed(seed: int, shard: int, index: int) -> int:
    """One number for one clip, different for all clips of all shards of all seeds."""
    return (seed * _MIX + shard) * _MIX + index


def describe(piece: Piece, texts: list[str], seed: int) -> dict[str, Any]:
    """What the trainer and the evaluation know of a clip, and the seed it was composed from."""
    return {
        "seed": seed,
        "teacher": TEACHER,
        "captions": texts,
        "bpm": piece.bpm,
        "beats": piece.beats,
        "beats_per_measure": piece.beats_per_measure,
        "width": piece.width,
        "kind": piece.kind,
        "genre": piece.genre,
        "roles": piece.roles,
        "textures": [texture.name for texture in piece.textures],
        "mood": piece.mood,
        "mode": piece.mode,
        "key": piece.key,
        "chords": [asdict(chord) if chord else None for chord in piece.chords],
        "style": piece.style,
        "effects": list(piece.effects),
    }


def find_piece(seed: int, words: Sequence[str] = ()) -> tuple[Piece, dict[str, Any]]:
    """The piece of a seed and its description.

    Of the first seed of the row seed, seed + _MIX⁴ … whose piece has somebody playing and, with
    `words`, whose captions have one of them.

    Raises:
        RuntimeError: none of a thousand has.
    """
    wanted = mentions(words) if words else None
    for place in range(seed, seed + 1000 * _MIX**4, _MIX**4):
        rng = random.Random(place)
        piece = compose(rng)
        if not (piece.tracks or piece.textures):
            continue  # once in some thousand times everybody in the band rests
        texts = captions(piece, rng, CAPTIONS_A_CLIP)
        if wanted is None or wanted.search("\n".join(texts).lower()):
            return piece, describe(piece, texts, place)
    raise RuntimeError(f"no piece of a thousand is said to be any of: {', '.join(words)}")


def render_clip(synth: Synth, seed: int, words: Sequence[str]) -> tuple[np.ndarray, dict[str, Any]]:
    """One clip: float32 samples and its description."""
    piece, about = find_piece(seed, words)
    return synth.render(piece), about


def shard_paths(out: Path, shard: int) -> tuple[Path, Path]:
    """Where a shard's sound and captions go."""
    return out / f"shard-{shard:05d}.npz", out / f"shard-{shard:05d}.json"


def write_shard(
    out: Path, shard: int, sounds: list[np.ndarray], rows: list[dict[str, Any]]
) -> None:
    """Put a shard into place, captions first."""
    sound_path, text_path = shard_paths(out, shard)
    _forget(sound_path)
    offsets = np.cumsum([0] + [len(sound) for sound in sounds], dtype=np.int64)
    widths = np.array([row["width"] for row in rows], np.int32)
    draft = text_path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(rows))
    draft.replace(text_path)
    draft = sound_path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.savez(
            file,
            audio=np.concatenate(sounds).astype(np.float16),
            offsets=offsets,
            widths=widths,
        )
    draft.replace(sound_path)


def _forget(sound_path: Path) -> None:
    """Whatever was made of an older shard of this number is of other clips."""
    for path in (labels_path(sound_path), ready_path(sound_path), pictures_path(sound_path)):
        path.unlink(missing_ok=True)


def _work(
    synth: Synth, options: argparse.Namespace, shards: list[tuple[int, int]], turn: Any, done: Any
) -> None:
    while True:
        with turn.get_lock():
            place = turn.value
            turn.value += 1
        if place >= len(shards):
            return
        shard, size = shards[place]
        sounds, rows = [], []
        for index in range(size):
            seed = clip_seed(options.seed, shard, index)
            sound, row = render_clip(synth, seed, options.words)
            sounds.append(sound)
            rows.append(row)
            with done.get_lock():
                done.value += 1
        write_shard(options.out, shard, sounds, rows)


def plan(out: Path, clips: int, size: int, first: int) -> list[tuple[int, int]]:
    """The shards still to be made, as (number, clips)."""
    count = (clips + size - 1) // size
    rows = [(first + k, min(size, clips - k * size)) for k in range(count)]
    return [(shard, clips_) for shard, clips_ in rows if not shard_paths(out, shard)[0].exists()]


def list_instruments() -> None:
    """Print the vocabulary."""
    for key, who in INSTRUMENTS.items():
        print(f"{key:14s} {', '.join(who.names)}")
    for name, names in TEXTURES.items():
        print(f"{name:14s} {', '.join(names)}")
    for name, genre in GENRES.items():
        print(f"{name:14s} {', '.join(genre.names)}")


def run(options: argparse.Namespace) -> None:
    """Render every missing shard and report progress until all workers are through."""
    options.out.mkdir(parents=True, exist_ok=True)
    shards = plan(options.out, options.clips, options.shard_size, options.first_shard)
    total = sum(count for _, count in shards)
    if not total:
        print("all shards are there", flush=True)
        return
    context = multiprocessing.get_context("fork")
    turn, done = context.Value("l", 0), context.Value("l", 0)
    synth = Synth(soundfonts.find())
    bank.find()
    began = time.monotonic()
    bar = Progress("render", total, "clips", options.out / "render.jsonl")
    fonts = [path.name for path in soundfonts.find()]
    bar.say(teacher=TEACHER, soundfonts=fonts, strums=len(strums.library()), kits=len(kits.sets()))
    team = [
        context.Process(target=_work, args=(synth, options, shards, turn, done), daemon=True)
        for _ in range(max(1, options.workers))
    ]
    for process in team:
        process.start()
    last_shown = 0.0
    while any(process.is_alive() for process in team):
        time.sleep(0.2)
        bar.to(done.value)
        now = time.monotonic() - began
        if now - last_shown >= 10:
            last_shown = now
            bar.say(clips=done.value, of=total, a_minute=round(60 * done.value / now))
    failed = [process.exitcode for process in team if process.exitcode]
    now = time.monotonic() - began
    bar.to(done.value)
    bar.say(clips=done.value, of=total, a_minute=round(60 * done.value / now), done=not failed)
    bar.close()
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(team)} workers failed")


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.render", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder of the shards")
    parser.add_argument("--clips", type=int, default=1024)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard-size", type=int, default=256)
    parser.add_argument("--first-shard", type=int, default=0)
    parser.add_argument(
        "--words", nargs="*", default=[], help="render only pieces that are said to be one of these"
    )
    parser.add_argument("--list-instruments", action="store_true")
    options = parser.parse_args(argv)
    if options.list_instruments:
        list_instruments()
        return 0
    if options.out is None:
        parser.error("--out is needed")
    try:
        run(options)
    except (FluidError, VoicesError, RuntimeError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
