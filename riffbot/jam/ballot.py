"""The votes of a jam: everybody has one, votes fade, prompts are blended by share.

A vote counts 1 when it is cast and half as much every three minutes. All votes fade alike, so the
blend changes only when somebody votes, never by itself: who spoke last weighs most, who left is
soon forgotten, and two who vote at the same time hear both of their prompts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from riffbot.errors import NotFound
from riffbot.jam.chunk_options import validate_prompt
from riffbot.jam.types import PromptShare
from riffbot.prompt import MAX_WEIGHT, Fragment, parse
from riffbot.request import MAX_PROMPT

HALF_LIFE_S = 180.0
MAX_BLENDED = 4
"""Prompts of a blend: of more, none would be recognised."""

MIN_SHARE = 0.15
"""Prompts with a smaller share of the votes are left out of the blend."""

_BRACKETS = re.compile(r"[()\[\]\\]")

MAX_PROMPTS = 25
"""Prompts on the ballot, as many as one Discord select shows."""


MAX_VOTES = 500
"""Votes on the ballot; the oldest are removed first, which weigh least."""


class Vote(BaseModel):
    """One member's vote.

    Attributes:
        user_id, name: of the member.
        prompt: what the vote is for.
        cast_s: when it was cast, in seconds of the jam's own time (what was heard), so that a pause
            or a restart fades nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: int
    name: str
    prompt: str
    cast_s: Annotated[float, Field(ge=0)]


class Ballot(BaseModel):
    """All votes of a jam, the oldest first; an immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    votes: tuple[Vote, ...] = ()

    def cast(self, user_id: int, name: str, prompt: str, now_s: float) -> Self:
        """The ballot with a member's vote, which replaces the one they had.

        Raises:
            BadRequest: the prompt cannot be read.
        """
        vote = Vote(user_id=user_id, name=name, prompt=validate_prompt(prompt), cast_s=now_s)
        others = [other for other in self.votes if other.user_id != user_id]
        kept = _without_the_weakest([*others, vote], now_s)
        return self.model_copy(update={"votes": tuple(kept)})

    def cast_for_listed(self, user_id: int, name: str, prompt: str, now_s: float) -> Self:
        """The ballot with a vote for a prompt that is listed already. Raises NotFound."""
        listed = next((v.prompt for v in self.votes if v.prompt == prompt.strip()), None)
        if listed is None:
            raise NotFound("That prompt has faded: add it again with /jam prompt.")
        return self.cast(user_id, name, listed, now_s)

    def without_member(self, user_id: int) -> Self:
        """The ballot without a member's vote."""
        return self.model_copy(
            update={"votes": tuple(v for v in self.votes if v.user_id != user_id)}
        )

    def shares(self, now_s: float) -> tuple[PromptShare, ...]:
        """Every prompt with its share of the votes, the strongest first."""
        weights = _weights(self.votes, now_s)
        total = sum(weights.values())
        order = sorted(weights, key=lambda prompt: -weights[prompt])
        return tuple(
            PromptShare(
                prompt,
                weights[prompt] / total,
                tuple(v.name for v in reversed(self.votes) if v.prompt == prompt),
            )
            for prompt in order
        )

    def blend(self, now_s: float) -> str | None:
        """The prompt that blends all votes; None when nobody has voted.

        A lone prompt is passed on as it is. Several become one text in which each carries its
        share as a weight, on top of the weights that its author gave; equal shares all weigh 1.
        """
        shares = [s for s in self.shares(now_s)[:MAX_BLENDED] if s.share >= MIN_SHARE]
        while len(shares) > 1:
            text = _spell(_blend(shares))
            if len(text) <= MAX_PROMPT:
                return text
            shares = shares[:-1]
        return shares[0].prompt if shares else None


def _blend(shares: Sequence[PromptShare]) -> list[Fragment]:
    """The fragments of all prompts, weighted by their shares, with commas in between."""
    total = sum(share.share for share in shares)
    blended: list[Fragment] = []
    for share in shares:
        # Between a half and one and a half: a token that weighs more than that drowns the others.
        factor = min(1.5, max(0.5, share.share / total * len(shares)))
        if blended:
            blended.append(Fragment(", "))
        blended += [_scale(fragment, factor) for fragment in parse(share.prompt)]
    return blended


def _scale(fragment: Fragment, factor: float) -> Fragment:
    # One decimal: a vote that hardly moves the shares does not move the music.
    return Fragment(fragment.text, round(min(MAX_WEIGHT, fragment.weight * factor), 1))


def _spell(fragments: Sequence[Fragment]) -> str:
    """Fragments as a prompt. Each has its own brackets, so that one which an author left open
    applies to nobody else's words."""
    parts = []
    for fragment in fragments:
        text = _BRACKETS.sub(r"\\\g<0>", fragment.text)
        parts.append(text if fragment.weight == 1 else f"({text}:{fragment.weight:g})")
    return "".join(parts)


def _weights(votes: Sequence[Vote], now_s: float) -> dict[str, float]:
    weights: dict[str, float] = {}
    # From the newest vote on all fade alike, and after two days the float is zero.
    now_s = min(now_s, max((vote.cast_s for vote in votes), default=now_s))
    for vote in votes:
        faded = 0.5 ** (max(0.0, now_s - vote.cast_s) / HALF_LIFE_S)
        weights[vote.prompt] = weights.get(vote.prompt, 0.0) + faded
    return weights


def _without_the_weakest(votes: list[Vote], now_s: float) -> list[Vote]:
    """At most `MAX_PROMPTS` prompts and the newest `MAX_VOTES` votes, and none that has faded to a
    thousandth."""
    alive = [v for v in votes if now_s - v.cast_s < 10 * HALF_LIFE_S][-MAX_VOTES:]
    weights = _weights(alive, now_s)
    kept = sorted(weights, key=lambda prompt: -weights[prompt])[:MAX_PROMPTS]
    return [vote for vote in alive if vote.prompt in kept]
