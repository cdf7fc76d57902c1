"""Another index may hold a copy of a tenant's passages, and is told of every change to them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

# Whatever changes passages, there is one place that tells of it: here. One event for each document or article
# and transaction; the time is part of its id, as a restored database counts its transactions anew.
_TELL = """
CREATE FUNCTION tell_replica() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (tenant_id, id, name, payload, due_at)
    SELECT DISTINCT c.tenant_id, md5(pg_current_xact_id()::text || now()::text || c.source::text)::uuid,
        'PassagesChanged', jsonb_build_object('source', c.source), now()
    FROM (SELECT tenant_id, coalesce(document_id, article_id) AS source FROM changed) c
    JOIN tenant t ON t.id = c.tenant_id AND t.replica IS NOT NULL
    ON CONFLICT (tenant_id, id) DO NOTHING;
    IF FOUND THEN
        NOTIFY expert_outbox;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("tenant", sa.Column("replica", sa.Text(), nullable=True))
    op.add_column("tenant", sa.Column("replica_whole", sa.Boolean(), server_default="false", nullable=False))
    op.execute(_TELL)
    for name, when, rows in (
        ("added", "INSERT", "NEW"),
        ("moved", "UPDATE", "NEW"),
        ("removed", "DELETE", "OLD"),
    ):
        op.execute(
            f"CREATE TRIGGER passage_{name} AFTER {when} ON passage REFERENCING {rows} TABLE AS changed"
            " FOR EACH STATEMENT EXECUTE FUNCTION tell_replica()"
        )
