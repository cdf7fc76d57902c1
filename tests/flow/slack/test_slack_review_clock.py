"""A review's life on its clock, as its reviewers and those who asked see it on Slack."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.domain.identity import Role
from brain.usecases.accept import Accept
from brain.usecases.decide import Decide
from brain.usecases.keep_time import keep_time
from config.settings import DatabaseUrls
from demo.fake_slack import FakeSlack
from tests.conftest import Travelling, World, emptied
from tests.flow.slack import conftest
from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import (
    BADGES,
    COST,
    case_of,
    has_role,
    hires,
    opened,
    payloads,
    said_to,
)


@dataclass(frozen=True, slots=True)
class Time:
    office: Office
    moments: list[datetime]

    async def passes(self, hours: float) -> None:
        """To that long after the beginning."""
        self.moments.append(self.moments[0] + timedelta(hours=hours))
        case = await case_of(self.office)
        for _ in range(2):  # a ring that is heard twice is one
            await keep_time(self.office.world.store, self.office.tenant, case.review.id)
        await self.office.quiet()


@pytest.fixture
async def time(
    world: World, system_engine: AsyncEngine, urls: DatabaseUrls, slack: FakeSlack
) -> AsyncIterator[Time]:
    await emptied(urls)
    moments = [datetime.now(UTC)]
    store = Travelling(world.store.engine, moments=moments)
    later = replace(
        world,
        store=store,
        accept=Accept(store),
        ask=replace(world.ask, store=store),
        decide=Decide(store, world.ask.embedder),
        ingest=replace(world.ingest, store=store),
    )
    async with conftest.opened(later, system_engine, slack) as office:
        yield Time(office, moments)


async def _has_owner(office: Office) -> None:
    await hires(office, "olga", "procurement", Role.ADMIN)
    async with office.world.store.transaction(office.tenant) as tx:
        await tx.people.save_department(replace(office.world.departments["procurement"], owner="olga"))


async def test_from_hand_to_hand_in_the_thread_of_the_card(time: Time) -> None:
    office = time.office
    desk = await opened(office)
    await _has_owner(office)
    office.people["olga"].joins(office.desk)

    await time.passes(12)
    reminded = await office.sees("rosa", office.desk, "Review 1 still waits for you", thread=desk.card)
    assert reminded.live.mentions == [f"@{office.people['ravi'].id}"]
    await time.passes(16)
    told = await office.sees("ravi", office.desk, "Review 1 is yours now", thread=desk.card)
    assert told.live.mentions == [f"@{office.people['rosa'].id}"]
    card = await office.sees("ravi", office.desk, "Rosa's turn, expires")
    assert (card.ts, card.live.mentions) == (desk.card.ts, [f"@{office.people['rosa'].id}"])
    await office.sees("amira", office.help, "Rosa looks at it, until", thread=desk.asked)
    await time.passes(20)
    told = await office.sees("ravi", office.desk, "Review 1 is yours now", thread=desk.card, times=2)
    assert told.live.mentions == [f"@{office.people['olga'].id}"]
    await office.sees("amira", office.help, "Olga looks at it, until", thread=desk.asked)
    thread = office.people["ravi"].sees(office.desk, thread=desk.card)
    assert len(thread) == 4, "the card, and one message for each step"

    office.people["olga"].clicks(await office.sees("olga", office.desk, "Olga's turn"), "Approve")
    await office.sees("amira", office.help, "Checked by Olga", thread=desk.asked)


async def test_what_nobody_decides_ends_with_whom_to_ask_for_all_who_wait(time: Time) -> None:
    office = time.office
    desk = await opened(office)
    omar = office.people["omar"]
    omar.commands("/expert", f"ask {COST}", office.help)
    await office.sees("omar", office.help, "Ravi looks at it, until")
    office.people["rosa"].says(office.desk, "I think it costs 15 euros these days.", thread=desk.card)
    offer = await office.sees("rosa", office.desk, "Shall this be the answer", thread=desk.card)
    await office.quiet()
    assert await payloads(office) == 1
    for hours in (12, 16, 20, 24):
        await time.passes(hours)

    ended = await office.sees("amira", office.help, "Here is who to ask: Ravi, Rosa", thread=desk.asked)
    assert ended.live.mentions == [f"@{office.people['amira'].id}"]
    await office.sees("amira", office.help, "See the message below", thread=desk.asked)
    told = await office.sees("omar", omar.dm, "Here is who to ask: Ravi, Rosa")
    assert COST in told.text
    card = await office.sees("rosa", office.desk, "Clock: Expired: nobody decided in time")
    assert (card.ts, card.buttons, card.live.mentions) == (desk.card.ts, [], [])
    assert await payloads(office) == 0, "what was offered is forgotten"
    left = {one.ts: one for one in office.people["rosa"].sees(office.desk, thread=desk.card)}[offer.ts]
    assert left.buttons == []
    for button in ("Approve", "Edit"):
        office.people["rosa"].clicks(desk.card, button)
    await office.quiet()
    assert len(said_to(office, "rosa", words="xpired")) == 2


async def test_a_card_of_ones_own_says_who_has_it_now(time: Time) -> None:
    office = time.office
    await has_role(office, "rosa", "procurement", Role.REVIEWER)
    await office.world.reads("badges.md", BADGES, department="procurement")
    asked = office.people["amira"].says(office.help, f"@expert {COST}")
    ravi, rosa = office.people["ravi"], office.people["rosa"]
    card = await office.sees("ravi", ravi.dm, "15 euros")
    await office.quiet()
    await time.passes(12)
    reminded = await office.sees("ravi", ravi.dm, "Review 1 still waits for you")
    assert reminded.thread_ts == card.ts
    await time.passes(16)
    passed = await office.sees("ravi", ravi.dm, "It is Rosa's turn now")
    assert (passed.ts, passed.buttons) == (card.ts, [])
    theirs = await office.sees("rosa", rosa.dm, "15 euros")
    ravi.clicks(card, "Approve")
    await office.sees("amira", office.help, "Checked by Ravi", thread=asked)
    ended = await office.sees("rosa", rosa.dm, "Approved by Ravi")
    assert (ended.ts, ended.buttons) == (theirs.ts, [])
