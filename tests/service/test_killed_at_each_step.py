"""Killed before and after each commit: what was accepted is finished once; nothing is half done or stale."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.fastembed_embedder import FastembedEmbedder
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import SqlStore, connect
from brain.domain.answer import AnswerStatus
from brain.domain.article import ArticleStatus
from brain.domain.errors import Conflict, Missing
from brain.domain.knowledge import DocumentId
from brain.domain.review import VerdictKind
from brain.usecases.accept import Asking
from brain.usecases.ask import silent
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.ingest import Outcome, Upload
from brain.usecases.read import reply, review
from config.settings import DatabaseUrls
from tests.conftest import RUNBOOKS, World, new_world
from tests.service.dying import Work, as_line
from workers.executor import Executor, working
from workers.tasks.answer import answer

REDIS = (RUNBOOKS / "it-ops" / "redis-operations.md").read_text()
BADGES = "# Badges\n\n## Lost badge\n\nReport a lost badge on extension 4242, at any hour.\n"
LOST = "On which extension do I report a lost badge?"
TERRACE = "How do I book the roof terrace for a party?"


@dataclass(frozen=True, slots=True)
class Doomed:
    """Runs works that die at a step."""

    process: "subprocess.Popen[str]"
    urls: DatabaseUrls

    def dies(self, world: World, name: str, *words: str, at: int, by: str = "ravi") -> bool:
        """False where the work has fewer steps, and was done."""
        work = Work(name, at, self.urls.app, self.urls.system, str(world.tenant), by, words)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(as_line(work))
        self.process.stdin.flush()
        status = int(self.process.stdout.readline())
        assert status in (0, -signal.SIGKILL), "the work failed by itself: see standard error"
        return status != 0


@pytest.fixture(scope="module")
def doomed(urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doomed]:
    home = str(tmp_path_factory.mktemp("models"))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.service.dying", home],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Doomed(process, urls)
        assert process.stdin is not None
        process.stdin.close()


NewWorld = Callable[[], Awaitable[World]]


@pytest.fixture
def fresh(
    store: SqlStore, system_engine: AsyncEngine, embedder: FastembedEmbedder, urls: DatabaseUrls
) -> NewWorld:
    """A new tenant, alone in the queue."""

    async def build() -> World:
        owner = connect(urls.owner, pool_size=1)
        async with owner.begin() as connection:
            await connection.execute(text("TRUNCATE outbox, task"))
        await owner.dispose()
        return await new_world(store, system_engine, embedder)

    return build


async def _count(world: World, table: str) -> int:
    async with world.store.transaction(world.tenant) as tx:
        return int(await tx.connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def _only_done(world: World, executor: Executor) -> None:
    """Work until none of this executor's tasks is left to do."""
    own = ", ".join(f"'{name}'" for name in executor.handlers)
    async with working(executor), asyncio.timeout(60):
        while True:
            ended = f"task WHERE handler IN ({own}) HAVING count(*) > 0 AND bool_and(state = 'done')"
            if await _count(world, ended):
                return
            await asyncio.sleep(0.02)


async def test_ask(doomed: Doomed, fresh: NewWorld, system_engine: AsyncEngine) -> None:
    step, dying = 0, True
    while dying:
        step += 1
        world = await fresh()
        await world.reads("badges.md", BADGES)
        asking = Asking(LOST, idempotency_key="one")
        dying = doomed.dies(world, "ask", asking.text, "one", at=step, by="amira")
        accepted = await _count(world, "question")
        question = await world.accept(world.people["amira"], asking)  # as the client does who heard nothing
        assert await _count(world, "question") == 1, f"step {step}"
        assert step == 1 or accepted == 1, f"lost at step {step}"
        handlers = {"answer": answer(world.ask, report=lambda _: silent)}
        await _only_done(world, Executor(Queue(system_engine), handlers, 2, Random(0)))
        got = await reply(world.store, world.people["amira"], question)
        assert got.answer is not None
        assert got.answer.status is AnswerStatus.PUBLISHED
        assert await _count(world, "answer") == 1, f"step {step}"
        assert await _count(world, "outbox WHERE name = 'AnswerPublished'") == 1, f"step {step}"
    assert step > 12, "accept, relay, claim, read, match, search, save and complete commit"


