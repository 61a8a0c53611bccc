"""Since when events were not deleted, so that those which were are not taken in again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Whatever is older than all that a store has counted as deleted before."""
    op.create_table(
        "pruned",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("before_ms", sa.BigInteger, nullable=False),
    )
    op.execute(
        "INSERT INTO pruned SELECT 1, MIN(at_ms) FROM events"
        " WHERE reason IS NOT NULL AND NOT marked HAVING MIN(at_ms) IS NOT NULL"
    )
