"""The tables of the database. Every change needs a migration (a test compares the two)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from riffbot.library.types import FORMER_MEMBER, NOBODY, Author, Origin, Viewer
from riffbot.request import RiffRequest

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Explicit names, because a constraint without one cannot be dropped on SQLite."""


class UTCTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC, on databases that know time zones and on those that do not."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Set the time zone, which SQLite does not store, to UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class RequestJSON(TypeDecorator[RiffRequest]):
    """A RiffRequest as its own JSON, stored as text, so that reading returns an equal request."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: RiffRequest | None, dialect: Dialect) -> str | None:
        """Convert to JSON."""
        return None if value is None else value.model_dump_json()

    def process_result_value(self, value: Any, dialect: Dialect) -> RiffRequest | None:
        """Convert from JSON."""
        return None if value is None else RiffRequest.from_json(value)


Key = String().with_variant(String(collation="C"), "postgresql")
"""Text compared byte by byte, so that a range of an index is a prefix."""

Snowflake = BigInteger
Hash = String(64)


class Base(DeclarativeBase):
    """The base class of all tables."""

    metadata = MetaData(naming_convention=NAMING)


def _partial(column: str) -> Index:
    there = text(f"{column} IS NOT NULL")
    return Index(None, column, sqlite_where=there, postgresql_where=there)


class StoredRiff(Base):
    """A finished clip. Its id is the id of the job that made it.

    Attributes:
        request: resolved; other columns repeat those of its fields that are searched or counted.
        prompt_key: the prompt in lower case, for autocompletion by prefix.
        seed_image, mask: as in the request; their files are not collected.
        batch: `GeneratedRiff.batch`, which an exact replay repeats.
        author_id, author_name: the author; None for a former member.
        audience_id: the channel whose members may see it, as `Origin.audience_id`; with None only
            its author may.
        png, mp3, picture: sha256 of the files.
        remix_allowed: whether others may remix it.
        kind: one of `types.KINDS`.
        parent_id, second_parent_id: the riffs that it was made from; layers and morphs have two.
        second_image: the second picture of a layer or a morph; its file is not collected.
        gone: why the row was cleared, `deleted` or `erased`; None for a riff that exists. A
            deleted riff that others were made from keeps its row, without prompt, files and name.
    """

    __tablename__ = "riffs"
    __table_args__ = (
        # In the order of the pages, and with the columns that decide whether a riff is on one, so
        # that riffs that a member may not see are skipped without reading their rows.
        Index(None, "created_at", "id"),
        Index(None, "author_id", "created_at", "id"),
        Index(None, "guild_id", "created_at", "id", "audience_id"),
        Index(None, "prompt_key"),
        Index(None, "author_id", "prompt_key"),
        Index(None, "guild_id", "prompt_key", "audience_id"),
        # Nearly all are null. With a full index, SQLite's planner would expect a lookup to find
        # nearly all rows, and not use the index.
        _partial("second_parent_id"),
        _partial("second_image"),
    )

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    request: Mapped[RiffRequest] = mapped_column(RequestJSON)
    prompt: Mapped[str] = mapped_column(Text)
    prompt_key: Mapped[str] = mapped_column(Key)
    seed: Mapped[int] = mapped_column(BigInteger)
    seed_image: Mapped[str | None] = mapped_column(String(80), index=True)
    mask: Mapped[str | None] = mapped_column(String(80))
    denoising: Mapped[float]
    model_name: Mapped[str] = mapped_column(Text)
    model_hash: Mapped[str] = mapped_column(Hash)
    batch: Mapped[int]
    author_id: Mapped[int | None] = mapped_column(Snowflake)
    author_name: Mapped[str | None] = mapped_column(Text)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    channel_id: Mapped[int | None] = mapped_column(Snowflake)
    audience_id: Mapped[int | None] = mapped_column(Snowflake)
    message_id: Mapped[int | None] = mapped_column(Snowflake, index=True)
    created_at: Mapped[datetime] = mapped_column(UTCTime)
    parent_id: Mapped[str | None] = mapped_column(
        ForeignKey("riffs.id", ondelete="SET NULL"), index=True
    )
    duration_s: Mapped[float]
    alt: Mapped[str] = mapped_column(Text)
    png: Mapped[str] = mapped_column(Hash, index=True)
    mp3: Mapped[str] = mapped_column(Hash, index=True)
    picture: Mapped[str] = mapped_column(Hash, index=True)
    remix_allowed: Mapped[bool] = mapped_column(default=True)
    kind: Mapped[str] = mapped_column(String(16), default="riff", server_default="riff")
    second_parent_id: Mapped[str | None] = mapped_column(
        ForeignKey("riffs.id", ondelete="SET NULL")
    )
    second_image: Mapped[str | None] = mapped_column(String(80))
    gone: Mapped[str | None] = mapped_column(String(8))

    @property
    def author(self) -> Author:
        """The author; `FORMER_MEMBER` or `NOBODY` where there is none any more."""
        if self.author_id is None:
            return FORMER_MEMBER if self.gone != "deleted" else NOBODY
        return Author(self.author_id, self.author_name or "", self.guild_id)

    def is_visible_to(self, viewer: Viewer) -> bool:
        """Whether a viewer may see it: their own, or made in a channel that they see."""
        return self.author_id == viewer.user_id or self.audience_id in viewer.audiences

    @property
    def image_ref(self) -> str:
        """The reference of the riff's spectrogram, as a request's seed image."""
        return f"sha256:{self.png}"


class RiffWord(Base):
    """One word of a riff's prompt, so that search is an index lookup on every database.

    The primary key clusters the rows (on SQLite the table has no row ids): all riffs with a word
    lie together in the order of time, so that two words are intersected from the newest riff on.
    """

    __tablename__ = "riff_words"
    __table_args__ = (
        Index(None, "riff_id", "word"),
        Index(None, "author_id", "word", "created_at", "riff_id"),
        Index(None, "guild_id", "word", "created_at", "riff_id", "audience_id"),
        {"sqlite_with_rowid": False},
    )

    word: Mapped[str] = mapped_column(Key, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(UTCTime, primary_key=True)
    riff_id: Mapped[str] = mapped_column(
        ForeignKey("riffs.id", ondelete="CASCADE"), primary_key=True
    )
    author_id: Mapped[int | None] = mapped_column(Snowflake)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    audience_id: Mapped[int | None] = mapped_column(Snowflake)


class Favourite(Base):
    """A member's saved riff."""

    __tablename__ = "favourites"
    __table_args__ = (Index(None, "user_id", "created_at"),)

    user_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    riff_id: Mapped[str] = mapped_column(
        ForeignKey("riffs.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    created_at: Mapped[datetime] = mapped_column(UTCTime)


class StoredJam(Base):
    """A jam, so that a restart can resume it where it was.

    Attributes:
        guild_id: its key, see `jam_record.key_to_number`. A key's newest jam is resumed.
        voice_channel_id, text_channel_id, message_id: where it plays, and where its panel is.
        starter_id, starter_name: the member who started it; None for a former member.
        bitrate: of its packets, in bits a second.
        seed_image: as in the state; its file is not collected.
        status: a `jam_record.StoredJamStatus`.
        state: a `riffbot.jam.snapshot.JamSnapshot` as JSON.
    """

    __tablename__ = "jams"
    __table_args__ = (Index(None, "guild_id", "updated_at"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    voice_channel_id: Mapped[int | None] = mapped_column(Snowflake)
    text_channel_id: Mapped[int | None] = mapped_column(Snowflake)
    message_id: Mapped[int | None] = mapped_column(Snowflake)
    starter_id: Mapped[int | None] = mapped_column(Snowflake)
    starter_name: Mapped[str | None] = mapped_column(Text)
    bitrate: Mapped[int]
    seed_image: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(16), index=True)
    state: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCTime)
    updated_at: Mapped[datetime] = mapped_column(UTCTime)


class Member(Base):
    """Whether others may remix a member's riffs; a member without a row allows it."""

    __tablename__ = "members"

    user_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    remix_allowed: Mapped[bool] = mapped_column(default=True)


class StoredJob(Base):
    """A job: a requested clip, stored before it is queued, so that no crash loses it.

    Attributes:
        state: a `job_states.JobState`.
        attempts: how often computing it was begun.
        error: the sentence for the member, if it failed.
    """

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "created_at"),)

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    request: Mapped[RiffRequest] = mapped_column(RequestJSON)
    author_id: Mapped[int] = mapped_column(Snowflake)
    author_name: Mapped[str] = mapped_column(Text)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    channel_id: Mapped[int | None] = mapped_column(Snowflake)
    audience_id: Mapped[int | None] = mapped_column(Snowflake)
    message_id: Mapped[int | None] = mapped_column(Snowflake)
    token: Mapped[str | None] = mapped_column(Text)
    token_expires_at: Mapped[datetime | None] = mapped_column(UTCTime)
    parent_id: Mapped[str | None] = mapped_column(String(12))
    second_parent_id: Mapped[str | None] = mapped_column(String(12))
    created_at: Mapped[datetime] = mapped_column(UTCTime)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)

    @property
    def author(self) -> Author:
        """The member who made the request."""
        return Author(self.author_id, self.author_name, self.guild_id)

    @property
    def origin(self) -> Origin | None:
        """Where the reply is sent; None outside of Discord."""
        if self.channel_id is None:
            return None
        return Origin(
            channel_id=self.channel_id,
            audience_id=self.audience_id,
            message_id=self.message_id,
            token=self.token,
            token_expires_at=self.token_expires_at,
        )


