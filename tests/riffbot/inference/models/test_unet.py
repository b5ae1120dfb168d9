"""Our denoiser is diffusers' UNet2DConditionModel, to the bit."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.inference.models.circular import make_circular
from riffbot.inference.models.unet import UNet, UNetConfig
from riffbot.locations import bundled

TEXT, POOLED = 12, 20
PLAIN: dict[str, Any] = {
    "in_channels": 6,
    "out_channels": 4,
    "block_out_channels": (8, 16, 16),
    "layers_per_block": 1,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "cross_attention_dim": TEXT,
    "attention_head_dim": (1, 2, 4),
    "norm_num_groups": 4,
}
POOL: dict[str, Any] = {
    "class_embed_type": "projection",
    "projection_class_embeddings_input_dim": POOLED,
}
CONFIGS = {
    "with a prompt embedding": PLAIN | POOL,
    "without": PLAIN,
    "with a guidance embedding": PLAIN | POOL | {"time_cond_proj_dim": 6},
    "more channels beside the latents": PLAIN | POOL | {"in_channels": 17},
    "one number of heads": PLAIN | {"attention_head_dim": 2},
    "two layers, four resolutions": PLAIN
    | {
        "block_out_channels": (8, 8, 16, 24),
        "layers_per_block": 2,
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        "attention_head_dim": 4,
    },
}


def twins(config: dict[str, Any]) -> tuple[Any, UNet]:
    """diffusers' network and ours with its weights, both circular and channels last."""
    torch.manual_seed(0)
    theirs: Any = UNet2DConditionModel(**config).eval()
    known = UNetConfig.from_json(json.loads(theirs.to_json_string()))
    assert known is not None
    ours = UNet(known).eval()
    ours.load_state_dict(theirs.state_dict())
    for network in (theirs, ours):
        make_circular(network)
        network.to(memory_format=torch.channels_last)
    return theirs, ours


@torch.inference_mode()
def compare(pair: tuple[Any, UNet], shape: tuple[int, int, int], timestep: int) -> None:
    (theirs, ours), (batch, rows, columns) = pair, shape
    config = ours.config
    random = torch.Generator().manual_seed(batch + 10 * rows + 1000 * columns + timestep)
    sample = torch.randn(batch, config.in_channels, rows, columns, generator=random)
    sample = sample.to(memory_format=torch.channels_last)
    text = torch.randn(batch, 7, config.cross_attention_dim, generator=random)
    size = config.projection_class_embeddings_input_dim
    pooled = None if size is None else torch.randn(batch, size, generator=random)
    scale = config.time_cond_proj_dim
    beside = {
        "class_labels": pooled,
        "timestep_cond": None if scale is None else torch.randn(batch, scale, generator=random),
    }
    arguments = (sample, torch.tensor(timestep), text)
    (expected,) = theirs(*arguments, **beside, return_dict=False)
    (found,) = ours(*arguments, **beside)
    assert torch.equal(found, expected)
    assert found.stride() == expected.stride()


@pytest.fixture(scope="module")
def pair() -> tuple[Any, UNet]:
    return twins(CONFIGS["with a prompt embedding"])


@settings(deadline=None, max_examples=60)
@given(
    batch=st.integers(1, 5),
    rows=st.sampled_from([4, 8, 32]),
    columns=st.integers(4, 45),
    timestep=st.integers(0, 999),
)
def test_any_batch_and_width(
    pair: tuple[Any, UNet], batch: int, rows: int, columns: int, timestep: int
) -> None:
    compare(pair, (batch, rows, columns), timestep)


@pytest.mark.parametrize("name", CONFIGS)
def test_any_configuration(name: str) -> None:
    theirs, ours = twins(CONFIGS[name])
    assert set(ours.state_dict()) == set(theirs.state_dict())
    for columns in (8, 13, 24):
        compare((theirs, ours), (2, 8, columns), 500)


def test_the_embedded_models_own_size() -> None:
    config = json.loads(
        (bundled("models/riffbot-mini") / "unet" / "config.json").read_text("utf-8")
    )
    pair = twins({key: value for key, value in config.items() if key[0] != "_"})
    for batch, columns, timestep in ((2, 32, 999), (1, 30, 250), (2, 41, 3)):
        compare(pair, (batch, 32, columns), timestep)


@pytest.mark.parametrize(
    "unusual",
    [
        {"act_fn": "gelu"},
        {"class_embed_type": "timestep"},
        {"class_embed_type": None},
        {"projection_class_embeddings_input_dim": None},
        {"only_cross_attention": True},
        {"layers_per_block": (1, 2, 1)},
        {"attention_head_dim": (1, 2)},
        {"cross_attention_dim": (12, 12, 12)},
        {"down_block_types": ("DownBlock2D", "AttnDownBlock2D", "CrossAttnDownBlock2D")},
        {"norm_eps": 1e-6},
        {"a_setting_of_tomorrow": 1},
    ],
)
def test_what_is_not_built_here_is_left_to_diffusers(unusual: dict[str, Any]) -> None:
    assert UNetConfig.from_json(PLAIN | POOL) is not None
    assert UNetConfig.from_json(PLAIN | POOL | unusual) is None


def test_a_setting_that_is_missing_is_left_to_diffusers() -> None:
    for name in PLAIN:
        assert UNetConfig.from_json({k: v for k, v in PLAIN.items() if k != name}) is None
