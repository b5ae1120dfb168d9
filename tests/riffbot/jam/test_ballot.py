"""Everybody has one vote, votes fade, prompts blend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.errors import NotFound
from riffbot.jam.ballot import HALF_LIFE_S, MAX_PROMPTS, MAX_VOTES, Ballot
from riffbot.prompt import PromptError, parse


def ballot(*votes: tuple[int, str, float]) -> Ballot:
    made = Ballot()
    for user, prompt, at in votes:
        made = made.cast(user, f"user{user}", prompt, at)
    return made


def test_one_voter_decides_alone_and_a_new_vote_replaces_the_old() -> None:
    one = ballot((1, "funky (sax:1.3)", 0), (1, "bells", 5))
    assert one.blend(5) == "bells"
    assert len(one.shares(5)) == 1


def test_two_who_vote_together_hear_both_at_full_weight() -> None:
    both = ballot((1, "funky sax", 0), (2, "church bells", 3))
    assert both.blend(3) == "church bells, funky sax"


def test_shares_become_weights_on_top_of_the_authors_own() -> None:
    three = ballot((1, "a", 0), (2, "a", 0), (3, "(b:1.2) c", 0))
    assert three.blend(0) == "(a:1.3), (b:0.8)(c:0.7)".replace(")(c", ")( c")
    assert [round(s.share, 2) for s in three.shares(0)] == [0.67, 0.33]
    assert three.shares(0)[0].voters == ("user2", "user1")


def test_votes_fade_by_half_and_who_is_silent_is_soon_not_heard() -> None:
    made = ballot((1, "old", 0), (2, "new", 3 * HALF_LIFE_S))
    assert [round(s.share, 3) for s in made.shares(3 * HALF_LIFE_S)] == [0.889, 0.111]
    assert made.blend(3 * HALF_LIFE_S) == "new"


@given(st.floats(0, 1e5))
def test_the_blend_never_changes_by_itself(later: float) -> None:
    made = ballot((1, "a", 0), (2, "b", 60), (3, "c", 90))
    assert made.blend(90 + later % (5 * HALF_LIFE_S)) == made.blend(90)


def test_a_jam_of_days_that_nobody_steers_still_knows_its_votes() -> None:
    made = ballot((1, "a", 0), (2, "b", 60))
    days = 10 * 24 * 3600.0
    assert [s.share for s in made.shares(days)] == pytest.approx([s.share for s in made.shares(60)])
    assert made.blend(days) == made.blend(60)


def test_an_open_bracket_swallows_nobody_elses_words() -> None:
    text = ballot((1, "((sax", 0), (2, "bells]", 0), (3, "a \\(live\\)", 0)).blend(0)
    assert text is not None
    heard = {fragment.text.strip(", "): fragment.weight for fragment in parse(text)}
    assert heard["sax"] == pytest.approx(1.2, abs=0.05)
    weights = [f.weight for f in parse(text) if "bells" in f.text or "live" in f.text]
    assert all(weight == 1 for weight in weights)
    assert any("a (live)" in f.text for f in parse(text))


def test_joining_needs_a_prompt_that_is_there() -> None:
    made = ballot((1, "a", 0))
    assert len(made.cast_for_listed(2, "Bob", "a", 1).shares(1)[0].voters) == 2
    with pytest.raises(NotFound, match="/jam prompt"):
        made.cast_for_listed(2, "Bob", "zzz", 1)
    with pytest.raises(PromptError):
        made.cast(2, "Bob", "(x:99)", 1)


def test_a_member_can_be_forgotten() -> None:
    made = ballot((1, "a", 0), (2, "b", 0)).without_member(1)
    assert "user1" not in made.model_dump_json()
    assert made.blend(0) == "b"
    assert Ballot().blend(0) is None


def test_it_stays_small_whoever_votes() -> None:
    made = Ballot()
    for user in range(500):
        made = made.cast(user, "x" * 30, f"prompt {user}", float(user))
    assert len({vote.prompt for vote in made.votes}) <= MAX_PROMPTS
    assert Ballot.model_validate_json(made.model_dump_json()) == made


def test_of_very_many_votes_the_oldest_go() -> None:
    crowd = ballot(*((user, "noise", user / 100) for user in range(MAX_VOTES + 50)))
    assert len(crowd.votes) == MAX_VOTES
    assert crowd.votes[0].user_id == 50
    later = crowd.cast(10_000, "Ann", "bells", 10.0)
    assert len(later.votes) == MAX_VOTES
    assert later.votes[-1].prompt == "bells"
