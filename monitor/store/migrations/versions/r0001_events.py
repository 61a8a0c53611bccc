"""The events with the reviews of people, and the states of the cameras."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "events",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("camera", sa.Text, nullable=False),
        sa.Column("region", sa.Text),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("model_name", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("start_ms", sa.BigInteger),
        sa.Column("end_ms", sa.BigInteger),
        sa.Column("start_s", sa.Float, nullable=False),
        sa.Column("end_s", sa.Float),
        sa.Column("reason", sa.Text),
        sa.Column("window_s", sa.Float, nullable=False),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("peak_score", sa.Float, nullable=False),
        sa.Column("peak_s", sa.Float),
        sa.Column("threshold", sa.Float),
        sa.Column("box", sa.JSON),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("latency_ms", sa.Float),
        sa.Column("review", sa.String(16), nullable=False),
        sa.Column("review_label", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("reviewer", sa.Text),
        sa.Column("reviewed_ms", sa.BigInteger),
        sa.Column("marked", sa.Boolean, nullable=False),
    )
    op.create_index("events_newest", "events", ["at_ms", "id"])
    op.create_index("events_of_camera", "events", ["camera", "at_ms"])
    op.create_index("events_of_label", "events", ["label", "at_ms"])
    op.create_index("events_by_review", "events", ["review", "at_ms"])
    op.create_table(
        "states",
        sa.Column("camera", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
    )
