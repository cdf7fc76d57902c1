"""While the database is away: what people say is kept, they are told once, and each gets one answer later."""

import asyncio
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest

from bots.texts import texts_for
from brain.adapters.postgres.store import SqlStore
from brain.domain.conversation import Delivery, DeliveryId, Kept
from brain.domain.errors import Unavailable
from brain.domain.events import Event
from brain.domain.identity import TenantId
from demo.fake_slack import Message
from tests.flow.slack.conftest import Office

ROTATE = "How do I rotate the Redis password?"
FOUND = "redis-cli"
NOTICE = texts_for("")("kept_for_later")


@dataclass(frozen=True)
class Away(SqlStore):
    """The door to the database, shut; `silent`: behind it, nobody answers."""

    silent: bool = False
    asked: list[DeliveryId] = field(default_factory=list)

    async def receive(self, tenant: TenantId, delivery: Delivery, event: Event) -> None:
        self.asked.append(delivery.id)
        if self.silent:
            await asyncio.Event().wait()
        raise Unavailable


@dataclass(frozen=True)
class Slow(SqlStore):
    """It keeps everything, and is too slow to say so."""

    async def receive(self, tenant: TenantId, delivery: Delivery, event: Event) -> None:
        await super().receive(tenant, delivery, event)
        await asyncio.Event().wait()


def cut_off(office: Office, *, silent: bool = False) -> Away:
    away = Away(office.world.store.engine, silent=silent)
    office.take_in = replace(office.take_in, store=away, budget_s=0.05)
    return away


def back(office: Office) -> None:
    office.take_in = replace(office.take_in, store=office.world.store, budget_s=5.0)


@pytest.mark.parametrize("silent", [False, True])
async def test_a_mention_is_kept_its_author_told_and_then_answered_once(
    office: Office, *, silent: bool
) -> None:
    cut_off(office, silent=silent)
    asked = mentioned(office, "amira")
    await office.sees("amira", office.help, NOTICE)
    assert not [one for one in office.people["omar"].sees(office.help) if NOTICE in one.text], "for her alone"
    assert office.journal.held

    back(office)
    await office.replay.once()
    await office.sees("amira", office.help, FOUND, thread=asked)
    await office.quiet()
    answers = [one for one in office.people["amira"].sees(office.help, thread=asked) if one.ts != asked.ts]
    assert len(answers) == 1
    assert office.journal.held == 0


async def test_everybody_is_told_once_in_each_outage(office: Office) -> None:
    cut_off(office)
    for _ in range(2):
        for who in ("amira", "omar"):
            mentioned(office, who)
    for who in ("amira", "omar"):
        await office.sees(who, office.help, NOTICE)
    await office.slack.settled()
    assert [_told(office, who) for who in ("amira", "omar")] == [1, 1]

    await office.replay.once()
    await office.quiet()
    mentioned(office, "amira")
    await office.sees("amira", office.help, NOTICE, times=2)
    back(office)
    await office.replay.once()
    await office.quiet()


async def test_nobody_is_told_of_what_is_over_at_once(office: Office) -> None:
    office.outage.grace_s = 1.0
    cut_off(office)
    asked = mentioned(office, "amira")
    await office.slack.settled()
    assert office.journal.held
    back(office)
    await office.replay.once()
    await office.sees("amira", office.help, FOUND, thread=asked)
    await asyncio.sleep(office.outage.grace_s)
    await office.quiet()
    assert _told(office, "amira") == 0


async def test_in_a_thread_and_alone_with_the_bot_it_is_said_there(office: Office) -> None:
    amira = office.people["amira"]
    asked = mentioned(office, "amira")
    await office.sees("amira", office.help, FOUND, thread=asked)
    cut_off(office)
    amira.says(office.help, "@expert And how often?", thread=asked)
    await office.sees("amira", office.help, NOTICE, thread=asked)
    direct = office.people["omar"].dm
    office.people["omar"].says(direct, ROTATE)
    await office.sees("omar", direct, NOTICE)
    back(office)
    await office.replay.once()
    await office.sees("omar", direct, FOUND)
    await office.quiet()


async def test_a_command_is_answered_with_the_notice_in_the_language_of_who_typed_it(office: Office) -> None:
    amira = office.people["amira"]
    amira.user.locale = "de-DE"
    await office.platform.people.person(office.slack.workspace.id, amira.id)
    cut_off(office)
    acknowledged = await amira.commands("/expert", f"ask {ROTATE}", office.help)
    assert acknowledged.body is not None
    assert acknowledged.body["text"] == texts_for("de")("kept_for_later")
    back(office)
    await office.replay.once()
    await office.sees("amira", office.help, FOUND)
    await office.quiet()


async def test_who_is_known_to_be_away_is_not_asked_each_time(office: Office) -> None:
    away = cut_off(office)
    for number in range(30):
        assert await office.take_in(office.tenant, _delivery(number)) is Kept.JOURNAL
    assert len(away.asked) == 5
    assert office.take_in.circuit.wait_s > 0

    back(office)
    assert await office.replay.once() == 30
    assert office.take_in.circuit.wait_s == 0
    assert await office.take_in(office.tenant, _delivery(30)) is Kept.DATABASE


async def test_what_was_committed_though_nobody_said_so_is_answered_once(office: Office) -> None:
    office.take_in = replace(office.take_in, store=Slow(office.world.store.engine), budget_s=0.5)
    asked = mentioned(office, "amira")
    await office.sees("amira", office.help, FOUND, thread=asked)
    await office.slack.until(lambda: office.journal.held, 20)
    back(office)
    await office.replay.once()
    await office.quiet()
    answers = [one for one in office.people["amira"].sees(office.help, thread=asked) if one.ts != asked.ts]
    assert len(answers) == 1


async def test_what_the_database_can_never_take_holds_nothing_up(office: Office) -> None:
    cut_off(office)
    nobody = TenantId(uuid4())
    for tenant, number in ((office.tenant, 1), (nobody, 2), (office.tenant, 3)):
        await office.take_in(tenant, _delivery(number))
    await office.take_in(office.tenant, replace(_delivery(4), payload="NUL \0"))
    back(office)
    assert await office.replay.once() == 4
    assert (office.journal.held, office.journal.damaged) == (0, 2)
    async with office.world.store.transaction(office.tenant) as tx:
        for number, known in ((1, False), (3, False), (4, True)):
            assert await tx.talk.inbox.accept(_delivery(number)) is known


def mentioned(office: Office, who: str) -> Message:
    return office.people[who].says(office.help, f"@expert {ROTATE}")


def _told(office: Office, who: str) -> int:
    return sum(NOTICE in one.text for one in office.people[who].sees(office.help))


def _delivery(number: int) -> Delivery:
    return Delivery(DeliveryId(uuid4()), "slack", f"event/{number}", "", "{}")
