"""Songs, walks and layers: what is kept is kept to the pixel, what is new fits."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riffbot.bench.remix import relative_change_at
from riffbot.clips.edits import EditSource, extend, inpaint, layer
from riffbot.composition import compose, extended_columns, mix_pixels, windows
from riffbot.composition.canvas import GRAIN, MARGIN, Canvas
from riffbot.composition.plan import plan_requests
from riffbot.errors import BadRequest
from riffbot.generation_options import GenerationOptions
from riffbot.images import Images, SeedImage
from riffbot.inference.job import GeneratedRiff
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.pixels import resize_columns
from riffbot.inference.pipeline.resolve import resolve
from riffbot.inference.torch_threads import use_few_threads
from riffbot.locations import ROOT
from riffbot.prompt import PromptError
from riffbot.rendering import SAMPLE_RATE, sound
from riffbot.request import Extend, RiffRequest
from riffbot.settings import Settings
from tests.support.tiny_models import tiny_pipeline


@pytest.fixture(scope="module", autouse=True)
def few_threads() -> None:
    """As the engine does: two threads on two busy cores wait for each other."""
    use_few_threads()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("tiny"))


async def made(pipeline: Pipeline, request: RiffRequest) -> GeneratedRiff:
    """Compose with nothing in between."""

    async def submit(asked: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        whole = resolve(asked, pipeline.model.card, pipeline.images)
        (picture,) = pipeline.run([whole])
        return GeneratedRiff(whole, picture, "model", "a" * 64, {"generate_s": 1.0})

    return await compose(request, pipeline.images, submit)


def loop_of(width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (512, width), dtype=np.uint8)


@pytest.mark.parametrize("width", [64, 100, 200, 400, 1000, 2048])
@pytest.mark.parametrize("backward", [False, True])
async def test_an_extended_loop_is_itself_and_then_something_new(
    pipeline: Pipeline, width: int, backward: bool
) -> None:
    loop = loop_of(width)
    with pipeline.images.lend(loop) as ref:
        request = RiffRequest(
            prompt="dub",
            seed=3,
            seed_image=ref,
            piece={"kind": "extend", "columns": width + 333, "backward": backward},
        )
        riff = await made(pipeline, request)
        again = await made(pipeline, riff.request)
    assert riff.image.shape == (512, width + 333)
    kept, new = (
        (riff.image[:, -width:], riff.image[:, :-width])
        if backward
        else (riff.image[:, :width], riff.image[:, width:])
    )
    assert np.array_equal(kept, loop)
    ground = np.take(loop, np.arange(333), axis=1, mode="wrap")
    assert np.mean(new != ground) > 0.5
    assert np.array_equal(again.image, riff.image), "it composes to the same again"


async def test_a_song_without_denoising_is_the_loop_again_and_again(pipeline: Pipeline) -> None:
    loop = loop_of(200)
    for backward in (False, True):
        with pipeline.images.lend(loop.copy()) as ref:
            piece = {"kind": "extend", "columns": 700, "backward": backward}
            request = RiffRequest(prompt="x", seed_image=ref, denoising=0.0, piece=piece)
            riff = await made(pipeline, request)
        places = np.arange(700) - (700 if backward else 0)
        assert np.array_equal(riff.image, np.take(loop, places, axis=1, mode="wrap"))


def test_windows_leave_nothing_out_and_overlap() -> None:
    for known, total, width in ((400, 6000, 400), (64, 500, 384), (2048, 2100, 512)):
        plan = windows(known, total, width)
        assert plan[0].begin == known
        assert plan[-1].end == total
        for before, window in itertools.pairwise(plan):
            assert window.begin == before.end
        for window in plan:
            assert window.start <= window.begin - 16
            assert window.end <= window.start + window.width - MARGIN
            assert window.start >= 0


@pytest.mark.parametrize("width", [64, 100, 200, 333, 500, 720, 1001, 2047])
@pytest.mark.parametrize("backward", [False, True])
def test_windows_keep_whole_cells_whatever_the_loops_width(width: int, backward: bool) -> None:
    canvas = Canvas(width + 3000, loop_of(width), backward=backward)
    plan = canvas.windows()
    assert plan[-1].end == width + 3000
    for before, window in itertools.pairwise(plan):
        assert 0 <= window.begin - before.end < GRAIN // 2, "what lies between is painted, too"
    for window in plan:
        _, region = canvas.visible(window)
        turned = region.shifted(canvas.rotation(window), window.width)
        assert window.width % GRAIN == 0
        assert (turned.begin % GRAIN, turned.end % GRAIN) == (0, 0)


@pytest.mark.parametrize("backward", [False, True])
async def test_a_song_goes_on_from_its_end_at_its_own_measure(
    pipeline: Pipeline, backward: bool
) -> None:
    """At denoising 0 what is new is the song's last (or first) measures, again and again."""
    song = loop_of(3000)
    columns = 3000 + 1200
    with pipeline.images.lend(song) as ref:
        request = RiffRequest(
            prompt="dub",
            seed=3,
            seed_image=ref,
            bpm=120.0,
            denoising=0.0,
            piece={"kind": "extend", "columns": columns, "backward": backward},
        )
        riff = await made(pipeline, request)
    assert riff.image.shape == (512, columns)
    places = np.arange(1200)
    if backward:
        assert np.array_equal(riff.image[:, -3000:], song)
        assert np.array_equal(riff.image[:, :1200], song[:, (places - 1200) % 200])
    else:
        assert np.array_equal(riff.image[:, :3000], song)
        assert np.array_equal(riff.image[:, 3000:], song[:, 2800 + places % 200])


