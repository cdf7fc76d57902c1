"""Each answer says on which level of the ladder it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.add_column("answer", sa.Column("level", sa.Integer(), server_default="0", nullable=False))
