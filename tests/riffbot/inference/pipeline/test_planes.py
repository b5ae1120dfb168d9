"""What the denoiser is shown: the chords of a request at the columns where they sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from riffbot.images import Images
from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.planes import UNPROMPTED_HARMONY, PlaneDrawer
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.tiny_models import tiny_embedded_model, tiny_pipeline

CHORD, BASS = slice(16, 28), slice(45, 57)
KEY = slice(74, 86)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("harmony"), harmony=True)


def resolved(pipeline: Pipeline, **fields: object) -> RiffRequest:
    request = RiffRequest.build(**{"prompt": "abc", "seed": 1, **fields})
    return resolve(request, pipeline.model.card, pipeline.images)


def harmony_of(pipeline: Pipeline, *requests: RiffRequest) -> torch.Tensor:
    """Harmony planes (N, HARMONY_CHANNELS, 32, cells) in the half with the prompt."""
    planes = PlaneDrawer(pipeline.model, pipeline.images).draw(requests)
    assert planes is not None
    assert torch.equal(
        planes.unprompted[:, GRID_CHANNELS:],
        UNPROMPTED_HARMONY * planes.prompted[:, GRID_CHANNELS:],
    )
    return planes.prompted[:, GRID_CHANNELS:]


def notes(planes: torch.Tensor, cell: int, kind: slice) -> list[int]:
    """Pitch classes that are wholly shown in a cell."""
    found: list[int] = (planes[kind, 0, cell] > 0.99).nonzero().flatten().tolist()
    return found


@contextmanager
def inputs(pipeline: Pipeline) -> Iterator[list[torch.Tensor]]:
    """What the denoiser reads, step by step."""
    seen: list[torch.Tensor] = []
    hook = pipeline.model.unet.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    try:
        yield seen
    finally:
        hook.remove()


def test_a_chord_a_measure_in_a_circle(pipeline: Pipeline) -> None:
    # Eight beats in 512 columns: a measure is 16 cells.
    request = resolved(pipeline, chords="Am7 D7/C", width=512, bpm=93.75)
    planes = harmony_of(pipeline, request)[0]
    assert [notes(planes, cell, CHORD) for cell in (0, 15)] == [[0, 4, 7, 9]] * 2
    assert [notes(planes, cell, CHORD) for cell in (16, 31)] == [[0, 2, 6, 9]] * 2
    # The root where the chord begins, a written bass as long as the chord.
    assert [notes(planes, cell, BASS) for cell in (0, 3, 4, 15)] == [[9], [9], [], []]
    assert [notes(planes, cell, BASS) for cell in (16, 31)] == [[0]] * 2
    assert not planes[KEY].any()
    once = harmony_of(pipeline, resolved(pipeline, chords="Am7", width=512, bpm=93.75))[0]
    assert notes(once, 31, CHORD) == [0, 4, 7, 9]
    assert notes(once, 16, BASS) == [9]  # each measure begins with it


def test_parts_of_a_measure_and_no_chord(pipeline: Pipeline) -> None:
    request = resolved(pipeline, chords="| C G | N.C. |", width=512, bpm=93.75)
    planes = harmony_of(pipeline, request)[0]
    assert notes(planes, 7, CHORD) == [0, 4, 7]
    assert notes(planes, 8, CHORD) == [2, 7, 11]
    assert not planes[:, :, 16:].any()


def test_a_waltz_has_three_beats_a_measure(pipeline: Pipeline) -> None:
    request = resolved(pipeline, prompt="waltz", chords="C F", width=480, bpm=75.0)  # six beats
    planes = harmony_of(pipeline, request)[0]
    assert notes(planes, 14, CHORD) == [0, 4, 7]
    assert notes(planes, 15, CHORD) == [0, 5, 9]


def test_a_key_holds_throughout_whatever_the_tempo(pipeline: Pipeline) -> None:
    planes = harmony_of(pipeline, resolved(pipeline, key="F# minor", width=128))[0]
    for cell in (0, 7):
        assert planes[KEY, 0, cell].nonzero().flatten().tolist() == [1, 2, 4, 6, 8, 9, 11]
    assert notes(planes, 3, KEY) == [6]
    assert not planes[CHORD].any()


def test_without_a_tempo_only_a_chord_that_never_changes(pipeline: Pipeline) -> None:
    held = harmony_of(pipeline, resolved(pipeline, chords="Am7 Am7", width=128))[0]
    assert notes(held, 0, CHORD) == notes(held, 7, CHORD) == [0, 4, 7, 9]
    assert not harmony_of(pipeline, resolved(pipeline, chords="Am7 D7", width=128)).any()


def test_beats_that_do_not_fill_the_clip_still_have_their_chords(pipeline: Pipeline) -> None:
    request = resolved(pipeline, chords="C G", width=512, bpm=100.0)  # 8.53 beats
    planes = harmony_of(pipeline, request)[0]
    assert notes(planes, 14, CHORD) == [0, 4, 7]  # a measure is 15 cells
    assert notes(planes, 15, CHORD) == [2, 7, 11]
    assert notes(planes, 31, CHORD) == [0, 4, 7]


def test_requests_of_different_harmony_share_a_batch(pipeline: Pipeline) -> None:
    requests = [
        resolved(pipeline, width=128, bpm=93.75, **fields)
        for fields in ({}, {"chords": "C"}, {"key": "A minor"}, {"chords": "F", "key": "F major"})
    ]
    alone = [harmony_of(pipeline, request)[0] for request in requests]
    assert torch.equal(harmony_of(pipeline, *requests), torch.stack(alone))
    pictures = pipeline.run(requests)
    for request, picture in zip(requests, pictures, strict=True):
        assert abs(pipeline.run([request])[0].astype(int) - picture).max() <= 1
    assert len({picture.tobytes() for picture in pictures}) == len(requests)


def test_the_denoiser_reads_it_behind_the_beat_grid(pipeline: Pipeline) -> None:
    request = resolved(pipeline, chords="C", width=128, bpm=93.75)
    with inputs(pipeline) as seen:
        pipeline.run([request])
    without_prompt, with_prompt = seen[0][:, 8 + GRID_CHANNELS :]
    assert torch.equal(with_prompt, harmony_of(pipeline, request)[0])
    assert torch.equal(without_prompt, UNPROMPTED_HARMONY * with_prompt)


def test_open_harmony_is_blank(pipeline: Pipeline) -> None:
    assert not harmony_of(pipeline, resolved(pipeline, width=128, bpm=93.75)).any()


def test_a_model_without_a_harmony_grid_is_shown_none(tmp_path: Path) -> None:
    plain = tiny_pipeline(tmp_path)
    with inputs(plain) as seen:
        picture = plain.run([resolved(plain, chords="C", key="C major", width=128, bpm=93.75)])[0]
    assert seen[0].shape[1] == 8 + GRID_CHANNELS
    assert (picture == plain.run([resolved(plain, width=128, bpm=93.75)])[0]).all()


def test_a_network_that_learnt_nothing_of_harmony_draws_what_the_older_one_drew(
    tmp_path: Path, pipeline: Pipeline
) -> None:
    """Prompts that name no key and no chords are not changed by what else the model can read."""
    older = tiny_pipeline(tmp_path)
    weights = dict(older.model.unet.state_dict())
    first = weights["conv_in.weight"]
    blank = first.new_zeros(first.shape[0], HARMONY_CHANNELS, *first.shape[2:])
    weights["conv_in.weight"] = torch.cat([first, blank], dim=1)
    model = load_model(tiny_embedded_model(tmp_path / "newer", harmony=True))
    model.unet.load_state_dict(weights)
    newer = Pipeline(model, Images(tmp_path / "seed_images"))
    for part in ("vae", "text_encoder", "prompt_embedding"):
        getattr(model, part).load_state_dict(getattr(older.model, part).state_dict())
    request = resolved(older, width=128, bpm=93.75)
    assert (newer.run([request])[0] == older.run([request])[0]).all()


@pytest.mark.parametrize(
    ("fields", "beats"),
    [
        ({"chords": "Am7 D7 Gmaj7", "bpm": 120.0}, 24),  # twice: once is no width at 120 bpm
        ({"chords": "Am7 D7 Gmaj7", "bpm": 100.0}, 12),
        ({"chords": "Am7 D7 Gmaj7 Cmaj7", "bpm": 90.0}, 16),
        ({"chords": "C", "bpm": 120.0}, 8),
        ({"prompt": "waltz", "chords": "C F G", "bpm": 120.0}, 9),
        ({"prompt": "slow jazz in C, chords: Dm7 G7 Cmaj7"}, 12),
    ],
)
def test_a_clip_of_text_is_as_long_as_its_progression(
    pipeline: Pipeline, fields: dict[str, object], beats: int
) -> None:
    wide = pipeline.model.card.defaults.model_copy(update={"width": 512})
    card = pipeline.model.card.model_copy(update={"defaults": wide})
    request = RiffRequest.build(**{"prompt": "abc", "seed": 1, **fields})
    found = resolve(request, card, pipeline.images)
    assert found.width is not None
    assert found.bpm is not None
    assert found.width * found.bpm / 6000 == pytest.approx(beats, rel=0.005)
    assert found == resolve(found, card, pipeline.images)


def test_a_progression_too_long_for_a_picture_does_not_lengthen_it(pipeline: Pipeline) -> None:
    wide = pipeline.model.card.defaults.model_copy(update={"width": 512})
    card = pipeline.model.card.model_copy(update={"defaults": wide})
    request = RiffRequest(prompt="abc", seed=1, chords=" ".join(["C", "F"] * 8), bpm=90.0)
    found = resolve(request, card, pipeline.images)
    assert found.width is not None
    assert found.width <= 768
