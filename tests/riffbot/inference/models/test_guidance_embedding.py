"""Guidance scales as an input of the denoiser."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from riffbot.inference.models.guidance_embedding import SIZE, embed_guidance


def test_no_guidance_is_always_the_same() -> None:
    embedding = embed_guidance(torch.ones(3))
    assert embedding.shape == (3, SIZE)
    assert embedding.dtype == torch.float32
    assert torch.equal(embedding[0, : SIZE // 2], torch.zeros(SIZE // 2))
    assert torch.equal(embedding[0, SIZE // 2 :], torch.ones(SIZE // 2))


@given(st.floats(1.0, 30.0), st.floats(1.0, 30.0))
def test_scales_lie_apart_by_their_logarithms(one: float, other: float) -> None:
    first, second = embed_guidance(torch.tensor([one, other]))
    distance = (first - second).norm().item()
    doublings = torch.log2(torch.tensor([one, other])).diff().abs().item()
    assert distance <= 40 * doublings + 1e-4
    if doublings > 0.01:
        assert distance > 0.01
