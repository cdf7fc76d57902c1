"""What chat platforms deliver, what is posted there, and how the bot behaves in their channels."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"

_PLACE = ["tenant_id", "platform", "workspace", "channel", "thread"]


def upgrade() -> None:
    op.add_column("conversation", sa.Column("reader", sa.Text(), server_default="", nullable=False))
    op.add_column(
        "conversation", sa.Column("stepped_back", sa.Boolean(), server_default="false", nullable=False)
    )
    op.drop_constraint("conversation_platform_key", "conversation", type_="unique")
    op.create_unique_constraint("conversation_platform_key", "conversation", [*_PLACE, "reader"])
    op.add_column("question", sa.Column("outsiders", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("question", sa.Column("overheard", sa.Float(), nullable=True))
    op.add_column(
        "inbox", sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)
    )
    op.alter_column("inbox", "id", server_default=None)
    op.create_unique_constraint("inbox_id_key", "inbox", ["tenant_id", "id"])
    op.add_column("inbox", sa.Column("payload", sa.Text(), nullable=True))
    _messages()
    _channels()


def _messages() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "message",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("ids", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("private", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unsure", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("claimed_until", moment, nullable=True),
        sa.Column("reply_to", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_until", moment, nullable=True),
        sa.Column("replies_left", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tried_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.Column("turn_at", moment, nullable=True),
        sa.Column("created_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            name=op.f("message_tenant_id_conversation_id_fkey"),
        ),
    )
    op.create_index("message_conversation", "message", ["tenant_id", "conversation_id", "position"])
    op.create_index("message_turn", "message", ["tenant_id", "turn_at"])
    op.create_index("message_ids", "message", ["ids"], postgresql_using="gin")


def _channels() -> None:
    op.create_table(
        "channel",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("answers", sa.Text(), nullable=False),
        sa.Column("may_ask", sa.Text(), nullable=False),
        sa.Column("least_confidence", sa.Float(), nullable=False),
        sa.Column("alerts", sa.Boolean(), nullable=False),
        sa.Column("reviews", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.Column("opens_minute", sa.Integer(), server_default="0", nullable=False),
        sa.Column("closes_minute", sa.Integer(), server_default="0", nullable=False),
        sa.Column("working_days", postgresql.ARRAY(sa.Integer()), server_default="{}", nullable=False),
        sa.Column("set_up_by", sa.Uuid(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "platform", "workspace", "channel"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "department_id"],
            ["department.tenant_id", "department.id"],
            name=op.f("channel_tenant_id_department_id_fkey"),
        ),
        sa.CheckConstraint("answers IN ('mentions', 'questions')", name=op.f("channel_answers_check")),
        sa.CheckConstraint("may_ask IN ('members', 'everyone')", name=op.f("channel_may_ask_check")),
    )
