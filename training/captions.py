"""Words for the clips: `python -m training.captions --shards DIR`.

Each `shard-00042` gets a `told-00042.json`: the label of each clip, its captions as
people type prompts (`training.caption_writer`), its beats and its meter, its key and the chord of
each beat. Words cost nothing, so
after a change of the vocabulary `--again` writes them anew, and `training.prepare` puts them beside
the latents there are. What is written follows from each clip's own seed alone. A shard that has
its words is left as it is; `--watch` waits for more. `--examples N` prints what is said of N new
pieces.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pathlib import Path

from training.caption_writer import captions
from training.dataset import Json, abouts, folder, labels_path, shards, write_json
from training.music import Piece, compose
from training.music.chords import is_pitched
from training.music.harmony import SCALES
from training.progress import Progress
from training.render import describe

TEMPO_TOLD = 0.3
"""Share of captions without a number that get the tempo put behind them, just as the pipeline
puts it behind a prompt when a seed image or the member has set one."""


class Outdated(ValueError):
    """The composer no longer plays what a shard holds."""


def told_tempo(caption: str, bpm: float, rng: random.Random) -> str:
    """The caption, in some cases with the tempo behind it."""
    if any(c.isdigit() for c in caption) or rng.random() >= TEMPO_TOLD:
        return caption
    return f"{caption}, {round(bpm)} bpm"


def same(piece: Piece, about: Json) -> bool:
    """Whether a rendered clip is what the composer makes of its seed today, however described."""
    now: Json = json.loads(json.dumps(describe(piece, [], about["seed"])))
    return all(about[key] == now[key] for key in now if key not in {"captions", "chords"})


def label_clip(about: Json, count: int) -> Json:
    """`count` captions, beats and meter, key and chords of a clip.

    Raises:
        Outdated: another piece was rendered.
    """
    seed = about["seed"]
    piece = compose(random.Random(seed))
    if not same(piece, about):
        raise Outdated("the composer has changed since these clips were rendered; render again")
    rng = random.Random(f"captions {seed}")
    texts = [told_tempo(text, piece.bpm, rng) for text in captions(piece, rng, count)]
    return {
        "captions": texts,
        "beats": piece.beats,
        "meter": piece.beats_per_measure,
        **label_harmony(piece),
    }


def label_harmony(piece: Piece) -> Json:
    """The key as [tonic, [its scale's pitch classes]] and of each beat [[the chord's], bass].

    Null where nobody plays a note that has a pitch, or no chord.
    """
    is_tonal = any(is_pitched(track) for track in piece.tracks)
    scale = sorted((piece.key + step) % 12 for step in SCALES[piece.mode])
    return {
        "key": [piece.key, scale] if is_tonal else None,
        "chords": [found and [list(found.tones), found.bass] for found in piece.chords],
    }


def write(shard: Path, count: int) -> None:
    """Put a shard's words into place. Raises Outdated, naming the shard."""
    try:
        rows = [label_clip(about, count) for about in abouts(shard)]
    except Outdated as error:
        raise Outdated(f"{shard.name}: {error}") from error
    write_json(labels_path(shard), rows)


def examples(count: int, seed: int) -> None:
    """Print what is said of some pieces."""
    for number in range(count):
        rng = random.Random(seed + number)
        piece = compose(rng)
        print(f"{piece.genre or piece.kind}, {piece.bpm:.0f} bpm")
        for text in captions(piece, rng, 4):
            print(f"    {text}")


def run(options: argparse.Namespace) -> None:
    """Write what is missing, and with `--watch` what comes. Raises Outdated."""
    again = set(shards(options.shards)) if options.again else set[Path]()
    while True:
        todo = [p for p in shards(options.shards) if p in again or not labels_path(p).exists()]
        if todo:
            log = options.shards / "captions.jsonl"
            with Progress("captions", len(todo), "shards", log) as bar:
                for place, shard in enumerate(todo, 1):
                    write(shard, options.captions)
                    again.discard(shard)
                    bar.to(place)
                bar.say(shards=len(todo))
        if not options.watch:
            return
        time.sleep(2.0)


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m training.captions", description=__doc__)
    parser.add_argument("--shards", type=folder, help="what training.render wrote")
    parser.add_argument("--captions", type=int, default=10, help="of each clip")
    parser.add_argument("--again", action="store_true", help="write them anew")
    parser.add_argument("--watch", action="store_true", help="wait for more shards")
    parser.add_argument("--examples", type=int, metavar="N", help="print those of N new pieces")
    parser.add_argument("--seed", type=int, default=0, help="of the examples")
    options = parser.parse_args(argv)
    if options.examples:
        examples(options.examples, options.seed)
        return 0
    if options.shards is None:
        parser.error("--shards is needed")
    try:
        run(options)
    except Outdated as error:
        print(f"captions: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
