"""What is kept in the device's memory is what would be computed anew."""

from __future__ import annotations

import random

import pytest
import torch

from training.ahead import CaptionsAhead, GridsAhead, HarmoniesAhead
from training.batch_size import fastest_batch
from training.captions import label_clip
from training.compiled import Compiled, compare
from training.conditioning import Shown, grids, harmonies
from training.dataset import Json
from training.render import find_piece

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def labels() -> list[Json]:
    return [label_clip(find_piece(seed)[1], 2) for seed in range(30, 46)]


def test_planes_are_those_of_the_conditioning(labels: list[Json]) -> None:
    draw_grids, draw_harmonies = GridsAhead(CPU), HarmoniesAhead(CPU)
    rng = random.Random(0)
    for cells, half in ((32, None), (16, 0), (16, 1), (15, 0), (32, None)):
        basses = ("always", "changes", "never")
        shown = [Shown(rng.random() < 0.5, rng.random() < 0.7, rng.choice(basses)) for _ in labels]
        share = 1 if half is None else 2
        assert torch.allclose(
            draw_grids(labels, cells, 32, share), grids(labels, cells, 32, share), atol=1e-3
        )
        exact = harmonies(labels, cells, 32, shown, half=half)
        assert torch.allclose(draw_harmonies(labels, cells, 32, shown, half=half), exact, atol=1e-5)


def test_a_caption_is_encoded_once() -> None:
    asked = []

    def encode(texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        asked.extend(texts)
        size = torch.tensor([float(len(text)) for text in texts])
        return size[:, None, None].expand(-1, 32, 4), size[:, None].expand(-1, 4)

    ahead = CaptionsAhead(encode, CPU)
    ahead.learn(["a", "bb", "a"])
    states, pooled = ahead(["bb", "ccc", "a", "bb"])
    assert asked == ["a", "bb", "ccc"]
    assert states[:, 0, 0].tolist() == pooled[:, 0].tolist() == [2.0, 3.0, 1.0, 2.0]
    assert len(ahead) == 3


def test_the_batch_grows_while_that_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("training.batch_size.time.monotonic", lambda: now[0])

    def step(size: int) -> None:
        now[0] += 0.1 + size / 1000  # as of a device that is full at some hundreds

    assert fastest_batch(step, CPU, most=4096, seconds=1e9) == 1024
    assert fastest_batch(step, CPU, most=64, seconds=1e9) == 64
    assert fastest_batch(step, CPU, most=4096, seconds=0.0) == 8

    def small(size: int) -> None:
        step(size)
        if size > 100:
            raise torch.OutOfMemoryError

    assert fastest_batch(small, CPU, seconds=1e9) == 64


def test_a_compiled_network_is_compared_first() -> None:
    config: dict[str, object] = {
        "latent_channels": 8,
        "channels": [16, 16, 16],
        "in_channels": 8 + 76 + 87,
    }
    config["guidance"] = False
    found = compare(config, "eager", sizes=((2, 8), (1, 7)))
    assert found["error"] < 1e-3
    assert found["times_faster"] > 0


def test_a_network_is_called_as_it_is_until_the_other_is_known_to_pay() -> None:
    network = torch.nn.Linear(2, 2)
    plain = Compiled(network, None, None)
    assert torch.equal(plain(torch.ones(1, 2)), network(torch.ones(1, 2)))
    assert not plain.refresh()
    at_once = Compiled(network, "eager", None)
    assert at_once.is_compiled
    assert torch.allclose(at_once(torch.ones(1, 2)), network(torch.ones(1, 2)))
    plain.close()
