"""A question that nobody waits for is answered by the workers, once."""

import asyncio
from random import Random
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.queue import Queue
from brain.domain.answer import AnswerStatus
from brain.domain.events import DocumentForgotten, QuestionAsked
from brain.domain.knowledge import DocumentId
from brain.domain.question import QuestionId
from brain.domain.reply import Reply
from brain.usecases.accept import Asking
from brain.usecases.ask import Progress, silent
from brain.usecases.read import reply
from config.settings import DatabaseUrls
from tests.conftest import RUNBOOKS, World, emptied
from workers.executor import Executor, working
from workers.tasks.answer import answer


def quietly(question: QuestionId) -> Progress:
    return silent


ASKING = Asking("How do I rotate the Redis password?")


@pytest.fixture
async def executor(world: World, system_engine: AsyncEngine, urls: DatabaseUrls) -> Executor:
    await emptied(urls)
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    return Executor(Queue(system_engine), {"answer": answer(world.ask, report=quietly)}, 2, Random())


async def answered(world: World, question: QuestionId) -> Reply:
    async with asyncio.timeout(60):
        while True:
            got = await reply(world.store, world.people["amira"], question)
            if got.answer is not None:
                return got
            await asyncio.sleep(0.02)


async def test_an_accepted_question_is_answered(world: World, executor: Executor) -> None:
    async with working(executor):
        question = await world.accept(world.people["amira"], ASKING)
        got = await answered(world, question)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.PUBLISHED
    assert got.answer.citations


async def test_a_question_whose_caller_went_away_is_answered_when_its_patience_is_over(
    world: World, executor: Executor, system_engine: AsyncEngine
) -> None:
    waits = Asking(ASKING.text, waits_s=20)
    question = await world.accept(world.people["amira"], waits)
    async with system_engine.begin() as connection:
        assert await connection.scalar(text("SELECT due_at > now() FROM outbox WHERE name = 'QuestionAsked'"))
        await connection.execute(text("UPDATE outbox SET due_at = now()"))
    async with working(executor):
        await answered(world, question)


async def test_a_second_run_changes_nothing(world: World) -> None:
    await world.reads("redis.md", (RUNBOOKS / "it-ops" / "redis-operations.md").read_text())
    question = await world.accept(world.people["amira"], ASKING)
    handle = answer(world.ask, report=quietly)
    await handle(world.tenant, QuestionAsked(question))
    first = await answered(world, question)
    await handle(world.tenant, QuestionAsked(question))
    assert await answered(world, question) == first


async def test_another_event_is_a_bug(world: World) -> None:
    with pytest.raises(TypeError, match="DocumentForgotten"):
        await answer(world.ask, report=quietly)(world.tenant, DocumentForgotten(DocumentId(uuid4())))
