"""The planner: what comes next, for ever the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.errors import BadRequest
from riffbot.harmony import HarmonyError, HarmonyText
from riffbot.jam.chunk_generator import build_chunk_request
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.timeline import LoopGrid
from riffbot.prompt import PromptError
from riffbot.request import MAX_SEED


def begin(**options: object) -> PromptPath:
    return PromptPath.begin(
        ChunkOptions.build(prompt="funky sax", **{"seed": 7, **options}), seed_image="beat"
    )


def planned(path: PromptPath, count: int) -> list[PromptPath]:
    paths = [path]
    for _ in range(count - 1):
        paths.append(paths[-1].advance())
    return paths


def test_while_nobody_steers_it_drifts_from_seed_to_seed() -> None:
    places = [(w.start.seed, w.end.seed, w.alpha) for w in planned(begin(), 9)]
    assert places == [
        (7, 8, 0.0),
        (7, 8, 0.25),
        (7, 8, 0.5),
        (7, 8, 0.75),
        (7, 8, 1.0),
        (8, 9, 0.25),
        (8, 9, 0.5),
        (8, 9, 0.75),
        (8, 9, 1.0),
    ]
    assert {w.prompt for w in planned(begin(), 9)} == {"funky sax"}


def test_the_requests_interpolate_and_the_ends_are_the_waypoints_themselves() -> None:
    path = begin(denoising=0.6, negative="vocals", steps=9)
    first, second = path.build_request(), path.advance().build_request()
    assert (first.prompt, first.seed, first.denoising, first.target) == ("funky sax", 7, 0.6, None)
    assert first.seed_image == "beat"
    assert first.steps == 9
    assert second.target is not None
    assert (second.target.seed, second.alpha, second.target.negative) == (8, 0.25, "vocals")
    last = planned(path, 5)[-1].build_request()
    assert (last.seed, last.target) == (8, None)


def test_a_wish_is_half_there_with_the_next_chunk_and_there_with_the_one_after() -> None:
    after_three = planned(begin(), 4)[3]  # chunk 2, at alpha 0.5, was planned last
    steered = after_three.steer(prompt="church bells")
    requests = [path.build_request() for path in planned(steered, 3)]
    assert requests[0].prompt == "funky sax"
    assert requests[0].target is not None
    assert (requests[0].target.prompt, requests[0].alpha) == ("church bells", 0.75)
    assert (requests[1].prompt, requests[1].target) == ("church bells", None)
    assert requests[2].prompt == "church bells"
    assert steered.prompt == "church bells", "what is nearer counts as what plays"


def test_the_noise_keeps_its_place_when_a_drifting_path_is_steered() -> None:
    path = planned(begin(), 3)[2]
    steered = path.steer(prompt="techno")
    assert (steered.start.seed, steered.end.seed) == (7, 8)
    assert path.position < steered.alpha


def test_a_second_wish_leaves_from_the_nearer_prompt() -> None:
    way = begin().advance().steer(prompt="bells")
    half = way.advance()  # the chunk half-way to the bells was planned
    onward = half.steer(prompt="techno")
    assert (onward.start.prompt, onward.end.prompt, onward.alpha) == ("bells", "techno", 0.5)
    assert onward.end.seed == onward.start.seed + 1


def test_denoising_and_seed_can_be_wished_too() -> None:
    path = begin().advance().steer(denoising=0.9, seed=123)
    request = path.build_request()
    assert request.target is not None
    assert (request.target.denoising, request.target.seed) == (0.9, 123)
    assert path.advance().build_request().denoising == 0.9


def test_nonsense_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadRequest, match="empty"):
        PromptPath.begin(ChunkOptions.build(prompt="  "), seed_image="beat")
    with pytest.raises(PromptError):
        begin().steer(prompt="(x:1e9)")
    with pytest.raises(BadRequest, match="Denoising"):
        begin().steer(denoising=1.5)
    with pytest.raises(BadRequest):
        begin(steps=0)


def test_the_last_seed_is_followed_by_the_first() -> None:
    assert begin(seed=MAX_SEED).end.seed == 0


Event = st.one_of(
    st.just(("step",)),
    st.tuples(st.just("prompt"), st.sampled_from(["a", "b (c:1.2)", "d"])),
    st.tuples(st.just("seed"), st.integers(0, MAX_SEED)),
    st.tuples(st.just("denoising"), st.floats(0.3, 0.95)),
)


@given(st.lists(Event, max_size=60), st.integers(0, 60))
def test_put_away_and_taken_up_it_plans_the_same_and_never_grows(
    events: list[tuple[object, ...]], cut: int
) -> None:
    def play(path: PromptPath, events: list[tuple[object, ...]]) -> PromptPath:
        for event in events:
            changes = {} if event[0] == "step" else {str(event[0]): event[1]}
            path = path.steer(**changes) if changes else path.advance()  # type: ignore[arg-type]
        return path

    whole = play(begin(), events)
    stored = play(begin(), events[:cut]).model_dump_json()
    again = play(PromptPath.model_validate_json(stored), events[cut:])
    assert again == whole
    assert again.build_request() == whole.build_request()
    assert len(whole.model_dump_json()) < 700
    assert whole.build_request().alpha < 1


def test_days_of_music_are_a_few_hundred_bytes() -> None:
    path = begin()
    for _ in range(50_000):  # three days of 5 s chunks
        path = path.advance()
    assert path.chunk_number == 50_000
    assert len(path.model_dump_json()) < 500


def test_a_key_stays_through_changes_of_prompt_until_something_else_is_said() -> None:
    path = begin(key="a minor", chords="i-VI").advance().steer(prompt="church bells")
    request = path.build_request()
    assert (request.key, request.chords) == ("A minor", "i VI")
    elsewhere = path.steer(key="D minor")
    assert elsewhere.harmony == ("D minor", "i VI")
    assert elsewhere.steer(chords="Dm Bb").harmony == ("D minor", "Dm Bb")
    assert elsewhere.steer(key="any").harmony == (None, None), "numerals end with their key"


def test_the_prompt_that_a_jam_begins_with_may_say_the_key() -> None:
    path = PromptPath.begin(ChunkOptions.build(prompt="bop, ii-V-I in Bb"), seed_image="beat")
    assert path.harmony == ("Bb major", "ii V I")
    held = PromptPath.begin(
        ChunkOptions.build(prompt="bop"), seed_image="beat", held=HarmonyText("C minor")
    )
    assert held.harmony == ("C minor", None), "a seed image's own"


def test_a_path_without_harmony_is_stored_as_it_always_was() -> None:
    stored = begin().model_dump_json()
    assert stored == (
        '{"seed_image":"beat","here":{"prompt":"funky sax","seed":7,"denoising":0.75},'
        '"there":{"prompt":"funky sax","seed":8,"denoising":0.75},"at":0.0,'
        '"ahead":[0.0,0.25,0.5,0.75,1.0],"chunk":0,"negative":"","guidance":null,"steps":null,'
        '"scheduler":null}'
    )
    with_key = begin(key="Am", chords="Am F").model_copy(update={"cycle": 3})
    assert PromptPath.model_validate_json(with_key.model_dump_json()) == with_key


def test_numerals_need_a_key_when_they_are_said() -> None:
    with pytest.raises(HarmonyError, match="please say which key"):
        begin(chords="ii V I")
    with pytest.raises(HarmonyError, match="please say which key"):
        begin().steer(chords="ii V I")


def test_each_loop_cycle_has_its_part_of_the_chords() -> None:
    grid = LoopGrid(400, 8)
    path = begin(chords="Am F C G")
    chords = [
        build_chunk_request(path.model_copy(update={"cycle": cycle}), grid).chords
        for cycle in range(3)
    ]
    assert chords == ["Am F", "C G", "Am F"]
    assert build_chunk_request(begin(), grid) == begin().build_request()
