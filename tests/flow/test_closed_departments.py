"""What a closed department knows, asks and decides stays with those who belong to it."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.domain.answer import AnswerStatus
from brain.domain.errors import Denied
from brain.domain.identity import Member, MemberId, Principal, Role
from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.read import review
from tests.conftest import World

BONUS = "Who signs the secret bonus list in March?"


async def _joins(world: World, handle: str, *departments: str, roles: frozenset[Role]) -> Principal:
    member = Member(
        MemberId(uuid4()),
        handle,
        handle.title(),
        roles={world.departments[one].id: roles for one in departments},
    )
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(member)
    world.people[handle] = Principal(world.tenant, member)
    return world.people[handle]


async def test_an_outsider_does_not_join_a_closed_departments_review(world: World) -> None:
    await _joins(world, "cleo", "payroll", roles=frozenset({Role.ASKER}))
    inside = await world.asks(BONUS, by="cleo", department="payroll")
    outside = await world.asks(BONUS, by="amira")
    assert inside.review is not None
    assert outside.review is not None
    assert inside.review != outside.review
    case = await review(world.store, world.people["petra"], inside.review)
    await world.decide(
        world.people["petra"],
        Judgement(inside.review, VerdictKind.APPROVE, case.review.shown_hash, text="The CFO."),
    )
    case = await review(world.store, world.people["ravi"], outside.review)
    assert case.verdict is None


async def test_a_question_for_one_department_is_not_answered_by_another(world: World) -> None:
    asked = await world.asks("Who waters the plants?", department="it-ops")
    assert asked.review is not None
    elsewhere = await world.asks("Who waters the plants?", by="omar", department="hr")
    assert elsewhere.review != asked.review
    case = await review(world.store, world.people["ravi"], asked.review)
    await world.decide(
        world.people["ravi"],
        Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text="Facilities."),
    )
    later = await world.asks("Who waters the plants?", by="omar", department="hr")
    assert later.answer is not None
    assert later.answer.status is not AnswerStatus.PUBLISHED
    anywhere = await world.asks("Who waters the plants?", by="omar")
    assert anywhere.answer is not None
    assert anywhere.answer.text == "Facilities."


async def test_a_reviewer_who_may_not_read_every_source_may_not_decide(world: World) -> None:
    asked = await world.asks("Who waters the plants?")
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    closed = [str(world.departments["payroll"].id)]
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(
            text("UPDATE answer SET scope = CAST(:scope AS uuid[])"), {"scope": closed}
        )
    with pytest.raises(Denied, match="every source"):
        await world.decide(
            world.people["ravi"],
            Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text="Facilities."),
        )


async def test_a_conversation_forgets_what_its_asker_may_no_longer_read(world: World) -> None:
    page = "# Payroll bank\n\nThe payroll bank is Kestrel."
    await world.reads("bank.md", page, department="payroll", by="petra")
    first = await world.asks("Which bank is the payroll bank?", by="petra")
    assert first.answer is not None
    assert first.answer.status is AnswerStatus.PUBLISHED
    second = await world.asks("And who is the contact there?", by="petra", after=first)
    async with world.store.transaction(world.tenant) as tx:
        before = await tx.questions.history(first.question.conversation, before=second.question.id)
    assert [turn.question for turn in before] == ["Which bank is the payroll bank?"]

    left = replace(world.people["petra"].member, roles={world.departments["hr"].id: frozenset({Role.ASKER})})
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(left)
    world.people["petra"] = Principal(world.tenant, left)
    third = await world.asks("And where is it?", by="petra", after=first)
    async with world.store.transaction(world.tenant) as tx:
        assert await tx.questions.history(first.question.conversation, before=third.question.id) == []
