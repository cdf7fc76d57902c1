"""Companies that ask at their own rates, on one database, with one process that answers: what the benchmarks
of fairness and of overload share. The model is a stub that takes as long as one would."""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter
from uuid import UUID, uuid4

from sqlalchemy import text

from benchmarks.stage import stage
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.shared_generator import SharedGenerator
from brain.domain.answer import Generation, Piece
from brain.domain.conversation import Conversation, Delivery, DeliveryId
from brain.domain.errors import TooFast
from brain.domain.events import DeliveryAccepted, Event, QuestionAsked
from brain.domain.identity import TenantId
from brain.domain.knowledge import Found
from brain.domain.overload import Backlog
from brain.domain.question import QuestionId, Turn
from brain.domain.rates import Rate, Turns
from brain.domain.slots import Slots
from brain.ports import Generator
from brain.usecases.accept import Accept, Asking
from brain.usecases.receive import receive
from config.settings import DatabaseUrls
from tests.conftest import RUNBOOKS, RememberingEmbedder, World, new_world
from workers.backlog import follow_backlog
from workers.executor import Executor, Handler, working
from workers.lanes import LANES

MODEL_S = 0.4
PLACES = 4
QUESTIONS = (
    "How do I rotate the Redis password?",
    "How do I check the memory of a Redis node?",
    "What do I do when Redis does not start?",
    "How do I fail over a Redis primary?",
    "Which port does Sentinel use?",
)
# As installations have them, but for the members: here a company has one who asks for all.
TURNS = Turns(tenant=Rate(20, 5), member=Rate(10**6, 10.0**6))


class Stub:
    """Writes what quoting the sources would, and takes a model's time for it."""

    name = "stub"

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        await asyncio.sleep(MODEL_S)
        async for piece in ExtractiveGenerator().generate(
            question, passages=passages, history=history, instructions=instructions
        ):
            yield piece


@dataclass(frozen=True, slots=True)
class Ways:
    """How work is shared: the queue, how fast chat may ask, and what writes."""

    queue: Callable[[], Queue]
    turns: Turns | None
    generator: Generator


@dataclass(slots=True)
class Asked:
    """`wanted_at` is when it should have been sent, whenever it was."""

    company: int
    wanted_at: float
    acknowledged_s: float = 0.0
    question: QuestionId | None = None
    refused: bool = False
    answered_at: float | None = None

    @property
    def took_s(self) -> float | None:
        return None if self.answered_at is None else self.answered_at - self.wanted_at


@dataclass
class Companies:
    worlds: Sequence[World]
    urls: DatabaseUrls
    system_queue: Queue
    backlog: Backlog = field(default_factory=Backlog)
    _sent: dict[UUID, Asked] = field(default_factory=dict)
    _asked: dict[QuestionId, Asked] = field(default_factory=dict)

    def fair(self) -> Ways:
        shared = SharedGenerator(
            Stub(), quoting=ExtractiveGenerator(), slots=Slots(2 * PLACES), backlog=self.backlog
        )
        return Ways(lambda: self.system_queue, TURNS, shared)

    async def ask(self, ways: Ways, rates: Sequence[float], *, for_s: float, seed: int = 7) -> list[Asked]:
        """Each company at its rate, whatever becomes of what it asked before; what is not answered when all
        is sent stays so."""
        await self._emptied()
        by_tenant = {world.tenant: at for at, world in enumerate(self.worlds)}
        accept = Accept(self.worlds[0].store, ways.turns)
        asks = {world.tenant: replace(world.ask, generator=ways.generator) for world in self.worlds}

        async def hear(tenant: TenantId, event: Event) -> None:
            if not isinstance(event, DeliveryAccepted):
                raise TypeError(event)
            known = self._sent[event.delivery]
            world = self.worlds[by_tenant[tenant]]
            place = Conversation("slack", "T1", f"C{by_tenant[tenant]}", str(event.delivery))
            asking = Asking(
                random.Random(event.delivery.int).choice(QUESTIONS),
                idempotency_key=str(event.delivery),
                place=place,
            )
            try:
                known.question = await accept(world.people["amira"], asking)
            except TooFast:
                known.refused = True
            else:
                self._asked[known.question] = known

        async def answer(tenant: TenantId, event: Event) -> None:
            if not isinstance(event, QuestionAsked):
                raise TypeError(event)
            await asks[tenant](tenant, event.question)
            self._asked[event.question].answered_at = perf_counter()

        async def nothing(tenant: TenantId, event: Event) -> None:
            """There is no platform here to tell."""

        handlers: Mapping[str, Handler] = {**dict.fromkeys(LANES, nothing), "hear": hear, "answer": answer}
        executor = Executor(ways.queue(), handlers, PLACES, random.Random(seed))
        following = asyncio.create_task(follow_backlog(self.system_queue.engine, self.backlog))
        try:
            async with working(executor):
                return await self._sent_by_all(rates, for_s=for_s, seed=seed)
        finally:
            following.cancel()
            await asyncio.wait({following})

    async def _sent_by_all(self, rates: Sequence[float], *, for_s: float, seed: int) -> list[Asked]:
        began = perf_counter()
        rng = random.Random(seed)
        plan = sorted(
            (began + (number + rng.random()) / rate, company)
            for company, rate in enumerate(rates)
            for number in range(int(rate * for_s))
        )
        sent, sending = [], set()
        for at, company in plan:
            await asyncio.sleep(max(0.0, at - perf_counter()))
            one = Asked(company, at)
            sent.append(one)
            sending.add(asyncio.create_task(self._send(one)))
        await asyncio.gather(*sending)
        return sent

    async def _send(self, one: Asked) -> None:
        world = self.worlds[one.company]
        delivery = Delivery(DeliveryId(uuid4()), "slack", str(uuid4()), "", "{}")
        self._sent[delivery.id] = one
        await receive(world.store, world.tenant, delivery)
        one.acknowledged_s = perf_counter() - one.wanted_at

    async def _emptied(self) -> None:
        self.backlog.ages_s = {}
        owner = connect(self.urls.owner, pool_size=1)
        async with owner.begin() as connection:
            await connection.execute(text("TRUNCATE outbox, task, bucket"))
        await owner.dispose()


@asynccontextmanager
async def companies(count: int) -> AsyncIterator[Companies]:
    async with stage(RememberingEmbedder) as (postgres, _, embedder):
        app, system = connect(postgres.urls.app, pool_size=10), connect(postgres.urls.system, pool_size=3)
        store = SqlStore(app)
        worlds = [await new_world(store, system, embedder) for _ in range(count)]
        runbook = (RUNBOOKS / "it-ops" / "redis-operations.md").read_text()
        for world in worlds:
            await world.reads("redis.md", runbook)
        yield Companies(worlds, postgres.urls, Queue(system))
        await app.dispose()
        await system.dispose()


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 3), "p95": round(cuts[94], 3), "max": round(max(values), 3)}
