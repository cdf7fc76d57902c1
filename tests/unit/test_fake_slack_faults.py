"""The fake Slack misbehaving on demand, and delivering over signed HTTP, well and badly."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

pytest.importorskip("slack_sdk", reason="the extra `slack` is not installed")

import aiohttp
from aiohttp import web
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from demo.fake_slack import Channel, FakeSlack, Person, faults
from demo.fake_slack.delivery import Mischief

HOME: dict[str, Any] = {"type": "home", "blocks": [{"type": "divider"}]}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as running:
        running.deliveries.retries_s = (0.0, 0.01, 0.01)
        yield running


@pytest.fixture
def bot(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[], timeout=1)


@pytest.fixture
def asker(slack: FakeSlack) -> Person:
    return slack.add_person("Ada Asker", email="ada@acme.example")


@pytest.fixture
def channel(slack: FakeSlack, asker: Person) -> Channel:
    return slack.add_channel("it-help", [asker])


class Receiver:
    """An app behind an address: keeps what comes, and whether it was signed well."""

    def __init__(self, secret: str) -> None:
        self._verifier = SignatureVerifier(secret)
        self.heard: list[dict[str, Any]] = []
        self.retries: list[tuple[str, str]] = []
        self.answers: Iterator[web.Response] = iter(())
        self.pause_s = 0.0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        assert self._verifier.is_valid_request(body, dict(request.headers))
        number = request.headers.get("X-Slack-Retry-Num", "")
        self.retries.append((number, request.headers.get("X-Slack-Retry-Reason", "")))
        if request.content_type == "application/json":
            told = json.loads(body)
        else:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            told = json.loads(form["payload"]) if "payload" in form else form
        self.heard.append(told)
        await asyncio.sleep(self.pause_s)
        if "challenge" in told:
            return web.json_response({"challenge": told["challenge"]})
        return next(self.answers, web.Response())


@pytest.fixture
async def receiver(slack: FakeSlack) -> AsyncIterator[Receiver]:
    listening = Receiver(slack.signing_secret)
    application = web.Application()
    application.router.add_post("/slack/events", listening.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listening.url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    slack.deliveries.urls = [listening.url]
    yield listening
    await runner.cleanup()


async def post(bot: AsyncWebClient, channel: Channel) -> Any:
    return await bot.chat_postMessage(channel=channel.id, text="hello")


async def test_answers_go_wrong_as_told_and_only_as_often(
    slack: FakeSlack, bot: AsyncWebClient, channel: Channel
) -> None:
    for fault in (
        faults.rate_limited(7),
        faults.status(503),
        faults.html_page(),
        faults.error("fatal_error"),
    ):
        slack.misbehave("chat.postMessage", fault)
    with pytest.raises(SlackApiError) as limited:
        await post(bot, channel)
    assert limited.value.response.headers["Retry-After"] == "7"
    for _ in range(3):
        with pytest.raises(SlackApiError):
            await post(bot, channel)
    assert channel.messages == []
    assert [one[0] for one in slack.limits.impatient] == ["chat.postMessage"] * 3
    slack.pass_time(8)
    await post(bot, channel)
    assert len(channel.messages) == 1
    assert len(slack.limits.impatient) == 3
    assert slack.violations == []


@pytest.mark.parametrize("processed", [True, False])
async def test_a_cut_connection_tells_nothing_of_what_was_done(
    slack: FakeSlack, bot: AsyncWebClient, channel: Channel, processed: bool
) -> None:
    slack.misbehave("chat.postMessage", faults.cut(processed=processed))
    with pytest.raises(aiohttp.ClientError):
        await post(bot, channel)
    assert len(channel.messages) == int(processed)


@pytest.mark.parametrize("processed", [True, False])
async def test_a_call_hangs_until_it_is_let_go(
    slack: FakeSlack, bot: AsyncWebClient, channel: Channel, processed: bool
) -> None:
    slack.misbehave("*", faults.hang(processed=processed))
    calling = asyncio.create_task(post(bot, channel))
    await slack.until(lambda: slack.faults.hanging)
    assert len(channel.messages) == int(processed)
    slack.release()
    if processed:
        assert (await calling)["ok"]
    else:
        with pytest.raises(aiohttp.ClientError):
            await calling
    assert len(channel.messages) == int(processed)


async def test_limits_of_methods_and_channels(
    slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    slack.limits.on = True
    other = slack.add_channel("other", [asker])
    for _ in range(slack.limits.post_burst):
        await post(bot, channel)
    with pytest.raises(SlackApiError) as limited:
        await post(bot, channel)
    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["Retry-After"] == "1"
    await post(bot, other)
    assert slack.limits.limited == {"chat.postMessage": 1}
    slack.pass_time(1)
    await post(bot, channel)
    assert slack.limits.impatient == []


async def test_events_commands_and_clicks_are_signed_and_formed(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    assert await slack.verifies_url()
    assert await slack.checks_ssl()
    receiver.heard.clear()
    asker.says(channel, "hello")
    await slack.settled()
    receiver.answers = iter([web.json_response({"text": "noted"})])
    await asker.commands("/expert", "help me", channel)
    seen = await asker.hears("noted")
    assert seen.ephemeral
    await asker.shortcut("ask", asker.sees(channel)[0])
    assert [one["type"] for one in receiver.heard if "type" in one] == ["event_callback", "message_action"]
    assert receiver.heard[1]["text"] == "help me"
    assert all(one < 3 for one in slack.ack_times_s())


async def test_what_an_address_refuses_is_sent_again(
    slack: FakeSlack, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    receiver.answers = iter([web.Response(status=500), web.Response(status=401)])
    asker.says(channel, "hello")
    await slack.settled()
    assert receiver.retries == [("", ""), ("1", "http_error"), ("2", "http_error")]
    assert len({one["event_id"] for one in receiver.heard}) == 1
    no_retry = {"X-Slack-No-Retry": "1"}
    receiver.answers = iter([web.Response(status=500, headers=no_retry)])
    asker.says(channel, "again")
    await slack.settled()
    assert len(receiver.heard) == 4


async def test_a_slow_address_is_told_again_and_a_command_fails(
    slack: FakeSlack, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    slack.deliveries.within_s = 0.05
    receiver.pause_s = 0.2
    asker.says(channel, "hello")
    assert (await asker.commands("/expert", "help", channel)).failure == "http_timeout"
    await slack.settled()
    assert ("1", "http_timeout") in receiver.retries
    assert slack.log[-1]["kind"] == "failure"


async def test_deliveries_double_lose_and_turn_round(
    slack: FakeSlack, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    slack.deliveries.mischief = Mischief(copies=3, window_s=0.02, twins="mention", lost=1)
    asker.says(channel, "@expert hello")
    await slack.settled()
    events = [one["event_id"] for one in receiver.heard]
    assert sorted(events.count(one) for one in set(events)) == [3, 3]
    slack.deliveries.mischief = Mischief(twins="mention", twin_gap_s=0.03)
    receiver.heard.clear()
    asker.says(channel, "@expert hello")
    await slack.settled()
    assert [one["event"]["type"] for one in receiver.heard] == ["app_mention", "message"]


async def test_a_response_address_is_good_for_five_answers_and_half_an_hour(
    slack: FakeSlack, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    await asker.commands("/expert", "help", channel)
    hook = AsyncWebhookClient(receiver.heard[-1]["response_url"])
    for number in range(5):
        assert (await hook.send(text=str(number))).status_code == 200
    assert slack.violations == []
    used = await hook.send(text="6")
    assert (used.status_code, json.loads(used.body)["error"]) == (404, "used_url")
    await asker.commands("/expert", "help", channel)
    late = AsyncWebhookClient(receiver.heard[-1]["response_url"])
    slack.pass_time(1801)
    assert (await late.send(text="late")).status_code == 404
    assert [one.text for one in asker.sees(channel)] == list("01234")


async def test_a_response_address_changes_what_was_clicked(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    button = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    blocks = [{"type": "actions", "elements": [button]}]
    await bot.chat_postEphemeral(channel=channel.id, user=asker.id, text="private", blocks=blocks)
    private = asker.sees(channel)[0]
    await asker.clicks(private, "Go")
    pressed = receiver.heard[-1]
    assert pressed["container"]["is_ephemeral"]
    assert "message" not in pressed
    hook = AsyncWebhookClient(pressed["response_url"])
    await hook.send(text="done", replace_original=True)
    assert [one.text for one in asker.sees(channel)] == ["done"]
    await hook.send(delete_original=True)
    await hook.send(text="for all", response_type="in_channel")
    assert [(one.text, one.ephemeral) for one in asker.sees(channel)] == [("for all", False)]
    assert slack.violations == []


# The SDK makes one of these to sign in with.
@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")
async def test_signing_in_renewing_and_leaving(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver
) -> None:
    slack.app.rotation = True
    other = slack.add_workspace("Umbrella")
    who = {"client_id": slack.app.client_id, "client_secret": slack.app.client_secret}
    code = slack.authorizes(other)
    signing = AsyncWebClient(base_url=slack.api_url)
    granted = await signing.oauth_v2_access(**who, code=code)
    assert (granted["team"]["id"], granted["expires_in"]) == (other.id, 43_200)
    with pytest.raises(SlackApiError, match="invalid_code"):
        await signing.oauth_v2_access(**who, code=code)
    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await signing.oauth_v2_access(client_id=who["client_id"], client_secret="wrong", code=code)
    theirs = AsyncWebClient(granted["access_token"], base_url=slack.api_url)
    assert (await theirs.auth_test())["team_id"] == other.id
    slack.pass_time(43_201)
    with pytest.raises(SlackApiError, match="token_expired"):
        await theirs.auth_test()
    refresh = {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]}
    renewed = await signing.oauth_v2_access(**who, **refresh)
    theirs.token = renewed["access_token"]
    await theirs.auth_test()
    slack.uninstalls(other)
    await slack.settled()
    assert [one["event"]["type"] for one in receiver.heard] == ["tokens_revoked", "app_uninstalled"]
    with pytest.raises(SlackApiError, match="account_inactive"):
        await theirs.auth_test()
    assert (await bot.auth_test())["team_id"] == slack.workspace.id


async def test_files_are_for_who_may_read_them(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    asker.says(channel, "look", files=[("shot.png", b"picture", "image/png")])
    await slack.settled()
    event = receiver.heard[-1]["event"]
    assert (event["subtype"], event["files"][0]["size"]) == ("file_share", 7)
    found = await bot.files_info(file=event["files"][0]["id"])
    url = found["file"]["url_private_download"]
    async with aiohttp.ClientSession() as session:
        async with session.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}) as file:
            assert (await file.read(), file.content_type) == (b"picture", "image/png")
        async with session.get(url) as page:
            assert (page.status, page.content_type) == (200, "text/html")


async def test_strangers_share_a_channel(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver, asker: Person
) -> None:
    stranger = slack.add_person("Sven Stranger", email="sven@far.example", home="T0ELSEWHERE")
    shared = slack.add_channel("shared", [asker, stranger])
    stranger.says(shared, "hello", files=[("a.txt", b"a", "text/plain")])
    await slack.settled()
    told = receiver.heard[-1]
    assert told["is_ext_shared_channel"]
    assert (told["team_id"], told["event"]["user_team"]) == (slack.workspace.id, "T0ELSEWHERE")
    assert told["event"]["files"][0]["file_access"] == "check_file_info"
    user = (await bot.users_info(user=stranger.id))["user"]
    assert user["is_stranger"]
    assert "email" not in user["profile"]
    with pytest.raises(SlackApiError, match="users_not_found"):
        await bot.users_lookupByEmail(email="sven@far.example")


async def test_home_and_assistant(
    slack: FakeSlack, bot: AsyncWebClient, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    asker.opens_home()
    await slack.settled()
    assert receiver.heard[-1]["event"]["type"] == "app_home_opened"
    await bot.views_publish(user_id=asker.id, view=HOME)
    assert asker.reads(asker.home) == "———"
    thread = asker.opens_assistant(channel)
    place: dict[str, Any] = {"channel_id": thread.channel, "thread_ts": thread.ts}
    prompts = [{"title": "VPN", "message": "How do I reset my VPN?"}]
    await bot.assistant_threads_setSuggestedPrompts(**place, prompts=prompts)
    await bot.assistant_threads_setStatus(**place, status="is thinking …")
    assert (thread.prompts, thread.status) == (prompts, "is thinking …")
    asker.says(asker.dm, "How?", thread=thread.ts)
    await bot.chat_postMessage(channel=thread.channel, thread_ts=thread.ts, text="So.")
    assert thread.status == ""
    assert slack.violations == []


async def test_changes_and_comings_are_told(
    slack: FakeSlack, receiver: Receiver, asker: Person, channel: Channel
) -> None:
    said = asker.says(channel, "hello")
    asker.edits(said, "hello @expert")
    asker.deletes(said)
    asker.removes_bot(channel)
    asker.invites_bot(channel)
    await slack.settled()
    events = [one["event"] for one in receiver.heard]
    assert sorted(one.get("subtype", one["type"]) for one in events) == [
        "member_joined_channel",
        "message",
        "message_changed",
        "message_deleted",
    ]
    assert asker.sees(channel) == []
    assert [one["kind"] for one in slack.log] == ["message", "edit", "delete"]


def test_a_date_to_come_back_after_is_understood() -> None:
    then = time.time() + 60
    stamp = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(then))
    assert 58 <= faults.rate_limited(stamp).retry_after_s(then - 60) <= 60
