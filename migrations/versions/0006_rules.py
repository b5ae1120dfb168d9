"""What servers and the owner allow: rules, quotas, an audit log, blocks.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_INDEXES = (
    ("quota_charges", ("guild_id", "charged_at")),
    ("quota_charges", ("user_id",)),
    ("quota_charges", ("charged_at",)),
    ("audit_log", ("guild_id", "id")),
    ("audit_log", ("created_at",)),
    ("audit_log", ("actor_id",)),
)


def upgrade() -> None:
    """No server has rules yet, and nobody is blocked."""
    op.add_column("guild_settings", sa.Column("rules", sa.Text()))
    op.create_table(
        "quota_charges",
        sa.Column("job_id", sa.String(12), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("charged_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_quota_charges"),
    )
    op.create_table(
        "audit_log",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("actor_id", sa.BigInteger()),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_table(
        "blocks",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("target_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("kind", "target_id", name="pk_blocks"),
    )
    op.create_table(
        "operator_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_draining", sa.Boolean(), nullable=False),
        sa.Column("announcement", sa.Text(), nullable=False),
        sa.Column("announced_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_operator_state"),
    )
    for table, columns in _INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))


def downgrade() -> None:
    """Take it back: an older RiffBot has no rules."""
    for table in ("operator_state", "blocks", "audit_log", "quota_charges"):
        op.drop_table(table)
    with op.batch_alter_table("guild_settings") as altered:
        altered.drop_column("rules")