class GuildSettings(Base):
    """The settings of a Discord server.

    Attributes:
        jam_steer, jam_stop: who may steer and who may stop a jam, as `guilds.JamControl`.
        dj_role_id: the DJ role; None until one is chosen.
        rules: a `riffbot.rules.policy.ServerRules` as JSON; None allows everything.
    """

    __tablename__ = "guild_settings"

    guild_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    jam_steer: Mapped[str] = mapped_column(String(8))
    jam_stop: Mapped[str] = mapped_column(String(8))
    dj_role_id: Mapped[int | None] = mapped_column(Snowflake)
    rules: Mapped[str | None] = mapped_column(Text)


class QuotaCharge(Base):
    """A riff that counts against the quotas of its member and server, for a day.

    Attributes:
        job_id: the job that it pays for; the row is deleted where that fails or is cancelled.
        user_id: the member; 0 after they had everything about them erased.
    """

    __tablename__ = "quota_charges"
    __table_args__ = (Index(None, "guild_id", "charged_at"),)

    job_id: Mapped[str] = mapped_column(String(12), primary_key=True)
    guild_id: Mapped[int] = mapped_column(Snowflake)
    user_id: Mapped[int] = mapped_column(Snowflake, index=True)
    charged_at: Mapped[datetime] = mapped_column(UTCTime, index=True)


