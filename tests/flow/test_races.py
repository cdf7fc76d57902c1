"""What happens when two things happen at once, and when the machine gives up."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.postgres.queue import Queue
from brain.domain.answer import AnswerStatus, Generation, Piece
from brain.domain.article import ArticleStatus
from brain.domain.errors import Conflict, Rejected
from brain.domain.knowledge import Found
from brain.domain.question import Turn
from brain.domain.records import TaskState
from brain.domain.review import VerdictKind
from brain.usecases.accept import Asking
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.give_up import GiveUp
from brain.usecases.read import articles, reply, review
from config.settings import DatabaseUrls
from tests.conftest import World, emptied
from workers.executor import Executor, working
from workers.tasks.answer import answer, hand_over

GATES = "# Gates\n\n## Gate 4\n\nGate 4 opens at 06:30 for drivers.\n"


class _Meanwhile(ExtractiveGenerator):
    """Something happens while the answer is being written."""

    def __init__(self) -> None:
        self.meanwhile: list[asyncio.Future[None]] = []

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        async for piece in super().generate(
            question, passages=passages, history=history, instructions=instructions
        ):
            yield piece
        if self.meanwhile:
            await self.meanwhile.pop()


class _Refusing(ExtractiveGenerator):
    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        raise Rejected("the model does not take this")
        yield Piece("")


async def test_a_draft_whose_source_is_gone_cannot_be_approved(world: World) -> None:
    page = await world.reads("gates.md", GATES, department="procurement")
    asked = await world.asks("When does gate 4 open?")
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    assert case.answer.citations
    await forget(world.store, world.people["ravi"], page.document.id)

    approval = Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash)
    with pytest.raises(Conflict, match="changed or gone"):
        await world.decide(world.people["ravi"], approval)
    seen = (await review(world.store, world.people["ravi"], asked.review)).review.shown_hash
    with pytest.raises(Conflict, match="amend it, reject it"):
        await world.decide(world.people["ravi"], replace(approval, shown_hash=seen))
    amendment = replace(approval, shown_hash=seen, text="At 07:00 since May.")
    await world.decide(world.people["ravi"], amendment)

    [article] = await articles(world.store, world.people["amira"])
    assert (article.status, article.citations) == (ArticleStatus.LIVE, ())


async def test_a_source_that_goes_while_the_answer_is_written_is_not_published(world: World) -> None:
    page = await world.reads("gates.md", GATES)
    generator = _Meanwhile()

    async def forgotten() -> None:
        await forget(world.store, world.people["ravi"], page.document.id)

    generator.meanwhile.append(asyncio.ensure_future(forgotten()))
    question = await world.accept(world.people["amira"], Asking("When does gate 4 open for drivers?"))
    await replace(world.ask, generator=generator)(world.tenant, question)

    got = await reply(world.store, world.people["amira"], question)
    assert got.answer is not None
    assert got.answer.status is not AnswerStatus.PUBLISHED
    assert got.answer.citations == ()


async def test_the_same_question_from_twenty_at_once_is_one_review(world: World) -> None:
    asked = await asyncio.gather(
        *(world.asks("Who waters the plants?", by=("amira", "omar")[n % 2]) for n in range(20))
    )
    assert {one.review for one in asked} == {1}
    case = await review(world.store, world.people["ravi"], 1)
    assert case.waiting == 20


async def test_who_asks_while_the_verdict_falls_gets_the_approved_answer(world: World) -> None:
    first = await world.asks("Who waters the plants?")
    assert first.review is not None
    case = await review(world.store, world.people["ravi"], first.review)
    verdict = Judgement(first.review, VerdictKind.APPROVE, case.review.shown_hash, text="Facilities do.")
    generator = _Meanwhile()

    async def decided() -> None:
        await world.decide(world.people["ravi"], verdict)

    generator.meanwhile.append(asyncio.ensure_future(decided()))
    question = await world.accept(world.people["omar"], Asking("Who waters the plants?"))
    await replace(world.ask, generator=generator)(world.tenant, question)

    got = await reply(world.store, world.people["omar"], question)
    assert got.answer is not None
    assert (got.answer.status, got.answer.text) == (AnswerStatus.PUBLISHED, "Facilities do.")


async def test_a_follow_up_is_reviewed_and_remembered_with_what_it_followed(world: World) -> None:
    page = "# VPN\n\n## Resetting\n\nReset the VPN on Windows with `vpnctl reset`.\n"
    await world.reads("vpn.md", page)
    first = await world.asks("How do I reset the VPN on Windows?")
    assert first.answer is not None
    assert first.answer.status is AnswerStatus.PUBLISHED
    await world.reads("vpn.md", page, department="procurement")
    second = await world.asks("And on Solaris?", after=first, department="procurement")
    assert second.review is not None
    case = await review(world.store, world.people["ravi"], second.review)
    assert "VPN" in case.question
    await world.decide(
        world.people["ravi"],
        Judgement(second.review, VerdictKind.APPROVE, case.review.shown_hash, text="Use pfctl."),
    )

    stranger = await world.asks("And on Solaris?", by="omar")
    assert stranger.answer is not None
    assert stranger.answer.text != "Use pfctl."


async def test_a_question_the_machine_fails_at_goes_to_a_person(
    world: World, system_engine: AsyncEngine, urls: DatabaseUrls
) -> None:
    # The queue crosses tenants: what other tests have left would be failed at first.
    await emptied(urls)
    failing = replace(world.ask, generator=_Refusing())
    queue = Queue(system_engine)
    executor = Executor(
        queue,
        {"answer": answer(failing, report=lambda _: lambda _: None)},
        2,
        Random(1),
        {"answer": hand_over(GiveUp(world.store, world.ask.embedder))},
    )
    question = await world.accept(world.people["amira"], Asking("When does gate 4 open?"))
    async with working(executor), asyncio.timeout(30):
        while (await reply(world.store, world.people["amira"], question)).answer is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # the worker tells nobody but the database
    got = await reply(world.store, world.people["amira"], question)
    assert got.review is not None
    async with world.store.transaction(world.tenant) as tx:
        tasks = await tx.records.tasks(dead_only=False, limit=10)
        [task] = [one for one in tasks if one.handler == "answer"]
        assert task.state in (TaskState.DEAD, TaskState.READY)


async def test_what_fits_nowhere_goes_to_a_department_the_asker_may_read(world: World) -> None:
    got = await world.asks("Is anybody there?")
    assert got.department == "it-ops"


async def test_the_audit_says_who_decided(world: World) -> None:
    asked = await world.asks("Who waters the plants?")
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    await world.decide(
        world.people["ravi"],
        Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text="Facilities do."),
    )
    async with world.store.transaction(world.tenant) as tx:
        rows = (await tx.connection.execute(text("SELECT actor_id, action, details FROM audit"))).all()
    [row] = [row for row in rows if row.action.startswith("verdict")]
    assert row.actor_id == world.people["ravi"].member.id
    assert row.details["shown_hash"] == case.review.shown_hash


async def test_the_shown_hash_follows_text_sources_and_readers(world: World) -> None:
    await world.reads("gates.md", GATES, department="procurement")
    asked = await world.asks("When does gate 4 open?")
    assert asked.review is not None
    shown = (await review(world.store, world.people["ravi"], asked.review)).answer
    other_source = replace(shown.citations[0], passage_hash="0" * 64)
    changed = (
        replace(shown, text=shown.text + " Or not."),
        replace(shown, citations=(other_source, *shown.citations[1:])),
        replace(shown, scope=frozenset({world.departments["payroll"].id})),
    )
    assert len({shown.shown_hash, *(one.shown_hash for one in changed)}) == 4
