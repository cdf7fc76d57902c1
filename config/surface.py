"""What this process shows of itself: the HTTP API, with its readiness and the state of its queue."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI
from sqlalchemy import text

from brain.adapters.postgres.gauges import queue_gauges
from brain.adapters.postgres.store import reachable
from brain.adapters.weaviate_index import WeaviateIndex
from brain.api.app import create_app
from brain.api.limits import Limits
from brain.api.metrics import Metrics
from brain.api.probes import Worker
from brain.api.progress import ProgressBoard
from brain.api.services import Check, Readiness, Services
from brain.domain.circuit import Circuit, State
from brain.domain.errors import Unavailable
from brain.domain.ladder import Known, Part, Rung, rung
from brain.domain.rates import Rate
from brain.domain.records import TaskState
from brain.usecases.calibrate import Calibrate
from brain.usecases.erase import Erase
from brain.usecases.export import Export
from brain.usecases.roll_back import RollBack
from config.settings import Settings
from config.starting import journal_check
from config.wiring import Wiring


@dataclass(slots=True)
class Surface:
    """`prepared`: the first ingestion is done. `board` is where the work on a question is followed. `metrics`
    are those of a process that has some already."""

    prepared: bool = False
    metrics: Metrics | None = None
    board: ProgressBoard = field(default_factory=ProgressBoard)


def surface(settings: Settings, wiring: Wiring, state: Surface) -> FastAPI:
    async def ready() -> Readiness:
        return await _readiness(settings, wiring, state)

    app = create_app(
        Services(
            store=wiring.store,
            accept=wiring.accept,
            ask=wiring.ask,
            decide=wiring.decide,
            ingest=wiring.ingest,
            roll_back=RollBack(wiring.store, wiring.embedder),
            erase=Erase(wiring.store, wiring.embedder),
            export=Export(wiring.store),
            calibrate=Calibrate(wiring.store, wiring.ask.calibration),
            ready=ready,
            queue_counts=lambda: queue_counts(wiring),
            metrics=state.metrics or Metrics(wiring.measures.registry),
            version=product_version(),
            board=state.board,
            circuits=wiring.circuits,
            rung=lambda away: standing(wiring, database=away),
            limits=Limits(
                requests=Rate(settings.requests_burst, settings.requests_per_s),
                questions=Rate(settings.questions_burst, settings.questions_per_s),
                failures=Rate(settings.wrong_keys, Limits().failures.per_s),
            ),
        )
    )
    if wiring.slack is not None:
        wiring.slack.receive_at(app)
    return app


def worker_seen(wiring: Wiring) -> Worker:
    """Of a process that serves nobody."""
    return Worker(
        wiring.measures.registry,
        lambda: queue_counts(wiring),
        wiring.circuits,
        lambda away: standing(wiring, database=away),
    )


async def queue_counts(wiring: Wiring) -> Mapping[str, float]:
    """Raises `Unavailable`, after which nothing of the queue is shown."""
    measures = wiring.measures
    measures.queue = None
    measures.queue = queue = await queue_gauges(wiring.system_engine)
    by_state = {state.value: 0.0 for state in TaskState if state is not TaskState.DONE}
    for one in queue.handlers:
        by_state[one.state.value] += one.tasks
    return by_state | {"oldest_due_s": max(queue.oldest_due_s, queue.oldest_unrelayed_s)}


def standing(wiring: Wiring, *, database: str) -> Rung:
    """How far below its best this process stands; `database` says why that is away, or is empty."""
    return rung(
        Known(
            writers=[Part.behind(circuit) for circuit in wiring.writers],
            others=[Part.behind(circuit) for circuit in wiring.other_models],
            search=wiring.ask.search_seen.reason,
            database=database,
            overload=_overload(wiring),
            backlog=wiring.brain.backlog.too_long if wiring.writers else "",
        )
    )


def _overload(wiring: Wiring) -> str:
    entrance = wiring.slack.entrance if wiring.slack else None
    return f"{entrance.under_way} deliveries are being taken in" if entrance and entrance.full else ""


def _circuit(name: str, circuit: Circuit) -> Check:
    """Ok in any state: while a model is away, the sources' own sentences are the answers; while a platform
    is, messages wait."""
    if circuit.state is State.CLOSED:
        return Check(name, True, "asked as usual")
    if circuit.state is State.HALF_OPEN:
        return Check(name, True, f"the next call tries it again: {circuit.reason}")
    return Check(name, True, f"left alone for another {circuit.wait_s:.0f} s: {circuit.reason}")


def _index(wiring: Wiring) -> Iterator[Check]:
    """Ok in any state: while Weaviate is away, PostgreSQL finds the passages."""
    if isinstance(wiring.index, WeaviateIndex):
        circuit = wiring.index.replica.connection.circuit
        asked = "Weaviate is asked as usual"
        away = f"PostgreSQL stands in for Weaviate: {circuit.reason}"
        yield Check("index", True, asked if circuit.state is State.CLOSED else away)


async def _readiness(settings: Settings, wiring: Wiring, state: Surface) -> Readiness:
    """Ready is whoever can acknowledge what arrives: the database can, or, where a platform delivers, the
    journal. What is asked over HTTP is answered at once or not at all, so without a platform the database
    is needed."""
    database, journal = await _database(wiring), journal_check(wiring.journal)
    knowledge = Check(
        "knowledge", state.prepared, "ready" if state.prepared else "the first ingestion is still running"
    )
    checks = (
        database,
        journal,
        knowledge,
        Check("embedder", True, wiring.embedder.name),
        Check("generator", True, settings.model or "extractive"),
        *(_circuit(f"model {one.name}", one) for one in (*wiring.writers, *wiring.other_models)),
        *_index(wiring),
        *([_circuit("slack", wiring.slack.circuit)] if wiring.slack else []),
    )
    level = standing(wiring, database="" if database.ok else database.detail)
    keeps = database.ok or (wiring.slack is not None and journal.ok)
    return Readiness(keeps and all(check.ok for check in checks[2:]), checks, level)


async def _database(wiring: Wiring) -> Check:
    try:
        async with reachable(), wiring.app_engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except Unavailable as error:
        return Check("database", False, str(error))
    return Check("database", True, "PostgreSQL answers; questions are accepted durably")


def product_version() -> str:
    try:
        return version("the-expert")
    except PackageNotFoundError:
        return "unpackaged"
