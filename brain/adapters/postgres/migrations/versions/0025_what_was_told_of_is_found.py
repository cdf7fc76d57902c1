"""What a broker was told of, and nobody has begun, is found."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_index(
        "task_told",
        "task",
        ["handler", "enqueued_at"],
        postgresql_where=sa.text("state = 'ready' AND enqueued_at IS NOT NULL"),
    )
