"""What was embedded before is found by its content."""

from alembic import op

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    op.create_index("passage_content", "passage", ["tenant_id", "content_hash"])
