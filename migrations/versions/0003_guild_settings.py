"""Servers decide who may steer and stop their jams.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "guild_settings",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("jam_steer", sa.String(8), nullable=False),
        sa.Column("jam_stop", sa.String(8), nullable=False),
        sa.Column("dj_role_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("guild_id", name="pk_guild_settings"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("guild_settings")
