"""What takes in what platforms deliver: the part of the product that works without a database, and before the
rest is there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.journal import Journal
from brain.adapters.postgres.store import SqlStore, connect
from brain.usecases.take_in import TakeIn
from config.audit_key import audit_keyring
from config.last_known import database_circuit
from config.measures import Measures
from config.settings import DatabaseUrls, Settings
from config.slack import Slack, slack
from config.tracing import trace_as_set

# Connections of the serving role, at least. Work that waits for models and platforms holds none.
_POOL = 10
# Those of deliveries that arrive, which share commits: nothing that is worked on makes a platform wait.
_ARRIVALS_POOL = 2


@dataclass(frozen=True, slots=True)
class Ingress:
    """Alive until `ingress` ends; connects to nothing by itself."""

    app_engine: AsyncEngine
    system_engine: AsyncEngine
    store: SqlStore
    journal: Journal
    take_in: TakeIn
    slack: Slack | None
    measures: Measures


@asynccontextmanager
async def ingress(settings: Settings, urls: DatabaseUrls) -> AsyncIterator[Ingress]:
    async with AsyncExitStack() as stack:
        await trace_as_set(settings, stack)
        app_engine = connect(urls.app, pool_size=max(_POOL, settings.workers // 2))
        stack.push_async_callback(app_engine.dispose)
        arrivals_engine = connect(urls.app, pool_size=_ARRIVALS_POOL)
        stack.push_async_callback(arrivals_engine.dispose)
        system_engine = connect(urls.system, pool_size=3)
        stack.push_async_callback(system_engine.dispose)
        measures = Measures()
        measures.pools({"app": app_engine, "arrivals": arrivals_engine, "system": system_engine})
        store = SqlStore(app_engine, audit_keyring(settings))
        journal = Journal(settings.home / "journal", most_bytes=settings.journal_mb * 2**20)
        stack.push_async_callback(journal.close)
        journal_measured(journal, measures)
        take_in = TakeIn(SqlStore(arrivals_engine, store.keyring), journal, database_circuit())
        on_slack = slack(settings, take_in, system_engine, stack, measures=measures)
        yield Ingress(app_engine, system_engine, store, journal, take_in, on_slack, measures)


def journal_measured(journal: Journal, measures: Measures) -> None:
    measures.reads(
        "expert_journal_deliveries",
        "Deliveries that wait on disk for the database.",
        (),
        lambda: [((), journal.held)],
    )
    measures.reads("expert_journal_bytes", "Bytes that they take.", (), lambda: [((), journal.size)])
    measures.reads(
        "expert_journal_damaged",
        "Records of the journal that could not be read or replayed.",
        (),
        lambda: [((), journal.damaged)],
        counts=True,
    )
    measures.reads(
        "expert_journal_refused",
        "Deliveries that the journal had no room for, or could not write.",
        (),
        lambda: [((), journal.refused)],
        counts=True,
    )
