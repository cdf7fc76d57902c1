"""What language models read and wrote for an answer, and what that cost."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for name in ("input_tokens", "output_tokens"):
        op.add_column("answer", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    # Null where nobody knows the price; what was answered before cost nothing that was counted.
    op.add_column("answer", sa.Column("cost_usd", sa.Float(), nullable=True))
