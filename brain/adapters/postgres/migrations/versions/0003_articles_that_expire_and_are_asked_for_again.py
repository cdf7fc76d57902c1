"""Articles expire, say how each version came to be, and are reviewed again when their sources change."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("department", sa.Column("article_days", sa.Integer(), server_default="180", nullable=False))
    op.add_column("answer", sa.Column("withdrawn", sa.Text(), server_default="", nullable=False))
    op.create_index("answer_article", "answer", ["tenant_id", "article_id"])
    op.add_column("citation", sa.Column("passage_text", sa.Text(), server_default="", nullable=False))
    op.create_index("citation_article", "citation", ["tenant_id", "article_id"])
    op.add_column("article_version", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("review", sa.Column("article_id", sa.Uuid(), nullable=True))
    op.add_column("review", sa.Column("occasion", sa.Text(), server_default="answer", nullable=False))
    op.create_foreign_key(
        op.f("review_tenant_id_article_id_fkey"),
        "review",
        "article",
        ["tenant_id", "article_id"],
        ["tenant_id", "id"],
    )
    op.create_check_constraint(
        op.f("review_occasion_check"), "review", "(occasion = 'answer') = (article_id IS NULL)"
    )
    op.create_index(
        "review_article",
        "review",
        ["tenant_id", "article_id"],
        unique=True,
        postgresql_where=sa.text("status = 'open'"),
    )
    # What was approved before there was an end has half a year from now on, like what is approved today.
    end = sa.text("now() + interval '180 days'")
    op.add_column(
        "article", sa.Column("expires_at", sa.DateTime(timezone=True), server_default=end, nullable=False)
    )
    op.alter_column("article", "expires_at", server_default=sa.text("now()"))
    # Forced again, with all the others, right after the migrations: the owner sees no tenant's rows else.
    for table in ("article", "outbox"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO outbox (tenant_id, id, name, payload, due_at)"
        " SELECT tenant_id, gen_random_uuid(), 'ArticleFellDue', jsonb_build_object('article', id),"
        " expires_at - interval '14 days' FROM article WHERE status = 'live'"
    )
