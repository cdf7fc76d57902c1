"""What is left to do, in one look: between two, work slips from one kind into the other, and is missed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_EVER_S = 1e9
_UNDONE = """
SELECT (SELECT count(*) FROM outbox WHERE relayed_at IS NULL) AS facts,
    count(*) FILTER (WHERE state = 'ready' AND due_at < now() + make_interval(secs => :within)
        OR state IN ('leased', 'unknown')) AS tasks,
    count(*) FILTER (WHERE state = 'dead') AS dead
FROM task WHERE handler = ANY(:handlers)
"""


@dataclass(frozen=True, slots=True)
class Undone:
    """`facts` no task is made of yet; `tasks` are at work, or due; `dead` are those that were given up."""

    facts: int
    tasks: int
    dead: int

    def __bool__(self) -> bool:
        return bool(self.facts or self.tasks)


async def undone(system: AsyncEngine, handlers: Sequence[str], *, within_s: float = _EVER_S) -> Undone:
    """Of all tenants; tasks of other handlers, like the clocks of reviews, are not counted."""
    async with system.connect() as connection:
        row = (
            await connection.execute(text(_UNDONE), {"handlers": list(handlers), "within": within_s})
        ).one()
    return Undone(row.facts, row.tasks, row.dead)


async def worked_off(system: AsyncEngine, handlers: Sequence[str], *, within_s: float) -> Undone:
    """What is left in the end, or at the end of patience."""
    until = time.monotonic() + within_s
    while (left := await undone(system, handlers)) and time.monotonic() < until:  # noqa: ASYNC110  # the database tells nobody
        await asyncio.sleep(0.1)
    return left
