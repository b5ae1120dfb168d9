"""One method for text, images, masks and interpolation, and what it promises about its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from audio.arrays import Pixels
from riffbot.errors import Cancelled, GenerationFailed
from riffbot.images import Images
from riffbot.inference.batching import steps_to_run
from riffbot.inference.models.loading import load_model
from riffbot.inference.models.schedulers import DIFFUSION
from riffbot.inference.pipeline.pipeline import Pipeline, StepEvent
from riffbot.inference.pipeline.pixels import FEATHER
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest, Target
from tests.support.tiny_models import tiny_embedded_model, tiny_v1_checkpoint

WIDTH = 64
SEEDS = """
[beat]
title = "Beat"
bpm = 120.0
beats = 1
width = 64

[odd]
title = "A width that the model does not take"
bpm = 100.0
beats = 1
width = 72
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seed images, and masks for the right half and for nothing."""
    folder = tmp_path_factory.mktemp("seed_images")
    (folder / "seeds.toml").write_text(SEEDS)
    rng = np.random.default_rng(0)
    for name, width in (("beat", 64), ("odd", 72)):
        Image.fromarray(rng.integers(0, 256, (512, width), np.uint8)).save(folder / f"{name}.png")
    half = np.zeros((512, WIDTH), np.uint8)
    half[:, WIDTH // 2 :] = 255
    Image.fromarray(half).save(folder / "mask_half.png")
    Image.fromarray(np.zeros_like(half)).save(folder / "mask_none.png")
    return folder


@pytest.fixture(scope="module")
def pipeline(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    torch.set_num_threads(1)
    model = load_model(tiny_embedded_model(tmp_path_factory.mktemp("model")))
    return Pipeline(model, Images(folder))


def ask(pipeline: Pipeline, **fields: object) -> RiffRequest:
    fields = {"prompt": "funk", "seed": 1, "steps": 2, **fields}
    if "seed_image" not in fields:
        fields.setdefault("width", WIDTH)
    return resolve(RiffRequest.build(**fields), pipeline.model.card, pipeline.images)


def draw(pipeline: Pipeline, **fields: object) -> Pixels:
    (picture,) = pipeline.run([ask(pipeline, **fields)])
    return picture


def apart(one: Pixels, other: Pixels) -> int:
    """The largest difference in grey levels."""
    return int(np.abs(one.astype(int) - other).max())


def test_a_picture(pipeline: Pipeline) -> None:
    picture = draw(pipeline)
    assert picture.shape == (512, WIDTH)
    assert picture.dtype == np.uint8
    assert picture.std() > 1


def test_the_same_request_gives_the_same_bytes(pipeline: Pipeline) -> None:
    assert draw(pipeline).tobytes() == draw(pipeline).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"prompt": "rock"},
        {"prompt": "(funk:1.5)"},
        {"negative": "rock"},
        {"negative": "(rock:1.5)"},
        {"guidance": 9.0},
        {"guidance": 1.0},
        {"steps": 3},
        {"bpm": 99.0},
        {"prompt": "funk " * 30},
    ],
    ids=str,
)
def test_everything_that_is_asked_reaches_the_denoiser(
    pipeline: Pipeline, change: dict[str, object]
) -> None:
    before = {"negative": "rock"} if change.get("negative") == "(rock:1.5)" else {}
    assert apart(draw(pipeline, **change), draw(pipeline, **before)) > 0


def test_a_tempo_is_told_once(pipeline: Pipeline) -> None:
    named = draw(pipeline, prompt="funk, 99 bpm")
    assert apart(draw(pipeline, prompt="funk", bpm=99.0), named) <= 1
    assert apart(draw(pipeline, prompt="funk, 99 bpm", bpm=99.0), named) == 0


def test_without_guidance_the_negative_prompt_has_no_say(pipeline: Pipeline) -> None:
    assert apart(draw(pipeline, guidance=1.0), draw(pipeline, guidance=1.0, negative="rock")) == 0


# -- batches -----------------------------------------------------------------------------------


def test_a_clip_does_not_depend_on_its_neighbours(pipeline: Pipeline) -> None:
    requests = [
        ask(pipeline, seed=1),
        ask(pipeline, seed=2, prompt="a much longer prompt than the window of sixteen tokens"),
        ask(pipeline, seed=3, guidance=7.0, negative="rock"),
        ask(pipeline, seed=4, target=Target(prompt="rock", seed=9), alpha=0.5),
    ]
    together = pipeline.run(requests)
    for request, picture in zip(requests, together, strict=True):
        assert apart(pipeline.run([request])[0], picture) <= 1
    assert all((a == b).all() for a, b in zip(together, pipeline.run(requests), strict=True))


def test_images_masks_and_text_share_a_batch(pipeline: Pipeline) -> None:
    requests = [
        ask(pipeline, seed=1),
        ask(pipeline, seed=2, seed_image="beat", denoising=1.0),
        ask(pipeline, seed=3, seed_image="beat", denoising=1.0, mask="mask_half"),
    ]
    for request, picture in zip(requests, pipeline.run(requests), strict=True):
        assert apart(pipeline.run([request])[0], picture) <= 1


def test_requests_that_do_not_go_together(pipeline: Pipeline) -> None:
    with pytest.raises(ValueError, match="batch_key"):
        pipeline.run([ask(pipeline), ask(pipeline, steps=3)])


# -- seed images -------------------------------------------------------------------------------


def test_denoising_0_is_the_seed_image_and_runs_nothing(pipeline: Pipeline) -> None:
    request = ask(pipeline, seed_image="beat", denoising=0.0)
    events: list[StepEvent] = []
    (picture,) = pipeline.run([request], on_step=events.append)
    assert (picture == pipeline.images.load("beat")).all()
    assert not events


def test_denoising_1_forgets_the_seed_image(pipeline: Pipeline) -> None:
    forgot = draw(pipeline, seed_image="beat", denoising=1.0)
    assert apart(forgot, draw(pipeline, bpm=120.0)) == 0


def test_denoising_runs_its_share_of_the_steps(pipeline: Pipeline) -> None:
    for denoising, expected in ((0.01, 1), (0.25, 2), (0.75, 6), (1.0, 8)):
        request = ask(pipeline, seed_image="beat", denoising=denoising, steps=8)
        events: list[StepEvent] = []
        pipeline.run([request], on_step=events.append)
        assert steps_to_run(request) == len(events) == expected
        assert [event.step for event in events] == list(range(1, expected + 1))
        assert {event.steps for event in events} == {expected}


def test_the_seed_image_has_a_say(pipeline: Pipeline) -> None:
    images = [draw(pipeline, seed_image=name, denoising=0.5) for name in ("beat", "odd")]
    assert images[1].shape == (512, 72)  # any width, though the model takes multiples of 16
    assert apart(images[0], images[1][:, :WIDTH]) > 0


def test_black_is_kept_to_the_pixel_and_white_is_repainted(pipeline: Pipeline) -> None:
    seed, half = pipeline.images.load("beat"), WIDTH // 2
    picture = draw(pipeline, seed_image="beat", mask="mask_half", denoising=0.9)
    assert (picture[:, :half] == seed[:, :half]).all()
    inner = slice(half + FEATHER, WIDTH - FEATHER)
    assert (picture[:, inner] != seed[:, inner]).mean() > 0.5


def test_a_black_mask_keeps_everything(pipeline: Pipeline) -> None:
    picture = draw(pipeline, seed_image="beat", mask="mask_none", denoising=0.9)
    assert (picture == pipeline.images.load("beat")).all()


# -- interpolation -----------------------------------------------------------------------------


def test_the_ends_of_an_interpolation_are_its_two_clips(pipeline: Pipeline) -> None:
    start = {"prompt": "funk", "negative": "", "seed": 1, "seed_image": "beat", "denoising": 0.5}
    end = {"prompt": "hard rock", "negative": "sax", "seed": 2, "denoising": 1.0}
    way = [draw(pipeline, **start, target=end, alpha=alpha) for alpha in (0.0, 0.5, 1.0)]
    assert apart(way[0], draw(pipeline, **start)) <= 1
    assert apart(way[2], draw(pipeline, **{**start, **end})) <= 1
    assert apart(way[1], way[0]) > 1
    assert apart(way[1], way[2]) > 1


def test_prompts_of_different_length_can_be_mixed(pipeline: Pipeline) -> None:
    target = {"prompt": "one word and another " * 4, "seed": 2}
    assert draw(pipeline, prompt="a", target=target, alpha=0.5).shape == (512, WIDTH)


# -- events ------------------------------------------------------------------------------------


def test_previews_are_pictures_that_end_as_the_result(pipeline: Pipeline) -> None:
    previews: list[Pixels] = []
    request = ask(pipeline)
    (result,) = pipeline.run([request], on_step=lambda event: previews.extend(event.preview()))
    assert [picture.shape for picture in previews] == [result.shape] * 2
    assert apart(previews[-1], result) <= 1
    assert apart(previews[0], result) > 1


def test_looking_at_previews_changes_nothing(pipeline: Pipeline) -> None:
    request = ask(pipeline, seed_image="beat", mask="mask_half", denoising=1.0)
    (looked,) = pipeline.run([request], on_step=lambda event: bool(event.preview()))
    assert (looked == pipeline.run([request])[0]).all()


def test_returning_false_cancels(pipeline: Pipeline) -> None:
    seen: list[int] = []

    def stop(event: StepEvent) -> bool:
        seen.append(event.step)
        return event.step < 2

    with pytest.raises(Cancelled):
        pipeline.run([ask(pipeline, steps=5)], on_step=stop)
    assert seen == [1, 2]


def test_not_a_number_is_an_error_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    model = load_model(tiny_embedded_model(tmp_path / "model"))
    model.unet.conv_out.bias.data.fill_(float("nan"))
    broken = Pipeline(model, Images(folder))
    with pytest.raises(GenerationFailed, match="lost its way"):
        draw(broken)


# -- other models ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", DIFFUSION)
def test_every_sampler_on_a_v1_checkpoint(folder: Path, tmp_path: Path, scheduler: str) -> None:
    model = load_model(tiny_v1_checkpoint(tmp_path / "v1"))
    v1 = Pipeline(model, Images(folder))
    one = draw(v1, scheduler=scheduler, seed_image="odd", mask="mask_half", denoising=0.7, steps=3)
    assert one.shape == (512, 72)
    requests = [ask(v1, scheduler=scheduler, seed=seed, steps=3) for seed in (1, 2)]
    together = v1.run(requests)
    assert apart(v1.run(requests[1:])[0], together[1]) <= 1
    assert apart(together[0], together[1]) > 1
    assert apart(v1.run(requests)[0], together[0]) == 0, "the seed decides"
    painted = [ask(v1, scheduler=scheduler, seed_image="beat", seed=seed) for seed in (1, 2)]
    assert apart(*v1.run(painted)) > 0


def test_colour_models_draw_grey_pictures(folder: Path, tmp_path: Path) -> None:
    model = load_model(tiny_embedded_model(tmp_path / "model", grayscale=False))
    colour = Pipeline(model, Images(folder))
    assert draw(colour, seed_image="beat", denoising=0.5).shape == (512, WIDTH)


def test_a_circular_model_makes_loops(folder: Path, tmp_path: Path) -> None:
    """The picture of turned noise is the turned picture, so no column is an edge."""
    pictures = []
    for shift in (0, 2):  # latent cells; the tiny denoiser's stride is 2
        model = load_model(tiny_embedded_model(tmp_path / f"model{shift}"))
        looping = Pipeline(model, Images(folder))
        request = ask(looping)
        drawn = looping._noise_source([request])
        looping._noise_source = lambda _, d=drawn, s=shift: lambda: d().roll(s, -1)  # type: ignore[method-assign, misc]
        pictures.append(looping.run([request])[0])
    assert apart(np.roll(pictures[0], 2 * 16, axis=1), pictures[1]) <= 1
