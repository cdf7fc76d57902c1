"""What Slack sends may change its shape: nothing of it makes us fail."""

import json
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.chat_platform import Inbound
from bots.slack import inbound
from tests.contract.slack.conftest import Door, open_door

PERSON = {"id": "U1", "team_id": "T111", "name": "amira"}
BASE = {"team": {"id": "T111"}, "user": PERSON, "trigger_id": "1.2.x", "enterprise": None}
MESSAGE = {
    "type": "message",
    "ts": "1700000000.000100",
    "thread_ts": "1700000000.000001",
    "user": "U2",
    "text": "<@UBOT> is <https://status.example|it> down?",
    "files": [{"id": "F1", "name": "a.png", "mimetype": "image/png", "size": 7}],
    "attachments": [{"title": "Disk full", "text": "on db-1", "fallback": "Disk full"}],
}
SPOKEN = {**MESSAGE, "channel": "C1", "channel_type": "channel", "user_team": "T2", "team": "T111"}


def _event(inner: dict[str, Any]) -> dict[str, Any]:
    authorized = {"enterprise_id": None, "team_id": "T111", "user_id": "UBOT", "is_bot": True}
    outer = {"type": "event_callback", "event_id": "Ev1", "team_id": "T111", "authorizations": [authorized]}
    return {**outer, "event": inner}


BODIES: list[dict[str, Any]] = [
    _event(SPOKEN),
    _event({**SPOKEN, "type": "app_mention"}),
    _event({**SPOKEN, "bot_id": "B1", "text": "", "subtype": "bot_message"}),
    _event({"type": "app_home_opened", "tab": "home", "user": "U1", "channel": "D1"}),
    _event({"type": "member_joined_channel", "user": "U1", "channel": "C1"}),
    _event({"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}}),
    _event(
        {
            "type": "assistant_thread_started",
            "assistant_thread": {"user_id": "U1", "channel_id": "D1", "thread_ts": "1.2", "context": {}},
        }
    ),
    {
        **BASE,
        "type": "block_actions",
        "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C1"},
        "message": MESSAGE,
        "actions": [{"type": "button", "action_id": "helpful", "value": "x", "action_ts": "1.3"}],
        "response_url": "https://hooks.slack.com/actions/1",
    },
    {
        **BASE,
        "type": "message_action",
        "callback_id": "ask",
        "channel": {"id": "C1"},
        "message": MESSAGE,
        "message_ts": "1.2",
        "response_url": "https://hooks.slack.com/app/1",
    },
    {
        **BASE,
        "type": "view_submission",
        "view": {
            "id": "V1",
            "type": "modal",
            "hash": "1.x",
            "callback_id": "feedback",
            "private_metadata": "q",
            "blocks": [{"type": "input", "block_id": "comment"}],
            "state": {
                "values": {
                    "comment": {"line": {"type": "plain_text_input", "value": "wrong"}},
                    "text#1": {"word": {"type": "plain_text_input", "value": "long"}},
                    "reason": {"value": {"type": "static_select", "selected_option": {"value": "wrong"}}},
                    "alerts": {"value": {"type": "checkboxes", "selected_options": [{"value": "yes"}]}},
                }
            },
        },
    },
    {
        "command": "/expert",
        "text": "ask why?",
        "channel_id": "C1",
        "user_id": "U1",
        "team_id": "T111",
        "trigger_id": "1.2.y",
        "response_url": "https://hooks.slack.com/commands/1",
    },
]
READERS = (
    lambda body: inbound.event(body, bot_user="UBOT"),
    inbound.command,
    inbound.action,
    inbound.shortcut,
    inbound.submission,
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(alphabet=st.characters(codec=None), max_size=8),
    st.sampled_from(["", "\0", "\ud800", "<!channel>", "<@UBOT|x>", "&#0;", "D1", "E1", "im"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda of: st.lists(of, max_size=3) | st.dictionaries(st.text(max_size=3), of, max_size=3),
    max_leaves=5,
)


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, one in pairs:
        yield from _paths(one, (*path, name))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for one in node.values() if isinstance(node, dict) else node:
            yield from _texts(one)


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = deepcopy(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(_paths(body)) or [("x",)]))
        holder: Any = body
        for name in path[:-1]:
            holder = holder[name]
        if draw(st.booleans()):
            holder[path[-1]] = draw(VALUES)
        elif path != ("x",):
            del holder[path[-1]]
    return body


@cache
def _door() -> Door:
    return open_door(FastAPI())


def test_each_of_them_is_understood_as_it_is() -> None:
    understood = [body for body in BODIES if any(read(body) for read in READERS)]

    assert [body for body in BODIES if body not in understood] == [BODIES[4]]


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_what_is_not_understood_is_left_alone(body: dict[str, Any]) -> None:
    inbound.first_entry(body)
    inbound.changed(body)
    for read in READERS:
        found = read(body)
        if found is not None:
            line = found.to_json()
            line.encode()
            assert Inbound.from_json(line) == found
            assert not any("\0" in text for text in _texts(json.loads(line)))
            assert found.delivery.encode()
            assert found.twin.encode() or not found.twin


@settings(max_examples=100, deadline=None)
@given(mutated())
async def test_no_shape_is_an_error_of_ours(body: dict[str, Any]) -> None:
    answers = [await _door().event(body), await _door().interaction(body)]

    assert all(one.status_code in (200, 400) for one in answers), answers


async def test_what_is_no_json_is_refused() -> None:
    door = open_door(FastAPI())
    deep = "[" * 100_000
    async with door.http:
        for body in ("{", "[]", "7", '"x"', "null", deep, f'{{"event": {deep}', "payload=%7B", "payload=7"):
            answered = await door.send(body.encode())
            assert answered.status_code in (200, 400), body[:20]
    assert door.kept == []


def test_a_text_that_looks_like_json_is_kept_as_it_was_written() -> None:
    """`\\u0000`, typed by somebody, is six characters."""
    found = inbound.event(_event({**SPOKEN, "text": r"what is \u0000?"}), bot_user="UBOT")

    assert found is not None
    assert json.loads(found.to_json())["what"]["text"] == r"what is \u0000?"
