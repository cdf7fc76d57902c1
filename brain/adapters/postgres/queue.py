"""The one place with SQL about outbox and tasks across tenants, as the system role."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, get_args
from uuid import UUID

import asyncpg
from sqlalchemy import ColumnElement, func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from brain.adapters.postgres import tables
from brain.adapters.postgres.claiming import CLAIM, CLAIM_THESE, NEXT_DUE
from brain.adapters.postgres.dispatching import TaskRef
from brain.adapters.postgres.forgetting import FORGETTING
from brain.adapters.postgres.store import ANY_TASK, CHANNEL, reachable
from brain.domain.crash_points import reached
from brain.domain.errors import Rejected, Unavailable
from brain.domain.events import Event
from brain.domain.identity import TenantId
from brain.domain.records import TaskId, TaskState
from brain.domain.tracing import UNKNOWN, Origin

_EVENTS: Mapping[str, Callable[..., Event]] = {event.__name__: event for event in get_args(Event)}

_TASK = tables.table(tables.Task)
Change = ColumnElement[Any] | str | None

# One number for "somebody is sweeping".
_SWEEPING = 7_316_254_004

_RELAY = """
WITH fact AS (
    SELECT tenant_id, id, name, due_at FROM outbox
    WHERE relayed_at IS NULL AND name = ANY(CAST(:known AS text[]))
    ORDER BY position LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
), subscription (name, handler) AS (
    SELECT * FROM unnest(CAST(:names AS text[]), CAST(:handlers AS text[]))
), created AS (
    INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, due_at, error)
    SELECT tenant_id, gen_random_uuid(), fact.id, handler, 'ready', 0, 0, due_at, ''
    FROM fact JOIN subscription USING (name)
    ON CONFLICT (tenant_id, event_id, handler) DO NOTHING
    RETURNING handler
), marked AS (
    UPDATE outbox SET relayed_at = now() FROM fact
    WHERE (outbox.tenant_id, outbox.id) = (fact.tenant_id, fact.id)
), told AS (
    SELECT pg_notify(:channel, string_agg(DISTINCT handler, ',')) FROM created HAVING count(*) > 0
)
SELECT count(*), (SELECT count(*) FROM told) FROM fact
"""

_LAPSE = """
WITH over AS (
    SELECT tenant_id, id FROM task
    WHERE state = 'leased' AND lease_until <= now() FOR UPDATE SKIP LOCKED
)
UPDATE task SET crashes = crashes + 1, lease_until = NULL, due_at = now(), state = 'ready',
    error = 'The worker stopped before it was finished.'
FROM over WHERE (task.tenant_id, task.id) = (over.tenant_id, over.id)
RETURNING task.tenant_id, task.id, handler, crashes
"""

_RELEASE = """
UPDATE task SET state = 'ready', lease_until = NULL, due_at = now()
FROM unnest(CAST(:tenants AS uuid[]), CAST(:ids AS uuid[]), CAST(:fences AS integer[]))
    AS held (tenant_id, id, fence)
WHERE (task.tenant_id, task.id, attempts, state) = (held.tenant_id, held.id, held.fence, 'leased')
"""

_COMPLETE = """
UPDATE task SET state = 'done', lease_until = NULL, done_at = now(), error = ''
FROM unnest(CAST(:tenants AS uuid[]), CAST(:ids AS uuid[]), CAST(:fences AS integer[]))
    AS held (tenant_id, id, fence)
WHERE (task.tenant_id, task.id, attempts, state) = (held.tenant_id, held.id, held.fence, 'leased')
RETURNING task.tenant_id, task.id
"""

_COUNTS = """
SELECT (SELECT jsonb_object_agg(state, tasks) FROM (SELECT state, count(*) tasks FROM task GROUP BY state) s),
    (SELECT count(*) FROM outbox WHERE relayed_at IS NULL),
    (SELECT extract(epoch FROM now() - min(due_at)) FROM task WHERE state = 'ready' AND due_at <= now()),
    (SELECT extract(epoch FROM now() - min(created_at)) FROM outbox WHERE relayed_at IS NULL)
"""


@dataclass(frozen=True, slots=True)
class ClaimedTask:
    """A task on lease. `attempts` is the fence: whoever claims it later gets a higher one.

    `crashes` counts the workers it took down and the bugs it met; `error` says what the last one was. When it
    was claimed, it had been waiting for `waited_s`, and `age_s` had gone by since what it follows from began.
    """

    tenant: TenantId
    id: TaskId
    handler: str
    attempts: int
    crashes: int
    error: str
    event_name: str
    payload: Mapping[str, str]
    origin: Origin = UNKNOWN
    waited_s: float = 0.0
    age_s: float | None = None


@dataclass(frozen=True, slots=True)
class LapsedTask:
    """A task whose worker let the lease run out, and which is ready again."""

    tenant: TenantId
    id: TaskId
    handler: str
    crashes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits, and how long the oldest has been waiting past its time."""

    tasks: Mapping[TaskState, int]
    unrelayed: int
    oldest_due_s: float
    oldest_unrelayed_s: float


