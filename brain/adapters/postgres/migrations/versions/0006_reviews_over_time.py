"""Reviews over time: clocks, whose turn it is, what happened, and who was shown what."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

_MOMENT = sa.DateTime(timezone=True)
_NOW = sa.text("now()")


def upgrade() -> None:
    for name in ("remind_after_h", "hand_on_after_h", "owner_after_h"):
        op.add_column("department", sa.Column(name, sa.Float(), nullable=True))
    op.add_column("department", sa.Column("owner", sa.Text(), server_default="", nullable=False))
    op.add_column("department", sa.Column("time_zone", sa.Text(), nullable=True))
    for name in ("opens_minute", "closes_minute"):
        op.add_column("department", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "department",
        sa.Column("working_days", postgresql.ARRAY(sa.Integer()), server_default="{}", nullable=False),
    )
    op.add_column("member", sa.Column("absent_until", _MOMENT, nullable=True))
    op.add_column("review", sa.Column("assignee_id", sa.Uuid(), nullable=True))
    op.add_column("review", sa.Column("next_step", sa.Integer(), server_default="0", nullable=False))
    op.add_column("review", sa.Column("rings_at", _MOMENT, nullable=True))
    op.create_foreign_key(
        op.f("review_tenant_id_assignee_id_fkey"),
        "review",
        "member",
        ["tenant_id", "assignee_id"],
        ["tenant_id", "id"],
    )
    op.create_index(
        "review_assigned",
        "review",
        ["tenant_id", "assignee_id"],
        unique=False,
        postgresql_where=sa.text("status = 'open'"),
    )
    op.create_table(
        "review_move",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, server_default=_NOW, nullable=False),
        sa.CheckConstraint(
            "kind IN ('assigned', 'reminded', 'handed_on', 'passed', 'to_owner', 'expired')",
            name=op.f("review_move_kind_check"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "review_id"],
            ["review.tenant_id", "review.id"],
            name=op.f("review_move_tenant_id_review_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("review_move_tenant_id_member_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "by_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("review_move_tenant_id_by_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "review_id", "ordinal", name=op.f("review_move_pkey")),
    )
    op.create_table(
        "showing",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("shown_hash", sa.Text(), nullable=False),
        sa.Column("at", _MOMENT, server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "review_id"],
            ["review.tenant_id", "review.id"],
            name=op.f("showing_tenant_id_review_id_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("showing_tenant_id_member_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "review_id", "member_id", "shown_hash", name=op.f("showing_pkey")
        ),
    )
    _start_clocks()


def _start_clocks() -> None:
    """Reviews that were opened before there were clocks are handed to somebody at once, and go on from there.

    The owner is under the tenants' policies like everybody else, but for these lines; rights and policies
    are set again after every migration.
    """
    for table in ("review", "outbox"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE review SET rings_at = now() WHERE status = 'open'")
    op.execute(
        "INSERT INTO outbox (tenant_id, id, name, payload) SELECT tenant_id, gen_random_uuid(),"
        " 'ReviewClockRang', jsonb_build_object('review', id::text) FROM review WHERE status = 'open'"
    )
