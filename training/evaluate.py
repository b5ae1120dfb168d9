"""How good a checkpoint is: `python -m training.evaluate --model DIR --out DIR [--judge FILE]`.

Questions, each answered in `--out/report.json` as soon as it is known, and on the terminal:

    prompts      the held-out prompts with several seeds (`riffbot bench model`), beside real
                 renders of the same (`training.references`): what a judge hears, how far apart
    weights      "x and (drums:W)" for twenty x: does the judge hear more drums as W rises, fewer
                 with the negative prompt "drums"?
    seeds        img2img from every bundled seed image at each `--denoising`: is its tempo kept, and
                 the prompt heard?
    loops        rhythmic prompts: does the beat go on over the seam?
    untimed      the held-out prompts at a given width, with no tempo told or found
    copies       is any of the held-out prompts' clips nearly a training clip, turned or not, or
                 half of one? Needs `--shards` and the clips of `prompts`
    autoencoder  PSNR on held-out clips (`--shards`) and on `--pictures`, and the time to decode
    cost         floating-point operations of a clip of 512 columns
    install      how large the default install is

Without a judge (`training.evaluation.judge`) only what needs no listener is reported.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audio.image import decode_image
from riffbot.bench import model as bench_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.request import DEFAULT_DENOISING
from riffbot.settings import load_settings
from training.dataset import folder, held_out, write_json
from training.evaluation import questions
from training.evaluation.copies import copies
from training.evaluation.cost import cost
from training.evaluation.install import install
from training.evaluation.judge import Judge, files_of
from training.evaluation.reconstruction import reconstruction

HEARD = ("weights", "seeds", "loops", "untimed")
"""The questions that only a judge can answer."""
QUESTIONS = ("prompts", *HEARD, "copies", "autoencoder", "cost", "install")


def answers(
    pipeline: Pipeline, judge: Judge | None, options: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    """What answers each question that can be asked with these options."""
    out, made = options.out, options.out / "prompts"

    def prompts() -> Any:
        return questions.prompts(pipeline, made, judge, options.real, options.seeds)

    def copied() -> Any:
        clips = [Path(name).with_suffix(".png") for name in files_of(made / "manifest.json")]
        return copies([decode_image(path).pixels for path in clips], options.shards)

    found: dict[str, Callable[[], Any]] = {"prompts": prompts}
    if judge is not None:
        found |= {
            "weights": lambda: questions.weights(pipeline, out / "weights", judge),
            "seeds": lambda: questions.seeds(pipeline, out / "seeds", judge, options.denoising),
            "loops": lambda: questions.loops(pipeline, out / "loops", judge),
            "untimed": lambda: questions.untimed(pipeline, out / "untimed", judge),
        }
    if options.shards is not None:
        found["copies"] = copied
    found["autoencoder"] = lambda: reconstruction(pipeline, options.shards, options.pictures)
    found["cost"] = lambda: cost(pipeline)
    found["install"] = install
    return found


def check(options: argparse.Namespace) -> list[str]:
    """The questions to ask, in order; all that can be answered, if none was named.

    Raises:
        SystemExit: one that was named cannot be; the sentence says what is missing.
    """
    able = [
        name
        for name in QUESTIONS
        if not (name in HEARD and options.judge is None)
        and not (name == "copies" and options.shards is None)
    ]
    wanted = options.what or able
    clips = "prompts" in wanted or (options.out / "prompts" / "manifest.json").is_file()
    for name in wanted:
        if name not in able:
            missing = "--judge" if name in HEARD else "--shards"
            raise SystemExit(f"evaluate: {name} needs {missing}")
        if name == "copies" and not clips:
            raise SystemExit(
                "evaluate: copies compares the clips of `--what prompts`: ask it first"
            )
        if name == "copies" and not held_out(options.shards).is_file():
            raise SystemExit(f"evaluate: copies needs {held_out(options.shards)} beside the others")
    return [name for name in QUESTIONS if name in wanted]


def main(argv: list[str] | None = None) -> int:
    """The command."""
    options = parse(argv)
    wanted = check(options)
    pipeline = bench_model.load_pipeline(load_settings(), str(options.model))
    judge = None
    if options.judge is not None:
        judge = Judge(options.judge, options.judge_python, options.out / "judge")
    path = options.out / "report.json"
    report = json.loads(path.read_text("utf-8")) if path.exists() else {}
    model = {
        "model": f"{pipeline.model.name} {pipeline.model.card.version}",
        "hash": pipeline.model.hash[:12],
    }
    if report.get("hash", model["hash"]) != model["hash"]:
        print(f"{path} is of {report['model']}: name another --out", file=sys.stderr)
        return 1
    report |= model
    ask = answers(pipeline, judge, options)
    for name in wanted:
        report[name] = ask[name]()
        write_json(path, report)
    print(json.dumps({name: report[name] for name in wanted}, indent=1))
    return 0


def share(text: str) -> float:
    """A denoising: 0 … 1."""
    if not 0 <= (found := float(text)) <= 1:
        raise ValueError
    return found


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", type=folder, default=Path("models/riffbot-mini"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--what", nargs="+", choices=QUESTIONS, help="all that can be, if not given"
    )
    parser.add_argument("--seeds", type=int, default=3, help="takes of each held-out prompt")
    parser.add_argument(
        "--denoising", type=share, nargs="+", default=[DEFAULT_DENOISING], help="of img2img"
    )
    parser.add_argument(
        "--real", type=folder, default=Path("data/evaluation/real"), help="training.references'"
    )
    parser.add_argument("--shards", type=folder, help="the training clips")
    parser.add_argument("--pictures", type=Path, nargs="+", default=[], help="anybody's")
    parser.add_argument("--judge", type=Path, help="an independent judge's script")
    parser.add_argument("--judge-python", help="the interpreter that has the judge's libraries")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
