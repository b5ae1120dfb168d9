"""Who may see a riff, and words in the order of time.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OLD = (
    ("author_id", "created_at"),
    ("created_at",),
    ("guild_id", "created_at"),
    ("guild_id", "prompt_key"),
)
_NEW = (
    ("created_at", "id"),
    ("author_id", "created_at", "id"),
    ("guild_id", "created_at", "id", "audience_id"),
    ("guild_id", "prompt_key", "audience_id"),
)
_OLD_WORDS = (
    ("word", "created_at"),
    ("author_id", "word", "created_at"),
    ("guild_id", "word", "created_at"),
)
_NEW_WORDS = (
    ("riff_id", "word"),
    ("author_id", "word", "created_at", "riff_id"),
    ("guild_id", "word", "created_at", "riff_id", "audience_id"),
)


def upgrade() -> None:
    """What was made in a channel is seen by whoever sees that channel."""
    for table in ("riffs", "jobs"):
        op.add_column(table, sa.Column("audience_id", sa.BigInteger()))
        op.execute(f"UPDATE {table} SET audience_id = channel_id")
    _exchange("riffs", _OLD, _NEW)
    audience = sa.Column("audience_id", sa.BigInteger())
    _rebuild_words(("word", "created_at", "riff_id"), _NEW_WORDS, audience, with_rowid=False)


def downgrade() -> None:
    """Take it back: an older RiffBot shows a server all that was made in it."""
    _rebuild_words(("riff_id", "word"), _OLD_WORDS)
    _exchange("riffs", _NEW, _OLD)
    for table in ("riffs", "jobs"):
        with op.batch_alter_table(table) as altered:
            altered.drop_column("audience_id")


def _rebuild_words(
    key: tuple[str, ...],
    indexes: tuple[tuple[str, ...], ...],
    *more: sa.Column[int],
    with_rowid: bool = True,
) -> None:
    """The table of words anew, in another order; all but the words is found in their riffs."""
    op.execute("CREATE TEMPORARY TABLE kept_words AS SELECT riff_id, word FROM riff_words")
    op.drop_table("riff_words")
    # Byte order, so that a range of the index is a prefix.
    plain = sa.String().with_variant(sa.String(collation="C"), "postgresql")
    op.create_table(
        "riff_words",
        sa.Column("riff_id", sa.String(12), nullable=False),
        sa.Column("word", plain, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.BigInteger()),
        sa.Column("guild_id", sa.BigInteger()),
        *more,
        sa.ForeignKeyConstraint(
            ["riff_id"], ["riffs.id"], name="fk_riff_words_riff_id_riffs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(*key, name="pk_riff_words"),
        sqlite_with_rowid=with_rowid,
    )
    columns = ", ".join(["created_at", "author_id", "guild_id", *(column.name for column in more)])
    op.execute(
        f"INSERT INTO riff_words (riff_id, word, {columns}) SELECT kept_words.riff_id, "
        f"kept_words.word, {columns} FROM kept_words JOIN riffs ON riffs.id = kept_words.riff_id "
        # Written as it will lie: a table in order is built without moving anything.
        "ORDER BY kept_words.word, created_at, kept_words.riff_id"
    )
    op.execute("DROP TABLE kept_words")
    for names in indexes:
        op.create_index(_name("riff_words", names), "riff_words", list(names))


def _exchange(
    table: str, old: tuple[tuple[str, ...], ...], new: tuple[tuple[str, ...], ...]
) -> None:
    for names in old:
        op.drop_index(_name(table, names), table)
    for names in new:
        op.create_index(_name(table, names), table, list(names))


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
