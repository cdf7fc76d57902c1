"""How the queue stands, cheaply: everything here is read from small partial indexes or the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import reachable
from brain.domain.records import TaskState

# What is done is many, and tells nothing: it is not counted.
_BY_HANDLER = """
SELECT handler, state, count(*) AS tasks, count(*) FILTER (WHERE due_at <= now()) AS due,
    max(extract(epoch FROM now() - due_at)) FILTER (WHERE due_at <= now()) AS oldest_s
FROM task WHERE state = 'ready' GROUP BY handler, state
UNION ALL
SELECT handler, state, count(*), 0, NULL FROM task WHERE state = 'leased' GROUP BY handler, state
UNION ALL
SELECT handler, state, count(*), 0, NULL FROM task WHERE state IN ('unknown', 'dead') GROUP BY handler, state
"""

_OUTBOX = """
SELECT count(*), extract(epoch FROM now() - min(created_at)) FROM outbox WHERE relayed_at IS NULL
"""

# As the planner estimates: counting them would read them all. -1: nobody has looked yet.
_TABLES = """
SELECT relname, greatest(reltuples, 0), pg_total_relation_size(oid) FROM pg_class
WHERE oid IN ('inbox'::regclass, 'outbox'::regclass, 'task'::regclass, 'message'::regclass)
"""

_SCHEDULES = """
SELECT name, outcome, extract(epoch FROM ended_at) AS ended_at, extract(epoch FROM now() - due_at) AS over_s
FROM schedule
"""


@dataclass(frozen=True, slots=True)
class HandlerGauges:
    """`due` of those in that state; `oldest_s` past its time, 0 where nothing waits."""

    handler: str
    state: TaskState
    tasks: int
    due: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class ScheduleGauges:
    """`ended_at` in seconds since 1970, None while it is being done; `overdue_s` is 0 before its time."""

    name: str
    ended_at: float | None
    failed: bool
    overdue_s: float


@dataclass(frozen=True, slots=True)
class QueueGauges:
    """`rows` and `bytes` by table; rows are the planner's estimate."""

    handlers: tuple[HandlerGauges, ...] = ()
    unrelayed: int = 0
    oldest_unrelayed_s: float = 0.0
    rows: Mapping[str, float] = field(default_factory=dict)
    bytes: Mapping[str, float] = field(default_factory=dict)
    schedules: tuple[ScheduleGauges, ...] = ()

    @property
    def oldest_due_s(self) -> float:
        return max((one.oldest_s for one in self.handlers), default=0.0)


async def queue_gauges(system: AsyncEngine) -> QueueGauges:
    async with reachable(), system.connect() as connection:
        handlers = await connection.execute(text(_BY_HANDLER))
        outbox = (await connection.execute(text(_OUTBOX))).one()
        tables = (await connection.execute(text(_TABLES))).all()
        schedules = (await connection.execute(text(_SCHEDULES))).all()
        return QueueGauges(
            handlers=tuple(
                HandlerGauges(
                    row.handler, TaskState(row.state), row.tasks, row.due, max(0.0, float(row.oldest_s or 0))
                )
                for row in handlers
            ),
            unrelayed=outbox[0],
            oldest_unrelayed_s=float(outbox[1] or 0),
            rows={name: float(rows) for name, rows, _ in tables},
            bytes={name: float(size) for name, _, size in tables},
            schedules=tuple(
                ScheduleGauges(
                    row.name,
                    None if row.ended_at is None else float(row.ended_at),
                    row.outcome not in ("", "done"),
                    max(0.0, float(row.over_s)),
                )
                for row in schedules
            ),
        )