def decode(name: str, payload: Mapping[str, str]) -> Event:
    """The event as it was emitted. Raises `Rejected` for one that another version wrote."""
    if (event := _EVENTS.get(name)) is None:
        raise Rejected(
            f"No event is called {name!r} in this version; replay the task with the one that knew it."
        )
    try:
        return event(**{field.name: UUID(payload[field.name]) for field in fields(event)})  # type: ignore[arg-type]  # the table holds dataclasses only
    except (KeyError, ValueError) as error:
        raise Rejected(
            f"The stored {name} does not have the ids that this version expects: {error}."
        ) from error


@dataclass(frozen=True, slots=True)
class Queue:
    """At least once, never twice at a time. Every clock is the database's.

    A handler's own writes are another role's transaction, so a crash between them and `complete` runs
    the handler again: handlers must be idempotent through the store's unique keys. What the queue
    promises is the fence: once a lease has passed on, nothing its former holder reports counts.
    """

    engine: AsyncEngine

    async def relay(self, handlers: Mapping[str, tuple[str, ...]], *, limit: int) -> int:
        """Turn facts into one task per handler, in one statement: all of it happens or none.

        Returns how many facts were moved. A fact whose name is not in the table is left
        for a newer relay. Replaying it changes nothing: a task is unique per event and handler.
        """
        pairs = [(name, handler) for name, wanted in handlers.items() for handler in wanted]
        async with reachable(), self.engine.begin() as connection:
            moved: int = await connection.scalar(
                text(_RELAY),
                {
                    "known": list(handlers),
                    "names": [name for name, _ in pairs],
                    "handlers": [handler for _, handler in pairs],
                    "limit": limit,
                    "channel": CHANNEL,
                },
            )
            if moved:
                reached("tasks made")
        if moved:
            reached("tasks committed")
        return moved

    async def claim(
        self, handlers: Collection[str], *, limit: int, lease_s: float = 20, late_s: float = 0
    ) -> list[ClaimedTask]:
        """Lease tasks that are due, for `late_s` at least. Tenants take turns; of one tenant, the longest due
        is first. The attempt is counted, and committed, before any work."""
        wanted = {"handlers": list(handlers), "limit": limit, "lease": lease_s, "late": late_s}
        return await self._leased(CLAIM, wanted)

    async def claim_these(
        self, handlers: Collection[str], refs: Sequence[TaskRef], *, limit: int, lease_s: float = 20
    ) -> list[ClaimedTask]:
        """As `claim`, of what somebody was told of: those that are due, are these handlers', and are free."""
        told = {"tenants": [ref.tenant for ref in refs], "ids": [ref.id for ref in refs], "limit": limit}
        return await self._leased(CLAIM_THESE, told | {"handlers": list(handlers), "lease": lease_s})

    async def _leased(self, statement: str, values: Mapping[str, Any]) -> list[ClaimedTask]:
        async with self._at_once() as connection:
            return [
                ClaimedTask(
                    tenant=TenantId(row.tenant_id),
                    id=TaskId(row.id),
                    handler=row.handler,
                    attempts=row.attempts,
                    crashes=row.crashes,
                    error=row.error,
                    event_name=row.name,
                    payload=row.payload,
                    origin=Origin(row.traceparent, row.began_at),
                    waited_s=float(row.waited_s),
                    age_s=None if row.age_s is None else float(row.age_s),
                )
                for row in await connection.execute(text(statement), values)
            ]

    async def lapse(self) -> list[LapsedTask]:
        """Count a crash for every lease that is over. Whoever claims the task next sees how many it had.

        One process at a time: while another is at it, there is nothing to do.
        """
        async with reachable(), self.engine.begin() as connection:
            if not await connection.scalar(text(f"SELECT pg_try_advisory_xact_lock({_SWEEPING})")):
                return []
            rows = await connection.execute(text(_LAPSE))
            return [
                LapsedTask(TenantId(row.tenant_id), TaskId(row.id), row.handler, row.crashes) for row in rows
            ]

    async def heartbeat(self, task: ClaimedTask, *, lease_s: float = 20) -> bool:
        """False where the lease has passed to somebody else: stop working."""
        return await self._settle(task, lease_until=_in(lease_s)) is not None

    async def complete(self, task: ClaimedTask) -> TaskState | None:
        """None where the lease was lost: what was done stays done, and is done again by its new holder."""
        return await self._settle(task, state=TaskState.DONE, lease_until=None, done_at=func.now(), error="")

    async def complete_all(self, tasks: Sequence[ClaimedTask]) -> set[TaskRef]:
        """As `complete`, in one statement; those whose lease was lost are not among what comes back."""
        async with self._at_once() as connection:
            rows = await connection.execute(text(_COMPLETE), _held(tasks))
            return {TaskRef(TenantId(row.tenant_id), TaskId(row.id)) for row in rows}

    async def retry(self, task: ClaimedTask, *, after_s: float, error: str, strike: bool) -> TaskState | None:
        """Ready again, with one crash more for a strike. None where the lease was lost."""
        return await self._settle(
            task,
            state=TaskState.READY,
            crashes=_TASK.c.crashes + int(strike),
            lease_until=None,
            due_at=_in(after_s),
            error=_plain(error),
        )

    async def bury(self, task: ClaimedTask, *, error: str) -> TaskState | None:
        """No attempt can succeed; somebody must look at it. None where the lease was lost."""
        return await self._settle(task, state=TaskState.DEAD, lease_until=None, error=_plain(error))

    async def release(self, tasks: Sequence[ClaimedTask]) -> None:
        """Give leases back at no cost; those already lost are left alone."""
        async with reachable(), self.engine.begin() as connection:
            await connection.execute(text(_RELEASE), _held(tasks))

    async def forget_done(self, *, days: int, limit: int) -> int:
        """Delete up to `limit` tasks that were done that long ago, as many facts that nobody works on, as
        many deliveries that came so long ago, and as many replies to them.

        Returns how many went. Dead tasks stay, with their facts and deliveries: somebody has to look at them.
        """
        gone = 0
        for statement in FORGETTING:
            async with reachable(), self.engine.begin() as connection:
                gone += (await connection.execute(text(statement), {"days": days, "limit": limit})).rowcount
        return gone

    async def next_due_in_s(self, handlers: Collection[str]) -> Mapping[str, float]:
        """Of those for which something waits; zero where it is due now."""
        async with self._at_once() as connection:
            rows = await connection.execute(text(NEXT_DUE), {"handlers": list(handlers)})
            return {row.handler: max(0.0, float(row.due_in_s)) for row in rows}

    async def counts(self) -> Counts:
        async with reachable(), self.engine.begin() as connection:
            by_state, unrelayed, due_s, unrelayed_s = (await connection.execute(text(_COUNTS))).one()
            return Counts(
                tasks={state: (by_state or {}).get(state.value, 0) for state in TaskState},
                unrelayed=unrelayed,
                oldest_due_s=float(due_s or 0),
                oldest_unrelayed_s=float(unrelayed_s or 0),
            )

    async def listen(self, on_facts: Callable[[], None], on_tasks: Callable[[Collection[str]], None]) -> None:
        """Call back where facts wait for the relay, and where tasks wait: for these handlers, or, without
        any, for whichever. Both are called once per connection, too, for what was missed before it.

        Runs until cancelled and reconnects by itself. Behind a pooler that swallows LISTEN
        nothing is lost but speed: relay and executor sweep as well.
        """
        # Its own connection: one that listens for hours must not count against the pool.
        engine = create_async_engine(self.engine.url, poolclass=NullPool)
        attempt = 0

        def heard(_driver: object, _pid: object, _channel: object, told: object) -> None:
            if told:
                on_tasks(() if told == ANY_TASK else str(told).split(","))
            else:
                on_facts()

        while True:
            try:
                async with reachable(), engine.connect() as connection:
                    driver: Any = (await connection.get_raw_connection()).driver_connection
                    await driver.add_listener(CHANNEL, heard)
                    attempt = 0
                    on_facts()
                    on_tasks(())
                    await _until_lost(driver)
            # Whatever is wrong with the database, the relay meets it too, and says so.
            except (Unavailable, OSError, asyncpg.InterfaceError, asyncpg.PostgresError):
                await asyncio.sleep(min(5.0, 0.1 * 2**attempt))
                attempt = min(attempt + 1, 10)

    @asynccontextmanager
    async def _at_once(self) -> AsyncIterator[AsyncConnection]:
        """For one statement, which commits by itself: a transaction around it is two more round trips."""
        async with reachable(), self.engine.connect() as connection:
            yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def _settle(self, task: ClaimedTask, **changes: Change) -> TaskState | None:
        """Write only while the lease is this holder's; the state it is in then."""
        ours = (
            _TASK.c.tenant_id == task.tenant,
            _TASK.c.id == task.id,
            _TASK.c.state == TaskState.LEASED,
            _TASK.c.attempts == task.attempts,
        )
        async with reachable(), self.engine.begin() as connection:
            state = await connection.scalar(
                update(_TASK).where(*ours).values(**changes).returning(_TASK.c.state)
            )
            return None if state is None else TaskState(state)


async def _until_lost(driver: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Raises when the connection is gone; a peer that vanished without a word is noticed by asking."""
    lost = asyncio.Event()
    driver.add_termination_listener(lambda *_: lost.set())
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await lost.wait()
        await driver.execute("SELECT 1", timeout=5)


def _held(tasks: Sequence[ClaimedTask]) -> Mapping[str, Sequence[object]]:
    return {
        "tenants": [task.tenant for task in tasks],
        "ids": [task.id for task in tasks],
        "fences": [task.attempts for task in tasks],
    }


def _in(seconds: float) -> ColumnElement[datetime]:
    """That long from now, by the database's clock."""
    return func.now() + timedelta(seconds=seconds)


def _plain(error: str) -> str:
    """What a PostgreSQL text column takes, and a list of tasks can show."""
    return error.replace("\0", "")[:500]
