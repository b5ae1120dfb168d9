"""MiniLM, small enough to travel: eight bits, and the words that captions use apart from the rest.

Half of MiniLM is its table of 30,522 words, of which captions use a few thousand. So the network
and those rows are one file (12 MB), and the other rows a second (11 MB), which may stay behind:
an unknown word is then read as [UNK].

    python -m training.kit.text_encoder --packed DIR --out DIR     as transformers reads it
"""

from __future__ import annotations

import argparse
import json
import random
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import BertModel

from riffbot.bench.held_out_prompts import PROMPTS
from riffbot.inference.models import quantised
from training.caption_writer import captions
from training.captions import told_tempo
from training.music import compose
from training.text import encoder_folder, tokenizer

TABLE = "embeddings.word_embeddings.weight"
USED, REST = "encoder.safetensors", "encoder-other-words.safetensors"
_ROWS = "rows"
_KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
_WORD = re.compile(r"[^\W_]+(?:['&-][^\W_]+)*")
_PLAIN = "music song jam riff bench prompt funky saxophone church bells techno rain trio violin sax"


def composed_captions(pieces: int, seed: int = 77) -> list[str]:
    """Captions of new pieces: what the renderer will say on a machine where it renders more."""
    found = []
    for number in range(pieces):
        rng = random.Random(seed * 1_000_003 + number)
        piece = compose(rng)
        found += [told_tempo(text, piece.bpm, rng) for text in captions(piece, rng, 4)]
    return found


def vocabulary() -> list[str]:
    """Every word in the files that captions are written from."""
    folder = Path(__file__).parents[1]
    files = [*folder.rglob("*.toml"), *folder.glob("caption*.py"), *folder.glob("music/**/*.py")]
    found = {word for path in files for word in _WORD.findall(path.read_text("utf-8").lower())}
    return sorted(found)


def used_rows(reader: Any, texts: Iterable[str]) -> list[int]:
    """The rows of the word table that some texts need, and those of every word that the composer
    and the writer of captions have, of the held-out prompts, and all numbers, letters and marks.
    """
    rows = set(reader.all_special_ids)
    prompts = [prompt.prompt for prompt in PROMPTS]
    tempi = [f"{bpm}bpm" for bpm in range(30, 300)]
    for ids in reader([*texts, *prompts, *vocabulary(), *tempi, _PLAIN]).input_ids:
        rows.update(ids)
    for word, row in reader.get_vocab().items():
        bare = word.removeprefix("##")
        if bare.isdigit() or len(bare) == 1:
            rows.add(row)
    return sorted(rows)


def pack(texts: Iterable[str], out: Path) -> tuple[int, int]:
    """Write both files and the tokenizer's own to `out`; how many rows each holds."""
    source = encoder_folder()
    out.mkdir(parents=True, exist_ok=True)
    for name in _KEPT:
        if (source / name).is_file():
            shutil.copyfile(source / name, out / name)
    network: Any = BertModel.from_pretrained(source, add_pooling_layer=False)
    state: dict[str, Tensor] = dict(network.state_dict())
    state.pop("embeddings.position_ids", None)
    state.pop("embeddings.token_type_ids", None)
    table = state.pop(TABLE)
    rows = used_rows(tokenizer(source), texts)
    others = sorted(set(range(len(table))) - set(rows))
    quantised.save({**state, TABLE: table[rows]}, out / USED)
    quantised.save({TABLE: table[others]}, out / REST)
    for name, held in ((USED, rows), (REST, others)):
        stored = load_file(out / name)
        save_file({**stored, _ROWS: torch.tensor(held, dtype=torch.int32)}, out / name)
    return len(rows), len(others)


def known_rows(packed: Path) -> set[int]:
    """The rows of the word table that are there."""
    paths = [packed / name for name in (USED, REST) if (packed / name).is_file()]
    return {row for path in paths for row in load_file(path)[_ROWS].tolist()}


def unpack(packed: Path, out: Path) -> None:
    """Lay the encoder out as transformers reads it, with the other words where they are there."""
    out.mkdir(parents=True, exist_ok=True)
    for name in _KEPT:
        if (packed / name).is_file():
            shutil.copyfile(packed / name, out / name)
    config = json.loads((packed / "config.json").read_text("utf-8"))
    state, table = dict[str, Tensor](), torch.zeros(config["vocab_size"], config["hidden_size"])
    known = torch.zeros(len(table), dtype=torch.bool)
    for name in (USED, REST):
        if not (packed / name).is_file():
            continue
        held = quantised.load(packed / name)
        rows = held.pop(_ROWS).long()  # whole numbers up to 30,522 are exact in float32
        table[rows] = held.pop(TABLE)
        known[rows] = True
        state |= held
    unknown = tokenizer(packed).unk_token_id
    table[~known] = table[unknown].clone()
    state[TABLE] = table
    draft = out / "draft"
    save_file({key: value.contiguous() for key, value in state.items()}, draft, {"format": "pt"})
    draft.replace(out / "model.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.text_encoder", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--packed", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    unpack(options.packed, options.out)


if __name__ == "__main__":
    main()
