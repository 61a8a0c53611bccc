"""The moment before which events were pruned: nothing from before it is taken in again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Until now, what was older than all events counted as pruned."""
    op.create_table(
        "pruned",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("before_ms", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO pruned SELECT 1, MIN(at_ms) FROM events"
        " WHERE reason IS NOT NULL AND NOT marked HAVING MIN(at_ms) IS NOT NULL"
    )
