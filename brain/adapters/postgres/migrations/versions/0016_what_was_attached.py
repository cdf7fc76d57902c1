"""What was attached to a question, as far as it was read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "question", sa.Column("attachments", postgresql.JSONB(), server_default="[]", nullable=False)
    )
