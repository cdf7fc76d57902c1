"""The fake Slack, held to its word by Slack's own SDK."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

pytest.importorskip("slack_sdk", reason="the extra `slack` is not installed")

from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from demo.fake_slack import Channel, FakeSlack, Person

BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Was *this* right?"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "good",
                "value": "42",
                "text": {"type": "plain_text", "text": "Yes"},
            }
        ],
    },
]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "edit",
    "private_metadata": "review 7",
    "title": {"type": "plain_text", "text": "Edit"},
    "submit": {"type": "plain_text", "text": "Save"},
    "blocks": [
        {
            "type": "input",
            "block_id": "answer",
            "label": {"type": "plain_text", "text": "Answer"},
            "element": {"type": "plain_text_input", "action_id": "text", "initial_value": "draft"},
        }
    ],
}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as running:
        running.deliveries.retries_s = (0.0, 0.01, 0.01)
        yield running


@pytest.fixture
def bot(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def asker(slack: FakeSlack) -> Person:
    return slack.add_person("Ada Asker", email="ada@acme.example")


@pytest.fixture
def channel(slack: FakeSlack, asker: Person) -> Channel:
    return slack.add_channel("it-help", [asker, slack.add_person("Otto Other")])


class Listener:
    """An app on a socket that acknowledges everything, and keeps it."""

    def __init__(self, slack: FakeSlack) -> None:
        web = AsyncWebClient(base_url=slack.api_url)
        self.client = SocketModeClient(slack.app_token, web_client=web, ping_interval=0.4)
        self.client.socket_mode_request_listeners.append(self._heard)
        self.heard: list[SocketModeRequest] = []
        self.answers: Callable[[SocketModeRequest], dict[str, Any] | None] = lambda _: None
        self.silent = 0

    async def opens(self) -> None:
        await self.client.connect()  # type: ignore[no-untyped-call]

    async def closes(self) -> None:
        await self.client.close()  # type: ignore[no-untyped-call]

    async def _heard(self, _client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.heard.append(request)
        if self.silent:
            self.silent -= 1
            return
        answer = SocketModeResponse(request.envelope_id, self.answers(request))
        await self.client.send_socket_mode_response(answer)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [one.payload["event"] for one in self.heard if one.type == "events_api"]


@pytest.fixture
async def app(slack: FakeSlack) -> AsyncIterator[Listener]:
    listener = Listener(slack)
    await listener.opens()
    yield listener
    await listener.closes()


async def refusal(awaited: Any) -> str:
    with pytest.raises(SlackApiError) as refused:
        await awaited
    return str(refused.value.response["error"])


async def test_a_message_is_posted_changed_and_seen_by_everyone_there(
    slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    question = asker.says(channel, "@expert how do I reset my VPN & phone?")
    posted = await bot.chat_postMessage(
        channel=channel.id,
        thread_ts=question.ts,
        text="Looking …",
        metadata={"event_type": "answer", "event_payload": {"key": "q1"}},
    )
    await bot.chat_update(channel=channel.id, ts=posted["ts"], text="Here it is", blocks=BUTTONS)
    found = await bot.conversations_replies(channel=channel.id, ts=question.ts, include_all_metadata=True)
    assert found["messages"][1]["metadata"]["event_payload"] == {"key": "q1"}
    seen = asker.sees(channel, thread=question)
    assert [one.text for one in seen] == [
        "@The Expert how do I reset my VPN & phone?",
        "Was *this* right?\n[Yes]",
    ]
    assert seen[1].edited
    assert slack.violations == []


async def test_an_ephemeral_message_is_for_one_person_and_cannot_be_changed(
    slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    sent = await bot.chat_postEphemeral(channel=channel.id, user=asker.id, text="only you")
    other = slack.add_person("Late Comer")
    other.joins(channel)
    assert [one.text for one in asker.sees(channel)] == ["only you"]
    assert other.sees(channel) == []
    assert await refusal(bot.chat_update(channel=channel.id, ts=sent["message_ts"], text="x"))
    assert len(slack.violations) == 1


async def test_a_mention_is_told_twice_over_the_socket(
    slack: FakeSlack, app: Listener, asker: Person, channel: Channel
) -> None:
    asker.says(channel, "@expert help")
    await slack.settled()
    assert {one["type"] for one in app.events} == {"message", "app_mention"}
    assert len({one.payload["event_id"] for one in app.heard}) == 2
    assert len({one["ts"] for one in app.events}) == 1
    assert len(slack.ack_times_s()) == 2


async def test_what_is_not_acknowledged_comes_again(
    slack: FakeSlack, app: Listener, asker: Person, channel: Channel
) -> None:
    slack.deliveries.within_s = 0.1
    app.silent = 1
    asker.says(channel, "anybody?")
    await slack.settled()
    assert [one.retry_attempt for one in app.heard] == [0, 1]
    assert app.heard[1].retry_reason == "timeout"
    assert app.heard[0].payload["event_id"] == app.heard[1].payload["event_id"]


async def test_a_connection_that_goes_is_made_again(
    slack: FakeSlack, app: Listener, asker: Person, channel: Channel
) -> None:
    await slack.sockets.disconnect()
    asker.says(channel, "still there?")
    await slack.settled()
    slack.sockets.drop()
    asker.says(channel, "and now?")
    await slack.settled()
    assert slack.sockets.opened >= 3
    assert {one["text"] for one in app.events} == {"still there?", "and now?"}


async def test_what_was_under_way_when_a_connection_broke_comes_again(
    slack: FakeSlack, app: Listener, asker: Person, channel: Channel
) -> None:
    app.silent = 1
    asker.says(channel, "anybody?")
    await slack.until(lambda: app.heard)
    slack.sockets.drop()
    await slack.settled()
    assert [one.retry_reason for one in app.heard] == ["", "connection_failed"]


async def test_a_command_is_answered_with_its_acknowledgement(
    slack: FakeSlack, app: Listener, asker: Person, channel: Channel
) -> None:
    app.answers = lambda request: {"text": f"you said {request.payload['text']}"}
    await asker.commands("/expert", "ask why", channel)
    await slack.until(lambda: asker.sees(channel))
    assert [(one.text, one.ephemeral) for one in asker.sees(channel)] == [("you said ask why", True)]


async def test_a_click_opens_a_form_once(
    slack: FakeSlack, app: Listener, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    await bot.chat_postMessage(channel=channel.id, text="right?", blocks=BUTTONS)
    await asker.clicks(asker.sees(channel)[0], "good")
    pressed = app.heard[-1].payload
    assert (pressed["actions"][0]["value"], pressed["container"]["channel_id"]) == ("42", channel.id)
    await bot.views_open(trigger_id=pressed["trigger_id"], view=MODAL)
    assert await refusal(bot.views_open(trigger_id=pressed["trigger_id"], view=MODAL)) == (
        "exchanged_trigger_id"
    )
    form = asker.view
    assert form is not None
    assert asker.reads(form) == "Answer: ‹draft›"
    app.answers = lambda _: {"response_action": "errors", "errors": {"answer": "too short"}}
    assert await asker.submits(form, {"answer": "x"}) == {"answer": "too short"}
    app.answers = lambda _: None
    assert await asker.submits(form, {"Answer": "longer"}) == {}
    assert asker.view is None
    state = app.heard[-1].payload["view"]["state"]["values"]
    assert state == {"answer": {"text": {"type": "plain_text_input", "value": "longer"}}}
    assert slack.violations == []


async def test_a_trigger_is_good_for_three_seconds(
    slack: FakeSlack, app: Listener, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    await asker.commands("/expert", "setup", channel)
    slack.pass_time(3.1)
    trigger = app.heard[-1].payload["trigger_id"]
    assert await refusal(bot.views_open(trigger_id=trigger, view=MODAL)) == "expired_trigger_id"
    assert slack.violations == []


async def test_pages_of_members_and_people(slack: FakeSlack, bot: AsyncWebClient, asker: Person) -> None:
    crowd = slack.add_channel("crowd", [slack.add_person(f"Person {n}") for n in range(5)])
    first = await bot.conversations_members(channel=crowd.id, limit=4)
    cursor = first["response_metadata"]["next_cursor"]
    second = await bot.conversations_members(channel=crowd.id, limit=4, cursor=cursor)
    assert [*first["members"], *second["members"]] == crowd.members
    assert second["response_metadata"]["next_cursor"] == ""
    found = await bot.users_lookupByEmail(email="ADA@acme.example")
    assert found["user"]["id"] == asker.id
    assert await refusal(bot.users_lookupByEmail(email="nobody@acme.example")) == "users_not_found"


async def test_tokens_scopes_methods_and_arguments_are_checked(
    slack: FakeSlack, bot: AsyncWebClient, channel: Channel
) -> None:
    tested = await bot.auth_test()
    assert "chat:write" in tested.headers["x-oauth-scopes"]
    slack.workspace.scopes.remove("users:read")
    stranger = AsyncWebClient("xoxb-wrong", base_url=slack.api_url)
    assert await refusal(stranger.auth_test()) == "invalid_auth"
    assert await refusal(bot.users_info(user=slack.bot.id)) == "missing_scope"
    assert await refusal(bot.api_call("chat.shout")) == "unknown_method"
    assert await refusal(bot.api_call("chat.update", json={"channel": channel.id})) == "invalid_arguments"
    await bot.api_call("conversations.info", params={"channel": channel.id, "verbose": "1"})
    assert [one.method for one in slack.violations] == [
        "auth.test",
        "users.info",
        "chat.shout",
        "chat.update",
        "conversations.info",
    ]


async def test_two_sockets_share_what_comes(slack: FakeSlack, app: Listener, asker: Person) -> None:
    other = Listener(slack)
    await other.opens()
    for number in range(4):
        asker.says(asker.dm, f"question {number}")
    await slack.settled()
    assert len(app.heard) == len(other.heard) == 2
    await other.closes()
