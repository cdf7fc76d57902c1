"""Tasks by name: which of them a broker is to tell of, and leasing those that somebody was told of."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.claiming import due
from brain.adapters.postgres.store import reachable
from brain.domain.identity import TenantId
from brain.domain.records import TaskId

# Told of once; again where it was not worked on for `again` seconds, or came back after it had been. Whose
# turn it is, is as in claiming: what somebody has been told of counts as under way.
_UNTOLD = (
    "(enqueued_at IS NULL OR enqueued_at < task.due_at"
    " OR enqueued_at < now() - make_interval(secs => :again))"
)
_TOLD = "enqueued_at >= now() - make_interval(secs => :again) AND enqueued_at >= due_at"
MARK = f"""
{due(under_way=f"(state = 'leased' OR state = 'ready' AND {_TOLD})", waiting=f"AND {_UNTOLD}")}
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
    """Tasks of these handlers that are due and that nobody was told of, or too long ago; now somebody is.
    Tenants take turns."""
    wanted = {"handlers": list(handlers), "limit": limit, "again": again_s, "late": 0}
    async with reachable(), engine.begin() as connection:
        rows = await connection.execute(text(MARK), wanted)
        return [TaskRef(TenantId(row.tenant_id), TaskId(row.id)) for row in rows]
