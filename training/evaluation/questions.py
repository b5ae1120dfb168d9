"""The questions that are put to a checkpoint; `training.evaluate` is the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from audio.codec import image_to_audio
from audio.files import encode
from audio.image import decode_image
from audio.loudness import normalize
from riffbot.bench import model
from riffbot.bench.held_out_prompts import PROMPTS
from riffbot.bench.model import RATE
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from training.dataset import write_json
from training.evaluation.judge import Judge, Row, files_of
from training.progress import Progress

CELL = 256

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
OVER_SEEDS = {
    "jazz piano": ("piano", "jazz"),
    "funk guitar": ("guitar", "funk"),
    "techno": ("techno", "electronic"),
    "violin and drums": ("violin", "drums"),
}
"""What the seed images are remixed to, and what should then be heard."""
WITHOUT_A_BEAT = frozenset({"slow_air"})
UNTIMED = 512
"""Columns of the clips of no known tempo, as an upload's are."""


def make(pipeline: Pipeline, out: Path, rows: list[tuple[RiffRequest, Row]]) -> Path:
    """Make clips and their manifest; returns the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    manifest, bar = [], Progress(out.name, len(rows), "clips")
    for place, (asked, said) in enumerate(rows):
        request = resolve(asked, pipeline.model.card, pipeline.images)
        picture = pipeline.run([request])[0]
        sound = normalize(image_to_audio(picture, loop=True, seed=request.seed), RATE, loop=True)
        name = f"{place:03d}.mp3"
        (out / name).write_bytes(encode(sound, RATE, "mp3"))
        manifest.append({"file": name, "prompt": request.prompt, "expected_tags": [], **said})
        bar.to(place + 1)
    bar.close()
    path = out / "manifest.json"
    write_json(path, manifest)
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
    liked = judge.likings(manifest, "drums")
    heard = [liked[Path(name).name] for name in files_of(manifest)]
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


def seeds(pipeline: Pipeline, out: Path, judge: Judge, denoising: Sequence[float]) -> Row:
    """For each denoising: the tempo kept from every seed image that has a beat, and how much of
    the prompt is heard.
    """
    return {
        str(share): _over_seeds(pipeline, out / f"{share}", judge, share) for share in denoising
    }


def _over_seeds(pipeline: Pipeline, out: Path, judge: Judge, denoising: float) -> Row:
    rows = []
    for name in pipeline.images.names():
        bpm = pipeline.images.bundled(name).bpm
        if name in WITHOUT_A_BEAT:
            continue
        for seed, (prompt, tags) in enumerate(OVER_SEEDS.items()):
            request = RiffRequest(prompt=prompt, seed=seed, seed_image=name, denoising=denoising)
            rows.append((request, {"bpm": bpm, "seed_image": name, "expected_tags": list(tags)}))
    found = judge.ask("score", str(make(pipeline, out, rows)))
    return {"tempo": found["tempo"], "heard": {"raw": found["raw"], "norm": found["norm"]}}


def untimed(pipeline: Pipeline, out: Path, judge: Judge) -> Row:
    """What is heard of the held-out prompts where no tempo is known, as with an upload: guidance
    then has neither words nor beat to lead away from.
    """
    rows: list[tuple[RiffRequest, Row]] = [
        (
            RiffRequest(prompt=prompt.prompt, seed=0, width=UNTIMED),
            {"expected_tags": list(prompt.expected)},
        )
        for prompt in PROMPTS
        if prompt.bpm is None
    ]
    found = judge.ask("score", str(make(pipeline, out, rows)))
    return {name: found[name] for name in ("raw", "norm", "mean_auc")}


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
    result = model.measure(pipeline, out, seeds=count)
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
