"""The rules of one server, as one immutable value with JSON both ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from riffbot.errors import BadRequest, shorten
from riffbot.rules.words import MAX_WORD, is_searchable

WordAction = Literal["off", "warn", "refuse"]
"""What happens when a prompt has a word of the list: nothing, a note to its author, a refusal."""

MAX_WORDS = 200
MAX_WORD_CHARACTERS = 3000
"""All words of a list together, so that the list fits into one text field of Discord."""

MAX_IDS = 25
"""Channels or roles in one list; Discord's select menus return at most so many."""

Count = Annotated[int, Field(ge=1, le=10_000)]
Hour = Annotated[int, Field(ge=0, le=23)]


class ServerRules(BaseModel):
    """What a server allows; the defaults allow everything.

    Attributes:
        channels: where riffs and jams may be made; empty: everywhere. A thread counts as its
            parent.
        roles: whose members may make riffs and start jams; empty: everyone.
        member_hour, member_day, server_hour, server_day: riffs that a member and all members may
            make in any 60 minutes and in any 24 hours; None: no limit.
        max_steps: most denoising steps of a riff (1 … 200).
        max_clips: most clips of one command (1 … 4).
        jam_from, jam_until: the hours, UTC, between which jams may play; both or neither.
        word_action: what happens when a prompt has one of the words.
        words: the list; see `riffbot.rules.words`.
        audit_channel_id: where refusals, deletions and changes of the rules are posted.
        retention_days: after so many days riffs that nobody saved are deleted; None: as the owner
            of this RiffBot decides. It can only shorten the owner's period.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    channels: Annotated[tuple[int, ...], Field(max_length=MAX_IDS)] = ()
    roles: Annotated[tuple[int, ...], Field(max_length=MAX_IDS)] = ()
    member_hour: Count | None = None
    member_day: Count | None = None
    server_hour: Count | None = None
    server_day: Count | None = None
    max_steps: Annotated[int, Field(ge=1, le=200)] | None = None
    max_clips: Annotated[int, Field(ge=1, le=4)] | None = None
    jam_from: Hour | None = None
    jam_until: Hour | None = None
    word_action: WordAction = "off"
    words: Annotated[tuple[str, ...], Field(max_length=MAX_WORDS)] = ()
    audit_channel_id: int | None = None
    retention_days: Annotated[int, Field(ge=1, le=36_500)] | None = None

    @field_validator("words")
    @classmethod
    def _check_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if len(word) > MAX_WORD or not word.strip(" *"):
                raise ValueError(f"“{shorten(word)}” is no word of 1 to {MAX_WORD} characters.")
        if sum(len(word) + 1 for word in words) > MAX_WORD_CHARACTERS:
            raise ValueError(f"A word list has at most {MAX_WORD_CHARACTERS} characters in all.")
        return words

    @property
    def has_quota(self) -> bool:
        """Whether riffs are counted."""
        limits = (self.member_hour, self.member_day, self.server_hour, self.server_day)
        return any(limit is not None for limit in limits)


def parse_words(typed: str) -> tuple[str, ...]:
    """Read a word list: words or phrases, separated by commas or lines; repeats are dropped.

    Raises:
        BadRequest: one of them has nothing that can be looked for.
    """
    parts = (" ".join(part.split()) for line in typed.splitlines() for part in line.split(","))
    words = tuple(dict.fromkeys(part for part in parts if part))
    for word in words:
        if not is_searchable(word):
            raise BadRequest(
                f"“{shorten(word)}” is no word: it needs a letter, a digit or an emoji."
            )
    return words


def parse_hours(typed: str) -> tuple[int, int] | tuple[None, None]:
    """Read jam hours such as `18-23`; nothing means at any time.

    Raises:
        BadRequest: these are not two different hours from 0 to 23.
    """
    if not typed.strip():
        return None, None
    parts = typed.replace("–", "-").split("-")
    if len(parts) == 2 and all(part.strip().isdecimal() for part in parts):
        begin, end = (int(part) % 24 if int(part) <= 24 else -1 for part in parts)
        if min(begin, end) >= 0 and begin != end:
            return begin, end
    raise BadRequest(
        f"Jam hours are two hours in UTC, for example 18-23, not “{shorten(typed)}”; leave them "
        "empty for any time."
    )
