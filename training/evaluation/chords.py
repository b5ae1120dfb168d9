"""`python -m training.evaluation.chords --out DIR`: are key and chords heard as they are shown?

Forty progressions in all keys (`progressions.toml`), made by a model; the same clips with key and
chords left open, which is chance; and pieces of the composer whose chords are known, through the
same codec and the same ears (`heard_harmony`), which is what a perfect student would score. The
sounds stay in `--out`, to be listened to.
"""

from __future__ import annotations

import argparse
import random
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio.codec import audio_to_image, image_to_audio
from audio.files import encode
from audio.loudness import normalize
from riffbot.bench import model as bench_model
from riffbot.harmony import Harmony
from riffbot.inference.models.harmony_planes import ShownChord
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.planes import chords_of_beats
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from riffbot.settings import load_settings
from training import soundfonts
from training.dataset import folder, write_json
from training.evaluation.heard_harmony import Floats, Score, hear, score
from training.fluid import FluidError
from training.music import Piece, compose
from training.music.harmony import SCALES
from training.progress import Progress
from training.synth import RATE, Synth
from training.voices.bank import VoicesError

METER = 4


class Asked(NamedTuple):
    """A prompt, the key and chords that go with it, and a tempo."""

    prompt: str
    key: str
    chords: str
    bpm: float


class Clip(NamedTuple):
    """A sound of whole beats, what was asked for in each, and the key's scale."""

    sound: Floats
    chords: list[ShownChord | None]
    scale: tuple[int, ...]


def progressions() -> list[Asked]:
    """What models are asked for."""
    text = Path(__file__).with_name("progressions.toml").read_text("utf-8")
    return [Asked(*row) for row in tomllib.loads(text)["progressions"]]


def make(pipeline: Pipeline, asked: Asked, seed: int, *, shown: bool) -> Clip:
    """A model's clip of a progression, which it is shown or not; both are of the same length."""
    request = RiffRequest(
        prompt=asked.prompt, seed=seed, bpm=asked.bpm, key=asked.key, chords=asked.chords
    )
    card = pipeline.model.card
    whole = resolve(request, card.model_copy(update={"harmony_grid": True}), pipeline.images)
    if not shown:
        whole = whole.with_changes(key=None, chords=None)
    made = resolve(whole, card, pipeline.images)
    assert made.width is not None
    assert made.bpm is not None
    harmony = Harmony.parse(asked.key, asked.chords)
    assert harmony.key is not None
    beats = round(made.width * made.bpm / 6000)
    sound = image_to_audio(pipeline.run([made])[0], loop=True, seed=seed)
    return Clip(sound, chords_of_beats(harmony, beats, METER), harmony.key.pitch_classes)


def reference_pieces(count: int) -> Iterator[Piece]:
    """Fresh pieces of the composer with a chord in every beat."""
    found = number = 0
    while found < count:
        piece = compose(random.Random(f"chords {number}"))
        number += 1
        if all(piece.chords):
            found += 1
            yield piece


def play(synth: Synth, piece: Piece) -> Clip:
    """A reference piece through the codec, as everything that a model makes."""
    picture = audio_to_image(synth.render(piece), RATE, loop=True)
    chords = [ShownChord(c.tones, c.bass) if c else None for c in piece.chords]
    scale = tuple((piece.key + step) % 12 for step in SCALES[piece.mode])
    return Clip(image_to_audio(picture, loop=True), chords, scale)


def judge(out: Path, clips: Iterator[Clip], count: int) -> Score:
    """Keep the clips as MP3 and hear what is in them."""
    out.mkdir(parents=True, exist_ok=True)
    total = Score()
    with Progress(out.name, count, "clips") as bar:
        for number, clip in enumerate(clips):
            sound = normalize(np.asarray(clip.sound, np.float32), RATE, loop=True)
            (out / f"{number:03d}.mp3").write_bytes(encode(sound, RATE, "mp3"))
            total += score(hear(clip.sound, RATE, len(clip.chords)), clip.chords, clip.scale)
            bar.to(number + 1)
    return total


def table(rows: dict[str, Score]) -> str:
    """The scores as a table, shares of beats."""
    names = ("beats", "chords", "roots", "basses", "in_key")
    lines = [f"{'':14s}" + "".join(f"{name:>9s}" for name in names)]
    for title, total in rows.items():
        rates = total.rates()
        lines.append(f"{title:14s}" + "".join(f"{_cell(rates[name]):>9s}" for name in names))
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def run(options: argparse.Namespace) -> dict[str, Score]:
    """Every row of the table, written to `--out` as soon as it is known."""
    rows: dict[str, Score] = {}

    def add(name: str, clips: Iterator[Clip], count: int) -> None:
        rows[name] = judge(options.out / name.replace(" ", "-"), clips, count)
        held = {title: total.rates() for title, total in rows.items()}
        write_json(options.out / "chords.json", held)

    if options.model is not None:
        pipeline = bench_model.load_pipeline(load_settings(), str(options.model))
        asked = progressions()[: options.progressions]
        for name, shown in (("model", True), ("left open", False)):
            one = partial(make, pipeline, shown=shown)
            add(name, (one(row, seed) for seed, row in enumerate(asked)), len(asked))
    if options.pieces:
        synth = Synth(soundfonts.find())
        add("teacher", (play(synth, p) for p in reference_pieces(options.pieces)), options.pieces)
    return rows


def main(argv: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluation.chords",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=folder, help="a model's folder; none measures the teacher")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--progressions", type=int, default=40, help="of the forty, the first")
    parser.add_argument("--pieces", type=int, default=40, help="of the teacher; 0 leaves it out")
    options = parser.parse_args(argv)
    try:
        print(table(run(options)))
    except (FluidError, VoicesError) as error:
        print(f"chords: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
