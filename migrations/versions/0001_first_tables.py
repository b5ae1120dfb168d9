"""The first tables: riffs and the words of their prompts, favourites, jobs.

Revision ID: 0001
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(name: str) -> sa.Column[str]:
    # Byte order, so that a range of the index is a prefix.
    plain = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    return sa.Column(name, plain, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "riffs",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        _key("prompt_key"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("seed_image", sa.String(80)),
        sa.Column("mask", sa.String(80)),
        sa.Column("denoising", sa.Double(), nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("model_hash", sa.String(64), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.BigInteger()),
        sa.Column("author_name", sa.Text()),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("channel_id", sa.BigInteger()),
        sa.Column("message_id", sa.BigInteger()),
        _time("created_at"),
        sa.Column("parent_id", sa.String(12)),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.Column("png", sa.String(64), nullable=False),
        sa.Column("mp3", sa.String(64), nullable=False),
        sa.Column("picture", sa.String(64), nullable=False),
        sa.Column("remix_allowed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["riffs.id"], name="fk_riffs_parent_id_riffs", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_riffs"),
    )
    op.create_index("ix_riffs_author_id_created_at", "riffs", ["author_id", "created_at"])
    op.create_index("ix_riffs_created_at", "riffs", ["created_at"])
    op.create_index("ix_riffs_guild_id_created_at", "riffs", ["guild_id", "created_at"])
    op.create_index("ix_riffs_message_id", "riffs", ["message_id"])
    op.create_index("ix_riffs_parent_id", "riffs", ["parent_id"])
    op.create_index("ix_riffs_prompt_key", "riffs", ["prompt_key"])
    op.create_index("ix_riffs_seed_image", "riffs", ["seed_image"])

    op.create_table(
        "riff_words",
        sa.Column("riff_id", sa.String(12), nullable=False),
        _key("word"),
        _time("created_at"),
        sa.ForeignKeyConstraint(
            ["riff_id"], ["riffs.id"], name="fk_riff_words_riff_id_riffs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("riff_id", "word", name="pk_riff_words"),
    )
    op.create_index("ix_riff_words_word_created_at", "riff_words", ["word", "created_at"])

    op.create_table(
        "favourites",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("riff_id", sa.String(12), nullable=False),
        _time("created_at"),
        sa.ForeignKeyConstraint(
            ["riff_id"], ["riffs.id"], name="fk_favourites_riff_id_riffs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "riff_id", name="pk_favourites"),
    )
    op.create_index("ix_favourites_riff_id", "favourites", ["riff_id"])
    op.create_index("ix_favourites_user_id_created_at", "favourites", ["user_id", "created_at"])

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("channel_id", sa.BigInteger()),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("token", sa.Text()),
        _time("token_expires_at", nullable=True),
        sa.Column("parent_id", sa.String(12)),
        _time("created_at"),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
    )
    op.create_index("ix_jobs_state_created_at", "jobs", ["state", "created_at"])


def downgrade() -> None:
    """Drop them, those that refer to others first."""
    for table in ("jobs", "favourites", "riff_words", "riffs"):
        op.drop_table(table)
