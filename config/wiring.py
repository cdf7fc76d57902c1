"""Builds the product out of its parts. The one place that knows which implementation serves which port."""

import asyncio
import functools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.documents import Documents
from brain.adapters.documents.attached import AttachedFiles
from brain.adapters.journal import Journal
from brain.adapters.litellm_embedder import PREFIX
from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.queue import Queue
from brain.adapters.postgres.store import SqlStore
from brain.adapters.weaviate_index import WeaviateIndex
from brain.client import Brain
from brain.domain.circuit import Circuit
from brain.domain.confidence import Calibration
from brain.domain.overload import Backlog
from brain.domain.question import QuestionId
from brain.domain.rates import Rate, Turns
from brain.usecases.accept import Accept
from brain.usecases.ask import Ask, Progress
from brain.usecases.decide import Decide
from brain.usecases.give_up import GiveUp
from brain.usecases.ingest import Ingest
from brain.usecases.take_in import TakeIn
from config.database_checks import APP_SETTING, SYSTEM_SETTING, role_below_row_security
from config.embedders import ServingEmbedder, embedder_circuit, embedder_in_force, loaded
from config.indexes import knowledge_index
from config.ingress import Ingress, ingress
from config.measures import Measures
from config.models import models
from config.settings import DatabaseUrls, Settings
from config.slack import Slack
from config.slack_workspaces import PLATFORM, owners
from workers.backlog import follow_backlog
from workers.executor import Executor
from workers.relay import SUBSCRIPTIONS
from workers.replay import Replay
from workers.tasks.answer import answer, hand_over
from workers.tasks.chat import chat_handlers, chat_last_resorts
from workers.tasks.keep_time import keep_time
from workers.tasks.read_parted import read_parted
from workers.tasks.renew import renew
from workers.tasks.replicate import replicate
from workers.tasks.try_later import try_later


@dataclass(frozen=True, slots=True)
class Wiring:
    """Everything one process serves with, alive until `assembled` ends."""

    app_engine: AsyncEngine
    system_engine: AsyncEngine
    store: SqlStore
    embedder: ServingEmbedder
    queue: Queue
    accept: Accept
    ask: Ask
    decide: Decide
    ingest: Ingest
    index: PostgresIndex | WeaviateIndex
    writers: tuple[Circuit, ...]
    other_models: tuple[Circuit, ...]
    brain: Brain
    journal: Journal
    take_in: TakeIn
    slack: Slack | None
    measures: Measures

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """Of everything that is asked over the network."""
        remote = self.embedder.name.startswith(PREFIX)
        return (
            self.take_in.circuit,
            *self.writers,
            *self.other_models,
            *((self.embedder.circuit,) if remote else ()),
            *((self.index.replica.connection.circuit,) if isinstance(self.index, WeaviateIndex) else ()),
            *((self.slack.circuit,) if self.slack else ()),
        )


@asynccontextmanager
async def assembled(settings: Settings, urls: DatabaseUrls) -> AsyncIterator[Wiring]:
    async with ingress(settings, urls) as taking_in, assembled_behind(taking_in, settings) as wiring:
        yield wiring


@asynccontextmanager
async def assembled_behind(taking_in: Ingress, settings: Settings) -> AsyncIterator[Wiring]:
    """Raises `DatabaseAway` where that is so, and `Unavailable` or `Rejected` where what the settings name
    cannot be had: a model, an address."""
    app_engine, system_engine, store = taking_in.app_engine, taking_in.system_engine, taking_in.store
    async with AsyncExitStack() as stack:
        documents = Documents()
        stack.callback(documents.close)
        await roles_below_row_security(taking_in)
        backlog = _backlog(system_engine, stack)
        by_role = await models(settings, stack, backlog=backlog)
        embedder = await _embedder(settings, system_engine, stack)
        index = knowledge_index(settings, app_engine, stack)
        accept, decide = Accept(store, _turns(settings)), Decide(store, embedder)
        files = AttachedFiles(documents)
        stack.callback(files.close)
        brain = Brain(store, embedder, accept, decide, files, backlog)
        yield Wiring(
            app_engine=app_engine,
            system_engine=system_engine,
            store=store,
            embedder=embedder,
            queue=Queue(system_engine),
            accept=accept,
            ask=Ask(
                store,
                index,
                embedder,
                by_role.generator,
                Calibration.load(),
                by_role.rewriter,
                by_role.judge,
                by_role.patience,
            ),
            decide=decide,
            ingest=Ingest(store, embedder, documents),
            index=index,
            writers=by_role.writers,
            other_models=by_role.others,
            brain=brain,
            journal=taking_in.journal,
            take_in=taking_in.take_in,
            slack=taking_in.slack,
            measures=taking_in.measures,
        )


def _turns(settings: Settings) -> Turns:
    return Turns(
        tenant=Rate(settings.tenant_questions_burst, settings.tenant_questions_per_s),
        member=Rate(settings.member_questions_burst, settings.member_questions_per_s),
    )


async def roles_below_row_security(taking_in: Ingress) -> None:
    """Before anything of a tenant's is written or read. Raises `Rejected` where they are not."""
    await role_below_row_security(taking_in.app_engine, setting=APP_SETTING)
    await role_below_row_security(taking_in.system_engine, setting=SYSTEM_SETTING)


def replay(wiring: Wiring | Ingress) -> Replay:
    return Replay(
        wiring.journal,
        wiring.store,
        wiring.take_in.circuit,
        [wiring.slack.outage.over] if wiring.slack else [],
        {PLATFORM: functools.partial(owners, wiring.system_engine)},
    )


def _backlog(system: AsyncEngine, stack: AsyncExitStack) -> Backlog:
    """As it was a moment ago, for as long as the stack is open."""
    backlog = Backlog()
    following = asyncio.create_task(follow_backlog(system, backlog))
    stack.push_async_callback(asyncio.wait, {following})
    stack.callback(following.cancel)
    return backlog


async def _embedder(settings: Settings, system: AsyncEngine, stack: AsyncExitStack) -> ServingEmbedder:
    async def in_force() -> str:
        return await embedder_in_force(system, wanted=settings.embedder)

    circuit = embedder_circuit()
    serving = await stack.enter_async_context(loaded(settings, await in_force(), circuit=circuit))
    embedder = ServingEmbedder(serving, circuit)
    following = asyncio.create_task(embedder.follow(settings, in_force))
    stack.push_async_callback(asyncio.wait, {following})
    stack.callback(following.cancel)
    return embedder


def executor(settings: Settings, wiring: Wiring, *, report: Callable[[QuestionId], Progress]) -> Executor:
    known = {name for names in SUBSCRIPTIONS.values() for name in names}
    brain, reaches = wiring.brain, [wiring.slack.reach] if wiring.slack else []
    handlers = {
        **chat_handlers(brain, reaches),
        "answer": answer(wiring.ask, report=report),
        "keep_time": keep_time(wiring.store),
        "read_parted": read_parted(wiring.store, wiring.ingest),
        "renew": renew(wiring.store),
        "replicate": replicate(wiring.index.follow if isinstance(wiring.index, WeaviateIndex) else None),
    }
    if known != set(handlers):
        raise LookupError(f"handlers without a subscription, or the reverse: {known ^ set(handlers)}")
    again = try_later(wiring.store)
    last_resorts = {
        "answer": hand_over(GiveUp(wiring.store, wiring.embedder)),
        **chat_last_resorts(brain, reaches),
        "keep_time": again,
        "renew": again,
    }
    rng = random.Random()  # noqa: S311  # spreads retries
    return Executor(wiring.queue, handlers, settings.workers, rng, last_resorts, watch=wiring.measures)
