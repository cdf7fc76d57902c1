"""One winner, four eyes, and a verdict on exactly what was shown."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.domain.answer import AnswerStatus
from brain.domain.errors import Conflict, Denied, Missing, Rejected, Unavailable
from brain.domain.identity import Member, MemberId, Principal, Role
from brain.domain.reply import Reply
from brain.domain.review import ReviewCase, VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.read import articles, reply, review, reviews
from tests.conftest import World

TERRACE = "How do I book the roof terrace for a party?"
ANSWER = "Write to the front desk two weeks ahead."


async def _held(world: World, *, by: str = "amira") -> tuple[Reply, ReviewCase]:
    await world.reads("vpn.md", "# VPN\n\nThe VPN gateway is vpn.northlight.example, port 51820.")
    asked = await world.asks(TERRACE, by=by)
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    return asked, case


def _approval(case: ReviewCase, answer: str = ANSWER) -> Judgement:
    return Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash, text=answer)


async def _count(world: World, table: str) -> int:
    async with world.store.transaction(world.tenant) as tx:
        return int(await tx.connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def test_of_a_hundred_verdicts_at_once_one_decides(world: World) -> None:
    _, case = await _held(world)
    reviewers = [world.people["ravi"], world.people["rosa"]]
    await review(world.store, world.people["rosa"], case.review.number)

    async def decided(number: int) -> object:
        """As a client does: where a hundred want a connection, it may be long in coming."""
        while True:
            try:
                return await world.decide(reviewers[number % 2], _approval(case, f"{ANSWER} ({number})"))
            except Unavailable as busy:
                await asyncio.sleep(min(busy.retry_after_s, 1.0))

    outcomes = await asyncio.gather(*map(decided, range(100)), return_exceptions=True)
    refusals = [one for one in outcomes if isinstance(one, Conflict)]
    assert len(refusals) == 99
    assert all("already decided by" in str(one) for one in refusals)
    for table in ("verdict", "article", "article_version", "training_example", "wording"):
        assert await _count(world, table) == 1, table


async def test_nobody_checks_the_answer_to_their_own_question(world: World) -> None:
    _, case = await _held(world, by="ravi")
    with pytest.raises(Denied, match="own question"):
        await world.decide(world.people["ravi"], _approval(case))
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(text("SELECT details FROM audit WHERE action = 'verdict.refused'"))
        assert [row.details["why"] for row in rows] == [
            "Somebody else has to check the answer to your own question."
        ]


async def test_a_reviewer_of_another_department_does_not_learn_of_it(world: World) -> None:
    _, case = await _held(world)
    with pytest.raises(Missing):
        await world.decide(world.people["petra"], _approval(case))
    with pytest.raises(Missing):
        await review(world.store, world.people["petra"], case.review.number)


async def test_another_tenants_reviewer_finds_nothing(world: World, other_world: World) -> None:
    _, case = await _held(world)
    with pytest.raises(Missing):
        await other_world.decide(other_world.people["ravi"], _approval(case))
    assert await reviews(other_world.store, other_world.people["ravi"], open_only=False) == []


async def test_an_asker_without_the_role_is_refused(world: World) -> None:
    _, case = await _held(world)
    async with world.store.transaction(world.tenant) as tx:
        department = world.departments["it-ops"].id
        member = Member(MemberId(uuid4()), "bo", "Bo", roles={department: frozenset({Role.ASKER})})
        await tx.people.save_member(member)
    with pytest.raises(Denied, match="Only reviewers"):
        await world.decide(Principal(world.tenant, member), _approval(case))


async def test_rights_are_read_when_deciding_not_when_logging_in(world: World) -> None:
    _, case = await _held(world)
    stale = world.people["ravi"]
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(replace(stale.member, disabled_at=tx.now))
    with pytest.raises(Denied, match="disabled"):
        await world.decide(stale, _approval(case))


async def test_a_verdict_on_something_else_than_is_shown_is_refused(world: World) -> None:
    _, case = await _held(world)
    with pytest.raises(Conflict, match="changed since"):
        await world.decide(world.people["ravi"], replace(_approval(case), shown_hash="0" * 64))


async def _refusals(world: World) -> list[tuple[str, str]]:
    """Subject and reason of each, in the order in which they were refused."""
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT subject, details FROM audit WHERE action = 'verdict.refused' ORDER BY id")
        )
        return [(row.subject, row.details["why"]) for row in rows]


async def test_a_hash_from_somebody_elses_screen_proves_nothing(world: World) -> None:
    """`case` is what ravi was shown; rosa has not looked at it."""
    _, case = await _held(world)
    with pytest.raises(Conflict, match="not been shown to you"):
        await world.decide(world.people["rosa"], _approval(case))
    await review(world.store, world.people["rosa"], case.review.number)
    decided = await world.decide(world.people["rosa"], _approval(case))
    assert decided.decided_by == "Rosa"


async def test_what_changed_since_it_was_shown_has_to_be_looked_at_again(world: World) -> None:
    _, case = await _held(world)
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(text("UPDATE review SET shown_hash = repeat('a', 64)"))
    forged = replace(_approval(case), shown_hash="a" * 64)
    with pytest.raises(Conflict, match="changed since"):
        await world.decide(world.people["ravi"], _approval(case))
    with pytest.raises(Conflict, match="not been shown to you"):
        await world.decide(world.people["ravi"], forged)
    await review(world.store, world.people["ravi"], case.review.number)
    await world.decide(world.people["ravi"], forged)


async def test_every_refused_verdict_is_in_the_audit_trail(world: World, other_world: World) -> None:
    """Another department's, another tenant's, a former member's, an asker's, a stale and a replayed one."""
    _, case = await _held(world)
    former = world.people["rosa"]
    await review(world.store, former, case.review.number)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(replace(former.member, roles={}))
    attempts = (
        ("petra", _approval(case), "no review 1 that you may see"),
        ("rosa", _approval(case), "no review 1 that you may see"),
        ("amira", _approval(case), "Only reviewers"),
        ("ravi", replace(_approval(case), shown_hash="0" * 64), "changed since"),
    )
    for by, judgement, _ in attempts:
        with pytest.raises((Conflict, Denied, Missing)):
            await world.decide(world.people[by], judgement)
    with pytest.raises(Missing):
        await other_world.decide(other_world.people["ravi"], _approval(case))
    await world.decide(world.people["ravi"], _approval(case))
    with pytest.raises(Conflict):
        await world.decide(world.people["ravi"], _approval(case))

    told = [*(why for _, _, why in attempts), "already decided by Ravi"]
    refused = await _refusals(world)
    assert [subject for subject, _ in refused] == ["review 1"] * len(told)
    assert all(why in found for why, (_, found) in zip(told, refused, strict=True)), refused
    assert len(await _refusals(other_world)) == 1
    assert await _count(world, "verdict") == 1


async def test_approving_without_a_draft_needs_a_text(world: World) -> None:
    _, case = await _held(world)
    with pytest.raises(Rejected, match="no draft"):
        await world.decide(world.people["ravi"], _approval(case, ""))


async def test_who_asks_meanwhile_joins_and_gets_the_same_answer(world: World) -> None:
    first, case = await _held(world)
    second = await world.asks("How can I book the roof terrace for a party?", by="omar")
    assert second.review == first.review

    await world.decide(world.people["ravi"], _approval(case))

    for by, asked in (("amira", first), ("omar", second)):
        got = await reply(world.store, world.people[by], asked.question.id)
        assert got.answer is not None
        assert (got.answer.status, got.answer.text) == (AnswerStatus.PUBLISHED, ANSWER)
        assert got.answer.approval is not None
    assert await _count(world, "review") == 1


async def test_a_rejection_reaches_those_who_asked(world: World) -> None:
    asked, case = await _held(world)
    judgement = Judgement(
        case.review.number, VerdictKind.REJECT, case.review.shown_hash, reason="Ask facilities."
    )
    with pytest.raises(Rejected, match="why"):
        await world.decide(world.people["ravi"], replace(judgement, reason=" "))
    await world.decide(world.people["ravi"], judgement)
    got = await reply(world.store, world.people["amira"], asked.question.id)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.REJECTED
    assert "Ask facilities." in got.note


async def test_what_was_approved_in_a_closed_department_stays_there(world: World) -> None:
    await world.reads(
        "bank.md", "# Payroll bank\n\nThe payroll bank is Kestrel.", department="payroll", by="petra"
    )
    async with world.store.transaction(world.tenant) as tx:
        payroll = world.departments["payroll"].id
        clerk = Member(MemberId(uuid4()), "cleo", "Cleo", roles={payroll: frozenset({Role.ASKER})})
        await tx.people.save_member(clerk)
    world.people["cleo"] = Principal(world.tenant, clerk)
    question = "Who signs the secret bonus list in March?"
    asked = await world.asks(question, by="cleo", department="payroll")
    assert asked.review is not None
    case = await review(world.store, world.people["petra"], asked.review)
    await world.decide(world.people["petra"], _approval(case, "The CFO signs it."))

    insider = await world.asks(question, by="cleo")
    assert insider.answer is not None
    assert insider.answer.text == "The CFO signs it."
    outsider = await world.asks(question, by="amira")
    assert outsider.answer is not None
    assert outsider.answer.status is not AnswerStatus.PUBLISHED
    assert await articles(world.store, world.people["amira"]) == []
    with pytest.raises(Missing):
        await world.asks(question, by="amira", department="payroll")


async def test_an_approved_answer_is_not_served_once_its_source_changed(world: World) -> None:
    text_ = "# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n"
    ingested = await world.reads("badge.md", text_, department="procurement")
    asked = await world.asks("What does a visitor badge cost?")
    assert asked.answer is not None
    assert asked.answer.status is AnswerStatus.IN_REVIEW
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    assert "15 euros" in case.answer.text
    await world.decide(world.people["ravi"], _approval(case, "15 euros, contractors too. [1]"))
    assert (await articles(world.store, world.people["amira"]))[0].status == "live"

    await forget(world.store, world.people["ravi"], ingested.document.id)

    assert (await articles(world.store, world.people["ravi"]))[0].status == "suspended"
    given = await reply(world.store, world.people["amira"], asked.question.id)
    assert given.answer is not None
    assert given.answer.status is AnswerStatus.SUSPENDED
    assert "was removed" in given.note
    again = await world.asks(asked.question.text)
    assert again.answer is not None
    assert again.answer.status is not AnswerStatus.PUBLISHED


async def test_an_article_that_rests_on_a_suspended_one_goes_with_it(world: World) -> None:
    page = await world.reads("gate.md", "# Gates\n\nGate 4 opens at 06:30.\n", department="procurement")
    first = await world.asks("When does gate 4 open?")
    assert first.review is not None
    case = await review(world.store, world.people["ravi"], first.review)
    await world.decide(world.people["ravi"], _approval(case, "Gate 4 opens at 06:30 sharp. [1]"))
    second = await world.asks("Why does gate 4 open sharp at 06:30 for drivers?", department="procurement")
    assert second.review is not None
    case = await review(world.store, world.people["ravi"], second.review)
    assert any(citation.article for citation in case.answer.citations)
    await world.decide(world.people["ravi"], _approval(case, "Because the drivers wait."))

    await forget(world.store, world.people["ravi"], page.document.id)

    kept = await articles(world.store, world.people["ravi"])
    assert [one.status for one in kept] == ["suspended", "suspended"]


async def test_who_leaves_a_closed_department_loses_its_answers(world: World) -> None:
    page = "# Payroll bank\n\nThe payroll bank is Kestrel, account team 7."
    await world.reads("bank.md", page, department="payroll", by="petra")
    asked = await world.asks("Which bank is the payroll bank?", by="petra")
    assert asked.answer is not None
    assert "Kestrel" in asked.answer.text
    petra = world.people["petra"]
    async with world.store.transaction(world.tenant) as tx:
        left = replace(petra.member, roles={world.departments["hr"].id: frozenset({Role.ASKER})})
        await tx.people.save_member(left)
    got = await reply(world.store, Principal(world.tenant, left), asked.question.id)
    assert got.answer is not None
    assert "Kestrel" not in got.answer.text
    assert got.answer.citations == ()


async def test_what_was_approved_of_one_number_is_not_said_of_another(world: World) -> None:
    asked = await world.asks("Who waters the plants in building 20?", department="it-ops")
    assert asked.review is not None
    case = await review(world.store, world.people["rosa"], asked.review)
    await world.decide(world.people["rosa"], _approval(case, "Ask Facilities."))

    other = await world.asks("Who waters the plants in building 21?", by="omar", department="it-ops")
    assert other.review is not None
    assert other.answer is not None
    assert "It speaks of building 20, and not of building 21." in other.answer.reasons
