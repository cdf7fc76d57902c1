"""What is done can be found, and forgotten after a while."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    relayed, done = sa.text("relayed_at IS NOT NULL"), sa.text("state = 'done'")
    op.create_index("outbox_relayed", "outbox", ["relayed_at"], postgresql_where=relayed)
    op.create_index("task_done", "task", ["done_at"], postgresql_where=done)
