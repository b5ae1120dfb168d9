"""A model whose guidance is an input needs one pass a step, and with a negative prompt two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from audio.arrays import Pixels
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest, Target
from tests.support.tiny_models import tiny_pipeline


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("distilled"), guidance=True)


@pytest.fixture
def passes(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call of the denoiser had."""
    rows = list[int]()
    forward = pipeline.model.unet.forward

    def counted(sample: torch.Tensor, *given: Any, **named: Any) -> Any:
        rows.append(len(sample))
        return forward(sample, *given, **named)

    monkeypatch.setattr(pipeline.model.unet, "forward", counted)
    return rows


def ask(pipeline: Pipeline, **fields: object) -> RiffRequest:
    fields = {"prompt": "funk", "seed": 1, "steps": 2, "width": 128, **fields}
    return resolve(RiffRequest.build(**fields), pipeline.model.card, pipeline.images)


def draw(pipeline: Pipeline, **fields: object) -> Pixels:
    return pipeline.run([ask(pipeline, **fields)])[0]


@pytest.mark.parametrize("negative", ["", "  "])
def test_one_pass_a_step(pipeline: Pipeline, passes: list[int], negative: str) -> None:
    draw(pipeline, guidance=4.0, negative=negative)
    assert passes == [1, 1]


@pytest.mark.parametrize(
    "asked",
    [
        {"negative": "rock"},
        {"guidance": 8.5},
        {"target": Target(prompt="rock", seed=2, negative="drums"), "alpha": 0.5},
    ],
    ids=["a negative prompt", "more guidance than was learnt", "negative at the other end"],
)
def test_two_passes_a_step(pipeline: Pipeline, passes: list[int], asked: dict[str, object]) -> None:
    draw(pipeline, **asked)
    assert passes == [2, 2]


def test_without_guidance_it_is_one(pipeline: Pipeline, passes: list[int]) -> None:
    draw(pipeline, guidance=1.0, negative="rock")
    assert passes == [1, 1]


def test_the_scale_reaches_the_denoiser(pipeline: Pipeline) -> None:
    drawn = [draw(pipeline, guidance=scale) for scale in (1.0, 2.0, 4.0, 8.0)]
    assert len({picture.tobytes() for picture in drawn}) == len(drawn)
    assert not np.array_equal(draw(pipeline, negative="rock"), draw(pipeline, negative="flute"))


def test_requests_of_both_kinds_share_a_batch(pipeline: Pipeline, passes: list[int]) -> None:
    requests = [
        ask(pipeline, seed=1),
        ask(pipeline, seed=2, negative="rock"),
        ask(pipeline, seed=3, guidance=7.0),
        ask(pipeline, seed=4, guidance=20.0),
    ]
    together = pipeline.run(requests)
    assert sorted(passes) == [2, 2, 4, 4]
    for request, picture in zip(requests, together, strict=True):
        alone = pipeline.run([request])[0]
        assert np.abs(alone.astype(int) - picture).max() <= 1
