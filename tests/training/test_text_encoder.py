"""A small text encoder learns from a larger one, and the product loads it from a model's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece as WordPieceModel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from riffbot.inference.models import network_files
from riffbot.inference.models.bert import Bert, BertConfig
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.wordpiece import WordPiece
from tests.support.tiny_models import tiny_embedded_model
from training import text_encoder

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_SIZE = 16  # what the tiny denoiser reads


@pytest.fixture
def teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like MiniLM's, whose words are single letters."""
    folder = tmp_path / "teacher"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words = [*special, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    tokenizer = Tokenizer(
        WordPieceModel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    torch.manual_seed(0)
    network_files.save(Bert(BertConfig(len(words), _SIZE, 1, 2, 32, 64)), folder)
    (folder / "diffusion_pytorch_model.safetensors").rename(folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    monkeypatch.setenv("RIFFBOT_TEXT_ENCODER", str(folder))
    return folder


def train(out: Path, minutes: float) -> list[dict[str, object]]:
    options = ["--batch", "4", "--every", "2", "--held-out", "6", "--minutes", str(minutes)]
    text_encoder.main(["--out", str(out), *options])
    log = out.with_suffix(".jsonl").read_text("utf-8")
    return [json.loads(line) for line in log.splitlines()]


def test_it_goes_on_where_it_was_stopped(teacher: Path, tmp_path: Path) -> None:
    first = train(tmp_path / "student.pt", 0.01)
    held = torch.load(tmp_path / "student.pt", weights_only=True)
    again = train(tmp_path / "student.pt", 0.02)
    last = torch.load(tmp_path / "student.pt", weights_only=True)
    assert 0 < held["step"] < last["step"]
    assert (first[-1]["step"], again[-1]["step"]) == (held["step"], last["step"])
    assert set(again[-1]["final"]) == {"error", "likeness"}


def test_it_comes_to_answer_as_its_teacher(teacher: Path) -> None:
    known, tokenizer = text_encoder.read_teacher(teacher)
    texts = text_encoder.Texts(tokenizer)
    torch.manual_seed(1)
    student = text_encoder.build_student(known)
    exam = text_encoder.Examination(known, texts, None, 8)
    before = exam.ask(student)
    optimizer = torch.optim.AdamW(student.parameters(), lr=2e-3)
    for step in range(30):
        asked = text_encoder.compose_captions(f"test {step}", 8)
        ids, mask = texts.frame([text for _, text in asked])
        loss = text_encoder.loss_of(student(ids, mask)[0], known(ids, mask)[0], mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    after = exam.ask(student)
    assert after["error"] < 0.7 * before["error"]
    assert after["likeness"] > before["likeness"]
    assert exam.ask(known) == {"error": 0.0, "likeness": 1.0}


def test_captions_are_the_same_for_the_same_name() -> None:
    one, other = (text_encoder.compose_captions(name, 6) for name in ("a", "b"))
    assert [text for _, text in one] == [text for _, text in text_encoder.compose_captions("a", 6)]
    assert [text for _, text in one] != [text for _, text in other]


def test_a_long_text_is_cut_to_the_window(teacher: Path) -> None:
    _, tokenizer = text_encoder.read_teacher(teacher)
    ids, mask = text_encoder.Texts(tokenizer).frame(["a " * 100, "ab"])
    assert ids.shape == mask.shape == (2, 32)
    assert (ids[0, 0], ids[0, -1]) == (2, 3)
    assert mask.sum(1).tolist() == [32, 4]
    assert not ids[1, 4:].any()


def test_the_product_loads_it_from_the_models_folder(teacher: Path, tmp_path: Path) -> None:
    train(tmp_path / "student.pt", 0.01)
    model = tiny_embedded_model(
        tmp_path / "model", text_encoder={"folder": "small_text", "max_length": 32}
    )
    out = model / "small_text"
    text_encoder.main(["--out", str(tmp_path / "student.pt"), "--export", str(out)])
    loaded = load_model(model)
    assert isinstance(loaded.text_encoder, Bert)
    assert isinstance(loaded.tokenizer, WordPiece)
    assert loaded.text_window == 32
    trained = torch.load(tmp_path / "student.pt", weights_only=True)["network"]
    weight = trained["answer.weight"]
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((loaded.text_encoder.answer.weight - weight).abs() <= 0.51 * step).all()
    assert load_model(model, stock=True).hash == loaded.hash
