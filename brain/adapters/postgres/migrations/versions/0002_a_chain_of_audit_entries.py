"""Audit entries form a chain."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # Entries that are there already get their place in the chain at the next start: it takes the key.
    op.add_column("audit", sa.Column("sequence", sa.BigInteger(), nullable=True))
    for name in ("salts", "seals"):
        kind = postgresql.JSONB(astext_type=sa.Text())
        op.add_column("audit", sa.Column(name, kind, server_default="{}", nullable=False))
    for name in ("key", "hash"):
        op.add_column("audit", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.create_unique_constraint(op.f("audit_sequence_key"), "audit", ["tenant_id", "sequence"])
