"""The planner: what comes next, for ever the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.errors import BadRequest
from riffbot.jam.prompt_path import Walk
from riffbot.prompt import PromptError
from riffbot.request import MAX_SEED


def begin(**options: object) -> Walk:
    return Walk.begin("funky sax", seed_image="beat", **{"seed": 7, **options})  # type: ignore[arg-type]


def planned(walk: Walk, count: int) -> list[Walk]:
    walks = [walk]
    for _ in range(count - 1):
        walks.append(walks[-1].onwards())
    return walks


def test_while_nobody_steers_it_drifts_from_seed_to_seed() -> None:
    places = [(w.here.seed, w.there.seed, w.alpha) for w in planned(begin(), 9)]
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
    walk = begin(denoising=0.6, negative="vocals", steps=9)
    first, second = walk.request(), walk.onwards().request()
    assert (first.prompt, first.seed, first.denoising, first.target) == ("funky sax", 7, 0.6, None)
    assert first.seed_image == "beat"
    assert first.steps == 9
    assert second.target is not None
    assert (second.target.seed, second.alpha, second.target.negative) == (8, 0.25, "vocals")
    last = planned(walk, 5)[-1].request()
    assert (last.seed, last.target) == (8, None)


def test_a_wish_is_half_there_with_the_next_chunk_and_there_with_the_one_after() -> None:
    after_three = planned(begin(), 4)[3]  # chunk 2, at alpha 0.5, was planned last
    steered = after_three.steered(prompt="church bells")
    requests = [walk.request() for walk in planned(steered, 3)]
    assert requests[0].prompt == "funky sax"
    assert requests[0].target is not None
    assert (requests[0].target.prompt, requests[0].alpha) == ("church bells", 0.75)
    assert (requests[1].prompt, requests[1].target) == ("church bells", None)
    assert requests[2].prompt == "church bells"
    assert steered.prompt == "church bells", "what is nearer counts as what plays"


def test_the_noise_keeps_its_place_when_a_drifting_walk_is_steered() -> None:
    walk = planned(begin(), 3)[2]
    steered = walk.steered(prompt="techno")
    assert (steered.here.seed, steered.there.seed) == (7, 8)
    assert walk.at < steered.alpha


def test_a_second_wish_leaves_from_the_nearer_prompt() -> None:
    way = begin().onwards().steered(prompt="bells")
    half = way.onwards()  # the chunk half-way to the bells was planned
    onward = half.steered(prompt="techno")
    assert (onward.here.prompt, onward.there.prompt, onward.alpha) == ("bells", "techno", 0.5)
    assert onward.there.seed == onward.here.seed + 1


def test_denoising_and_seed_can_be_wished_too() -> None:
    walk = begin().onwards().steered(denoising=0.9, seed=123)
    request = walk.request()
    assert request.target is not None
    assert (request.target.denoising, request.target.seed) == (0.9, 123)
    assert walk.onwards().request().denoising == 0.9


def test_nonsense_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadRequest, match="empty"):
        Walk.begin("  ", seed_image="beat")
    with pytest.raises(PromptError):
        begin().steered(prompt="(x:1e9)")
    with pytest.raises(BadRequest, match="Denoising"):
        begin().steered(denoising=1.5)
    with pytest.raises(BadRequest):
        begin(steps=0)


def test_the_last_seed_is_followed_by_the_first() -> None:
    assert begin(seed=MAX_SEED).there.seed == 0


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
    def play(walk: Walk, events: list[tuple[object, ...]]) -> Walk:
        for event in events:
            changes = {} if event[0] == "step" else {str(event[0]): event[1]}
            walk = walk.steered(**changes) if changes else walk.onwards()  # type: ignore[arg-type]
        return walk

    whole = play(begin(), events)
    stored = play(begin(), events[:cut]).model_dump_json()
    again = play(Walk.model_validate_json(stored), events[cut:])
    assert again == whole
    assert again.request() == whole.request()
    assert len(whole.model_dump_json()) < 700
    assert whole.request().alpha < 1


def test_days_of_music_are_a_few_hundred_bytes() -> None:
    walk = begin()
    for _ in range(50_000):  # three days of 5 s chunks
        walk = walk.onwards()
    assert walk.chunk == 50_000
    assert len(walk.model_dump_json()) < 500
