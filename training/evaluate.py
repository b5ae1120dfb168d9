"""How good a checkpoint is: `python -m training.evaluate --model DIR --out DIR [--judge FILE]`.

Five questions, each answered in `--out/report.json` and in a line on the terminal:

    prompts   the held-out prompts with several seeds (`riffbot bench model`), beside real renders
              of the same (`training.references`), by a judge: what is heard, and how far apart
    weights   "x and (drums:W)" for twenty x: does the judge hear more drums as W rises, fewer with
              the negative prompt "drums"?
    seeds     img2img from every bundled seed image at the default denoising: is its tempo kept?
    loops     rhythmic prompts: does the beat go on over the seam?
    copies    is any clip nearly one of the training clips?

The judge is a script of the shape of `judge.py score MANIFEST --json -`; without one only what
needs no listener is reported. Only the heads of `riffbot.bench_model.HEADS` are ever asked, so
that another head can judge in the end.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from audio.codec import image_to_audio
from audio.files import encode
from audio.image import decode_image
from audio.loudness import normalize
from riffbot import bench_model
from riffbot.bench_model import RATE
from riffbot.bench_prompts import PROMPTS
from riffbot.inference.pipeline import Pipeline
from riffbot.inference.resolve import resolve
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from training.dataset import HELD_OUT, number, read_clips, shards

CELL = 256
NEAR_COPY = 0.97

WEIGHED = (
    *("piano", "violin", "cello", "flute", "acoustic guitar", "saxophone", "church organ", "harp"),
    *(
        "trumpet",
        "choir",
        "sitar",
        "strings",
        "synth pad",
        "electric guitar",
        "clarinet",
        "harmonica",
    ),
    *("accordion", "vibraphone", "banjo", "female vocals"),
)
WEIGHTS = ("0.5", "1", "1.5")
RHYTHMIC = (
    *(
        "funk groove",
        "techno",
        "house music",
        "reggae",
        "rock band",
        "hip hop beat",
        "disco",
        "samba",
    ),
    *("punk rock", "jazz trio", "drum loop", "country band"),
)
OVER_SEEDS = ("jazz piano", "funk guitar", "techno", "violin and drums")

Row = dict[str, Any]


class Judge:
    """An independent listener, asked through its command line."""

    def __init__(self, script: Path, python: str | None, cache: Path) -> None:
        self._command = [python or sys.executable, str(script)]
        self._cache = ["--cache", str(cache), "--jobs", "1"]

    def ask(self, what: str, *arguments: str) -> Any:
        """The JSON that `judge.py WHAT ARGUMENTS --json -` prints."""
        heads = ["--models", bench_model.HEADS]
        command = [*self._command, what, *arguments, *heads, *self._cache, "--json", "-"]
        told = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(told.stdout)

    def likings(self, manifest: Path, concept: str) -> dict[str, float]:
        """How strongly each file of a manifest sounds of a concept: mean logit of its heads."""
        rows = self.ask("tags", "--top", "50", *files_of(manifest))
        return {Path(row["file"]).name: _logit(row, concept) for row in rows}


def files_of(manifest: Path) -> list[str]:
    """The files that a manifest names."""
    rows = json.loads(manifest.read_text("utf-8"))
    return [str(manifest.parent / row["file"]) for row in rows]


def _logit(row: Row, concept: str) -> float:
    """The mean over heads of the logit of a concept's own tag."""
    found = [
        # The judge prints three decimals.
        float(np.log(np.clip(p, 5e-4, 1 - 5e-4) / (1 - np.clip(p, 5e-4, 1 - 5e-4))))
        for head in row["heads"].values()
        for tag, p in head
        if tag == concept
    ]
    return float(np.mean(found)) if found else float("nan")


