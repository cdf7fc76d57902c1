"""A fact says which trace it belongs to, and when what it follows from began; what is stuck is found."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.add_column("outbox", sa.Column("traceparent", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("began_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "task_stuck", "task", ["handler"], postgresql_where=sa.text("state IN ('unknown', 'dead')")
    )
