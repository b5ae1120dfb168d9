"""Clips composed for one tag: `python -m training.audition --tags harp country --out DIR`.

What the judge is asked while the teacher is worked on: of a dozen clips that were composed to be a
tag, in how many is it among the first three? `audition.toml` says how each tag is composed. No
wording of the held-out prompts is looked at, so they stay unseen until the end. The manifest is
that of `riffbot bench model`.
"""

from __future__ import annotations

import argparse
import random
import tomllib
from pathlib import Path

import numpy as np

from audio.codec import audio_to_image, image_to_audio
from audio.files import encode
from audio.loudness import normalize
from training import soundfonts
from training.dataset import write_json
from training.music import Piece
from training.music.arranger import compose_solo
from training.music.band import compose_band
from training.progress import Progress
from training.synth import RATE, Synth

WAYS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("audition.toml").read_text("utf-8")
)
"""Tag -> what is composed for it in turn: `solo harp`, `band country`."""


def piece_for(tag: str, take: int) -> Piece:
    """The piece of a take: the same for the same tag and number, whatever else is auditioned."""
    kind, key = WAYS[tag][take % len(WAYS[tag])].split()
    rng = random.Random(f"audition {tag} {take}")
    return compose_solo(rng, key) if kind == "solo" else compose_band(rng, key)


def through_codec(sound: np.ndarray) -> np.ndarray:
    """A clip as members would hear it: drawn as a picture and played again."""
    picture = audio_to_image(sound, RATE, loop=True)
    return np.asarray(normalize(image_to_audio(picture, loop=True), RATE, loop=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tags", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--clips", type=int, default=12, help="of each tag")
    parser.add_argument("--direct", action="store_true", help="as rendered, without the codec")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    synth, rows = Synth(soundfonts.find()), []
    bar = Progress("audition", len(options.tags) * options.clips, "clips")
    for tag in options.tags:
        for take in range(options.clips):
            piece = piece_for(tag, take)
            sound = synth.render(piece)
            if not options.direct:
                sound = through_codec(sound)
            name = f"{tag.replace(' ', '-')}-{take:02d}.mp3"
            (options.out / name).write_bytes(encode(sound, RATE, "mp3"))
            told = f"{tag}: {WAYS[tag][take % len(WAYS[tag])]}, {piece.bpm:.0f} bpm, {piece.roles}"
            rows.append({"file": name, "prompt": told, "expected_tags": [tag], "seed": take})
            bar.to(len(rows))
    bar.close()
    write_json(options.out / "manifest.json", rows)


if __name__ == "__main__":
    main()
