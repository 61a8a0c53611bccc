"""Where events come from, windows that were not classified, and models side by side."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Alerts are all that stores had before."""
    with op.batch_alter_table("events") as events:
        events.add_column(
            sa.Column("origin", sa.String(16), nullable=False, server_default="alert")
        )
    with op.batch_alter_table("events") as events:
        events.alter_column("origin", server_default=None)
    op.create_index("events_of_origin", "events", ["origin", "at_ms"])
    op.create_table(
        "skipped",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("reason", sa.String(32), primary_key=True),
        sa.Column("windows", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
    )
    op.create_table(
        "pairs",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("shadow", sa.String(64), nullable=False),
    )
