"""What is to be notified, the outbox, and which cameras are armed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Stores had nothing of it before."""
    op.create_table(
        "news",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("fresh", sa.Boolean, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("rule", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("snapshot", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("held_back", sa.Integer, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
    )
    op.create_index("outbox_of_target", "outbox", ["target", "state", "seq"])
    op.create_index("outbox_of_event", "outbox", ["event"])
    op.create_index("outbox_of_rule", "outbox", ["target", "rule", "kind", "at_ms"])
    op.create_table(
        "arming",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("armed", sa.Boolean, nullable=False),
        sa.Column("snoozed_ms", sa.BigInteger),
    )