class AuditEntry(Base):
    """Who did what, for moderators and for the owner.

    Attributes:
        guild_id: the server; None outside of one.
        actor_id: the member who did it; 0 for the owner at the command line, None for a former
            member.
        action: an `audit.AuditAction`.
        subject: what it was done to: the id of a riff, a member or a server, or a word of a list.
        detail: the rest, in a few words; never what a member typed.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "guild_id", "id"),)

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    created_at: Mapped[datetime] = mapped_column(UTCTime, index=True)
    guild_id: Mapped[int | None] = mapped_column(Snowflake)
    actor_id: Mapped[int | None] = mapped_column(Snowflake, index=True)
    action: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)


class Block(Base):
    """A member or a server that the owner of this RiffBot does not serve."""

    __tablename__ = "blocks"

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    target_id: Mapped[int] = mapped_column(Snowflake, primary_key=True, autoincrement=False)
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCTime)


class OperatorState(Base):
    """What the owner has told the running RiffBot; at most one row, whose id is 1.

    Attributes:
        is_draining: no new riffs and jams are taken; what was begun is finished.
        announcement: the sentence for members; empty for none.
        announced_at: when it was written, so that it is posted once.
    """

    __tablename__ = "operator_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    is_draining: Mapped[bool]
    announcement: Mapped[str] = mapped_column(Text)
    announced_at: Mapped[datetime | None] = mapped_column(UTCTime)
