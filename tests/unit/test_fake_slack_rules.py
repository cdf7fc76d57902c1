"""The limits and the structure that the fake Slack asks for: the most that it takes, and one more."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("slack_sdk", reason="the extra `slack` is not installed")

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from demo.fake_slack import Channel, FakeSlack, Person
from demo.fake_slack.blocks import block_problems, view_problems
from demo.fake_slack.delivery import signature
from demo.fake_slack.methods import METHODS, Published
from demo.fake_slack.reading import live_in, typed

SPECS = Path(__file__).parents[3] / "shared" / "specs" / "slack"
vendor = pytest.mark.skipif(not SPECS.exists(), reason="the vendor's files are not beside this checkout")

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def section(length: int) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


def button(**more: Any) -> Json:
    return {"type": "actions", "elements": [{"type": "button", "text": plain(3), **more}]}


def menu(count: int, *, text: int = 5, value: int = 3) -> Json:
    options = [{"text": plain(text), "value": str(n).zfill(value)} for n in range(count)]
    return {"type": "actions", "elements": [{"type": "static_select", "action_id": "m", "options": options}]}


def entry(element: Json, label: int = 5) -> Json:
    return {"type": "input", "label": plain(label), "element": element}


def modal(**more: Any) -> Json:
    return {"type": "modal", "title": plain(5), "submit": plain(5), "blocks": [section(5)], **more}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


LINE: Json = {"type": "rich_text_section", "elements": [{"type": "text", "text": "hello"}]}

AT_THE_LIMIT: dict[str, tuple[Callable[[int], Json], int]] = {
    "section text": (section, 3_000),
    "field": (lambda n: {"type": "section", "fields": [plain(n)]}, 2_000),
    "fields": (lambda n: {"type": "section", "fields": [plain(3)] * n}, 10),
    "header": (lambda n: {"type": "header", "text": plain(n)}, 150),
    "button text": (lambda n: button(text=plain(n)), 75),
    "button value": (lambda n: button(value="x" * n), 2_000),
    "action id": (lambda n: button(action_id="x" * n), 255),
    "block id": (lambda n: {"type": "divider", "block_id": "x" * n}, 255),
    "context": (lambda n: {"type": "context", "elements": [plain(3)] * n}, 10),
    "options": (menu, 100),
    "option text": (lambda n: menu(2, text=n), 75),
    "option value": (lambda n: menu(2, value=n), 150),
    "markdown": (lambda n: {"type": "markdown", "text": "x" * n}, 12_000),
    "label": (lambda n: entry({"type": "plain_text_input"}, n), 2_000),
    "placeholder": (lambda n: entry({"type": "plain_text_input", "placeholder": plain(n)}), 150),
    "initial value": (lambda n: entry({"type": "plain_text_input", "initial_value": "x" * n}), 3_000),
}
VIEW_LIMITS: dict[str, tuple[Callable[[int], Json], int]] = {
    "title": (lambda n: modal(title=plain(n)), 24),
    "submit": (lambda n: modal(submit=plain(n)), 24),
    "close": (lambda n: modal(close=plain(n)), 24),
    "private_metadata": (lambda n: modal(private_metadata="x" * n), 3_000),
    "callback_id": (lambda n: modal(callback_id="x" * n), 255),
    "blocks": (lambda n: modal(blocks=[section(1)] * n), 100),
}
WRONG: dict[str, Json] = {
    "unknown block": {"type": "paragraph", "text": "x"},
    "unknown field": {"type": "divider", "colour": "red"},
    "text as a string": {"type": "section", "text": "x"},
    "empty text": section(0),
    "header in markup": {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
    "nothing said": {"type": "section"},
    "button in a section's text": {"type": "section", "text": {"type": "button", "text": plain(1)}},
    "input in actions": {"type": "actions", "elements": [{"type": "plain_text_input"}]},
    "same action twice": {"type": "actions", "elements": [*button(action_id="a")["elements"]] * 2},
    "list in a section": rich({"type": "rich_text_section", "elements": [LINE]}),
    "empty rich text": rich({"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}),
    "no language of ours": rich({"type": "rich_text_quote", "elements": [], "author": "x"}),
    "unknown style": rich({"type": "rich_text_list", "style": "dash", "elements": [LINE]}),
    "picture without a word": {"type": "image", "image_url": "https://a.example/a.png"},
}


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as running:
        yield running


@pytest.fixture
def bot(slack: FakeSlack) -> AsyncWebClient:
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def asker(slack: FakeSlack) -> Person:
    return slack.add_person("Ada Asker", email="ada@acme.example")


@pytest.fixture
def channel(slack: FakeSlack, asker: Person) -> Channel:
    return slack.add_channel("it-help", [asker])


async def error(awaited: Any) -> str:
    """Slack's word for what was wrong; nothing where all was well."""
    try:
        await awaited
    except SlackApiError as refused:
        return str(refused.response["error"])
    return ""


