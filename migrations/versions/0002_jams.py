"""Jams: where each of them is.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "jams",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("voice_channel_id", sa.BigInteger()),
        sa.Column("text_channel_id", sa.BigInteger()),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("starter_id", sa.BigInteger()),
        sa.Column("starter_name", sa.Text()),
        sa.Column("bitrate", sa.Integer(), nullable=False),
        sa.Column("seed_image", sa.String(80), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jams"),
    )
    op.create_index("ix_jams_guild_id_updated_at", "jams", ["guild_id", "updated_at"])
    op.create_index("ix_jams_status", "jams", ["status"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("jams")
