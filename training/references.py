"""Real renders of the held-out prompts: `python -m training.references --gist CKPT --out DIR`.

What a perfect student of this teacher would play. Thousands of fresh pieces are composed, and for
each prompt those are rendered that its gist describes best: the composer never reads prompts, so
the network that does chooses for it. The manifest is that of `riffbot bench model`.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from audio.codec import audio_to_image, image_to_audio
from audio.files import encode
from audio.image import encode_png
from audio.loudness import normalize
from riffbot.bench.held_out_prompts import PROMPTS, HeldOutPrompt
from training import soundfonts
from training.dataset import write_json
from training.music import Piece, compose
from training.progress import Progress
from training.prompt_embedding import NAMES, Listener, attributes
from training.synth import RATE, Synth
from training.text import CaptionEncoder


def listener(path: Path) -> Listener:
    """The trained gist with its readers.

    Raises:
        SystemExit: it has none; what `training.unpack` writes is the gist alone.
    """
    network = Listener()
    held = torch.load(path, map_location="cpu", weights_only=True)
    if "read" not in held:
        raise SystemExit(
            f"references: {path} comes from the shipped model, which has no readers: train them "
            f"with `python -m training.prompt_embedding --out another.pt` and name that"
        )
    network.gist.load_state_dict(held["gist"])
    network.read.load_state_dict(held["read"])
    return network.eval()


@torch.inference_mode()
def likeness(network: Listener, texts: list[str], wanted: Tensor) -> Tensor:
    """Log-likelihood of each piece's attributes under each text: (texts, pieces)."""
    states, mask = CaptionEncoder(torch.device("cpu")).padded(texts)
    logits = network(states.float(), mask)[1][:, : len(NAMES)]
    yes, no = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    said = wanted[:, : len(NAMES)]
    return yes @ said.T + no @ (1 - said).T


def chosen(
    prompts: tuple[HeldOutPrompt, ...], pieces: list[Piece], scores: Tensor, count: int
) -> list[list[Piece]]:
    """For each prompt the `count` pieces that fit best, at its tempo where it names one."""
    found = []
    for row, prompt in zip(scores, prompts, strict=True):
        order = [pieces[i] for i in row.argsort(descending=True).tolist()]
        if prompt.bpm is not None:
            bpm = prompt.bpm
            order.sort(key=lambda piece: abs(piece.bpm / bpm - 1) > 0.02)
        found.append(order[:count])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gist", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    composed = (compose(random.Random(f"reference {i}")) for i in range(options.pieces))
    # Once in some thousand times everybody in the band rests; silence fits every doubtful prompt.
    pieces = [piece for piece in composed if piece.tracks or piece.textures]
    wanted = torch.stack([attributes(piece) for piece in pieces])
    texts = [prompt.prompt for prompt in PROMPTS]
    scores = likeness(listener(options.gist), texts, wanted)
    synth, rows = Synth(soundfonts.find()), []
    bar = Progress("references", len(PROMPTS), "prompts")
    for number, group in enumerate(chosen(PROMPTS, pieces, scores, options.seeds)):
        for seed, piece in enumerate(group):
            # Through the codec, as everything else that is judged.
            picture = audio_to_image(synth.render(piece), RATE, loop=True)
            sound = normalize(image_to_audio(picture, loop=True), RATE, loop=True)
            name = f"{number:03d}-{seed}"
            (options.out / f"{name}.mp3").write_bytes(encode(np.asarray(sound), RATE, "mp3"))
            (options.out / f"{name}.png").write_bytes(encode_png(picture))
            row = {
                "file": f"{name}.mp3",
                "prompt": PROMPTS[number].prompt,
                "expected_tags": list(PROMPTS[number].expected),
                "seed": seed,
            }
            if PROMPTS[number].bpm is not None:
                row["bpm"] = PROMPTS[number].bpm
            rows.append(row)
        bar.to(number + 1)
    bar.close()
    write_json(options.out / "manifest.json", rows)


if __name__ == "__main__":
    main()
