"""Documents that look alike know of each other."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("document", sa.Column("twin_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("document_tenant_id_twin_id_fkey"),
        "document",
        "document",
        ["tenant_id", "twin_id"],
        ["tenant_id", "id"],
        ondelete="SET NULL (twin_id)",
    )
    op.create_index("document_twin", "document", ["tenant_id", "twin_id"])
    op.create_index(
        "document_waiting",
        "document",
        ["tenant_id"],
        postgresql_where=sa.text("status = 'live' AND content IS NOT NULL AND twin_id IS NULL"),
    )
    op.create_table(
        "likeness",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["document.tenant_id", "document.id"],
            name=op.f("likeness_tenant_id_document_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "department_id", "band", "document_id", name=op.f("likeness_pkey")
        ),
    )
    op.create_index("likeness_document", "likeness", ["tenant_id", "document_id"])
