"""A department's threshold can be calibrated on its verdicts, beside what its file says."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("department", sa.Column("publish_filed", sa.Float(), nullable=True))
