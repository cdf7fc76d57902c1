"""`expert reindex`: everything known is embedded by another model, which takes over when it has it all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres.migrate import revisions
from brain.adapters.postgres.reembedding import Reembedding, index_vectors, owning, take_turn
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tenants import embedders_in_force, tenants
from brain.domain.errors import Conflict, Unavailable
from brain.domain.identity import TenantId
from brain.domain.knowledge import Vector
from brain.ports import Embedder, TextKind
from brain.usecases.embedding import embed_passages
from config.audit_key import audit_keyring
from config.database import database
from config.embedders import loaded
from config.settings import DatabaseUrls, Settings

_BATCH = 32
# A batch that cannot be embedded just now is tried that often, with a pause between.
_ATTEMPTS = 5
# Each round leaves only what came in during the last; the change itself needs one in which nothing came.
_ROUNDS = 20
# Within this time running servers notice the change, load the model and answer the questions in flight.
PATIENCE_S = 15.0

# Called with how many passages and questions are done, and how many there are.
Report = Callable[[int, int], None]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Plan:
    """`former`: tenants by the embedder in force. `passages` and `questions` are still to be embedded."""

    embedder: str
    dimensions: int
    former: Mapping[str, Sequence[str]]
    passages: int
    questions: int


@dataclass(frozen=True, slots=True)
class Reindexed:
    """`discarded` counts the vectors of other models that were removed."""

    plan: Plan
    embedded: int
    discarded: int


def run(settings: Settings, name: str, *, report: Report) -> Reindexed:
    with database(settings) as urls:
        return asyncio.run(reindex(settings, urls, name, report=report))


def plan(settings: Settings, name: str) -> Plan:
    """What `run` would do; nothing is changed."""
    with database(settings) as urls:
        return asyncio.run(plan_of(settings, urls, name))


async def plan_of(settings: Settings, urls: DatabaseUrls, name: str) -> Plan:
    async with AsyncExitStack() as stack:
        return (await _opened(settings, urls, name, stack)).plan


async def reindex(
    settings: Settings, urls: DatabaseUrls, name: str, *, report: Report, patience_s: float = PATIENCE_S
) -> Reindexed:
    """Safe to be killed and run again at any point: what is embedded is kept, and nothing is done twice."""
    async with AsyncExitStack() as stack:
        work = await _opened(settings, urls, name, stack)
        await take_turn(work.owner)
        work.report = report
        await _change_over(work)
        if set(work.plan.former) - {name}:
            await asyncio.sleep(patience_s)
        discarded = [await work.reembedding.discard_others(tenant, name) for tenant in work.tenants]
        return Reindexed(work.plan, work.done, sum(discarded))


async def _change_over(work: "_Work") -> None:
    for _ in range(_ROUNDS):
        for tenant in work.tenants:
            await work.embed_passages(tenant)
            await work.embed_questions(tenant)
        await index_vectors(work.owner, work.plan.dimensions)
        if await work.reembedding.take_over(work.tenants, work.plan.embedder, questions=work.questions):
            return
    raise Conflict(
        "Documents came in faster than they could be embedded again. What was in force still is, and what was"
        " embedded is kept: run it again when less is being ingested."
    )


async def _opened(settings: Settings, urls: DatabaseUrls, name: str, stack: AsyncExitStack) -> "_Work":
    current, newest = await revisions(urls.owner)
    if current != newest:
        raise Conflict(f"The database is at {current}, this version needs {newest}: expert migrate.")
    app, system, owner = connect(urls.app, pool_size=2), connect(urls.system, pool_size=1), owning(urls.owner)
    for engine in (app, system, owner):
        stack.push_async_callback(engine.dispose)
    embedder = await stack.enter_async_context(loaded(settings, name))
    [probe] = await embedder.embed(["How long is a vector?"], kind=TextKind.QUESTION)
    reembedding = Reembedding(app, audit_keyring(settings))
    known = sorted((await tenants(system)).values())
    waiting = [await reembedding.waiting(tenant, name) for tenant in known]
    what = Plan(
        embedder=name,
        dimensions=len(probe),
        former=await embedders_in_force(system),
        passages=sum(passages for passages, _ in waiting),
        questions=sum(questions for _, questions in waiting),
    )
    return _Work(what, embedder, reembedding, known, await stack.enter_async_context(owner.connect()))


@dataclass(slots=True)
class _Work:
    plan: Plan
    embedder: Embedder
    reembedding: Reembedding
    tenants: Sequence[TenantId]
    owner: AsyncConnection
    report: Report = lambda _done, _of: None
    done: int = 0
    # They are few, and kept for the moment of the change.
    questions: dict[str, Vector] = field(default_factory=dict)

    async def embed_passages(self, tenant: TenantId) -> None:
        name, last = self.plan.embedder, None
        while batch := await self.reembedding.passages_without(tenant, name, after=last, limit=_BATCH):
            embedded = await _patiently(partial(embed_passages, self.embedder, batch))
            await self.reembedding.add(tenant, embedded)
            last = batch[-1].id
            self._advance(len(batch))

    async def embed_questions(self, tenant: TenantId) -> None:
        new = [one for one in await self.reembedding.questions(tenant) if one not in self.questions]
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            vectors = await _patiently(partial(self.embedder.embed, batch, kind=TextKind.QUESTION))
            self.questions.update(zip(batch, vectors, strict=True))
            self._advance(len(batch))

    def _advance(self, count: int) -> None:
        self.done += count
        self.report(self.done, max(self.plan.passages + self.plan.questions, self.done))


async def _patiently(embed: Callable[[], Awaitable[_T]]) -> _T:
    """A service that is busy for a moment does not end the run."""
    for attempt in range(1, _ATTEMPTS):
        try:
            return await embed()
        except Unavailable:
            await asyncio.sleep(2.0**attempt)
    return await embed()