async def test_a_walk_moves_from_its_beginning_to_its_end(pipeline: Pipeline) -> None:
    asked: list[float] = []

    async def submit(request: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        asked.append(request.alpha)
        whole = resolve(request, pipeline.model.card, pipeline.images)
        (picture,) = pipeline.run([whole])
        return GeneratedRiff(whole, picture, "model", "a" * 64)

    request = RiffRequest(
        prompt="a",
        seed=1,
        target={"prompt": "b", "seed": 2},
        piece={"kind": "morph", "clips": 4},
    )
    riff = await compose(request, pipeline.images, submit)
    alone = await made(pipeline, request.with_changes(piece=None))
    width = alone.image.shape[1]
    assert riff.image.shape == (512, 4 * width)
    assert asked[0] == 0
    assert asked == sorted(asked)
    assert asked[-1] > 0.9
    assert np.array_equal(riff.image[:, :width], alone.image)


async def test_a_walk_between_two_tempos_glides(pipeline: Pipeline, tmp_path: Path) -> None:
    first, second = loop_of(200, 1), loop_of(240, 2)
    with pipeline.images.lend(first) as one, pipeline.images.lend(second) as two:
        request = RiffRequest(
            prompt="a",
            seed=1,
            seed_image=one,
            target={"prompt": "b", "seed": 2},
            piece={"kind": "morph", "clips": 4, "image": two},
        )
        riff = await made(pipeline, request)
    assert np.array_equal(riff.image[:, :200], first)
    assert np.array_equal(riff.image[:, -240:], second)
    # Two clips in between, on average half-way in length.
    assert riff.image.shape[1] == 200 + 440 + 240


def test_minutes_are_mixed_in_little_memory() -> None:
    first, second = loop_of(36_000, 1), loop_of(36_000, 2)
    tracemalloc.start()
    try:
        picture = mix_pixels(first, second)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * picture.nbytes, "as float64 it would be eight times as much for each layer"
    ends = mix_pixels(first[:, -2048:], second[:, -2048:])
    assert np.abs(picture[:, -2048:].astype(int) - ends).max() <= 1


def test_layers_add_up_in_power() -> None:
    silent = np.full((512, 64), 255, np.uint8)
    tone = silent.copy()
    tone[300] = 0
    assert np.array_equal(mix_pixels(tone, silent), tone)
    assert np.array_equal(mix_pixels(tone, tone), tone), "scaled by the loudest, as the format says"
    other = silent.copy()
    other[100] = 0
    both = mix_pixels(tone, other)
    assert both[300].max() == both[100].max() == 0


async def test_layers_of_two_tempos_and_lengths_fit(pipeline: Pipeline) -> None:
    first, second = loop_of(200), loop_of(400)
    with pipeline.images.lend(first) as one, pipeline.images.lend(second) as two:
        request = RiffRequest(
            prompt="x", seed_image=one, piece={"kind": "layer", "image": two, "gain_db": -6}
        )
        riff = await made(pipeline, request)
    assert riff.image.shape == (512, 400)
    assert riff.model_name == "no model"


@pytest.mark.parametrize(
    ("seconds", "bars", "columns"),
    [(60, None, 6000), (10, None, 1000), (None, 1, 600), (None, 4, 1200)],
)
def test_songs_are_whole_measures_long(
    seconds: float | None, bars: int | None, columns: int
) -> None:
    assert extended_columns(400, 120, seconds=seconds, bars=bars) == columns


@pytest.mark.parametrize("wish", [{"seconds": 4}, {"seconds": 1e6}, {"bars": 0}, {}])
def test_lengths_that_are_none(wish: dict[str, float]) -> None:
    with pytest.raises(BadRequest):
        extended_columns(400, 120, **wish)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shipped() -> Pipeline:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    return Pipeline(
        load_model(str(ROOT / "models" / "riffbot-mini"), device="cpu"),
        Images(settings.seed_images),
    )


@pytest.mark.timeout(600)
async def test_similarity_falls_steadily_as_denoising_rises(shipped: Pipeline) -> None:
    """The promise of img2img, on the model that ships: 0 is the source, and from there it falls."""
    source = shipped.images.load("four_floor")
    alike = []
    for denoising in (0.0, 0.25, 0.5, 0.75, 0.95):
        request = RiffRequest(
            prompt="jazz piano trio", seed=11, seed_image="four_floor", denoising=denoising
        )
        picture = (await made(shipped, request)).image
        alike.append(float(np.corrcoef(picture.ravel(), source.ravel())[0, 1]))
    assert alike[0] == pytest.approx(1)
    assert all(later < earlier - 0.01 for earlier, later in itertools.pairwise(alike))
    assert alike[-1] < 0.75


@pytest.mark.timeout(600)
async def test_a_loop_of_any_width_goes_round(shipped: Pipeline, tmp_path: Path) -> None:
    """Uploads are as wide as their beats are; no model takes 487 columns."""
    source = resize_columns(shipped.images.load("four_floor"), 487)
    Image.fromarray(source).save(tmp_path / "odd.png")
    (tmp_path / "seeds.toml").write_text(
        "[odd]\ntitle = 'Odd'\nbpm = 98.56\nbeats = 8\nwidth = 487\n", "utf-8"
    )
    pipeline = Pipeline(shipped.model, Images(tmp_path))
    request = RiffRequest(prompt="jazz piano trio", seed=4, seed_image="odd", denoising=0.75)
    picture = (await made(pipeline, request)).image.astype(int)
    assert picture.shape == (512, 487)
    steps = np.abs(np.diff(picture, axis=1, append=picture[:, :1])).mean(0)
    assert steps[-1] < steps[:-1].max()


@pytest.mark.timeout(600)
async def test_a_song_has_no_seam_above_its_ordinary_changes(shipped: Pipeline) -> None:
    """Its joins change as much as its other moments do; clips put end to end change far more."""
    loop = shipped.images.load("four_floor")
    width = loop.shape[1]
    request = RiffRequest(
        prompt="jazz piano trio",
        seed=4,
        seed_image="four_floor",
        piece={"kind": "extend", "columns": width * 3},
    )
    riff = await made(shipped, request)
    heard = sound(riff.image, loop=False)
    ours = relative_change_at(
        heard, SAMPLE_RATE, [w.begin for w in windows(width, width * 3, width)]
    )
    clips = [
        (await made(shipped, request.with_changes(piece=None, seed=seed))).image
        for seed in range(4)
    ]
    plain = np.concatenate([sound(clip) for clip in clips])
    theirs = relative_change_at(plain, SAMPLE_RATE, [width, 2 * width])
    assert ours < 1.5
    assert ours < theirs


async def test_a_song_keeps_the_measure_of_its_loop(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, seen = loop_of(200), []
    monkeypatch.setattr(
        type(pipeline.images), "tempo", lambda *_: 90.0
    )  # a loop that nobody's recipe describes

    async def submit(request: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        assert request.seed_image is not None
        seen.append((request.bpm, pipeline.images.waltz(request.seed_image)))
        whole = resolve(request, pipeline.model.card, pipeline.images)
        return GeneratedRiff(whole, pipeline.images.load(request.seed_image), "model", "a" * 64)

    monkeypatch.setitem(
        pipeline.images._seeds,
        "hall",
        SeedImage(
            name="hall", path=Path("hall.png"), title="Hall", bpm=90, beats=3, width=200, meter=3
        ),
    )
    with pipeline.images.lend(loop, like="hall") as ref:
        piece = {"kind": "extend", "columns": 800}
        request = RiffRequest(prompt="more of it", seed_image=ref, piece=piece)
        await compose(request, pipeline.images, submit)
    assert set(seen) == {(90.0, True)}


async def test_a_layer_comes_into_time_though_its_file_says_no_tempo(pipeline: Pipeline) -> None:
    first, second = loop_of(200), loop_of(240)
    second[:] = 255
    second[:, 120:124] = 0  # a click in the middle
    with pipeline.images.lend(first) as one, pipeline.images.lend(second) as two:
        request = layer(
            EditSource(one, 200, 120.0, "a", "1"), EditSource(two, 240, 100.0, "b", "2")
        )
        riff = await made(pipeline, request)
        assert riff.image.shape == (512, 200)
        assert riff.image[:, 100:103].max() < 60, "still in the middle"
        far = request.with_changes(piece={"kind": "layer", "image": two, "bpm": 240.0})
        with pytest.raises(BadRequest, match="too far apart"):
            await made(pipeline, far)


async def test_old_titles_are_mixed_whatever_they_are_and_no_model_reads_them(
    pipeline: Pipeline,
) -> None:
    with pipeline.images.lend(loop_of(200)) as one, pipeline.images.lend(loop_of(200, 1)) as two:
        mixed = layer(EditSource(one, 200, 120.0, "(x:1e9)"), EditSource(two, 200, 120.0, "()"))
        riff = await made(pipeline, mixed)
        assert (riff.request.prompt, riff.image.shape) == ("(x:1e9) + ()", (512, 200))
        assert plan_requests(mixed, pipeline.images, _never) == []
        fields = {"prompt": "(x:1e9)", "seed": 1, "seed_image": one}
        longer = {**fields, "piece": {"kind": "extend", "columns": 400}}
        for stored in (fields, longer):
            with pytest.raises(PromptError, match="is not a weight"):
                await made(pipeline, RiffRequest.from_json(json.dumps(stored)))


def _never(request: RiffRequest) -> RiffRequest:
    raise AssertionError("a layer needs no model")


async def test_what_would_be_endless_or_is_no_spectrogram_is_refused(pipeline: Pipeline) -> None:
    with (
        pipeline.images.lend(loop_of(2048)) as wide,
        pipeline.images.lend(np.zeros((64, 64), np.uint8)) as small,
    ):
        walk = RiffRequest(
            prompt="a",
            seed_image=wide,
            target={"prompt": "b", "seed": 2},
            piece={"kind": "morph", "clips": 64, "whole": True},
        )
        with pytest.raises(BadRequest, match="6 minutes"):
            await made(pipeline, walk)
        flat = RiffRequest(prompt="a", seed_image=wide, piece={"kind": "layer", "image": small})
        with pytest.raises(BadRequest, match="no spectrogram"):
            await made(pipeline, flat)


def test_a_waltz_grows_by_its_own_measures() -> None:
    start = EditSource("hall_waltz", 400, 90.0, "a waltz", meter=3)  # six beats
    (bar,) = [round(3 * 6000 / 90)]
    piece = extend(start, seconds=10).piece
    assert isinstance(piece, Extend)
    assert piece.columns == 400 + 3 * bar
    mask = inpaint(start, GenerationOptions(prompt="bells"), where="bar 2").mask
    assert mask is not None
    assert mask.startswith(f"region_c{bar}-400_")
