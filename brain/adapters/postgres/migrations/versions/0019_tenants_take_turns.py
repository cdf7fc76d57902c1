"""What waits is found by whose turn it is."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_READY = sa.text("state = 'ready'")


def upgrade() -> None:
    op.drop_index("task_due", "task")
    op.create_index("task_due", "task", ["handler", "due_at"], postgresql_where=_READY)
    op.create_index("task_turn", "task", ["handler", "tenant_id", "due_at"], postgresql_where=_READY)
    op.create_index("task_leased", "task", ["lease_until"], postgresql_where=sa.text("state = 'leased'"))
