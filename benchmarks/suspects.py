"""What is known of questions that went wrong: the thread on the fake Slack beside the rows in PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from benchmarks.busy_slack import Asked
from benchmarks.load import Stage
from brain.adapters.postgres.store import connect

_MOST = 10
_TENANT = "SELECT set_config('expert.tenant_id', :tenant, true)"
_QUERIES = {
    # The keys of both of its events, which came in at one moment, and are dealt with by one.
    "inbox": "SELECT delivery_id, question_id, received_at FROM inbox WHERE received_at IN"
    " (SELECT received_at FROM inbox WHERE delivery_id LIKE :like OR payload LIKE :like)",
    "questions": "SELECT q.id, q.asked_at, q.idempotency_key FROM question q JOIN conversation c"
    " ON c.id = q.conversation_id WHERE c.thread = :ts",
    "messages": "SELECT m.key, m.ids, m.fence, m.unsure, m.claimed_until, m.created_at, m.tried_at"
    " FROM message m JOIN conversation c ON c.id = m.conversation_id WHERE c.thread = :ts",
    "tasks": "SELECT o.name, t.handler, t.state, t.attempts, t.crashes, t.error, t.created_at, t.due_at,"
    " t.enqueued_at, t.done_at FROM task t JOIN outbox o ON o.id = t.event_id WHERE o.payload->>'question' IN"
    " (SELECT q.id::text FROM question q JOIN conversation c ON c.id = q.conversation_id"
    " WHERE c.thread = :ts) OR o.payload->>'delivery' IN"
    " (SELECT id::text FROM inbox WHERE received_at IN"
    " (SELECT received_at FROM inbox WHERE delivery_id LIKE :like OR payload LIKE :like))"
    " ORDER BY t.created_at LIMIT 20",
}


async def evidence(stage: Stage, suspects: Sequence[tuple[str, Asked]]) -> list[dict[str, Any]]:
    """Of the first few."""
    engine = connect(stage.postgres.urls.app, pool_size=1)
    try:
        found = []
        for ts, asked in suspects[:_MOST]:
            known: dict[str, Any] = {
                "ts": ts,
                "waited_s": round((asked.answered_at or 0) - asked.acknowledged_at, 1),
                "messages": asked.messages,
                "thread": [
                    {"ts": one.ts, "text": one.text[:80], "metadata": one.metadata}
                    for one in asked.channel.replies(ts)
                ],
            }
            async with engine.begin() as connection:
                await connection.execute(text(_TENANT), {"tenant": str(asked.office.tenant)})
                for name, query in _QUERIES.items():
                    given = {"ts": ts, "like": f"%{ts}%"}
                    rows = await connection.execute(
                        text(query), {key: given[key] for key in given if f":{key}" in query}
                    )
                    known[name] = [{key: str(value) for key, value in row._mapping.items()} for row in rows]
            found.append(known)
    finally:
        await engine.dispose()
    return found
