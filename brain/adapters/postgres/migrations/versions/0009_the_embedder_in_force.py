"""Which embedder is in force is a fact in the database."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("tenant", sa.Column("embedder", sa.Text(), nullable=True))
    # Row security binds the owner too; rights are set anew after the last migration, in this transaction.
    for table in ("tenant", "embedding"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE tenant SET embedder ="
        " (SELECT e.embedder FROM embedding e WHERE e.tenant_id = tenant.id LIMIT 1)"
    )
    for table in ("tenant", "embedding"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
