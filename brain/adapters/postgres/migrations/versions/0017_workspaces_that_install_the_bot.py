"""Workspaces that install the bot themselves, with their sealed tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "installation",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("enterprise", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bot_user", sa.Text(), nullable=False),
        sa.Column("bot_id", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("teams", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("expires_at", moment, nullable=True),
        sa.Column("renewing_until", moment, nullable=True),
        sa.Column("installed_by", sa.Uuid(), nullable=True),
        sa.Column("installed_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "platform", "enterprise", "workspace"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "installed_by"],
            ["member.tenant_id", "member.id"],
            name=op.f("installation_tenant_id_installed_by_fkey"),
        ),
    )
    # Deliveries name the workspace, and not the tenant.
    op.create_index("installation_workspace", "installation", ["platform", "workspace"])
