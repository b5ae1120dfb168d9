"""What is left open is decided once; nonsense is refused at the door."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.image import encode_png
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images
from riffbot.inference.batching import batch_key, choose_steps, denoising_of, steps_to_run
from riffbot.inference.models.model import ModelCard
from riffbot.inference.pipeline.resolve import resolve
from riffbot.prompt import PromptError
from riffbot.request import RiffRequest, Target

CARD = ModelCard(
    name="mini",
    defaults={"steps": 12, "guidance": 4, "scheduler": "flow", "width": 512},
    schedulers=("flow",),
    width_multiple=16,
)
NO_IMAGES = Images(Path("no-such-folder"))


@pytest.fixture
def images(tmp_path: Path) -> Images:
    (tmp_path / "seeds.toml").write_text(
        '[beat]\ntitle = "Beat"\nbpm = 100.0\nbeats = 8\nwidth = 480\n'
    )
    (tmp_path / "beat.png").write_bytes(encode_png(np.full((512, 480), 200, np.uint8)))
    return Images(tmp_path)


def test_defaults_are_the_models() -> None:
    resolved = resolve(RiffRequest(prompt="funk"), CARD, NO_IMAGES)
    assert (resolved.steps, resolved.guidance, resolved.scheduler) == (12, 4, "flow")
    assert (resolved.width, resolved.bpm) == (512, None)


def test_what_was_said_stays() -> None:
    request = RiffRequest(prompt="funk", steps=3, guidance=2.0, width=640, bpm=70)
    resolved = resolve(request, CARD, NO_IMAGES)
    assert resolved == request.with_changes(scheduler="flow")


def test_a_tempo_decides_the_width() -> None:
    for request in (
        RiffRequest(prompt="funk", bpm=120),
        RiffRequest(prompt="funk, 120 bpm"),
    ):
        resolved = resolve(request, CARD, NO_IMAGES)
        assert (resolved.bpm, resolved.width) == (120, 400)


def test_a_seed_image_brings_width_and_tempo(images: Images) -> None:
    resolved = resolve(RiffRequest(prompt="funk", seed_image="beat"), CARD, images)
    assert (resolved.width, resolved.bpm) == (480, 100)
    named = resolve(RiffRequest(prompt="funk, 90 bpm", seed_image="beat"), CARD, images)
    assert (named.width, named.bpm) == (480, 90)


def test_another_width_than_the_seed_images(images: Images) -> None:
    with pytest.raises(BadRequest, match="480 columns wide"):
        resolve(RiffRequest(prompt="funk", seed_image="beat", width=512), CARD, images)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"scheduler": "ddim"}, "mini cannot be sampled with “ddim”; it supports flow"),
        ({"scheduler": "magic"}, "supports flow"),
        ({"width": 500}, "multiple of 16, for example 496 or 512, not 500"),
        ({"width": 2047}, "for example 2032 or 2048"),
        ({"prompt": "( )"}, "empty between its brackets"),
    ],
)
def test_what_the_model_cannot_do(fields: dict[str, object], said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        resolve(RiffRequest.build(**{"prompt": "funk", **fields}), CARD, NO_IMAGES)


def test_nonsense_is_refused_wherever_it_stands() -> None:
    target = Target(prompt="funk", seed=1).model_copy(update={"negative": "(x:nan)"})
    for request in (
        RiffRequest.build_unparsed(prompt="(x:nan)"),
        RiffRequest.build_unparsed(prompt="funk", negative="(x:1e9)"),
        RiffRequest(prompt="funk", target=target),
        RiffRequest(prompt="funk", target=target.model_copy(update={"prompt": "(x:99)"})),
    ):
        with pytest.raises(PromptError, match="between 0 and 10"):
            resolve(request, CARD, NO_IMAGES)


def test_images_that_are_not_there(images: Images) -> None:
    with pytest.raises(NotFound, match="did you mean beat"):
        resolve(RiffRequest(prompt="funk", seed_image="beet"), CARD, images)
    with pytest.raises(NotFound, match="no mask called"):
        resolve(RiffRequest(prompt="funk", seed_image="beat", mask="half"), CARD, images)


@settings(deadline=None)
@given(
    bpm=st.none() | st.floats(40, 240),
    width=st.none() | st.integers(4, 128).map(lambda n: n * 16),
    prompt=st.sampled_from(["funk", "funk, 99 bpm", "(loud:1.3) 60 bpm waltz"]),
)
def test_resolving_twice_changes_nothing(bpm: float | None, width: int | None, prompt: str) -> None:
    once = resolve(RiffRequest(prompt=prompt, bpm=bpm, width=width), CARD, NO_IMAGES)
    assert resolve(once, CARD, NO_IMAGES) == once
    assert RiffRequest.from_json(once.model_dump_json()) == once
    assert once.width is not None
    assert once.width % 16 == 0


def test_steps_lie_between_the_two_ends() -> None:
    request = RiffRequest(
        prompt="a",
        steps=10,
        seed_image="beat",
        denoising=0.2,
        target=Target(prompt="b", seed=1, denoising=0.8),
    )
    steps = [steps_to_run(request.with_changes(alpha=alpha)) for alpha in (0.0, 0.5, 1.0)]
    assert steps == [2, 5, 8]
    assert steps_to_run(request.with_changes(denoising=0.0)) == 0
    assert steps_to_run(request.with_changes(seed_image=None)) == 10


@pytest.mark.parametrize("usual", [3, 4, 6, 12, 50])
@given(denoising=st.floats(0, 1), other=st.none() | st.floats(0, 1), alpha=st.floats(0, 1))
def test_the_denoising_is_kept_with_however_few_steps(
    usual: int, denoising: float, other: float | None, alpha: float
) -> None:
    request = RiffRequest(
        prompt="a",
        seed_image="beat",
        denoising=denoising,
        target=None if other is None else Target(prompt="b", seed=1, denoising=other),
    )
    steps = choose_steps(request, usual)
    assert usual <= steps <= max(usual, 20)
    for place in {0.0, alpha, 1.0} if other is not None else {0.0}:
        at = request.with_changes(alpha=place)
        assert choose_steps(at, usual) == steps, "the same for all pictures of a piece"
        at = at.with_changes(steps=steps)
        wanted, run = denoising_of(at), steps_to_run(at)
        assert (run == 0) == (wanted == 0)
        if place in (0.0, 1.0) and not (run == 1 and steps >= 10):
            assert abs(run / steps - wanted) <= 0.0501
        if wanted <= 0.95:
            assert run < steps, "the image would not be heard"


def test_a_small_denoising_takes_one_step_of_ten() -> None:
    for usual, steps in ((4, 10), (10, 10), (12, 12), (50, 50)):
        for denoising in (0.001, 0.01, 0.04):
            request = RiffRequest(prompt="a", seed_image="beat", denoising=denoising)
            assert choose_steps(request, usual) == steps
            assert steps_to_run(request.with_changes(steps=steps)) <= 2


def test_usual_strengths_cost_few_steps() -> None:
    def run(denoising: float) -> tuple[int, int]:
        request = RiffRequest(prompt="a", seed_image="beat", denoising=denoising)
        steps = choose_steps(request, 4)
        return steps_to_run(request.with_changes(steps=steps)), steps

    assert [run(share) for share in (0.25, 0.5, 0.75, 0.9, 1.0)] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (6, 7),
        (4, 4),
    ]
    assert choose_steps(RiffRequest(prompt="a", denoising=0.9), 4) == 4, "nothing to keep"


def test_steps_that_are_named_stay(images: Images) -> None:
    for steps in (1, 4, 12):
        request = RiffRequest(prompt="funk", seed_image="beat", denoising=0.9, steps=steps)
        assert resolve(request, CARD, images).steps == steps


def test_batches_are_of_one_shape_and_one_walk() -> None:
    request = resolve(RiffRequest(prompt="funk", seed=1), CARD, NO_IMAGES)
    assert batch_key(request) == batch_key(
        request.with_changes(seed=2, prompt="rock", guidance=9.0)
    )
    for change in ({"steps": 3}, {"width": 640}, {"guidance": 1.0}):
        assert batch_key(request) != batch_key(request.with_changes(**change))


def test_another_name_of_a_sampler_is_kept_as_the_one_name() -> None:
    card = CARD.model_copy(update={"schedulers": ("ddim", "dpm++")})
    asked = RiffRequest(prompt="funk", scheduler="dpm", width=512)
    assert resolve(asked, card, NO_IMAGES).scheduler == "dpm++"


KNOWS_HARMONY = CARD.model_copy(update={"harmony_grid": True, "beat_grid": True})


def test_key_and_chords_are_the_requests_else_the_prompts() -> None:
    words = RiffRequest(prompt="bop, ii-V-I in Bb", bpm=120)
    assert resolve(words, KNOWS_HARMONY, NO_IMAGES).harmony == ("Bb major", "ii V I")
    told = resolve(words.with_changes(key="C"), KNOWS_HARMONY, NO_IMAGES)
    assert told.harmony == ("C major", "ii V I"), "numerals come along"
    assert resolve(told, KNOWS_HARMONY, NO_IMAGES) == told


def test_a_model_without_a_harmony_grid_is_told_neither() -> None:
    words = RiffRequest(prompt="bop in Bb", seed=1, bpm=120)
    told = words.with_changes(key="Am", chords="Am F")
    assert resolve(told, CARD, NO_IMAGES) == resolve(words, CARD, NO_IMAGES)
    assert "key" not in resolve(words, CARD, NO_IMAGES).model_dump_json()
