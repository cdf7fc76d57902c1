"""An approved answer is for those who may read all of its sources, until somebody widens it explicitly."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.domain.answer import AnswerStatus
from brain.domain.article import Article, ArticleStatus
from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.identity import Member, MemberId, Principal, Role, Visibility
from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.read import article, articles, reply, review
from brain.usecases.retract import retract
from brain.usecases.widen import Widening, widen
from tests.conftest import World

BANK = "# Payroll bank\n\nThe payroll bank is Kestrel, account team 7, on extension 5150.\n"
WHICH = "Which bank is the payroll bank?"
SAYS = "The payroll bank is Kestrel. [1]"


async def _joins(world: World, handle: str, **roles: Role) -> Principal:
    held = {world.departments[slug].id: frozenset({role}) for slug, role in roles.items()}
    member = Member(MemberId(uuid4()), handle, handle.title(), roles=held)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(member)
    world.people[handle] = Principal(world.tenant, member)
    return world.people[handle]


async def _approved(world: World) -> Article:
    """An article of the closed payroll department; `petra` is its admin, `omar` is in hr."""
    for one in ("payroll", "hr"):
        closed = replace(world.departments[one], visibility=Visibility.DEPARTMENT)
        async with world.store.transaction(world.tenant) as tx:
            await tx.people.save_department(
                replace(closed, thresholds=replace(closed.thresholds, publish=1.0))
            )
    await world.reads("bank.md", BANK, department="payroll", by="petra")
    await _joins(world, "cleo", payroll=Role.ASKER)
    asked = await world.asks(WHICH, by="cleo")
    assert asked.review is not None
    case = await review(world.store, world.people["petra"], asked.review)
    judgement = Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text=SAYS)
    await world.decide(world.people["petra"], judgement)
    [found] = await articles(world.store, world.people["cleo"])
    return found


async def _kestrel(world: World, by: str) -> bool:
    got = await world.asks(WHICH, by=by)
    assert got.answer is not None
    return got.answer.status is AnswerStatus.PUBLISHED and "Kestrel" in got.answer.text


async def test_widening_to_a_department_adds_its_readers_and_nobody_else(world: World) -> None:
    kept = await _approved(world)
    assert [await _kestrel(world, by) for by in ("cleo", "omar", "amira")] == [True, False, False]

    wanted = Widening(kept.id, "hr", "Leavers ask them.")
    widened = await widen(world.store, world.people["petra"], wanted)

    assert (widened.version, widened.approval.name) == (2, "Petra")
    assert [await _kestrel(world, by) for by in ("cleo", "omar", "amira")] == [True, True, False]
    shown = await article(world.store, world.people["omar"], kept.id)
    assert (shown.text, shown.citations) == (SAYS, ())
    assert (await article(world.store, world.people["cleo"], kept.id)).citations
    with pytest.raises(Missing):
        await article(world.store, world.people["amira"], kept.id)
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT actor_id, details FROM audit WHERE action = 'article.widened'")
        )
        [entry] = rows.all()
    assert entry.actor_id == world.people["petra"].member.id
    assert entry.details == {"version": "2", "to": "hr", "reason": "Leavers ask them."}
    with pytest.raises(Rejected, match="already"):
        await widen(world.store, world.people["petra"], wanted)


async def test_widening_to_everyone_and_a_source_that_goes_takes_it_from_everyone(world: World) -> None:
    kept = await _approved(world)
    await widen(world.store, world.people["petra"], Widening(kept.id, "everyone", "On the intranet."))
    asked = await world.asks(WHICH, by="amira")
    assert asked.answer is not None
    assert asked.answer.text == SAYS
    with pytest.raises(Rejected, match="Everyone"):
        await widen(world.store, world.people["petra"], Widening(kept.id, "hr", "Again."))

    async with world.store.transaction(world.tenant) as tx:
        [page] = await tx.library.documents(audience=world.people["petra"].audience)
    await forget(world.store, world.people["petra"], page.id)

    got = await reply(world.store, world.people["amira"], asked.question.id)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.SUSPENDED
    assert not await _kestrel(world, "amira")


async def test_what_rests_on_a_widened_article_is_for_those_it_was_widened_to(world: World) -> None:
    kept = await _approved(world)
    await widen(world.store, world.people["petra"], Widening(kept.id, "hr", "Leavers ask them."))
    got = await world.asks("Is Kestrel the name of the payroll bank?", by="omar")
    assert got.answer is not None
    assert {one.article for one in got.answer.citations} == {kept.id}
    assert got.answer.scope == {world.departments["hr"].id}
    inside = await world.asks("Is Kestrel the name of the payroll bank?", by="cleo")
    assert inside.answer is not None
    assert inside.answer.citations
    assert inside.answer.scope == {world.departments["payroll"].id}


async def test_who_may_not_widen_is_refused(world: World, other_world: World) -> None:
    kept = await _approved(world)
    everyone = Widening(kept.id, "everyone", "Why not.")
    paul = await _joins(world, "paul", payroll=Role.REVIEWER)
    with pytest.raises(Denied, match="admin in every department"):
        await widen(world.store, paul, everyone)
    for stranger in (world.people["ravi"], other_world.people["petra"]):
        with pytest.raises(Missing):
            await widen(world.store, stranger, everyone)
    with pytest.raises(Rejected, match="why"):
        await widen(world.store, world.people["petra"], replace(everyone, reason=" "))
    with pytest.raises(Missing, match="no department"):
        await widen(world.store, world.people["petra"], replace(everyone, to="kitchen"))
    await retract(world.store, world.people["petra"], kept.id, reason="Gone.")
    with pytest.raises(Rejected, match="in force"):
        await widen(world.store, world.people["petra"], everyone)
    assert not await _kestrel(world, "amira")


async def test_a_new_verdict_gives_a_widened_article_back_to_its_sources_readers(world: World) -> None:
    kept = await _approved(world)
    await widen(world.store, world.people["petra"], Widening(kept.id, "everyone", "On the intranet."))
    changed = BANK.replace("5150", "5151")
    await world.reads("bank.md", changed, department="payroll", by="petra")
    suspended = await article(world.store, world.people["petra"], kept.id)
    assert suspended.status is ArticleStatus.SUSPENDED
    async with world.store.transaction(world.tenant) as tx:
        number = await tx.connection.scalar(
            text("SELECT number FROM review WHERE article_id = :id AND status = 'open'"), {"id": kept.id}
        )
    case = await review(world.store, world.people["petra"], int(number or 0))
    await world.decide(
        world.people["petra"], Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash)
    )
    assert await _kestrel(world, "cleo")
    assert not await _kestrel(world, "amira")


async def test_what_rests_on_an_article_of_two_departments_is_for_those_in_both(world: World) -> None:
    """The article belongs to an open department; that alone does not open what it says."""
    kept = await _approved(world)
    both = frozenset({world.departments["it-ops"].id, world.departments["payroll"].id})
    async with world.store.transaction(world.tenant) as tx:
        found = await tx.articles.article(kept.id, lock=True)
        assert found is not None
        mixed = replace(found, version=2, scope=both, department=world.departments["it-ops"].id)
        await tx.articles.widen(mixed)
        await tx.connection.execute(
            text("UPDATE passage SET department_id = :open WHERE article_id = :id"),
            {"open": world.departments["it-ops"].id, "id": kept.id},
        )
        # The article alone is left to cite.
        await tx.connection.execute(text("DELETE FROM passage WHERE document_id IS NOT NULL"))
    got = await world.asks("Is Kestrel the name of the payroll bank?", by="petra")
    assert got.answer is not None
    assert {one.article for one in got.answer.citations} == {kept.id}
    assert got.answer.scope == both
