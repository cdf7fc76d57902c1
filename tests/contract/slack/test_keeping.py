"""What Slack is told that we have, is kept, and once; what is not kept, Slack is not told that we have."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import permutations
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bots.chat_platform import Inbound
from bots.texts import texts_for
from brain.adapters.postgres.store import SqlStore, connect
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import Rejected
from brain.domain.overload import Entrance
from brain.usecases.receive import receive
from config.settings import DatabaseUrls
from tests.conftest import World
from tests.contract.slack.conftest import PATH, Door, open_door

SAID = {"channel": "C1", "channel_type": "channel", "user": "U1", "ts": "1700.01", "text": "<@UBOT> Why?"}
MENTION = {**SAID, "type": "app_mention"}
MESSAGE = {**SAID, "type": "message"}
PERSON = {"team": {"id": "T111"}, "user": {"id": "U1"}, "trigger_id": "1.2.x", "channel": {"id": "C1"}}
COMMAND = {"command": "/expert", "text": "ask Why?", "channel_id": "C1", "user_id": "U1", "team_id": "T111"}
COMMAND |= {"trigger_id": "1.2.c", "response_url": "https://hooks.slack.com/commands/1"}
PRESSED = {"type": "button", "action_id": "helpful", "value": "q", "action_ts": "1701.01"}
ACTION = {**PERSON, "type": "block_actions", "actions": [PRESSED], "container": {"message_ts": "1700.02"}}
SHORTCUT = {
    **PERSON,
    "type": "message_action",
    "callback_id": "ask",
    "message": {"ts": "1700.03", "text": "Why?"},
}
WRITTEN = {"type": "plain_text_input", "value": "It was wrong."}
VIEW = {
    "id": "V1",
    "type": "modal",
    "hash": "1.h",
    "callback_id": "feedback",
    "private_metadata": "q",
    "blocks": [{"type": "section"}, {"type": "input", "block_id": "comment"}],
    "state": {"values": {"comment": {"line": WRITTEN}}},
}
SUBMISSION = {**PERSON, "type": "view_submission", "view": VIEW}
COUNT = "SELECT count(*) FROM"
AGAIN = {"X-Slack-Retry-Num": "1", "X-Slack-Retry-Reason": "http_timeout"}


def _event(inner: dict[str, Any], id_: str) -> dict[str, Any]:
    return {"type": "event_callback", "event_id": id_, "team_id": "T111", "event": inner}


@dataclass
class Office:
    """A door with the real store behind it. `store` may be another one for a while."""

    door: Door
    world: World
    store: SqlStore

    async def accepted(self) -> int:
        """How often work was ordered."""
        async with self.world.store.transaction(self.world.tenant) as tx:
            facts = await tx.connection.scalar(
                text("SELECT count(*) FROM outbox WHERE name = 'DeliveryAccepted'")
            )
            kept = await tx.connection.scalar(text("SELECT count(*) FROM inbox WHERE payload IS NOT NULL"))
        assert facts == kept
        return int(kept)


@pytest.fixture
async def office(world: World) -> AsyncIterator[Office]:
    async def keep(inbound: Inbound) -> None:
        one = Delivery(DeliveryId(uuid4()), "slack", inbound.delivery, inbound.twin, inbound.to_json())
        await receive(running.store, world.tenant, one)

    running = Office(open_door(FastAPI(), keep=keep), world, world.store)
    async with running.door.http:
        yield running


@pytest.mark.parametrize("body", [_event(MENTION, "Ev1"), COMMAND, ACTION, SHORTCUT, SUBMISSION])
async def test_nothing_but_the_insert_happens_before_the_acknowledgement(
    office: Office, app_engine: AsyncEngine, body: dict[str, Any]
) -> None:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(" ".join(statement.split())[:40])

    event.listen(app_engine.sync_engine, "before_cursor_execute", note)
    assert (await office.door.deliver(body)).status_code == 200
    event.remove(app_engine.sync_engine, "before_cursor_execute", note)

    assert len(said) == 1, said
    assert await office.accepted() == 1


@pytest.mark.parametrize("body", [_event(MENTION, "Ev1"), COMMAND, ACTION, SHORTCUT, SUBMISSION])
async def test_what_comes_again_is_accepted_once(office: Office, body: dict[str, Any]) -> None:
    for _ in range(2):
        assert (await office.door.deliver(body)).status_code == 200
    answers = await asyncio.gather(*(office.door.deliver(body) for _ in range(8)))

    assert {one.status_code for one in answers} == {200}
    assert await office.accepted() == 1


@pytest.mark.parametrize("pair", [*permutations([_event(MENTION, "Ev1"), _event(MESSAGE, "Ev2")])])
async def test_both_events_of_one_message_are_one(office: Office, pair: Sequence[dict[str, Any]]) -> None:
    for body in pair:
        await office.door.event(body)

    assert await office.accepted() == 1


@pytest.mark.parametrize("once", [1, 2])
async def test_a_mention_that_is_added_to_what_was_overheard_is_heard(office: Office, once: int) -> None:
    await office.door.event(_event({**MESSAGE, "text": "Why?"}, "Ev1"))
    for number in range(once):
        await office.door.event(_event(MENTION, f"Ev2{number}"))

    assert await office.accepted() == 2


async def test_both_events_of_one_message_at_the_same_time_are_one(office: Office) -> None:
    for number in range(10):
        pair = [
            _event({**one, "ts": f"18.{number}"}, f"Ev{number}{name}")
            for name, one in (("a", MENTION), ("b", MESSAGE))
        ]
        copies = [body for body in pair for _ in range(3)]
        assert {one.status_code for one in await asyncio.gather(*map(office.door.event, copies))} == {200}

    assert await office.accepted() == 10


async def test_what_is_not_the_same_is_not_taken_for_it(office: Office) -> None:
    bodies = [
        _event(MENTION, "Ev1"),
        _event({**MENTION, "ts": "1700.04"}, "Ev2"),
        _event({**MENTION, "channel": "C2"}, "Ev3"),
        {**_event(MENTION, "Ev4"), "team_id": "E111"},
        COMMAND,
        {**COMMAND, "trigger_id": "1.2.d"},
        ACTION,
        {**ACTION, "actions": [{**PRESSED, "action_ts": "1701.02"}]},
        {**ACTION, "actions": [{**PRESSED, "action_id": "helpful#1"}]},
        {**ACTION, "user": {"id": "U2"}},
        {**ACTION, "container": {"message_ts": "1700.09"}},
        SUBMISSION,
        {**SUBMISSION, "view": {**VIEW, "id": "V2"}},
        SHORTCUT,
        {**SHORTCUT, "trigger_id": "1.2.z"},
    ]
    for body in bodies:
        assert (await office.door.deliver(body)).status_code == 200

    assert await office.accepted() == len(bodies)


async def test_a_retry_is_accepted_where_the_first_delivery_was_lost(office: Office) -> None:
    assert (await office.door.event(_event(MENTION, "Ev1"), **AGAIN)).status_code == 200
    assert await office.accepted() == 1

    assert (await office.door.event(_event(MENTION, "Ev1"))).status_code == 200
    assert await office.accepted() == 1


async def test_texts_are_kept_as_they_were_written(office: Office) -> None:
    """`\\u0000`, typed by somebody, is six characters; NUL and half a character are none."""
    written = 'a "quote", \\u0000, \\, \\ud800, 😀 and é'
    body = _event({**MENTION, "text": f"{written}\0\ud800"}, "Ev1")
    assert (await office.door.event(body)).status_code == 200

    async with office.world.store.transaction(office.world.tenant) as tx:
        id_ = await tx.connection.scalar(text("SELECT id FROM inbox WHERE payload IS NOT NULL"))
        kept = await tx.talk.inbox.delivery(DeliveryId(id_))
    assert kept is not None
    what: Any = Inbound.from_json(kept.payload).what
    assert what.text == f"{written}?"


# While nothing can be kept.


async def _refused(office: Office) -> list[httpx.Response]:
    """What each kind is answered with, of which nothing is kept."""
    door = office.door
    bodies = (_event(MENTION, "Ev1"), ACTION, SHORTCUT, COMMAND, SUBMISSION)
    answers = list(await asyncio.gather(*(door.deliver(body) for body in bodies)))
    assert door.kept == []
    assert not any("x-slack-no-retry" in one.headers for one in answers)
    assert all((one.status_code == 503) == ("retry-after" in one.headers) for one in answers)
    return answers


async def _says_so(office: Office) -> None:
    *again, command, submission = await _refused(office)
    assert [one.status_code for one in again] == [503, 503, 503]
    assert command.status_code == submission.status_code == 200
    assert command.json() == {"response_type": "ephemeral", "text": texts_for("")("away")}
    assert submission.json() == {
        "response_action": "errors",
        "errors": {"comment": texts_for("")("away")},
    }


async def _takes_it_again(office: Office) -> None:
    office.store = office.world.store
    assert await office.accepted() == 0
    assert (await office.door.event(_event(MENTION, "Ev1"), **AGAIN)).status_code == 200
    for body in (ACTION, SHORTCUT, COMMAND, SUBMISSION):
        assert (await office.door.deliver(body)).status_code == 200
    assert await office.accepted() == 5


async def test_while_the_database_is_away_slack_and_people_are_told(office: Office) -> None:
    async with _engine("postgresql+asyncpg://nobody@127.0.0.1:1/nothing") as away:
        office.store = SqlStore(away)
        await _says_so(office)
    await _takes_it_again(office)


async def test_a_database_that_does_not_answer_is_not_waited_for(office: Office) -> None:
    """Slack waits for three seconds: a pool of connections would have us wait for ten."""
    silent = await asyncio.start_server(_silent, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with _engine(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing") as away:
        office.store = SqlStore(away)
        async with asyncio.timeout(8):
            await _says_so(office)
    silent.close()
    await _takes_it_again(office)


async def test_half_of_it_is_never_kept(office: Office, urls: DatabaseUrls) -> None:
    """The inbox has it, and the order to work on it cannot be written."""
    async with _engine(urls.owner) as owner:
        async with owner.begin() as connection:
            await connection.execute(text("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE"))
            await _says_so(office)
        await _takes_it_again(office)


async def test_however_long_it_takes_slack_gets_an_answer_and_strangers_none(office: Office) -> None:
    """Here, it is who has the workspace that nobody tells."""

    async def nobody(_workspace: str) -> None:
        await asyncio.Event().wait()

    office.door = open_door(FastAPI(), find=nobody)
    async with office.door.http, asyncio.timeout(8):
        answer = await office.door.event(_event(MENTION, "Ev1"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        body = json.dumps(_event(MENTION, "Ev1")).encode()
        assert (await office.door.send(body, secret="another")).status_code == 401  # none of ours


async def test_what_goes_wrong_otherwise_is_sent_again_as_well(office: Office) -> None:
    for trouble in (
        Rejected("EXPERT_SLACK_TENANT must name the tenant."),
        RuntimeError("a bug"),
        KeyError("x"),
    ):
        office.door.trouble = trouble
        answers = await _refused(office)
        assert {one.status_code for one in answers} == {503}
        assert {one.text for one in answers} == {""}, "nothing of it is told to whoever asks"
    office.door.trouble = None
    await _takes_it_again(office)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass
    writer.close()


@asynccontextmanager
async def _engine(url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(url, pool_size=2)
    yield engine
    await engine.dispose()


async def test_more_than_can_be_taken_in_is_refused_before_any_work_and_taken_later() -> None:
    """Slack sends again whatever gets a 5xx."""
    began, may = asyncio.Event(), asyncio.Event()

    async def slowly(_: Inbound) -> None:
        began.set()
        await may.wait()

    door = open_door(FastAPI(), keep=slowly, entrance=Entrance(1))
    async with door.http:
        first = asyncio.create_task(door.deliver(_event(MENTION, "Ev1")))
        await began.wait()
        unread = await door.http.post(PATH, content=b"neither signed nor short" * 10**5)
        assert (unread.status_code, unread.headers["retry-after"]) == (503, "5")
        assert (await door.deliver(_event(MENTION, "Ev2"))).status_code == 503
        may.set()
        assert (await first).status_code == 200
        assert (await door.deliver(_event(MENTION, "Ev2"))).status_code == 200
    assert [one.delivery for one in door.kept] == ["event/Ev1", "event/Ev2"]
