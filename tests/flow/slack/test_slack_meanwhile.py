"""What changes while something is still to be said: rights, sources, reviews; and who cannot be told now."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import text

from brain.adapters.postgres.store import connect
from brain.client import Judgement
from brain.domain.conversation import ChannelRules
from brain.domain.identity import Member, Role
from brain.domain.review import VerdictKind
from brain.usecases.forget import forget
from config.settings import DatabaseUrls
from demo.fake_slack import Channel, Person
from tests.flow.slack.conftest import Office
from tests.flow.slack.desk import COST, case_of, has_role, opened
from tests.flow.slack.test_slack_asking import ROTATE, TERRACE

ANSWER = "With the payroll desk, by the 20th of the month, code LV-33."
CODE = "LV-33"


async def _held(office: Office, *, privately: bool) -> Channel:
    """A question about payroll of amira's, who has a role there, with petra."""
    petra, amira = office.people["petra"], office.people["amira"]
    await has_role(office, "amira", "payroll", Role.ASKER)
    room = office.slack.add_channel("payroll", [petra, amira], private=True)
    await office.rules(room, ChannelRules(office.world.departments["payroll"].id))
    if privately:
        amira.commands("/expert", f"ask {TERRACE}", room)
    else:
        amira.says(room, f"@expert {TERRACE}")
    await office.sees("petra", petra.dm, TERRACE)
    await office.sees("amira", room, "looks at it")
    await office.quiet()
    return room


async def _answered(office: Office) -> None:
    petra = office.people["petra"]
    petra.clicks(await office.sees("petra", petra.dm, TERRACE), "Edit")
    form = await office.slack.until(lambda: petra.view)
    await petra.submits(form, {"Answer": ANSWER})


async def _amira(office: Office) -> Member:
    async with office.world.store.transaction(office.tenant) as tx:
        found = await tx.people.member("amira")
    assert found is not None
    return found


async def _now(office: Office, member: Member) -> None:
    async with office.world.store.transaction(office.tenant) as tx:
        await tx.people.save_member(member)


async def _loses_role(office: Office) -> None:
    member, payroll = await _amira(office), office.world.departments["payroll"].id
    await _now(office, replace(member, roles={k: v for k, v in member.roles.items() if k != payroll}))


def _directly(person: Person) -> str:
    return "\n".join(one.text for one in person.sees(person.dm))


class TestAlone:
    async def test_who_still_may_is_told(self, office: Office) -> None:
        await _held(office, privately=True)
        await _answered(office)
        await office.sees("amira", office.people["amira"].dm, CODE)

    async def test_who_may_not_any_more_is_not(self, office: Office) -> None:
        await _held(office, privately=True)
        await _loses_role(office)
        await _answered(office)
        amira = office.people["amira"]
        await office.sees("amira", amira.dm, "not for everybody here")
        await office.quiet()
        assert CODE not in _directly(amira)

    async def test_who_is_disabled_hears_nothing(self, office: Office) -> None:
        await _held(office, privately=True)
        await _now(office, replace(await _amira(office), disabled_at=datetime.now(UTC)))
        await _answered(office)
        await office.quiet()
        assert (await case_of(office)).verdict is not None
        assert _directly(office.people["amira"]) == ""

    async def test_nor_where_the_channel_takes_nothing_any_more(self, office: Office) -> None:
        room = await _held(office, privately=False)
        await _loses_role(office)
        room.archived = True
        await _answered(office)
        amira = office.people["amira"]
        await office.sees("amira", amira.dm, "not for everybody here")
        await office.quiet()
        assert CODE not in _directly(amira)


async def test_one_conversation_that_cannot_be_reached_holds_no_other_up(office: Office) -> None:
    desk = await opened(office)
    again = office.people["omar"].says(office.help, f"@expert {COST}")
    await office.sees("omar", office.help, "looks at it", thread=again)
    await office.quiet()
    first, _ = await office.brain.waiting(office.tenant, (await case_of(office)).review.id)
    known = await office.brain.standing(office.tenant, first)
    assert known is not None
    assert known.conversation is not None
    busy = replace(office.brain, claim_s=600)
    assert await busy.claim(office.tenant, f"question/{first}", to=known.conversation) is not None
    office.people["rosa"].clicks(desk.card, "Approve")
    thread = again if known.asker.handle == "amira" else desk.asked
    await office.sees("ravi", office.help, "Checked by Rosa", thread=thread)


@asynccontextmanager
async def _nothing_posted(urls: DatabaseUrls) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Whoever would claim a message waits; calls of what is yielded end once so many do."""
    owner = connect(urls.owner, pool_size=1)
    waits = text("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")

    async with owner.begin() as connection:
        await connection.execute(text("LOCK TABLE message IN EXCLUSIVE MODE"))

        async def waiting(number: int) -> None:
            async with asyncio.timeout(20):
                while True:
                    if int(await connection.scalar(waits) or 0) >= number:
                        return
                    await asyncio.sleep(0.02)

        yield waiting
    await owner.dispose()


async def test_what_was_withdrawn_while_it_was_shared_is_not_shared(
    office: Office, urls: DatabaseUrls
) -> None:
    amira = office.people["amira"]
    amira.commands("/expert", f"ask {ROTATE}", office.help)
    private = await office.sees("amira", office.help, "Share in channel")
    await office.quiet()
    async with _nothing_posted(urls) as waiting:
        amira.clicks(private, "Share in channel")
        await waiting(1)
        audience = office.world.people["ravi"].audience
        async with office.world.store.transaction(office.tenant) as tx:
            [document] = await tx.library.documents(audience=audience)
        await forget(office.world.store, office.world.people["ravi"], document.id)
        await waiting(2)
    await office.quiet()
    assert not [one for one in office.people["omar"].sees(office.help) if "redis-cli" in one.text]


async def test_no_offer_comes_after_the_verdict(office: Office, urls: DatabaseUrls) -> None:
    desk = await opened(office)
    case = await case_of(office)
    async with _nothing_posted(urls) as waiting:
        office.people["ravi"].says(
            office.desk, "A visitor badge costs 25 euros, says the new list.", thread=desk.card
        )
        await waiting(1)
        judgement = Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash)
        await office.brain.judge(office.world.people["ravi"], judgement)
        await waiting(2)
    await office.sees("amira", office.help, "Checked by Ravi", thread=desk.asked)
    await office.quiet()
    said = office.people["rosa"].sees(office.desk, thread=desk.card)
    assert not [one for one in said if "Shall this be the answer" in one.text]
