"""Every payload that the vendor's own SDKs are tested with: what becomes of it, and that nothing fails."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bots.chat_platform import File, Heard, Inbound, Pressed, Removed, Said, Submitted
from brain.domain.conversation import Conversation
from tests.contract.slack.conftest import SPECS, Door

BOLT = SPECS / "bolt_python_payloads.json"
SKELETONS = {
    file.stem: json.loads(file.read_text())
    for folder in ("java_sdk/events", "java_sdk/app-backend", "events_api_py")
    for file in sorted((SPECS / folder).rglob("*.json"))
}
KINDS = (
    "event_callback block_actions block_suggestion dialog_suggestion dialog_submission dialog_cancellation"
    " interactive_message message_action shortcut url_verification view_closed view_submission"
    " workflow_step_edit"
).split()
pytestmark = pytest.mark.skipif(not BOLT.exists(), reason="the vendor's payloads in ../shared are absent")


def _inbound(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What Slack sends, out of what lies together with it."""
    if isinstance(node, str):
        if "token=" in node:
            yield path, node
    elif isinstance(node, list):
        for number, one in enumerate(node):
            yield from _inbound(one, f"{path}/{number}")
    elif isinstance(node, dict):
        if node.get("type") in KINDS or "command" in node:
            yield path, node
        else:
            for name, one in node.items():
                yield from _inbound(one, f"{path}/{name}" if path else name)


BODIES = dict(_inbound(json.loads(BOLT.read_text()))) if BOLT.exists() else {}


def _said(text: str, heard: Heard, ts: str, **more: Any) -> Inbound:
    given: dict[str, Any] = {"author": "W222", "delivery": "event/Ev111", "bot": False, "thread": ts} | more
    return Inbound(
        given["delivery"],
        Conversation("slack", "T111", "C111", given["thread"]),
        given["author"],
        Said(text, heard, ts, given.get("files", ()), given.get("mentions", ())),
        twin=f"message/T111/C111/{ts}" + ("" if heard is Heard.OVERHEARD else "/addressed"),
        bot=given["bot"],
    )


def _pressed(author: str, *, name: str = "a", message: str = "111.222") -> Inbound:
    return Inbound(
        f"action/T111/C111/{message}/{name}/1596530385.194939/{author}",
        Conversation("slack", "T111", "C111"),
        author,
        Pressed(
            name,
            "click_me_123",
            message,
            "111.222.valid",
            "https://hooks.slack.com/actions/T111/111/random-value",
        ),
    )


def _command(text: str, author: str, trigger: str, reply_to: str) -> Inbound:
    return Inbound(
        f"command/{trigger}",
        Conversation("slack", "T111", "C111", reader=author),
        author,
        Said(text, Heard.COMMAND, reply_to=reply_to, trigger=trigger),
    )


def _submitted(key: str, author: str, value: str, fields: dict[str, str], *, at: str = "T111") -> Inbound:
    where = Conversation("slack", at, "")
    return Inbound(f"view/{key}", where, author, Submitted("view-id", value, fields))


MENTION = _said("@W111 Hi there!", Heard.MENTION, "1595926230.009600", mentions=("W111",))
REPLIED = "Hi there! This is a reply using response_url."
SHARED = "Hi there! Thanks for sharing the info!"
REMOVED = Inbound("event/Ev111", Conversation("slack", "T111", ""), "", Removed(1599616881))
OF_ORGANISATION = Inbound("event/Ev111", Conversation("slack", "E111", ""), "", Removed(1606805974))
VIEW = _submitted("V111/1596530361.3wRYuk3R", "W111", "This is for you!", {"hspI": "test"})
# Whatever is not named here comes to nothing.
KEPT = {
    "test_app/app_mention_event_body": MENTION,
    "test_authorize/block_actions_body": _pressed("W99999"),
    "test_block_actions/body": _pressed("W111"),
    "test_events_ignore_self/response_url_message_event": _said(
        REPLIED, Heard.OVERHEARD, "1658282075.825129", author="BZYBOTHED", bot=True
    ),
    "test_events_ignore_self/different_app_response_url_message_event": _said(
        REPLIED, Heard.OVERHEARD, "1658282075.825129", author="B_DIFFERENT_ONE", bot=True
    ),
    "test_events_say_stream/org_app_mention_event_body": MENTION,
    "test_installation_store_authorize/body": _pressed("W99999"),
    "test_message/message_body": _said("Hello World!", Heard.OVERHEARD, "1596183880.004200", author="W111"),
    "test_message/message_body2": _said(
        "We've received 103 messages from you!", Heard.OVERHEARD, "1596183880.004200", author="W111"
    ),
    "test_message/message_body3": _said(
        "Please fix JIRA-1234, SCM-567 and BUG-169 as soon as you can!",
        Heard.OVERHEARD,
        "1596183880.004200",
        author="W111",
    ),
    "test_message_bot/user_message_event_payload": _said(
        SHARED, Heard.OVERHEARD, "1610261659.001400", author="W111"
    ),
    "test_message_bot/bot_message_event_payload": _said(
        SHARED, Heard.OVERHEARD, "1610261539.000900", author="B999", bot=True, delivery="event/Ev222"
    ),
    "test_message_bot/classic_bot_message_event_payload": _said(
        SHARED, Heard.OVERHEARD, "1610262363.001600", author="B888", bot=True, delivery="event/Ev333"
    ),
    "test_message_file_share/event_payload": _said(
        "Hi there!",
        Heard.OVERHEARD,
        "1652227646.593159",
        author="U111",
        delivery="event/Ev03EGJQAVMM",
        files=(File("F111", "file.png", "image/png", 92582),),
    ),
    "test_message_thread_broadcast/event_payload": _said(
        "Hi there!", Heard.OVERHEARD, "1633670813.007500", author="U111", thread="1633663824.000500"
    ),
    "test_slash_command/slash_command_body": _command(
        "Hi", "W111", "111.111.xxx", "https://hooks.slack.com/commands/T111/111/xxxxx"
    ),
    "test_view_submission/body": VIEW,
    "test_view_submission/response_url_payload_body": _submitted("V111/", "U111", "", {}),
    "test_view_submission/connect_channel_payload": _submitted(
        "V11111/1664950703.CmTS8F7U", "W111", "", {"zniAM": "Hi there!"}, at="T-installed-workspace"
    ),
    "test_web_client_customization/block_actions_body": _pressed("W99999"),
    "test_unmatched_suggestions/block_actions": _pressed("W111", name="action-id-value"),
    "test_unmatched_suggestions/app_mention_event": MENTION,
    "test_unmatched_suggestions/slash_command": _command(
        "title", "U111", "111.222.xxx", "https://xxx.slack.com/commands/T111/xxx/zzz"
    ),
    "test_unmatched_suggestions/view_submission": VIEW,
    "test_payload_utils/slash_command_body": _command(
        "hello", "U111", "111.222.xxx", "https://hooks.slack.com/commands/T111/111/xxx"
    ),
    "test_error_handler/build_valid_request.body": _pressed("W111", message=""),
    "test_lazy/build_valid_request.body": _pressed("W111", message=""),
    "test_events/test_uninstallation_and_revokes.app_uninstalled_body": REMOVED,
    "test_events/test_uninstallation_and_revokes.tokens_revoked_body": REMOVED,
    "test_events_socket_mode/test_uninstallation_and_revokes.app_uninstalled_body": REMOVED,
    "test_events_socket_mode/test_uninstallation_and_revokes.tokens_revoked_body": REMOVED,
    "test_events_token_revocations/test_tokens_revoked.event_payload": OF_ORGANISATION,
    "test_events_token_revocations/test_app_uninstalled.event_payload": OF_ORGANISATION,
}


