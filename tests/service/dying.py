"""A process that does one piece of work and kills itself at a chosen step of it, as a power cut would.

Steps lie before and after each commit: between two commits the database keeps all or nothing. The model is
loaded once; each line of JSON on standard input is one `Work`, done in a process forked for it.
"""

import asyncio
import json
import os
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.documents import Documents
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.queue import Queue, decode
from brain.adapters.postgres.store import SqlStore, connect
from brain.domain.confidence import Calibration
from brain.domain.identity import Principal, TenantId
from brain.domain.knowledge import DocumentId
from brain.domain.review import VerdictKind
from brain.usecases.accept import Accept, Asking
from brain.usecases.ask import Ask, silent
from brain.usecases.decide import Decide, Judgement
from brain.usecases.forget import forget
from brain.usecases.ingest import Ingest, Upload
from workers.relay import SUBSCRIPTIONS
from workers.tasks.answer import answer

# Over at once, so that whoever takes over need not wait; nobody does before the work has ended.
LEASE_S = 0.05


@dataclass(frozen=True, slots=True)
class Work:
    """What to do, for whom, and at which step to die (from 1; a step that is not reached kills nobody)."""

    name: str
    at: int
    app: str
    system: str
    tenant: str
    by: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a piece of work is done with."""

    store: SqlStore
    system: AsyncEngine
    embedder: FastembedEmbedder
    principal: Principal


async def ask(bench: Bench, text: str, key: str) -> None:
    """As a worker does it, one step after the other."""
    await Accept(bench.store)(bench.principal, Asking(text, idempotency_key=key))
    queue = Queue(bench.system)
    await queue.relay({one.__name__: wanted for one, wanted in SUBSCRIPTIONS.items()}, limit=100)
    [task] = await queue.claim({"answer"}, limit=1, lease_s=LEASE_S)
    asking = Ask(
        bench.store,
        PostgresIndex(bench.store.engine),
        bench.embedder,
        ExtractiveGenerator(),
        Calibration.load(),
    )
    handle = answer(asking, report=lambda _: silent)
    await handle(task.tenant, decode(task.event_name, task.payload))
    await queue.complete(task)


async def decide(bench: Bench, number: str, shown_hash: str, text: str) -> None:
    judgement = Judgement(int(number), VerdictKind.APPROVE, shown_hash, text=text)
    await Decide(bench.store, bench.embedder)(bench.principal, judgement)


async def ingest(bench: Bench, department: str, source: str, text: str) -> None:
    upload = Upload(department, source, text.encode())
    with closing(Documents()) as parser:
        await Ingest(bench.store, bench.embedder, parser)(bench.principal, upload)


async def forget_document(bench: Bench, document: str) -> None:
    await forget(bench.store, bench.principal, DocumentId(UUID(document)))


WORKS: Mapping[str, Callable[..., Awaitable[None]]] = {
    "ask": ask,
    "decide": decide,
    "ingest": ingest,
    "forget": forget_document,
}


async def perform(work: Work, embedder: FastembedEmbedder) -> None:
    app, system = connect(work.app, pool_size=2), connect(work.system, pool_size=2)
    store = SqlStore(app)
    async with store.transaction(TenantId(UUID(work.tenant))) as tx:
        member = await tx.people.member(work.by)
    if member is None:
        raise LookupError(work.by)
    _set_fuse(work.at, app, system)
    bench = Bench(store, system, embedder, Principal(TenantId(UUID(work.tenant)), member))
    await WORKS[work.name](bench, *work.words)


def _set_fuse(at: int, *engines: AsyncEngine) -> None:
    left = at

    def step(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for engine in engines:
        event.listen(engine.sync_engine, "commit", step)  # fires before COMMIT is sent
        event.listen(engine.sync_engine, "checkin", step)


def main() -> None:
    # One thread: the threads of a loaded model do not survive a fork.
    embedder = FastembedEmbedder(PACKAGED, home=Path(sys.argv[1]), threads=1)
    for line in sys.stdin:
        fields = json.loads(line)
        work = Work(**{**fields, "words": tuple(fields["words"])})
        child = os.fork()
        if child == 0:
            failed = True
            try:
                asyncio.run(perform(work, embedder))
                failed = False
            finally:
                if failed:
                    traceback.print_exc()
                # At once: leaving in order would wait for threads that the fork left behind.
                os._exit(failed)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def as_line(work: Work) -> str:
    return json.dumps(asdict(work)) + "\n"


if __name__ == "__main__":
    main()
