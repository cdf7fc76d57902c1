"""A scope can be widened to further departments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column(
        "scope", sa.Column("also", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
    )
    op.drop_constraint("scope_departments_key", "scope", type_="unique")
    op.create_unique_constraint("scope_departments_key", "scope", ["tenant_id", "departments", "also"])
