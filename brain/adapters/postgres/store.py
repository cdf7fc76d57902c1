"""The store: one transaction, one tenant, all its repositories."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import text
from sqlalchemy.event import listens_for
from sqlalchemy.exc import DBAPIError, InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from brain.adapters.grouped import Grouped
from brain.adapters.postgres.articles import SqlArticles
from brain.adapters.postgres.direct import DirectConnection
from brain.adapters.postgres.everything import SqlEverything
from brain.adapters.postgres.library import SqlLibrary
from brain.adapters.postgres.people import SqlPeople
from brain.adapters.postgres.personal import SqlPersonal
from brain.adapters.postgres.questions import SqlQuestions
from brain.adapters.postgres.records import SqlRecords
from brain.adapters.postgres.reviews import SqlReviews
from brain.adapters.postgres.talk import Arrived, SqlTalk, received_all
from brain.adapters.postgres.trail import append
from brain.domain import tracing
from brain.domain.audit import Keyring
from brain.domain.conversation import Delivery
from brain.domain.crash_points import reached
from brain.domain.errors import Collided, DatabaseAway, Rejected
from brain.domain.events import Event
from brain.domain.identity import TenantId
from brain.domain.moves import IllegalMove

CHANNEL = "expert_outbox"
# Said there, instead of nothing for a fact or the names of handlers for tasks: any task may be due by now.
ANY_TASK = "*"
# A connection that dies in COMMIT leaves open which it was.
_AWAY = "The database is not answering. If this was to change something, look whether it did, then try again."
_COLLIDED = (
    "This collided with another request at the same rows; nothing of it was kept, and it can be repeated."
)
# Connection lost; out of connections, memory or disk; shutting down or starting.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_AWAY_STATES = ("08", "53", "57P")
# Serialization failure, deadlock, lock timeout: PostgreSQL ended this transaction in favour of another.
_COLLIDED_RETRY_S = 1.0
_COLLIDED_STATES = ("40001", "40P01", "55P03")
# Ours: a trigger's, against a move that nobody has declared. Its detail says which.
_ILLEGAL_MOVE = "EX001"
_PAUSE_S = 2.0
# Whoever waits has gone to the journal by then.
_RECEIVED_WITHIN_S = 2.0
_USED_AT = "expert_used_at"
# What is to be written is wrong in itself, or belongs to what is gone.
_WRONG_STATES = ("22", "23")


def connect(url: str, *, pool_size: int) -> AsyncEngine:
    """An engine whose pool waits a little rather than growing without end."""
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=10)
    _ask_after_a_pause(engine)
    return engine


def _ask_after_a_pause(engine: AsyncEngine) -> None:
    """Whether a connection is still there. Asked each time, as `pool_pre_ping` does, it is half of what goes
    to the database; one that was used just now and is gone says so, and all that are as old go with it."""
    dialect, pool = engine.sync_engine.dialect, engine.sync_engine.pool

    @listens_for(pool, "checkin")
    def _returned(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED_AT] = time.monotonic()

    @listens_for(pool, "checkout")
    def _taken(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        now = time.monotonic()
        if now - record.info.get(_USED_AT, now) < _PAUSE_S:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error


@dataclass(frozen=True, slots=True)
class SqlTransaction:
    connection: AsyncConnection
    tenant: TenantId
    now: datetime
    people: SqlPeople
    library: SqlLibrary
    questions: SqlQuestions
    reviews: SqlReviews
    articles: SqlArticles
    records: SqlRecords
    personal: SqlPersonal
    everything: SqlEverything
    talk: SqlTalk

    async def emit(self, event: Event, *, after_s: float = 0) -> None:
        origin = tracing.origin()
        await self.connection.execute(
            text(
                "INSERT INTO outbox (tenant_id, id, name, payload, due_at, traceparent, began_at) VALUES"
                " (:tenant, :id, :name, CAST(:payload AS jsonb), now() + make_interval(secs => :after),"
                # Nobody waits for what is only due later.
                " :traceparent, CASE WHEN :after = 0 THEN coalesce(:began, now()) END)"
            ),
            {
                "tenant": self.tenant,
                "id": uuid4(),
                "name": type(event).__name__,
                "payload": _payload(event),
                "after": after_s,
                "traceparent": origin.traceparent,
                "began": origin.began_at,
            },
        )
        await self.connection.execute(text(f"NOTIFY {CHANNEL}"))


@dataclass(frozen=True, slots=True)
class SqlStore:
    """`keyring` signs the audit trail."""

    engine: AsyncEngine
    keyring: Keyring = field(default_factory=Keyring)
    _receiving: Grouped[Arrived, None] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_receiving", Grouped(self._receive_each, within_s=_RECEIVED_WITHIN_S))

    @asynccontextmanager
    async def transaction(self, tenant: TenantId) -> AsyncIterator[SqlTransaction]:
        async with reachable(), DirectConnection(self.engine) as connection, connection.begin():
            now = await enter(connection, tenant)
            people = SqlPeople(connection, tenant)
            tx = SqlTransaction(
                connection=connection,
                tenant=tenant,
                now=now,
                people=people,
                library=SqlLibrary(connection, tenant),
                questions=SqlQuestions(connection, tenant),
                reviews=SqlReviews(connection, tenant),
                articles=SqlArticles(connection, tenant),
                records=SqlRecords(connection, tenant),
                personal=SqlPersonal(connection, tenant),
                everything=SqlEverything(connection),
                talk=SqlTalk.of(connection, tenant, people),
            )
            yield tx
            if entries := [(now, entry) for entry in tx.records.audited]:
                reached("audit pending")
                await append(connection, tenant, entries, self.keyring)
                reached("audit appended")

    async def receive(self, tenant: TenantId, delivery: Delivery, event: Event) -> None:
        await self._receiving(_arrived(tenant, delivery, event, tracing.origin().traceparent))

    async def receive_all(self, tenant: TenantId, deliveries: Sequence[tuple[Delivery, Event, str]]) -> None:
        await self._receive([_arrived(tenant, *one) for one in deliveries])

    async def _receive_each(self, arrived: Sequence[Arrived]) -> Sequence[Exception | None]:
        """One that can never be kept takes nothing with it."""
        try:
            await self._receive(arrived)
        except Rejected as error:
            if len(arrived) == 1:
                return [error]
            return [outcome for one in arrived for outcome in await self._receive_each([one])]
        return [None] * len(arrived)

    async def _receive(self, arrived: Sequence[Arrived]) -> None:
        """All of them or none."""
        try:
            async with reachable(), self.engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await received_all(connection, arrived, channel=CHANNEL)
        except DBAPIError as error:
            state = str(getattr(error.orig, "sqlstate", None) or "")
            if state.startswith(_WRONG_STATES):
                raise Rejected(f"PostgreSQL refuses it with SQLSTATE {state}.") from error
            raise


def _arrived(tenant: TenantId, delivery: Delivery, event: Event, traceparent: str) -> Arrived:
    return Arrived(tenant, delivery, type(event).__name__, _payload(event), traceparent)


def _payload(event: Event) -> str:
    return json.dumps({name: str(value) for name, value in asdict(event).items()})


async def enter(connection: AsyncConnection, tenant: TenantId) -> datetime:
    """Bind this transaction, and it alone, to the tenant; the database's time comes back."""
    result = await connection.execute(
        text("SELECT now() FROM set_config('expert.tenant_id', :tenant, true)"), {"tenant": str(tenant)}
    )
    now: datetime = result.scalar_one()
    return now


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """The one place that tells "away" and "collided", which pass, from "the statement is wrong" and a bug."""
    try:
        yield
    # The last of them: asked in the moment in which PostgreSQL has taken its leave, and the connection still
    # seems to be there. SQLAlchemy hands it on as it is.
    except (OperationalError, InterfaceError, PoolTimeout, OSError, asyncpg.InternalClientError) as error:
        raise DatabaseAway(_AWAY) from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if state in _COLLIDED_STATES:
            raise Collided(_COLLIDED, _COLLIDED_RETRY_S) from error
        if error.connection_invalidated or state.startswith(_AWAY_STATES):
            raise DatabaseAway(_AWAY) from error
        if state == _ILLEGAL_MOVE:
            # Without the error it comes from, which quotes what was to be written.
            said = error.orig if hasattr(error.orig, "detail") else getattr(error.orig, "__cause__", None)
            raise IllegalMove(*str(getattr(said, "detail", "")).split("/")) from None
        raise
