"""What Slack is asked, and how often, where it is slow, refuses or has no end."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from bots.chat_platform import Message, Unknown
from bots.slack.pacing import Pace
from bots.slack.people import SlackPeople
from bots.slack.platform import SlackPlatform
from brain.domain.conversation import Conversation
from brain.domain.errors import Unavailable

Json = dict[str, Any]
THREAD = Conversation("slack", "T1", "D1", "1700000000.000100")


class Recorded:
    """Slack's side: what was asked, answered by `answer`; private replies end where `replies` do."""

    def __init__(self, answer: Callable[[str, Json], Json], replies: int = 0) -> None:
        self.answer, self.replies = answer, replies
        self.asked: list[tuple[str, Json]] = []

    async def call(self, workspace: str, method: str, **arguments: Any) -> Json:
        self.asked.append((method, arguments))
        return self.answer(method, arguments)

    async def respond(self, address: str, body: Json) -> None:
        if not self.replies:
            raise Unavailable("Slack takes no more of this for the moment.", 3)
        self.replies -= 1

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        return b""

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]


@pytest.mark.parametrize(("number", "method"), [(9, "users.info"), (10, "users.list"), (200, "users.list")])
async def test_a_workspace_is_listed_for_more_than_a_few_people(number: int, method: str) -> None:
    users = [{"id": f"U{one}"} for one in range(number)]

    def answer(method: str, arguments: Json) -> Json:
        if method == "users.info":
            return {"user": {"id": arguments["user"]}}
        return {"members": users if method == "users.list" else [one["id"] for one in users]}

    slack = Recorded(answer)
    assert len(await SlackPeople(slack).readers(THREAD)) == number
    assert set(slack.methods) == {"conversations.members", method}


@pytest.mark.parametrize(("number", "pages"), [(20, 1), (260, 2)])
async def test_of_a_large_workspace_no_more_is_listed_than_helps(number: int, pages: int) -> None:
    channel = [f"U{one}" for one in range(number)]

    def answer(method: str, arguments: Json) -> Json:
        if method == "users.info":
            return {"user": {"id": arguments["user"]}}
        if method == "conversations.members":
            return {"members": channel}
        page = int(arguments.get("cursor", 0))
        # The first page of a large workspace has few who are in the channel.
        listed = [{"id": f"V{one}"} for one in range(150)] + [{"id": one} for one in channel[: 70 * page]]
        return {"members": listed, "response_metadata": {"next_cursor": str(page + 1)}}

    slack = Recorded(answer)
    people = SlackPeople(slack)
    both = await asyncio.gather(people.readers(THREAD), people.readers(THREAD))
    assert [len(one) for one in both] == [number, number]
    assert slack.methods.count("users.list") == pages


async def test_a_workspace_that_could_not_be_listed_is_listed_later() -> None:
    """Asked one by one, people would take the longer for it."""
    users = [{"id": f"U{one}"} for one in range(20)]
    away = [Unavailable("Slack takes no more of this for the moment.", 3)]

    def answer(method: str, arguments: Json) -> Json:
        if method == "conversations.members":
            return {"members": [one["id"] for one in users]}
        if away:
            raise away.pop()
        return {"members": users}

    slack = Recorded(answer)
    people = SlackPeople(slack)
    with pytest.raises(Unavailable):
        await people.readers(THREAD)
    assert len(await people.readers(THREAD)) == 20
    assert slack.methods == ["conversations.members", "users.list", "users.list"]


async def test_who_has_waited_looks_again_whether_slack_takes_it() -> None:
    pace = Pace()
    while not pace._buckets or pace._buckets["T1", "users.info"].level >= 1:
        await pace.wait("T1", "users.info")
    waiting = asyncio.create_task(pace.wait("T1", "users.info"))
    await asyncio.sleep(0)
    pace.close("T1", "users.info", for_s=30)
    with pytest.raises(Unavailable) as raised:
        await waiting
    assert raised.value.retry_after_s > 3


@pytest.mark.parametrize(("replies", "raised"), [(0, Unavailable), (1, Unknown)])
async def test_of_a_private_reply_in_parts_some_may_be_there(replies: int, raised: type[Exception]) -> None:
    long = Message("\n\n".join(["A long paragraph of an answer. " * 30] * 20))
    platform = SlackPlatform(Recorded(lambda method, arguments: {}, replies))
    with pytest.raises(raised):
        await platform.post(THREAD, long, key="question/1", reply_to="https://hooks.slack.com/1")


async def test_where_no_stream_begins_now_a_message_is_posted() -> None:
    def answer(method: str, arguments: Json) -> Json:
        if method == "chat.startStream":
            raise Unavailable("Slack takes no more of this for the moment.", 3)
        return {"channel": "D1", "ts": "1700000001.000100"}

    slack = Recorded(answer)
    await SlackPlatform(slack).post(THREAD, Message("An answer."), key="question/1")
    assert slack.methods == ["chat.startStream", "chat.postMessage"]


async def test_what_is_looked_for_in_a_thread_is_of_today() -> None:
    slack = Recorded(lambda method, arguments: {"messages": []})
    await SlackPlatform(slack).find(THREAD, key="question/1")
    [(_, arguments)] = slack.asked
    assert float(arguments["oldest"]) == pytest.approx(time.time() - 86400, abs=3600)
