"""How long what people wait for has been due, tenant by tenant."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.claiming import LINE
from brain.adapters.postgres.store import reachable
from brain.domain.identity import TenantId

_AGES = f"""{LINE}
SELECT tenant_id, extract(epoch FROM now() - min(first.due_at)) AS age
FROM line CROSS JOIN LATERAL (
    SELECT due_at FROM task
    WHERE state = 'ready' AND task.handler = line.handler AND task.tenant_id = line.tenant_id
    ORDER BY due_at LIMIT 1
) AS first WHERE first.due_at < now() - make_interval(secs => :late) GROUP BY tenant_id
"""


async def ages_s(engine: AsyncEngine, handlers: Collection[str], *, late_s: float) -> dict[TenantId, float]:
    """For how long the oldest task of each tenant has been due, where that is over `late_s`."""
    async with reachable(), engine.begin() as connection:
        rows = await connection.execute(text(_AGES), {"handlers": list(handlers), "late": late_s})
        return {TenantId(row.tenant_id): float(row.age) for row in rows}