async def test_decide(doomed: Doomed, fresh: NewWorld) -> None:
    step, dying = 0, True
    while dying:
        step += 1
        world = await fresh()
        first = await world.asks(TERRACE)
        second = await world.asks(TERRACE, by="omar")
        assert first.review is not None
        assert second.review == first.review
        case = await review(world.store, world.people["ravi"], first.review)
        words = "Write to the front desk two weeks ahead."
        dying = doomed.dies(world, "decide", str(first.review), case.review.shown_hash, words, at=step)
        judgement = Judgement(first.review, VerdictKind.APPROVE, case.review.shown_hash, text=words)
        with suppress(Conflict):  # "already decided by Ravi": it had been, and is not decided twice
            await world.decide(world.people["ravi"], judgement)
        for asked, by in ((first, "amira"), (second, "omar")):
            got = await reply(world.store, world.people[by], asked.question.id)
            assert got.answer is not None
            assert (got.answer.status, got.answer.text) == (AnswerStatus.PUBLISHED, words), f"step {step}"
        for table in ("verdict", "article", "article_version", "training_example"):
            assert await _count(world, table) == 1, f"{table} at step {step}"
        given = "audit WHERE action LIKE 'verdict.%' AND action <> 'verdict.refused'"
        assert await _count(world, given) == 1, f"step {step}"
        assert await _count(world, "outbox WHERE name IN ('AnswerApproved', 'AnswerAmended')") == 1
    assert step > 4, "reading the case and recording the verdict commit"


async def test_ingest(doomed: Doomed, fresh: NewWorld) -> None:
    async def stored(world: World) -> list[int]:
        tables = ("document", "passage", "posting", "embedding", "outbox WHERE name = 'DocumentChanged'")
        return [await _count(world, table) for table in tables]

    whole = await fresh()
    await whole.reads("redis.md", REDIS)
    nothing, everything = [0] * 5, await stored(whole)
    step, dying = 0, True
    while dying:
        step += 1
        world = await fresh()
        dying = doomed.dies(world, "ingest", "it-ops", "redis.md", REDIS, at=step)
        assert await stored(world) in (nothing, everything), f"half indexed at step {step}"
        again = await world.reads("redis.md", REDIS)
        assert again.outcome in (Outcome.ADDED, Outcome.UNCHANGED)
        assert again.document.version == 1
        assert await stored(world) == everything, f"step {step}"
    assert step > 4, "looking for a former version and saving commit"


async def _approved_badges(world: World) -> str:
    """A runbook of a department that publishes nothing unseen, and an answer approved on its strength."""
    read = await world.reads("badges.md", BADGES, department="procurement")
    asked = await world.asks(LOST)
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    assert case.answer.citations
    await world.decide(
        world.people["ravi"], Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash)
    )
    return str(read.document.id)


async def _serves_nothing_stale(world: World, *, changed: bool, step: int) -> None:
    live = await _count(world, f"article WHERE status = '{ArticleStatus.LIVE.value}'")
    assert live == (0 if changed else 1), f"step {step}"
    again = await world.asks(LOST)
    assert again.answer is not None
    assert ("4242" in again.answer.text) is not changed, f"step {step}"


async def test_suspend_by_change(doomed: Doomed, fresh: NewWorld) -> None:
    step, dying = 0, True
    while dying:
        step += 1
        world = await fresh()
        await _approved_badges(world)
        newer = BADGES.replace("4242", "5151")
        dying = doomed.dies(world, "ingest", "procurement", "badges.md", newer, at=step)
        changed = bool(await _count(world, "document WHERE version = 2"))
        await _serves_nothing_stale(world, changed=changed, step=step)
        upload = Upload("procurement", "badges.md", newer.encode())
        assert (await world.ingest(world.people["ravi"], upload)).document.version == 2
        await _serves_nothing_stale(world, changed=True, step=step)
    assert step > 4


async def test_suspend_by_forgetting(doomed: Doomed, fresh: NewWorld) -> None:
    step, dying = 0, True
    while dying:
        step += 1
        world = await fresh()
        document = await _approved_badges(world)
        dying = doomed.dies(world, "forget", document, at=step)
        gone = not await _count(world, "document")
        await _serves_nothing_stale(world, changed=gone, step=step)
        with suppress(Missing):
            await forget(world.store, world.people["ravi"], DocumentId(UUID(document)))
        await _serves_nothing_stale(world, changed=True, step=step)
        assert await _count(world, "passage WHERE document_id IS NOT NULL") == 0
    assert step > 2
