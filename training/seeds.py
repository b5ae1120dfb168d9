"""Make seed_images/: `python -m training.seeds --out seed_images`.

Loops of an exact number of measures, composed and rendered like the training clips, and the masks.
Each seed image is the first piece, counting from a fixed seed, that fits its line in `WANTED`, so
the folder can be made again to the pixel. Where the first, or what the model makes of it, is heard
at half or two thirds of its tempo by a listener (a beat tracker that knows nothing of it), `take`
names one that is heard at its own.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.codec import audio_to_image
from audio.image import encode_png
from training.music import Piece, compose
from training.soundfonts import find
from training.synth import RATE, Synth

SHORTEST = 400
"""Columns; a shorter loop gives a prompt too little room."""


@dataclass(frozen=True)
class Wanted:
    """What a seed image must be: its name, genres, tempo range and width."""

    name: str
    title: str
    genres: str
    bpm: tuple[float, float]
    mood: str
    drums: bool = True
    take: int = 0


WANTED = (
    Wanted("steady_beat", "Steady beat", "pop", (93, 94), "open, plain, on the grid"),
    Wanted("funk_groove", "Funk groove", "funk", (98, 108), "tight, sixteenths, a lot of air"),
    Wanted("four_floor", "Four on the floor", "house,techno", (119, 129), "club, driving, even"),
    Wanted("slow_jam", "Slow jam", "rnb,soul,ballad", (62, 80), "late, warm, unhurried"),
    Wanted("swing_trio", "Swing", "jazz", (138, 165), "brushes, walking bass, triplets"),
    Wanted("island_sun", "Island sun", "reggae", (68, 84), "off-beats, deep bass, sunny"),
    Wanted("dusty_loop", "Dusty loop", "lofi,hiphop", (78, 92), "lo-fi, head-nodding"),
    Wanted(
        "bossa_breeze", "Bossa breeze", "bossa", (110, 135), "light, syncopated, gentle", take=6
    ),
    Wanted("fast_lane", "Fast lane", "punk,metal,dnb", (150, 176), "fast, tight, rolling", take=11),
    Wanted(
        "hall_waltz",
        "Hall waltz",
        "waltz",
        (88, 160),
        "three in a bar, turning",
        drums=False,
        take=3,
    ),
    Wanted(
        "slow_air", "Slow air", "ambient,newage", (60, 80), "no beat, wide, floating", drums=False
    ),
)


def fits(piece: Piece, wanted: Wanted) -> bool:
    """Whether a piece is what a line of `WANTED` asks for, with room for what a prompt adds."""
    roles = piece.roles
    return (
        piece.kind == "band"
        and piece.genre in wanted.genres.split(",")
        and wanted.bpm[0] <= piece.bpm <= wanted.bpm[1]
        and ("drums" in roles or not wanted.drums)
        and ("lead" in roles or "chords" in roles)
        and piece.width >= SHORTEST
        and not piece.textures
    )


def search(wanted: Wanted) -> Piece:
    """The first fitting piece (or, with `take`, a later one)."""
    left = wanted.take
    for number in range(200_000):
        piece = compose(random.Random(f"{wanted.name} {number}"))
        if fits(piece, wanted):
            if left == 0:
                return piece
            left -= 1
    raise LookupError(f"no piece fits {wanted}")


def masks() -> dict[str, np.ndarray]:
    """White is painted anew, black is kept, grey in between; uint8 (512, 512)."""
    frequency = np.linspace(1.0, 0.0, 512)[:, None] * np.ones((1, 512))
    time = np.linspace(0.0, 1.0, 512)[None, :] * np.ones((512, 1))
    drawn = {
        "mask_top_third": frequency > 2 / 3,
        "mask_bottom_third": frequency < 1 / 3,
        "mask_first_half": time < 0.5,
        "mask_second_half": time >= 0.5,
        "mask_gradient_high": frequency,
        "mask_gradient_low": 1.0 - frequency,
        "mask_gradient_time": 0.5 - 0.5 * np.cos(2 * np.pi * time),
    }
    return {
        name: np.round(255 * np.asarray(mask, float)).astype(np.uint8)
        for name, mask in drawn.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("seed_images"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    synth = Synth(find())
    lines = ["# Made by `python -m training.seeds`: loops of an exact number of measures.\n"]
    for wanted in WANTED:
        piece = search(wanted)
        sound = synth.render(piece)
        picture = audio_to_image(sound, RATE, loop=True)
        (options.out / f"{wanted.name}.png").write_bytes(encode_png(picture))
        lines.append(
            f"[{wanted.name}]\n"
            f'file = "{wanted.name}.png"\n'
            f'title = "{wanted.title}"\n'
            f"bpm = {piece.bpm:.4f}\n"
            f"beats = {piece.beats}\n"
            f"width = {piece.width}\n"
            f"meter = {piece.beats_per_measure}\n"
            f'mood = "{wanted.mood}"\n'
            f'made = "composed and rendered by training/ ({piece.genre}, {piece.beats} beats of '
            f'{piece.beats_per_measure}); ours, MIT"\n'
        )
        print(
            f"{wanted.name:14} {piece.bpm:6.2f} bpm {piece.beats:3} beats {piece.width:4} columns",
            flush=True,
        )
    for name, mask in masks().items():
        (options.out / f"{name}.png").write_bytes(encode_png(mask))
    (options.out / "seeds.toml").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
