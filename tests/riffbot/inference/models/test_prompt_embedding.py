"""The prompt embedding: weights move along what a fragment adds; tempo in words and beat grid."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from riffbot.errors import ModelError
from riffbot.images import Images
from riffbot.inference.models.beats import CHANNELS, TEMPO_CHANNELS
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.planes import UNPROMPTED_BEAT
from riffbot.inference.pipeline.prompt_encoder import PromptEncoder
from riffbot.inference.pipeline.resolve import resolve
from riffbot.prompt import parse
from riffbot.request import RiffRequest
from tests.support.tiny_models import tiny_embedded_model


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tiny_embedded_model(tmp_path_factory.mktemp("conditioned") / "model")
    return Pipeline(load_model(folder), Images(folder / "none"))


@pytest.fixture(scope="module")
def conditioner(pipeline: Pipeline) -> PromptEncoder:
    model = pipeline.model
    return PromptEncoder(
        model.tokenizer,
        model.text_encoder,
        window=model.text_window,
        prompt_embedding=model.prompt_embedding,
    )


def pooled(conditioner: PromptEncoder, text: str) -> torch.Tensor:
    found = conditioner.pooled(tuple(parse(text)))
    assert found is not None
    return found


def test_padding_has_no_say() -> None:
    torch.manual_seed(0)
    network = PromptEmbedding(width=16, size=16, heads=2, hidden=8).eval()
    states, mask = torch.randn(2, 5, 16), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    noisy = states.clone()
    noisy[0, 3:] += 100
    assert torch.allclose(network(states, mask), network(noisy, mask), atol=1e-6)
    assert torch.allclose(
        network(states[:1, :3], mask[:1, :3]), network(states, mask)[:1], atol=1e-6
    )


def test_a_weight_moves_along_what_the_fragment_adds(conditioner: PromptEncoder) -> None:
    whole, without = pooled(conditioner, "abc drums"), pooled(conditioner, "abc ")
    for weight in (0.0, 0.5, 1.5, 2.0):
        wanted = whole + (weight - 1) * (whole - without)
        assert torch.allclose(pooled(conditioner, f"abc (drums:{weight})"), wanted, atol=1e-5)
    assert torch.equal(pooled(conditioner, "abc (drums:1)"), whole)


def test_a_long_prompt_is_heard_to_its_end(conditioner: PromptEncoder) -> None:
    one = pooled(conditioner, "abcdefghijklmnopqrstuvwxyz" * 3)
    other = pooled(conditioner, "abcdefghijklmnopqrstuvwxyz" * 2 + "abcdefghijklmnopqrstuvwxyy")
    assert not torch.equal(one, other)


def test_a_model_without_a_gist_has_none(tmp_path: Path) -> None:
    model = load_model(tiny_embedded_model(tmp_path / "plain", conditioned=False))
    plain = PromptEncoder(model.tokenizer, model.text_encoder, window=model.text_window)
    assert model.prompt_embedding is None
    assert plain.pooled(tuple(parse("abc"))) is None
    images = Images(tmp_path)
    request = resolve(RiffRequest(prompt="abc", seed=1), model.card, images)
    assert request.bpm is None
    assert Pipeline(model, images).run([request])[0].shape == (512, 128)


def test_a_card_that_promises_a_grid_the_denoiser_cannot_read(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "wrong", conditioned=False, beat_grid=True)
    with pytest.raises(ModelError, match="reads 8 channels, but its card"):
        load_model(folder)


def test_a_card_that_promises_harmony_needs_its_inputs_and_a_grid(tmp_path: Path) -> None:
    folder = tiny_embedded_model(tmp_path / "wrong", harmony_grid=True)
    with pytest.raises(ModelError, match=r"reads 84 channels, but its card .* make 171"):
        load_model(folder)
    folder = tiny_embedded_model(tmp_path / "no-grid", harmony=True, beat_grid=False)
    with pytest.raises(ModelError, match="harmony is shown in the beats of a beat grid"):
        load_model(folder)


def test_a_prompt_without_a_tempo_gets_one_that_fills_its_clip(pipeline: Pipeline) -> None:
    found = set()
    wide = pipeline.model.card.defaults.model_copy(update={"width": 512})
    card = pipeline.model.card.model_copy(update={"defaults": wide})
    for seed in range(6):
        request = resolve(RiffRequest(prompt="techno", seed=seed), card, pipeline.images)
        assert request == resolve(request, card, pipeline.images)
        assert request.bpm is not None
        assert request.width is not None
        assert 118 < request.bpm < 146
        assert 384 <= request.width <= 640
        beats = request.bpm * request.width / 6000
        assert beats == pytest.approx(4 * round(beats / 4), abs=0.001)
        found.add(request.bpm)
    assert len(found) > 1


def test_a_width_that_somebody_chose_is_left_alone(pipeline: Pipeline) -> None:
    asked = RiffRequest(prompt="techno", seed=1, width=128)
    request = resolve(asked, pipeline.model.card, pipeline.images)
    assert (request.width, request.bpm) == (128, None)


def test_the_denoiser_sees_where_the_beats_are(pipeline: Pipeline) -> None:
    seen: list[torch.Tensor] = []
    unet = pipeline.model.unet
    hook = unet.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        for bpm in (120.0, None):
            request = RiffRequest(prompt="abc", seed=1, bpm=bpm, width=None if bpm else 128)
            pipeline.run([resolve(request, pipeline.model.card, pipeline.images)])
    finally:
        hook.remove()
    shown, blank = seen[0][:, -CHANNELS:], seen[-1][:, -CHANNELS:]
    without_prompt, with_prompt = shown  # guidance leads towards the beat, too
    faint = UNPROMPTED_BEAT * with_prompt[TEMPO_CHANNELS]
    assert torch.equal(without_prompt[TEMPO_CHANNELS], faint)
    assert with_prompt[8].eq(1).all()
    assert with_prompt[0].std() > 0.5
    assert not blank[:, TEMPO_CHANNELS].any()


def test_the_gist_alone_changes_the_clip(pipeline: Pipeline) -> None:
    request = resolve(RiffRequest(prompt="abc", seed=1), pipeline.model.card, pipeline.images)
    before = pipeline.run([request])[0]
    with torch.no_grad():
        pipeline.model.prompt_embedding.outer.bias += 5.0
    try:
        fresh = Pipeline(pipeline.model, pipeline.images)
        assert (fresh.run([request])[0] != before).any()
    finally:
        with torch.no_grad():
            pipeline.model.prompt_embedding.outer.bias -= 5.0
