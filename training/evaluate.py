"""Measure a model: `python -m training.evaluate --model models/riffbot-mini --out DIR`.

Makes the held-out prompts' clips (`riffbot/bench_prompts.py`, wordings that no caption uses),
writes them with a manifest that an independent judge of music clips can read (`--judge` names its
script; none is part of this project), and prints what can be measured without one: seconds a clip,
spread between seeds, a contact sheet.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from audio.codec import image_to_audio
from audio.files import encode
from audio.loudness import normalize
from riffbot.bench_prompts import PROMPTS
from riffbot.images import Images
from riffbot.inference.loading import load_model
from riffbot.inference.pipeline import Pipeline
from riffbot.inference.resolve import resolve
from riffbot.request import RiffRequest

CELL = 256


def contact_sheet(titled: list[tuple[str, NDArray[np.uint8]]], columns: int = 6) -> Image.Image:
    """Pictures side by side, each under its prompt."""
    rows = -(-len(titled) // columns)
    sheet = Image.new("L", (columns * CELL, rows * (CELL + 16)), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for index, (title, picture) in enumerate(titled):
        x, y = index % columns * CELL, index // columns * (CELL + 16)
        draw.text((x + 2, y + 1), title[:44], 0, font)
        sheet.paste(Image.fromarray(picture).resize((CELL - 4, CELL)), (x, y + 16))
    return sheet


def correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two pictures' pixels over their common columns, -1 to 1."""
    width = min(one.shape[1], other.shape[1])
    return float(np.corrcoef(one[:, :width].ravel(), other[:, :width].ravel())[0, 1])


def main() -> None:
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    model = load_model(options.model)
    images = Images(Path("seed_images"))
    pipeline = Pipeline(model, images)
    manifest, titled, seconds, spread = [], [], [], []
    for number, held_out in enumerate(PROMPTS[: options.prompts]):
        takes = []
        for seed in range(options.seeds):
            request = RiffRequest.build(
                prompt=held_out.prompt, seed=seed, steps=options.steps, guidance=options.guidance
            )
            started = time.perf_counter()
            resolved = resolve(request, model.card, images)
            picture = pipeline.run([resolved])[0]
            sound = normalize(image_to_audio(picture, loop=True, seed=seed), 44_100, loop=True)
            name = f"{number:03d}-{seed}.mp3"
            (options.out / name).write_bytes(encode(sound, 44_100, "mp3"))
            seconds.append(time.perf_counter() - started)
            takes.append(picture)
            line = {
                "file": name,
                "prompt": held_out.prompt,
                "expected_tags": list(held_out.expected),
                "seed": seed,
            }
            if held_out.bpm is not None:
                line["bpm"] = held_out.bpm
            manifest.append(line)
        titled.append((held_out.prompt, takes[0]))
        spread += [correlation(a, b) for a, b in combinations(takes, 2)]
        print(f"{number + 1}/{len(PROMPTS)} {held_out.prompt}", file=sys.stderr, flush=True)
    (options.out / "manifest.json").write_text(json.dumps(manifest, indent=1), "utf-8")
    contact_sheet(titled[:: max(1, len(titled) // 24)][:24]).save(options.out / "sheet.png")
    report = {
        "model": model.name,
        "version": model.card.version,
        "hash": model.hash[:12],
        "clips": len(manifest),
        "seconds_median": round(float(np.median(seconds)), 2),
        "correlation_between_seeds": round(float(np.mean(spread)), 3) if spread else None,
    }
    print(json.dumps(report))
    if options.judge:
        command = [options.judge_python or sys.executable, str(options.judge), "score"]
        command += [str(options.out / "manifest.json"), "--models", "MTT_musicnn,MTT_vgg,MSD_vgg"]
        subprocess.run(command, check=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="models/riffbot-mini")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=len(PROMPTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--judge", type=Path, help="an independent judge's script")
    parser.add_argument("--judge-python", help="the interpreter that has the judge's libraries")
    return parser.parse_args()


if __name__ == "__main__":
    main()
