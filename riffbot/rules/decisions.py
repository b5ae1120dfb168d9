"""Decides whether something may be made: each function returns, or raises with one sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from riffbot.errors import Disallowed
from riffbot.request import RiffRequest
from riffbot.rules.policy import ServerRules
from riffbot.rules.words import find_word
from riffbot.wording import plural

FEW_STEPS = 20
"""Steps that are enough for every kind of model."""


def check_channel(rules: ServerRules, channel_id: int) -> None:
    """Check that riffs and jams may be made in a channel; of a thread: its parent.

    Raises:
        Disallowed: they may not; the sentence mentions where they may.
    """
    if rules.channels and channel_id not in rules.channels:
        others = ", ".join(f"<#{one}>" for one in rules.channels)
        raise Disallowed(f"On this server I make music only in {others}.")


def check_roles(rules: ServerRules, role_ids: Collection[int]) -> None:
    """Check that a member with these roles may make riffs and start jams.

    Raises:
        Disallowed: the member has none of the roles of the server's rules.
    """
    if rules.roles and not set(rules.roles) & set(role_ids):
        others = ", ".join(f"<@&{one}>" for one in rules.roles)
        raise Disallowed(f"On this server only {others} may do that, and who manages it.")


def check_size(rules: ServerRules, requests: Collection[RiffRequest]) -> None:
    """Check the number of clips of one command, and the steps that were asked for.

    Raises:
        Disallowed: there are too many.
    """
    if rules.max_clips is not None and len(requests) > rules.max_clips:
        clips = plural(rules.max_clips, "clip")
        raise Disallowed(f"On this server one command makes {clips} at most.")
    most = max((request.steps or 0 for request in requests), default=0)
    if rules.max_steps is not None and most > rules.max_steps:
        steps = plural(rules.max_steps, "step")
        raise Disallowed(f"On this server a riff may take {steps} at most: please ask for fewer.")


def limit_steps(rules: ServerRules, request: RiffRequest, default_steps: int | None) -> RiffRequest:
    """Return a request that leaves its steps open, with no more than the rules allow.

    Args:
        default_steps: what the model would take; None while nobody knows: then the request gets
            `FEW_STEPS` at most.
    """
    most = rules.max_steps
    if most is None or request.steps is not None:
        return request
    if default_steps is not None and default_steps <= most:
        return request
    return request.with_changes(steps=most if default_steps is not None else min(most, FEW_STEPS))


def shorten_steps(rules: ServerRules, request: RiffRequest) -> RiffRequest:
    """Return the request of an earlier riff, with no more steps than the rules allow by now."""
    if rules.max_steps is None or (request.steps or 0) <= rules.max_steps:
        return request
    return request.with_changes(steps=rules.max_steps)


def check_hours(rules: ServerRules, now: datetime) -> None:
    """Check that jams may play now.

    Args:
        now: the time, in UTC.

    Raises:
        Disallowed: they may not; it has the time at which they may.
    """
    begin, end = rules.jam_from, rules.jam_until
    if begin is None or end is None:
        return
    is_open = begin <= now.hour < end if begin < end else now.hour >= begin or now.hour < end
    if not is_open:
        again_at = now.replace(hour=begin, minute=0, second=0, microsecond=0)
        if again_at <= now:
            again_at += timedelta(days=1)
        raise Disallowed(
            f"On this server jams play from {begin}:00 to {end}:00 UTC.", again_at=again_at
        )


def texts_of(request: RiffRequest) -> list[str]:
    """Return every text of a request that a member wrote."""
    texts = [request.prompt, request.negative]
    if request.target is not None:
        texts.append(request.target.prompt)
        texts.append(request.target.negative)
    return texts


def check_words(rules: ServerRules, texts: Iterable[str]) -> str | None:
    """Check texts against the word list.

    Returns:
        The word of the list that was found, if the rules only warn.

    Raises:
        Disallowed: the rules refuse it; `word` of the error is the word.
    """
    if rules.word_action == "off":
        return None
    for text in texts:
        if (word := find_word(text, rules.words)) is None:
            continue
        if rules.word_action == "refuse":
            raise Disallowed(
                "This server does not want one of these words in what I make: please say it in "
                "other words.",
                word=word,
            )
        return word
    return None
