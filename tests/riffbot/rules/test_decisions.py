"""What a server's rules allow and refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from riffbot.errors import BadRequest, Disallowed
from riffbot.request import RiffRequest, Target
from riffbot.rules import decisions
from riffbot.rules.policy import ServerRules, parse_hours, parse_words
from riffbot.rules.quota import DAY, HOUR, Limit, check_limit, limits_of
from riffbot.validation import validate

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
RIFF = RiffRequest(prompt="funky sax", seed=1)


def test_the_defaults_allow_everything() -> None:
    rules = ServerRules()
    decisions.check_channel(rules, 1)
    decisions.check_roles(rules, ())
    decisions.check_size(rules, [RIFF.with_changes(steps=200)] * 4)
    decisions.check_hours(rules, NOON)
    assert decisions.check_words(rules, ["anything"]) is None
    assert limits_of(rules) == ()
    assert not rules.has_quota


def test_channels_and_roles() -> None:
    rules = ServerRules(channels=(5,), roles=(7, 8))
    decisions.check_channel(rules, 5)
    decisions.check_roles(rules, {8, 9})
    with pytest.raises(Disallowed, match="<#5>"):
        decisions.check_channel(rules, 6)
    with pytest.raises(Disallowed, match="<@&7>, <@&8>"):
        decisions.check_roles(rules, {9})


def test_clips_and_steps() -> None:
    rules = ServerRules(max_steps=20, max_clips=2)
    decisions.check_size(rules, [RIFF.with_changes(steps=20)] * 2)
    with pytest.raises(Disallowed, match="2 clips"):
        decisions.check_size(rules, [RIFF] * 3)
    with pytest.raises(Disallowed, match="20 steps"):
        decisions.check_size(rules, [RIFF.with_changes(steps=21)])
    assert decisions.limit_steps(rules, RIFF, 50).steps == 20
    assert decisions.limit_steps(rules, RIFF, 15) is RIFF
    assert decisions.limit_steps(rules, RIFF, None).steps == 20, "the model still loads"
    assert decisions.limit_steps(ServerRules(), RIFF, None) is RIFF
    assert decisions.shorten_steps(rules, RIFF) is RIFF
    assert decisions.shorten_steps(rules, RIFF.with_changes(steps=50)).steps == 20
    assert decisions.shorten_steps(rules, RIFF.with_changes(steps=9)).steps == 9


@pytest.mark.parametrize(
    ("hours", "hour", "opens"),
    [
        ((9, 18), 12, None), ((9, 18), 18, 33), ((9, 18), 8, 9), ((22, 2), 23, None),
        ((22, 2), 1, None), ((22, 2), 2, 22), ((0, 23), 23, 24),
    ],
)  # fmt: skip
def test_jam_hours(hours: tuple[int, int], hour: int, opens: int | None) -> None:
    rules = ServerRules(jam_from=hours[0], jam_until=hours[1])
    now = NOON.replace(hour=hour, minute=30)
    if opens is None:
        decisions.check_hours(rules, now)
        return
    with pytest.raises(Disallowed) as refused:
        decisions.check_hours(rules, now)
    assert refused.value.again_at == NOON.replace(hour=0) + timedelta(hours=opens)


def test_every_text_of_a_request_is_looked_at() -> None:
    rules = ServerRules(words=("bad",), word_action="refuse")
    target = Target(prompt="calm", negative="bad", seed=1)
    for request in (
        RIFF.with_changes(prompt="a (b4d:1.2) one"),
        RIFF.with_changes(negative="bad"),
        RIFF.with_changes(target=target),
        RIFF.with_changes(target=target.model_copy(update={"prompt": "bad", "negative": ""})),
    ):
        with pytest.raises(Disallowed) as refused:
            decisions.check_words(rules, decisions.texts_of(request))
        assert refused.value.word == "bad"
        assert "bad" not in str(refused.value)
    warns = rules.model_copy(update={"word_action": "warn"})
    assert decisions.check_words(warns, ["bad"]) == "bad"
    assert decisions.check_words(rules.model_copy(update={"word_action": "off"}), ["bad"]) is None


def test_a_rolling_window_says_when_it_goes_again() -> None:
    limit = Limit(3, HOUR, is_of_member=True)
    made = [NOON - timedelta(minutes=m) for m in (10, 50, 30, 61)]
    check_limit(limit, made[:2], 1, NOON)
    with pytest.raises(Disallowed) as refused:
        check_limit(limit, made, 1, NOON)
    assert refused.value.again_at == NOON + timedelta(minutes=10)
    assert "3 riffs in any hour" in str(refused.value)
    assert "2026-05-01 12:10 UTC" in str(refused.value)
    with pytest.raises(Disallowed) as refused:
        check_limit(limit, made, 2, NOON)
    assert refused.value.again_at == NOON + timedelta(minutes=30)
    with pytest.raises(Disallowed, match="fewer at once") as refused:
        check_limit(limit, [], 4, NOON)
    assert refused.value.again_at is None


def test_limits_are_those_that_are_set() -> None:
    rules = ServerRules(member_day=5, server_hour=9)
    assert limits_of(rules) == (Limit(9, HOUR, False), Limit(5, DAY, True))


def test_what_is_typed_is_read() -> None:
    assert parse_words("bad, very   bad\nugly,,bad") == ("bad", "very bad", "ugly")
    assert parse_hours(" 18 – 24 ") == (18, 0)
    assert parse_hours("") == (None, None)
    for typed in ("18", "18-18", "25-3", "a-b", "-1-3"):
        with pytest.raises(BadRequest, match="18-23"):
            parse_hours(typed)
    assert parse_words("😀, 4, 悪い, c++") == ("😀", "4", "悪い", "c++")
    for typed in ("-", "…", "bad, .", "*", "\u3164"):
        with pytest.raises(BadRequest, match="needs a letter, a digit or an emoji"):
            parse_words(typed)
    for bad in ({"words": ("*",)}, {"words": ("x" * 41,)}, {"member_hour": 0}, {"max_clips": 5}):
        with pytest.raises(BadRequest):
            validate(ServerRules, bad)


def test_a_stored_list_with_a_dash_is_read_and_the_dash_finds_nothing() -> None:
    stored = '{"words": ["-", "bad"], "word_action": "refuse"}'
    rules = ServerRules.model_validate_json(stored)
    assert decisions.check_words(rules, ["lofi - chill"]) is None
    with pytest.raises(Disallowed):
        decisions.check_words(rules, ["bad - chill"])


def test_rules_survive_json() -> None:
    rules = ServerRules(channels=(1,), words=("bad",), word_action="warn", member_hour=3)
    assert ServerRules.model_validate_json(rules.model_dump_json(exclude_defaults=True)) == rules
    newer = '{"channels": [1], "of_a_newer_version": true}'
    assert ServerRules.model_validate_json(newer).channels == (1,)
