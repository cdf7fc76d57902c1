"""A review's whole life on its clock: reminded, handed on, to the owner, expired; and what stops it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.queue import Queue
from brain.domain.answer import AnswerStatus
from brain.domain.clock import Clock, WorkingHours
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.events import Event
from brain.domain.identity import Member, MemberId, Principal, Role, TenantId
from brain.domain.review import MoveKind, Occasion, ReviewCase, ReviewId, ReviewStatus, VerdictKind
from brain.usecases.accept import Accept
from brain.usecases.be_away import be_away, be_back
from brain.usecases.decide import Decide, Judgement
from brain.usecases.forget import forget
from brain.usecases.hand_on import pass_on
from brain.usecases.keep_time import keep_time
from brain.usecases.read import reply, review, reviews
from brain.usecases.renew import renew
from brain.usecases.request_review import request_renewal
from tests.conftest import Travelling, World
from workers.executor import Executor, working
from workers.tasks.keep_time import keep_time as keep_time_task
from workers.tasks.try_later import try_later

TERRACE = "How do I book the roof terrace for a party?"
WEDNESDAY = datetime(2027, 1, 6, 9, tzinfo=UTC)
# `WEDNESDAY` is also when the world's clock begins; a department's hours are 24, as by default.


@dataclass(frozen=True, slots=True)
class Time:
    world: World
    moments: list[datetime]

    async def passes(self, hours: float) -> None:
        """To that long after the beginning. Every ring there ever was is heard again, and twice."""
        self.moments.append(WEDNESDAY + timedelta(hours=hours))
        for one in await self.rings() * 2:
            await keep_time(self.world.store, self.world.tenant, one)

    async def rings(self) -> list[ReviewId]:
        rows = await self.outbox("ReviewClockRang")
        return [ReviewId(UUID(payload["review"])) for _, payload in rows]

    async def outbox(self, *names: str) -> list[tuple[str, dict[str, str]]]:
        async with self.world.store.transaction(self.world.tenant) as tx:
            rows = await tx.connection.execute(
                text("SELECT name, payload FROM outbox WHERE name = ANY(:names) ORDER BY position"),
                {"names": list(names)},
            )
            return [(row.name, row.payload) for row in rows]

    async def told(self) -> list[tuple[str, str]]:
        """What was emitted for people, with whom it is about."""
        people = {str(one.member.id): handle for handle, one in self.world.people.items()}
        found = await self.outbox("ReviewReminded", "ReviewHandedOn", "ReviewExpired")
        return [(name.removeprefix("Review"), people.get(sent.get("member", ""), "")) for name, sent in found]


@pytest.fixture
def time(world: World) -> Time:
    moments = [WEDNESDAY]
    store = Travelling(world.store.engine, moments=moments)
    later = replace(
        world,
        store=store,
        accept=Accept(store),
        ask=replace(world.ask, store=store),
        decide=Decide(store, world.ask.embedder),
    )
    return Time(later, moments)


async def _opened(time: Time, question: str = TERRACE, *, by: str = "amira") -> ReviewCase:
    asked = await time.world.asks(question, by=by, department="it-ops")
    assert asked.review is not None
    return await _case(time, asked.review)


async def _case(time: Time, number: int) -> ReviewCase:
    async with time.world.store.transaction(time.world.tenant) as tx:
        case = await tx.reviews.case(number, lock=False)
    assert case is not None
    return case


def _verdict(case: ReviewCase) -> Judgement:
    return Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash, text="Ask Facilities.")


async def _status(time: Time, case: ReviewCase, *, by: str = "amira") -> tuple[AnswerStatus, str]:
    got = await reply(time.world.store, time.world.people[by], case.review.question)
    assert got.answer is not None
    return got.answer.status, got.note


async def test_a_review_that_nobody_decides_goes_from_hand_to_hand_and_ends_with_names(time: Time) -> None:
    case = await _opened(time)
    joined = await time.world.asks("How can I book the roof terrace for a party?", by="omar")
    assert joined.review == case.review.number
    assert case.assigned_to == "Ravi"
    assert case.review.due_at == WEDNESDAY + timedelta(hours=24)

    await time.passes(11.9)
    assert await time.told() == []
    await time.passes(12)
    assert await time.told() == [("Reminded", "ravi")]
    await time.passes(16)
    await time.passes(19)
    assert (await time.told())[1:] == [("HandedOn", "rosa")]
    await time.passes(20)
    assert (await time.told())[2:] == [("HandedOn", "ravi")], "the admin, where no owner is named"
    await time.passes(23.9)
    assert (await _case(time, case.review.number)).review.status is ReviewStatus.OPEN
    await time.passes(24)
    await time.passes(100)

    assert (await time.told())[3:] == [("Expired", "")]
    ended = await _case(time, case.review.number)
    assert ended.review.status is ReviewStatus.EXPIRED
    assert [move.kind for move in ended.history] == [
        MoveKind.ASSIGNED,
        MoveKind.REMINDED,
        MoveKind.HANDED_ON,
        MoveKind.TO_OWNER,
        MoveKind.EXPIRED,
    ]
    for by, question in (("amira", case.review.question), ("omar", joined.question.id)):
        got = await reply(time.world.store, time.world.people[by], question)
        assert got.answer is not None
        assert got.answer.status is AnswerStatus.EXPIRED
        assert got.note == "Nobody could check this in time. Here is who to ask: Ravi, Rosa (IT-OPS)."


async def test_what_has_expired_cannot_be_decided_but_asked_again(time: Time) -> None:
    case = await _opened(time)
    await review(time.world.store, time.world.people["ravi"], case.review.number)
    for hours in (12, 16, 20, 24):
        await time.passes(hours)
    with pytest.raises(Conflict, match="expired"):
        await time.world.decide(time.world.people["ravi"], _verdict(case))
    again = await _opened(time)
    assert again.review.number == case.review.number + 1
    assert again.review.status is ReviewStatus.OPEN


async def test_a_verdict_stops_the_clock(time: Time) -> None:
    case = await _opened(time)
    await time.passes(12)
    await review(time.world.store, time.world.people["rosa"], case.review.number)
    await time.world.decide(time.world.people["rosa"], _verdict(case))
    for hours in (16, 20, 24):
        await time.passes(hours)
    assert await time.told() == [("Reminded", "ravi")]
    assert await _status(time, case) == (AnswerStatus.PUBLISHED, "")


async def test_after_a_long_halt_no_turn_is_skipped(time: Time) -> None:
    case = await _opened(time)
    await time.passes(1000)
    assert await time.told() == [("Reminded", "ravi")]
    now = await _case(time, case.review.number)
    assert now.review.rings_at == WEDNESDAY + timedelta(hours=1004)
    assert now.review.due_at == WEDNESDAY + timedelta(hours=1012)


async def test_many_rings_at_once_are_one_step(time: Time) -> None:
    case = await _opened(time)
    time.moments.append(WEDNESDAY + timedelta(hours=12))
    store, tenant = time.world.store, time.world.tenant
    await asyncio.gather(*(keep_time(store, tenant, case.review.id) for _ in range(20)))
    assert await time.told() == [("Reminded", "ravi")]
    assert len(await time.rings()) == 2


async def test_of_a_verdict_and_the_end_of_time_exactly_one_wins(time: Time) -> None:
    outcomes = set()
    for n in range(12):
        begins = WEDNESDAY + timedelta(days=2 * n)
        time.moments.append(begins)
        case = await _opened(time, f"Who waters the plants in building {n + 20}?")
        await review(time.world.store, time.world.people["rosa"], case.review.number)
        for hours in (12, 16, 20):
            time.moments.append(begins + timedelta(hours=hours))
            await keep_time(time.world.store, time.world.tenant, case.review.id)
        time.moments.append(begins + timedelta(hours=24))

        async def late(seconds: float, case: ReviewCase = case) -> None:
            await asyncio.sleep(seconds)
            await keep_time(time.world.store, time.world.tenant, case.review.id)

        verdict, _ = await asyncio.gather(
            time.world.decide(time.world.people["rosa"], _verdict(case)),
            late(n * 0.003),
            return_exceptions=True,
        )
        ended = await _case(time, case.review.number)
        status, note = await _status(time, case)
        outcomes.add(ended.review.status)
        if isinstance(verdict, Conflict):
            assert (ended.review.status, ended.verdict) == (ReviewStatus.EXPIRED, None)
            assert status is AnswerStatus.EXPIRED
            assert "who to ask" in note
        else:
            assert not isinstance(verdict, BaseException), verdict
            assert ended.review.status is ReviewStatus.DECIDED
            assert ended.verdict is not None
            assert (status, note) == (AnswerStatus.PUBLISHED, "")
    expired = [sent for _, sent in await time.outbox("ReviewExpired")]
    approved = await time.outbox("AnswerApproved", "AnswerAmended")
    assert len(expired) + len(approved) == 12
    assert outcomes <= {ReviewStatus.EXPIRED, ReviewStatus.DECIDED}


async def test_reviews_go_to_whom_has_the_fewest(time: Time) -> None:
    names = [(await _opened(time, f"Where is printer number {n + 70}?")).assigned_to for n in range(4)]
    assert names == ["Ravi", "Rosa", "Ravi", "Rosa"]
    mine = await reviews(time.world.store, time.world.people["rosa"], open_only=True)
    assert sum(one.review.assignee == time.world.people["rosa"].member.id for one in mine) == 2


async def test_nobody_gets_the_review_of_their_own_question(time: Time) -> None:
    assert (await _opened(time, by="ravi")).assigned_to == "Rosa"


async def test_not_for_me_hands_on_and_the_last_one_hands_to_the_owner(time: Time) -> None:
    world = time.world
    case = await _opened(time)
    number = case.review.number
    with pytest.raises(Denied, match="with Ravi, not with you"):
        await pass_on(world.store, world.people["rosa"], number, reason="")
    with pytest.raises(Missing):
        await pass_on(world.store, world.people["petra"], number, reason="")

    passed = await pass_on(world.store, world.people["ravi"], number, reason="Not my field.")
    assert passed.assigned_to == "Rosa"
    assert (passed.history[-1].kind, passed.history[-1].by_name) == (MoveKind.PASSED, "Ravi")
    assert passed.history[-1].reason == "Not my field."
    assert passed.review.due_at == case.review.due_at, "the asker was promised an outcome by then"
    last = await pass_on(world.store, world.people["rosa"], number, reason="")
    assert last.assigned_to == "Ravi"
    with pytest.raises(Conflict, match="Nobody else can take"):
        await pass_on(world.store, world.people["ravi"], number, reason="")

    assert await time.told() == [("HandedOn", "rosa"), ("HandedOn", "ravi")]
    await time.passes(12)
    assert (await time.told())[2:] == [("Reminded", "ravi")]


async def test_who_is_away_hands_on_and_gets_nothing_until_they_are_back(time: Time) -> None:
    world = time.world
    case = await _opened(time)
    until = WEDNESDAY + timedelta(days=3)
    with pytest.raises(Denied, match="Only admins"):
        await be_away(world.store, world.people["rosa"], "ravi", until=until)
    with pytest.raises(Denied, match="role admin"):
        await be_away(world.store, world.people["petra"], "ravi", until=until)
    with pytest.raises(Rejected, match="is over"):
        await be_away(world.store, world.people["ravi"], "ravi", until=WEDNESDAY)

    gone = await be_away(world.store, world.people["ravi"], "ravi", until=until)
    assert (gone.handed_on, gone.kept) == ((case.review.number,), ())
    assert (await _case(time, case.review.number)).assigned_to == "Rosa"
    assert (await _opened(time, "Where is printer 7 today?")).assigned_to == "Rosa"
    alone = await be_away(world.store, world.people["ravi"], "rosa", until=until)
    assert alone.handed_on == ()
    assert len(alone.kept) == 2

    await be_back(world.store, world.people["ravi"], "ravi")
    assert (await _opened(time, "Where is printer 8 today?")).assigned_to == "Ravi"
    time.moments.append(until)
    assert (await _opened(time, "Where is the copier 9 today?")).assigned_to == "Ravi"
    assert (await _opened(time, "Where is scanner 4711 today?")).assigned_to in ("Ravi", "Rosa")


async def test_a_reviewer_who_left_is_replaced_when_the_clock_rings(time: Time) -> None:
    case = await _opened(time)
    async with time.world.store.transaction(time.world.tenant) as tx:
        member = await tx.people.member("ravi")
        assert member is not None
        await tx.people.save_member(replace(member, disabled_at=tx.now))
    await time.passes(12)
    assert await time.told() == [("HandedOn", "rosa")]
    assert (await _case(time, case.review.number)).assigned_to == "Rosa"


async def test_the_owner_may_decide_what_was_handed_to_them_and_only_that(time: Time) -> None:
    world, it_ops = time.world, time.world.departments["it-ops"]
    olga = Member(MemberId(uuid4()), "olga", "Olga", roles={it_ops.id: frozenset({Role.ADMIN})})
    world.people["olga"] = Principal(world.tenant, olga)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(olga)
        await tx.people.save_department(replace(it_ops, owner="olga"))
    case = await _opened(time)
    await time.passes(12)
    await time.passes(16)
    with pytest.raises(Missing):
        await review(world.store, world.people["olga"], case.review.number)
    assert await reviews(world.store, world.people["olga"], open_only=True) == []
    with pytest.raises(Denied, match="Only reviewers"):
        await world.decide(world.people["olga"], _verdict(case))

    await time.passes(20)
    assert (await time.told())[-1] == ("HandedOn", "olga")
    [mine] = await reviews(world.store, world.people["olga"], open_only=True)
    assert mine.assigned_to == "Olga"
    await review(world.store, world.people["olga"], case.review.number)
    decided = await world.decide(world.people["olga"], _verdict(case))
    assert decided.decided_by == "Olga"


async def test_a_review_of_an_article_ends_without_taking_back_what_still_stands(time: Time) -> None:
    world = time.world
    page = await world.reads("gates.md", "# Gates\n\nGate 4 opens at 06:30.\n", department="procurement")
    asked = await world.asks("When does gate 4 open?", department="procurement")
    first = await review(world.store, world.people["ravi"], asked.review or 0)
    await world.decide(
        world.people["ravi"], Judgement(first.review.number, VerdictKind.APPROVE, first.review.shown_hash)
    )
    async with world.store.transaction(world.tenant) as tx:
        [article] = await tx.articles.articles(audience=world.people["ravi"].audience)
        await request_renewal(tx, article, Occasion.EXPIRING, waiting=())
    assert (await _case(time, 2)).assigned_to == "Ravi"
    for hours in (12, 16, 20, 24):
        await time.passes(hours)
    assert (await _case(time, 2)).review.status is ReviewStatus.EXPIRED
    assert await _status(time, first) == (AnswerStatus.PUBLISHED, "")

    await forget(world.store, world.people["ravi"], page.document.id)
    assert (await _status(time, first))[0] is AnswerStatus.SUSPENDED
    assert (await _case(time, 3)).assigned_to == "Ravi"
    for hours in (36, 40, 44, 48):
        await time.passes(hours)
    status, note = await _status(time, first)
    assert status is AnswerStatus.EXPIRED
    assert "Here is who to ask: Ravi (PROCUREMENT)." in note

    # Nobody has looked, and nothing would ever ask again: so its reviewers are, a week later, and once.
    due = [UUID(payload["article"]) for _, payload in await time.outbox("ArticleFellDue")]
    time.moments.append(WEDNESDAY + timedelta(hours=48, days=7))
    for one in due:
        assert one == article.id
        await renew(world.store, world.tenant, article.id)
    assert len(due) == 3
    again = await _case(time, 4)
    assert (again.review.status, again.review.occasion) == (ReviewStatus.OPEN, Occasion.CHANGED)
    assert again.assigned_to == "Ravi"
    assert len(await reviews(world.store, world.people["ravi"], open_only=True)) == 1


async def test_outside_working_hours_the_clock_stands_still(time: Time) -> None:
    world = time.world
    hours = WorkingHours("Europe/Oslo")  # 8 to 17 there is 7 to 16 here
    clock = Clock(review_hours=18, working_hours=hours)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_department(replace(world.departments["it-ops"], clock=clock))
    case = await _opened(time)  # 10:00 in Oslo, on a Wednesday
    assert case.review.rings_at == datetime(2027, 1, 7, 9, tzinfo=UTC)
    assert case.review.due_at == datetime(2027, 1, 8, 9, tzinfo=UTC)
    await time.passes(23)
    assert await time.told() == []
    await time.passes(34)  # 20:00 in Oslo: the machine was down when it should have rung
    assert await time.told() == []
    now = await _case(time, case.review.number)
    assert now.review.rings_at == datetime(2027, 1, 8, 7, tzinfo=UTC)
    await time.passes(46)
    assert await time.told() == [("Reminded", "ravi")]


async def test_a_review_from_before_there_were_clocks_is_given_to_somebody(time: Time) -> None:
    case = await _opened(time)
    async with time.world.store.transaction(time.world.tenant) as tx:
        await tx.connection.execute(text("UPDATE review SET assignee_id = NULL, rings_at = now()"))
        await tx.connection.execute(text("DELETE FROM review_move"))
    await time.passes(0)
    now = await _case(time, case.review.number)
    assert now.assigned_to == "Ravi"
    assert now.review.rings_at is not None


async def test_the_workers_hear_the_clock(time: Time, system_engine: AsyncEngine) -> None:
    """The real outbox, relay and executor; only the waiting is cut short."""
    case = await _opened(time)
    time.moments.append(WEDNESDAY + timedelta(hours=12))
    async with time.world.store.transaction(time.world.tenant) as tx:
        await tx.connection.execute(text("UPDATE outbox SET due_at = now()"))
    executor = Executor(Queue(system_engine), {"keep_time": keep_time_task(time.world.store)}, 2, Random(1))
    async with working(executor), asyncio.timeout(30):
        while not await time.told():  # noqa: ASYNC110  # the worker tells nobody but the database
            await asyncio.sleep(0.05)
    assert await time.told() == [("Reminded", "ravi")]
    assert (await _case(time, case.review.number)).review.next_step == 1


async def test_a_clock_that_cannot_be_heard_rings_again_in_an_hour(
    time: Time, system_engine: AsyncEngine
) -> None:
    case = await _opened(time)
    async with time.world.store.transaction(time.world.tenant) as tx:
        await tx.connection.execute(text("UPDATE outbox SET due_at = now()"))

    async def broken(tenant: TenantId, event: Event) -> None:
        raise Rejected("This cannot be done.")

    last_resorts = {"keep_time": try_later(time.world.store)}
    executor = Executor(Queue(system_engine), {"keep_time": broken}, 2, Random(1), last_resorts)
    async with working(executor), asyncio.timeout(30):
        while len(await time.rings()) < 2:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.05)
    assert await time.rings() == [case.review.id] * 2
    async with time.world.store.transaction(time.world.tenant) as tx:
        waits_s = await tx.connection.scalar(
            text("SELECT extract(epoch FROM max(due_at) - now()) FROM outbox WHERE name = 'ReviewClockRang'")
        )
    assert 3_500 < waits_s <= 3_600
