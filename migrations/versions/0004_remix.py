"""Families, consent and a faster search: two parents, tombstones, members, words by owner.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_RIFFS = (
    ("author_id", "prompt_key"),
    ("guild_id", "prompt_key"),
    ("png",),
    ("mp3",),
    ("picture",),
)
_PARTIAL = (("second_parent_id",), ("second_image",))
_WORDS = (("author_id", "word", "created_at"), ("guild_id", "word", "created_at"))


def upgrade() -> None:
    """Add the columns and what finds them; every word learns whose riff it belongs to."""
    with op.batch_alter_table("riffs") as riffs:
        riffs.add_column(sa.Column("kind", sa.String(16), nullable=False, server_default="riff"))
        riffs.add_column(sa.Column("second_parent_id", sa.String(12)))
        riffs.add_column(sa.Column("second_image", sa.String(80)))
        riffs.add_column(sa.Column("gone", sa.String(8)))
        riffs.create_foreign_key(
            "fk_riffs_second_parent_id_riffs",
            "riffs",
            ["second_parent_id"],
            ["id"],
            ondelete="SET NULL",
        )
    with op.batch_alter_table("riff_words") as words:
        words.add_column(sa.Column("author_id", sa.BigInteger()))
        words.add_column(sa.Column("guild_id", sa.BigInteger()))
    for column in ("author_id", "guild_id"):
        op.execute(
            f"UPDATE riff_words SET {column} = "
            f"(SELECT {column} FROM riffs WHERE riffs.id = riff_words.riff_id)"
        )
    op.execute("UPDATE riffs SET kind = 'remix' WHERE seed_image LIKE 'sha256:%'")
    op.execute("UPDATE riffs SET kind = 'inpaint' WHERE mask IS NOT NULL")
    for table, indexes in (("riffs", _RIFFS), ("riff_words", _WORDS)):
        for columns in indexes:
            op.create_index(_name(table, columns), table, list(columns))
    for columns in _PARTIAL:
        there = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(
            _name("riffs", columns),
            "riffs",
            list(columns),
            sqlite_where=there,
            postgresql_where=there,
        )
    op.add_column("jobs", sa.Column("second_parent_id", sa.String(12)))
    op.create_table(
        "members",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("remix_allowed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_members"),
    )


def downgrade() -> None:
    """Take it all back; tombstones go, since an older RiffBot would take them for riffs."""
    op.execute(
        "UPDATE riffs SET parent_id = NULL WHERE parent_id IN "
        "(SELECT id FROM riffs WHERE gone IS NOT NULL)"
    )
    op.execute("DELETE FROM riffs WHERE gone IS NOT NULL")
    _tell_in_older_words()
    op.drop_table("members")
    for table, indexes in (("riffs", (*_RIFFS, *_PARTIAL)), ("riff_words", _WORDS)):
        for columns in indexes:
            op.drop_index(_name(table, columns), table)
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("second_parent_id")
    with op.batch_alter_table("riff_words") as words:
        words.drop_column("guild_id")
        words.drop_column("author_id")
    with op.batch_alter_table("riffs") as riffs:
        riffs.drop_constraint("fk_riffs_second_parent_id_riffs", type_="foreignkey")
        for column in ("gone", "second_image", "second_parent_id", "kind"):
            riffs.drop_column(column)


def _tell_in_older_words() -> None:
    """Requests without `piece`, which an older RiffBot refuses to read even where it is null.

    A song, a walk or a mix becomes its own picture, given back as it is; one that is not made yet
    cannot be made there.
    """
    connection = op.get_bind()
    for table in ("riffs", "jobs"):
        found = sa.text(f"SELECT id, request FROM {table} WHERE request LIKE '%\"piece\"%'")
        for row, request in connection.execute(found).all():
            told = json.loads(request)
            if told.pop("piece", None) is None:
                _rewrite(table, row, told)
            elif table == "jobs":
                connection.execute(sa.text("DELETE FROM jobs WHERE id = :id"), {"id": row})
            else:
                png = connection.scalar(
                    sa.text("SELECT png FROM riffs WHERE id = :id"), {"id": row}
                )
                own = {"seed_image": f"sha256:{png}", "denoising": 0.0}
                told = {name: told[name] for name in ("prompt", "seed", "bpm") if name in told}
                _rewrite(table, row, told | own)
                connection.execute(
                    sa.text("UPDATE riffs SET seed_image = :image, mask = NULL WHERE id = :id"),
                    {"image": own["seed_image"], "id": row},
                )


def _rewrite(table: str, row: str, told: dict[str, object]) -> None:
    op.get_bind().execute(
        sa.text(f"UPDATE {table} SET request = :request WHERE id = :id"),
        {"request": json.dumps(told, ensure_ascii=False), "id": row},
    )


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"