@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_blocks_are_measured(name: str) -> None:
    build, most = AT_THE_LIMIT[name]
    assert block_problems([build(most)]) == []
    assert block_problems([build(most + 1)])


@pytest.mark.parametrize("name", VIEW_LIMITS)
def test_views_are_measured(name: str) -> None:
    build, most = VIEW_LIMITS[name]
    assert view_problems(build(most)) == []
    assert view_problems(build(most + 1))


@pytest.mark.parametrize("name", WRONG)
def test_wrong_structure_is_refused(name: str) -> None:
    assert block_problems([WRONG[name]])


def test_everything_that_we_may_use_is_taken() -> None:
    inlines = [
        {"type": "text", "text": "bold", "style": {"bold": True, "code": False}},
        {"type": "link", "url": "https://a.example", "text": "a"},
        {"type": "user", "user_id": "U1"},
        {"type": "emoji", "name": "wave"},
    ]
    blocks = [
        rich(
            {"type": "rich_text_section", "elements": inlines},
            {"type": "rich_text_list", "style": "ordered", "indent": 1, "offset": 2, "elements": [LINE]},
            {"type": "rich_text_quote", "elements": inlines, "border": 1},
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code"}]},
        ),
        {"type": "divider"},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "small", "verbatim": True}]},
        {"type": "image", "alt_text": "a", "image_url": "https://a.example/a.png"},
        {"type": "section", "text": plain(3), "accessory": menu(2)["elements"][0]},
    ]
    assert block_problems(blocks) == []


async def test_messages_are_measured(slack: FakeSlack, bot: AsyncWebClient, channel: Channel) -> None:
    async def posting(**what: Any) -> str:
        return await error(bot.chat_postMessage(**{"channel": channel.id, "text": "x", **what}))

    metadata = {"event_type": "a", "event_payload": {"k": ""}}
    room = 8_000 - len(json.dumps(metadata))
    full = {"event_type": "a", "event_payload": {"k": "x" * room}}
    over = {"event_type": "a", "event_payload": {"k": "x" * (room + 1)}}
    long = [section(2_640)] * 5
    markdown = {"type": "markdown", "text": "x" * 6_000}
    measured: list[tuple[Json, Json, str]] = [
        ({"blocks": [section(1)] * 50}, {"blocks": [section(1)] * 51}, "invalid_blocks"),
        ({"blocks": long}, {"blocks": [*long, section(1)]}, "msg_blocks_too_long"),
        ({"blocks": [markdown] * 2}, {"blocks": [markdown] * 2 + [markdown]}, "msg_blocks_too_long"),
        ({"metadata": full}, {"metadata": over}, "metadata_too_large"),
        ({"metadata": metadata}, {"metadata": {"event_type": "a"}}, "invalid_metadata_format"),
    ]
    for kept, refused, why in measured:
        assert await posting(**kept) == ""
        assert await posting(**refused) == why
    assert len(slack.violations) == 5
    assert await posting(text="x" * 40_000) == ""
    assert len(slack.violations) == 5
    assert await posting(text="x" * 40_001) == ""
    assert len(channel.messages[-1].text) == 40_000
    assert len(slack.violations) == 6