def make(pipeline: Pipeline, out: Path, rows: list[tuple[RiffRequest, Row]]) -> Path:
    """Make clips and their manifest; returns the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    manifest = []
    for place, (asked, said) in enumerate(rows):
        request = resolve(asked, pipeline.model.card, pipeline.images)
        picture = pipeline.run([request])[0]
        sound = normalize(image_to_audio(picture, loop=True, seed=request.seed), RATE, loop=True)
        name = f"{place:03d}.mp3"
        (out / name).write_bytes(encode(sound, RATE, "mp3"))
        manifest.append({"file": name, "prompt": request.prompt, "expected_tags": [], **said})
        print(f"{out.name} {place + 1}/{len(rows)}", file=sys.stderr, flush=True)
    path = out / "manifest.json"
    path.write_text(json.dumps(manifest, indent=1), "utf-8")
    return path


def weighed() -> list[tuple[RiffRequest, Row]]:
    """Each of `WEIGHED` with drums at three weights, and with drums as the negative."""
    rows = []
    for seed, other in enumerate(WEIGHED):
        for weight in WEIGHTS:
            prompt = f"{other} and (drums:{weight})"
            rows.append((RiffRequest(prompt=prompt, seed=seed, bpm=100.0), {"weight": weight}))
        prompt = f"{other} and drums"
        request = RiffRequest(prompt=prompt, negative="drums", seed=seed, bpm=100.0)
        rows.append((request, {"weight": "negative"}))
    return rows


def weights(pipeline: Pipeline, out: Path, judge: Judge) -> Row:
    """Mean drums logit at each weight, and how many of the twenty rise throughout."""
    manifest = make(pipeline, out, weighed())
    heard = list(judge.likings(manifest, "drums").values())
    table = np.array(heard).reshape(len(WEIGHED), len(WEIGHTS) + 1)
    return {
        "mean_logit": dict(
            zip((*WEIGHTS, "negative"), table.mean(0).round(3).tolist(), strict=True)
        ),
        "rise_throughout": int(((table[:, 1] >= table[:, 0]) & (table[:, 2] >= table[:, 1])).sum()),
        "rise_in_all": int((table[:, 2] > table[:, 0]).sum()),
        "fall_with_negative": int((table[:, 3] < table[:, 1]).sum()),
        "of": len(WEIGHED),
    }


def seeds(pipeline: Pipeline, out: Path, judge: Judge) -> Row:
    """Tempo kept from each seed image that has a beat, at the default denoising."""
    rows = []
    for name in pipeline.images.names():
        seed_image = pipeline.images.bundled(name)
        for seed, prompt in enumerate(OVER_SEEDS):
            request = RiffRequest(prompt=prompt, seed=seed, seed_image=name)
            rows.append((request, {"bpm": seed_image.bpm, "seed_image": name}))
    beaten = [row for row in rows if row[1]["seed_image"] not in {"slow_air"}]
    manifest = make(pipeline, out, beaten)
    return {**judge.ask("score", str(manifest))["tempo"], "denoising": rows[0][0].denoising}


def loops(pipeline: Pipeline, out: Path, judge: Judge) -> Row:
    """`beat_keep` of rhythmic prompts."""
    rows: list[tuple[RiffRequest, Row]] = [
        (RiffRequest(prompt=prompt, seed=7), {}) for prompt in RHYTHMIC
    ]
    manifest = make(pipeline, out, rows)
    found = [row["beat_keep"] for row in judge.ask("loop", *files_of(manifest))]
    kept = [share for share in found if share is not None]  # None: no beat to keep
    return {
        "clips": len(kept),
        "without_a_beat": len(found) - len(kept),
        "mean": round(float(np.mean(kept)), 3),
        "median": round(float(np.median(kept)), 3),
        "at_least_0.8": int(sum(k >= 0.8 for k in kept)),
    }


def thumbnails(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Pictures as rows of 64×64 numbers, each of mean 0 and length 1."""
    rows = [
        np.asarray(Image.fromarray(p).resize((64, 64), Image.Resampling.BOX), np.float32).ravel()
        for p in pictures
    ]
    table = np.stack(rows)
    table -= table.mean(1, keepdims=True)
    # A silent clip resembles nothing.
    return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-6)


def training_clips(folder: Path) -> Iterator[NDArray[np.float32]]:
    """The thumbnails of each shard that was learnt from."""
    for path in shards(folder):
        if number(path) != HELD_OUT:
            yield thumbnails([clip.picture for clip in read_clips(path)])


