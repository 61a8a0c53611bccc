"""Leases of those who share a store, whose they are, and who recorded an event."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nobody shared a store before."""
    with op.batch_alter_table("events") as events:
        events.add_column(sa.Column("shard", sa.String(16)))
        events.add_column(sa.Column("epoch", sa.BigInteger))
    op.create_table(
        "leases",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("described", sa.Text, nullable=False),
        sa.Column("cameras", sa.String(16), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "site",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shards", sa.Integer, nullable=False),
    )