async def test_an_update_takes_4000_characters(
    slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    mine = await bot.chat_postMessage(channel=channel.id, text="x", blocks=[section(5)])
    assert await error(bot.chat_update(channel=channel.id, ts=mine["ts"], text="x" * 4_000)) == ""
    assert channel.messages[0].blocks == []
    assert slack.violations == []
    assert await error(bot.chat_update(channel=channel.id, ts=mine["ts"], text="x" * 4_001)) == "msg_too_long"
    theirs = asker.says(channel, "mine").ts
    assert await error(bot.chat_update(channel=channel.id, ts=theirs, text="x")) == "cant_update_message"


async def test_a_reply_names_the_parent(
    slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel
) -> None:
    parent = asker.says(channel, "question")
    reply = asker.says(channel, "more", thread=parent)
    refused = await error(bot.chat_postMessage(channel=channel.id, text="x", thread_ts=reply.ts))
    assert refused == "cannot_reply_to_message"
    elsewhere = slack.add_channel("other", [asker], bot=False)
    assert await error(bot.chat_postMessage(channel=elsewhere.id, text="x")) == "not_in_channel"
    hidden = slack.add_channel("hidden", [asker], private=True, bot=False)
    assert await error(bot.chat_postMessage(channel=hidden.id, text="x")) == "channel_not_found"
    assert len(slack.violations) == 2


async def test_streams(slack: FakeSlack, bot: AsyncWebClient, asker: Person, channel: Channel) -> None:
    parent = asker.says(channel, "question")
    place: Json = {"channel": channel.id, "thread_ts": parent.ts}
    assert await error(bot.chat_startStream(**place)) == "missing_recipient_team_id"
    to: Json = {"recipient_team_id": slack.workspace.id, "recipient_user_id": asker.id}
    ts = (await bot.chat_startStream(**place, **to))["ts"]
    await bot.chat_appendStream(channel=channel.id, ts=ts, markdown_text="**one** ")
    assert await error(bot.chat_update(channel=channel.id, ts=ts, text="x")) == "streaming_state_conflict"
    chunks = [{"type": "markdown_text", "text": "two"}]
    await bot.chat_appendStream(channel=channel.id, ts=ts, markdown_text="", chunks=chunks)
    await bot.chat_stopStream(channel=channel.id, ts=ts, blocks=[button(action_id="good")])
    assert asker.sees(channel)[-1].text == "**one** two\n[xxx]"
    late = bot.chat_appendStream(channel=channel.id, ts=ts, markdown_text="x")
    assert await error(late) == "message_not_in_streaming_state"
    expiring = (await bot.chat_startStream(**place, **to))["ts"]
    slack.pass_time(301)
    late = bot.chat_appendStream(channel=channel.id, ts=expiring, markdown_text="x")
    assert await error(late) == "message_not_in_streaming_state"
    assert await error(bot.chat_update(channel=channel.id, ts=expiring, text="x")) == ""
    stopped = (await bot.chat_startStream(**place, **to))["ts"]
    asker.stops(asker.sees(channel)[-1])
    late = bot.chat_appendStream(channel=channel.id, ts=stopped, markdown_text="x")
    assert await error(late) == "stopped_by_user"


def test_what_is_live_in_a_message() -> None:
    blocks: list[Json] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "&lt;!here&gt; <!channel> <@U1|bob>"}},
        {"type": "markdown", "text": "[a](https://evil.example/x) evil.com"},
        rich({"type": "rich_text_section", "elements": [{"type": "user", "user_id": "U2"}]}),
        {"type": "section", "text": {"type": "mrkdwn", "text": "https://quiet.example", "verbatim": True}},
    ]
    live = live_in("<!everyone> see <https://a.example|a>", blocks)
    assert live.mentions == ["!everyone", "!channel", "@U1", "@U2"]
    assert set(live.links) == {"https://evil.example/x", "https://evil.example/x)"}
    assert live.bare == ["evil.com"]
    assert live_in("see <https://a.example|a>", []).links == ["https://a.example"]
    assert live_in("@here in #general at evil.com", []).bare == ["@here", "#general", "evil.com"]


def test_what_people_type_mentions_only_whom_it_names() -> None:
    wire = typed("@expert <!channel> & <@U1> <@U9> a@b.example", {"expert": "U1"})
    assert wire == "<@U1> &lt;!channel&gt; &amp; <@U1> &lt;@U9&gt; a@b.example"


@vendor
def test_requests_are_signed_as_the_vendor_signs_them() -> None:
    vector = json.loads((SPECS / "signature_vector.json").read_text())
    found = signature(vector["signing_secret"], vector["timestamp"], vector["body"])
    assert found == vector["valid_signature"]


@vendor
@pytest.mark.parametrize("method", METHODS)
def test_our_table_of_methods_is_the_vendors(method: str) -> None:
    known = json.loads((SPECS / "web_api_methods_2026-05.json").read_text())[method]
    ours = METHODS[method]
    required = {name for name, facts in known["args"].items() if facts["required"]}
    either = {name for other, name in Published.CONTENT_WITH_ANOTHER if other == method}
    assert set(ours.required) == required - either
    unlisted = {"current_draft_last_updated_ts", "unfurled_attachments"}
    assert {*ours.required, *ours.optional} == known["args"].keys() - unlisted
    scopes = {one["name"] for one in (known["scopes"] or {}).get("bot", [])}
    assert not ours.scope or any(one.endswith(ours.scope) for one in scopes)


@vendor
@pytest.mark.parametrize(
    "path", sorted(SPECS.glob("python_sdk_fixture/view_*.json")), ids=lambda one: one.stem
)
def test_views_of_the_vendor_are_taken(path: Path) -> None:
    view = json.loads(path.read_text())
    # Some of them are as Slack gives them back, with what it has added.
    given = "app_id app_installed_team_id bot_id hash id previous_view_id root_view_id state team_id"
    if view["type"] == "home":
        given += " clear_on_close notify_on_close"
    for name in given.split():
        view.pop(name, None)
    assert view_problems({name: value for name, value in view.items() if value is not None}) == []


@vendor
async def test_calls_are_held_against_the_published_list() -> None:
    async with FakeSlack(methods=SPECS / "web_api_methods_2026-05.json") as slack:
        bot = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        channel = slack.add_channel("it-help")
        await bot.chat_postMessage(channel=channel.id, text="fine", unfurl_links=False)
        assert slack.violations == []
        await bot.api_call("chat.postMessage", json={"channel": channel.id, "text": "x", "colour": "red"})
        assert any("published" in one.problem for one in slack.violations)
