"""Answers, reviews, articles and tasks move only as `brain.domain.moves` declares; documents may move anyhow.

The moves are in the triggers' conditions, so that a legal one calls no function.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

# SQLSTATE EX001 is ours; its detail says what, from where, to where.
_REFUSE = """
CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    what text := coalesce(TG_ARGV[1], TG_TABLE_NAME);
    former text := CASE WHEN TG_OP = 'INSERT' THEN 'nothing' ELSE to_jsonb(OLD) ->> TG_ARGV[0] END;
    wanted text := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'EX001',
        MESSAGE = format('%s may not go from %s to %s', what, former, wanted),
        DETAIL = format('%s/%s/%s', what, former, wanted);
END $$
"""
_COLUMNS = {"answer": "status", "review": "status", "article": "status", "task": "state"}
_FIRST = {
    "answer": "draft in_review published abstained",
    "review": "open",
    "article": "live",
    "task": "ready",
}
_THEN = {
    "answer": {
        "draft": "published retracted",
        "in_review": "draft published rejected expired retracted",
        "abstained": "draft rejected expired retracted",
        "published": "draft rejected suspended retracted",
        "suspended": "draft published rejected expired retracted",
        "expired": "draft rejected retracted",
        "rejected": "draft retracted",
        "retracted": "draft",
    },
    "review": {"open": "decided expired"},
    "article": {"live": "suspended retracted", "suspended": "live retracted", "retracted": "live"},
    "task": {"ready": "leased", "leased": "ready done dead", "dead": "ready"},
}


def upgrade() -> None:
    op.execute(_REFUSE)
    for table, column in _COLUMNS.items():
        refused = f"FOR EACH ROW WHEN (%s) EXECUTE FUNCTION refuse_move('{column}')"
        first = ", ".join(f"'{state}'" for state in _FIRST[table].split())
        # After it: a row that an upsert proposes is not one that comes to be.
        began_wrong = refused % f"NEW.{column} NOT IN ({first})"
        op.execute(f"CREATE TRIGGER {table}_begins AFTER INSERT ON {table} {began_wrong}")
        legal = " OR ".join(
            f"OLD.{column} = '{before}' AND NEW.{column} IN ({', '.join(repr(s) for s in after.split())})"
            for before, after in _THEN[table].items()
        )
        moved_wrong = refused % f"OLD.{column} <> NEW.{column} AND NOT ({legal})"
        op.execute(f"CREATE TRIGGER {table}_moves BEFORE UPDATE OF {column} ON {table} {moved_wrong}")
    # An attempt is counted with the lease, before any work; and the fence only rises.
    uncounted = "OLD.state = 'ready' AND NEW.state = 'leased' AND NEW.attempts <= OLD.attempts"
    op.execute(
        "CREATE TRIGGER task_counts BEFORE UPDATE OF state, attempts ON task FOR EACH ROW"
        f" WHEN ({uncounted} OR NEW.attempts < OLD.attempts)"
        " EXECUTE FUNCTION refuse_move('attempts', 'count of attempts')"
    )