@pytest.mark.parametrize("name", BODIES)
async def test_what_becomes_of_each_payload_of_bolt(door: Door, name: str) -> None:
    answered = await door.deliver(BODIES[name])

    assert answered.status_code == 200
    assert door.kept == ([KEPT[name]] if name in KEPT else [])
    assert "x-slack-no-retry" not in answered.headers


def test_all_that_bolt_has_is_tried() -> None:
    assert set(KEPT) <= set(BODIES)
    assert {one.get("type") for one in BODIES.values() if isinstance(one, dict)} == {*KINDS, None}
    assert len(BODIES) >= 80


async def test_the_other_side_of_slack_connect_is_told_apart(door: Door) -> None:
    body = BODIES["test_message_changed/event_payload"]
    said = {**body["event"], "subtype": None, "hidden": False, "user": "U9", "ts": "1.2", "text": "Hi"}
    said |= {"user_team": "T-other", "channel": "C111"}

    await door.deliver({**body, "event": said})

    assert [(one.conversation.workspace, one.author_workspace) for one in door.kept] == [
        ("T-auth", "T-other")
    ]


@pytest.mark.parametrize("name", SKELETONS)
async def test_the_skeletons_of_the_java_sdk_come_to_nothing(door: Door, name: str) -> None:
    skeleton = SKELETONS[name]
    answered = await door.deliver(skeleton)
    assert answered.status_code == 200
    assert door.kept == []

    if "event" in skeleton:
        named = {"type": "event_callback", "event_id": "Ev1", "team_id": "T111", "authorizations": []}
        answered = await door.deliver({**skeleton, **named})
        assert answered.status_code == 200
        gone = name in ("AppUninstalledPayload", "TokensRevokedPayload")
        assert [type(one.what) for one in door.kept] == ([Removed] if gone else [])


async def test_slack_gets_its_challenge_back(door: Door) -> None:
    answered = await door.deliver(SKELETONS["url_challenge"])

    assert answered.json() == {"challenge": "valid_challenge_token"}


async def test_slack_may_look_at_the_certificate(door: Door) -> None:
    for body in ("ssl_check=1&token=xyz", "token=xyz&ssl_check=1", "ssl_check=1"):
        answered = await door.http.post("/slack/events", content=body)
        assert (answered.status_code, answered.text) == (200, "")


@pytest.mark.parametrize("kind", ["member_joined_channel", "member_left_channel"])
async def test_who_comes_and_goes_is_told(door: Door, kind: str) -> None:
    for name, body in BODIES.items():
        if isinstance(body, dict) and body.get("event", {}).get("type") == kind and "events/" in name:
            await door.deliver(body)

    assert ("T111", "C111", "U999") in door.told


async def test_a_channel_shared_with_another_organisation_is_of_ours(door: Door) -> None:
    body = BODIES["test_events/test_context_generation.body"]
    asked = {
        "type": "app_mention",
        "user": "W111",
        "channel": "C111",
        "team": "T222",
        "ts": "1.2",
        "text": "?",
    }

    await door.deliver({**body, "event": asked})

    assert [(one.conversation.workspace, one.author_workspace) for one in door.kept] == [("E333", "T222")]


@pytest.mark.parametrize("kind", ["events", "command", "action"])
async def test_a_workspace_without_the_bot_has_no_effect(door: Door, kind: str) -> None:
    door.workspaces.clear()
    bodies = {
        "events": BODIES["test_app/app_mention_event_body"],
        "command": BODIES["test_slash_command/slash_command_body"],
        "action": BODIES["test_block_actions/body"],
    }

    answered = await door.deliver(bodies[kind])

    assert answered.status_code == 200
    assert door.kept == []
    told = "not installed" in answered.text
    assert told == (kind == "command")
