"""Tasks by name: which of them a broker is to tell of, and leasing those that somebody was told of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import reachable
from brain.domain.identity import TenantId
from brain.domain.records import TaskId

# Told of once; again where it was not worked on for `again` seconds, or came back after it had been.
_MARK = """
WITH due AS (
    SELECT first.tenant_id, first.id FROM unnest(CAST(:handlers AS text[])) AS wanted (handler)
    CROSS JOIN LATERAL (
        SELECT tenant_id, id FROM task
        WHERE state = 'ready' AND task.handler = wanted.handler AND due_at <= now() AND (
            enqueued_at IS NULL OR enqueued_at < due_at
            OR enqueued_at < now() - make_interval(secs => :again))
        ORDER BY due_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    ) AS first LIMIT :limit
)
UPDATE task SET enqueued_at = now() FROM due
WHERE (task.tenant_id, task.id) = (due.tenant_id, due.id)
RETURNING task.tenant_id, task.id
"""


@dataclass(frozen=True, slots=True)
class TaskRef:
    """All that a broker is told of a task."""

    tenant: TenantId
    id: TaskId


async def mark_enqueued(
    engine: AsyncEngine, handlers: Collection[str], *, limit: int, again_s: float
) -> Sequence[TaskRef]:
    """Tasks of these handlers that are due and that nobody was told of, or too long ago; now somebody is."""
    wanted = {"handlers": list(handlers), "limit": limit, "again": again_s}
    async with reachable(), engine.begin() as connection:
        rows = await connection.execute(text(_MARK), wanted)
        return [TaskRef(TenantId(row.tenant_id), TaskId(row.id)) for row in rows]
