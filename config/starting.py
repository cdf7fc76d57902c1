"""Before the product is whole: deliveries are taken in, and the database is waited for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Receive, Scope, Send

from brain.adapters.journal import Journal
from brain.adapters.postgres.store import reachable
from brain.adapters.postgres.tenants import installed_on
from brain.api.metrics import Metrics
from brain.api.services import Check, Readiness
from brain.api.starting import create_starting_app
from brain.domain.errors import Collided, DatabaseAway, Unavailable
from brain.domain.ladder import Known, rung
from brain.usecases.take_in import in_time
from config.ingress import Ingress
from config.slack_workspaces import PLATFORM

AGAIN_S = 1.0
_PATIENCE_S = 5.0
_LOOK_EVERY_S = 60.0
_HELD = "The product is not whole yet: it is starting."

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Front:
    """What the server serves: what starts, and then the whole. `away` says why the database is, if it is."""

    ingress: Ingress
    version: str
    away: str = ""
    app: ASGIApp = field(init=False)
    # Of all its apps, one after the other: what one has counted is not forgotten by the next.
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.ingress.measures.registry)
        self.starting()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)

    def starting(self) -> None:
        """Nothing is written to a database that was not looked at: whatever arrives, the journal keeps."""
        ingress = self.ingress
        ingress.take_in.circuit.held = _HELD
        ingress.measures.queue = None
        slack = ingress.slack
        self.app = create_starting_app(
            self.ready,
            metrics=self.metrics,
            circuits=[ingress.take_in.circuit],
            version=self.version,
            take_in_at=slack.take_in_at if slack else _nothing,
        )

    @asynccontextmanager
    async def kept_in_database(self) -> AsyncIterator[None]:
        """For as long as the block lasts. The database was looked at; what takes long comes after."""
        self.ingress.take_in.circuit.held, self.away = "", ""
        try:
            yield
        finally:
            self.starting()

    @asynccontextmanager
    async def whole(self, app: FastAPI) -> AsyncIterator[None]:
        """For as long as the block lasts. The server tells only the first of its apps that it ends."""
        async with app.router.lifespan_context(app):
            self.app = app
            yield

    async def ready(self) -> Readiness:
        """Only while the database is away, and deliveries are kept all the same: a start takes moments."""
        journal, held = journal_check(self.ingress.journal), bool(self.ingress.take_in.circuit.held)
        checks = (
            Check("database", not held, self.away or ("not looked at yet" if held else "PostgreSQL answers")),
            journal,
            Check("knowledge", False, "the product is starting"),
        )
        keeps = bool(self.away) and self.ingress.slack is not None and journal.ok
        return Readiness(keeps, checks, rung(Known(database=self.away)))


def _nothing(_: FastAPI) -> None:
    """No platform delivers here."""


def journal_check(journal: Journal) -> Check:
    """What keeps deliveries while the database is away."""
    if not journal.writable:
        return Check("journal", False, journal.problem or "it is full, or its directory cannot be written to")
    held = f"{journal.held} deliveries wait for the database" if journal.held else "empty"
    aside = f"; {journal.damaged} could not be read or replayed, see journal/aside" if journal.damaged else ""
    return Check("journal", True, held + aside)


async def answers(engine: AsyncEngine) -> None:
    """Raises `DatabaseAway` where it does not, soon."""

    async def ask() -> None:
        async with reachable(), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))

    await in_time(ask, within_s=_PATIENCE_S)


async def until_there(
    work: Callable[[], Awaitable[None]],
    *,
    stop: asyncio.Event,
    away: Callable[[str], None] | None = None,
) -> None:
    """Until `work` ends; again and again where it cannot be done without the database, of which `away` is
    told, or another process was at the same rows. What only a person can mend is not waited for. Once
    `stop` is set, nothing is begun."""
    told = ""
    while not stop.is_set():
        try:
            await work()
        except (DatabaseAway, Collided) as error:
            if stop.is_set():
                return
            if str(error) != told:
                log.warning("start.waits", reason=str(error))
            told = str(error)
            if away is not None and isinstance(error, DatabaseAway):
                away(told)
            await asyncio.sleep(AGAIN_S)
        else:
            return


async def note_workspaces(ingress: Ingress) -> None:
    """Until cancelled, whose workspace is whose is on disk, as the database has it."""
    while ingress.slack is not None:
        try:
            await ingress.slack.known.checked(await installed_on(ingress.system_engine, PLATFORM))
        except Unavailable as error:
            log.info("slack.workspaces_not_looked_at", reason=str(error))
        await asyncio.sleep(_LOOK_EVERY_S)