def copies(pictures: Sequence[NDArray[np.uint8]], folder: Path) -> Row:
    """The nearest training clip of each picture, beside that of clips never trained on."""
    fresh = [clip.picture for clip in read_clips(shards(folder)[HELD_OUT])]
    ours, theirs = thumbnails(pictures), thumbnails(fresh)
    best, base = np.full(len(ours), -1.0), np.full(len(theirs), -1.0)
    count = 0
    for table in training_clips(folder):
        count += len(table)
        best = np.maximum(best, (ours @ table.T).max(1))
        base = np.maximum(base, (theirs @ table.T).max(1))
    return {
        "training_clips": count,
        "nearest_max": round(float(best.max()), 3),
        "nearest_median": round(float(np.median(best)), 3),
        "near_copies": int((best > NEAR_COPY).sum()),
        "held_out_renders_max": round(float(base.max()), 3),
        "held_out_renders_median": round(float(np.median(base)), 3),
    }


def contact_sheet(ours: Path, real: Path, count: int = 24, columns: int = 4) -> Image.Image:
    """Prompts with the model's first take (left) and a real render (right)."""
    chosen = [round(i * (len(PROMPTS) - 1) / (count - 1)) for i in range(count)]
    wide = 2 * CELL + 12
    sheet = Image.new("L", (columns * wide, -(-count // columns) * (CELL + 18)), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for place, index in enumerate(chosen):
        x, y = place % columns * wide, place // columns * (CELL + 18)
        draw.text((x + 2, y + 1), PROMPTS[index].prompt[:70], 0, font)
        for side, folder in enumerate((ours, real)):
            pixels = decode_image(folder / f"{index:03d}-0.png").pixels
            picture = Image.fromarray(pixels).resize((CELL, CELL))
            sheet.paste(picture, (x + side * (CELL + 2), y + 17))
    return sheet


def prompts(pipeline: Pipeline, out: Path, judge: Judge | None, real: Path, count: int) -> Row:
    """The held-out prompts, judged, and how far they lie from real renders of the same."""
    result = bench_model.measure(pipeline, out, seeds=count)
    found: Row = {"bench": asdict(result)}
    if real.is_dir():
        contact_sheet(out, real).save(out / "sheet.png")
    if judge is not None:
        found["judge"] = judge.ask("score", str(out / "manifest.json"))
        found["spread"] = judge.ask("spread", str(out / "manifest.json"))
        if real.is_dir():
            told = judge.ask("fad", str(out), str(real), "--embedding", "MTT_musicnn")
            found["distance"] = told
            found["real"] = judge.ask("score", str(real / "manifest.json"))
    return found


def main() -> None:
    options = parse()
    pipeline = bench_model.load(Settings(), str(options.model))
    judge = None
    if options.judge is not None:
        judge = Judge(options.judge, options.judge_python, options.out / "judge")
    wanted = set(options.what or ("prompts", "weights", "seeds", "loops", "copies"))
    path = options.out / "report.json"
    report = json.loads(path.read_text("utf-8")) if path.exists() else {}
    report["model"] = f"{pipeline.model.name} {pipeline.model.card.version}"
    report["hash"] = pipeline.model.hash[:12]
    if "prompts" in wanted:
        made = options.out / "prompts"
        report["prompts"] = prompts(pipeline, made, judge, options.real, options.seeds)
    for name, question in (("weights", weights), ("seeds", seeds), ("loops", loops)):
        if name in wanted and judge is not None:
            report[name] = question(pipeline, options.out / name, judge)
            path.write_text(json.dumps(report, indent=1), "utf-8")
    if "copies" in wanted and options.shards is not None:
        made = sorted((options.out / "prompts").glob("*.png"))
        pictures = [decode_image(p).pixels for p in made if re.match(r"\d", p.name)]
        report["copies"] = copies(pictures, options.shards)
    options.out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1), "utf-8")
    print(json.dumps({key: report[key] for key in sorted(wanted & report.keys())}, indent=1))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/riffbot-mini"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--what", nargs="*", help="some of the five questions")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--real", type=Path, default=Path("data/evaluation/real"))
    parser.add_argument("--shards", type=Path, help="the training clips, for `copies`")
    parser.add_argument("--judge", type=Path, help="an independent judge's script")
    parser.add_argument("--judge-python", help="the interpreter that has the judge's libraries")
    return parser.parse_args()


if __name__ == "__main__":
    main()
