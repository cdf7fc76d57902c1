"""What a tenant, and each of its members, may ask at once."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "bucket",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("whose", sa.Uuid(), nullable=False),
        sa.Column("remaining", sa.Float(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="bucket_tenant_fkey"),
        sa.PrimaryKeyConstraint("tenant_id", "whose"),
    )
