"""What is to be forgotten of platforms is found by its age."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.create_index("inbox_received", "inbox", ["received_at"])
    op.create_index("message_created", "message", ["created_at"])
