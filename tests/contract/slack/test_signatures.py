"""Who is let in: what Slack signed, lately, and nothing else."""

import json
import time
from collections.abc import AsyncIterator, Callable

import pytest
from fastapi import FastAPI

from bots.slack.signatures import signed
from brain.api.app import create_app
from brain.api.services import Services
from demo.fake_slack.delivery import signature
from tests.contract.slack.conftest import PATH, SECRET, SPECS, Door, open_door

VECTOR = SPECS / "signature_vector.json"
BODY = json.dumps({"type": "url_verification", "challenge": "x"}).encode()
OTHER = "0" * 32


def _vector() -> tuple[dict[str, str], dict[str, str]]:
    known = json.loads(VECTOR.read_text())
    stamped = {"X-Slack-Request-Timestamp": known["timestamp"], "X-Slack-Signature": known["valid_signature"]}
    return known, stamped


@pytest.mark.skipif(not VECTOR.exists(), reason="the vendor's payloads in ../shared are absent")
@pytest.mark.parametrize(
    ("late_s", "fits"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_the_vendors_example(late_s: int, fits: bool) -> None:
    known, headers = _vector()
    body, now_s = known["body"].encode(), int(known["timestamp"]) + late_s

    assert signed(body, headers, [known["signing_secret"]], now_s=now_s) == (abs(late_s) <= 300)
    assert not signed(body + b" ", headers, [known["signing_secret"]], now_s=now_s)
    assert not signed(body, headers, [OTHER], now_s=now_s)


async def test_what_slack_signed_comes_in(door: Door) -> None:
    for late_s in (0, -290, 290):
        answered = await door.send(BODY, at_s=time.time() + late_s)
        assert (answered.status_code, answered.json()) == (200, {"challenge": "x"})


@pytest.mark.parametrize("late_s", [-302, 302, -86_400, 86_400])
async def test_what_is_stale_or_of_the_future_stays_out(door: Door, late_s: int) -> None:
    assert (await door.send(BODY, at_s=time.time() + late_s)).status_code == 401


@pytest.mark.parametrize(
    "moment",
    ["", "abc", "1e9", "-1700000000", "+1700000000", "1700000000.5", " 1700000000", "9" * 13, "9" * 400,
     "0x65", "1_700_000_000", "NaN", "\u0661\u0667", "١٧٠٠٠٠٠٠٠٠", "1700000000\t"],
)  # fmt: skip
async def test_a_timestamp_that_is_none_stays_out(door: Door, moment: str) -> None:
    headers = _with(moment.encode(), signature(SECRET, moment, BODY.decode()).encode())
    answered = await door.http.post(PATH, content=BODY, headers=headers)

    assert answered.status_code == 401


@pytest.mark.parametrize(
    "spoil",
    [
        lambda right: right.replace("v0=", "v1="),
        lambda right: right[3:],
        lambda right: "v0=" + right[3:].upper(),
        lambda right: right[:-1],
        lambda right: right + "0",
        lambda right: "v0=",
        lambda right: "",
        lambda right: "v0=" + "é" * 64,
        lambda right: "v0=" + "٠" * 64,
        lambda right: right + " ",
        lambda right: " v0 = " + right[3:],
        lambda right: "v0=" + "0" * 64,
    ],
)
async def test_a_signature_that_is_none_stays_out(door: Door, spoil: Callable[[str], str]) -> None:
    moment = str(int(time.time()))
    wrong = spoil(signature(SECRET, moment, BODY.decode()))
    answered = await door.http.post(PATH, content=BODY, headers=_with(moment.encode(), wrong.encode()))

    assert answered.status_code == 401


async def test_without_its_headers_nothing_comes_in(door: Door) -> None:
    moment = str(int(time.time()))
    right = signature(SECRET, moment, BODY.decode())
    for headers in ({}, {"X-Slack-Signature": right}, {"X-Slack-Request-Timestamp": moment}):
        assert (await door.http.post(PATH, content=BODY, headers=headers)).status_code == 401


async def test_an_altered_body_stays_out(door: Door) -> None:
    moment = str(int(time.time()))
    right = _with(moment.encode(), signature(SECRET, moment, BODY.decode()).encode())
    for body in (
        BODY + b" ",
        BODY[:-1],
        b"",
        BODY.replace(b"x", b"y"),
        b"\xff" + BODY,
        b"ssl_check=1&" + BODY,
    ):
        assert (await door.http.post(PATH, content=body, headers=right)).status_code == 401


async def test_a_body_that_is_no_text_is_refused(door: Door) -> None:
    """Signed or not: Slack sends none."""
    moment = str(int(time.time()))
    body = b'{"type": "url_verification", "challenge": "\xff\xfe"}'
    wrong = _with(moment.encode(), signature(SECRET, moment, body.decode("utf-8", "replace")).encode())

    assert (await door.http.post(PATH, content=body, headers=wrong)).status_code == 401


@pytest.mark.parametrize("name", ["X-Slack-Signature", "X-Slack-Request-Timestamp"])
async def test_a_header_that_comes_twice_stays_out(door: Door, name: str) -> None:
    moment = str(int(time.time()))
    right = _with(moment.encode(), signature(SECRET, moment, BODY.decode()).encode())
    value = dict(right)[name.encode()]
    for more in (value, b"v0=" + b"0" * 64):
        for headers in ([*right, (name.encode(), more)], [(name.encode(), more), *right]):
            assert (await door.http.post(PATH, content=BODY, headers=headers)).status_code == 401


async def test_both_secrets_count_while_one_replaces_the_other() -> None:
    for secrets, let_in in (((SECRET,), (SECRET,)), ((SECRET, OTHER), (SECRET, OTHER)), ((OTHER,), (OTHER,))):
        door = open_door(FastAPI(), *secrets)
        async with door.http:
            for secret in (SECRET, OTHER, "of somebody else"):
                answered = await door.send(BODY, secret=secret)
                assert answered.status_code == (200 if secret in let_in else 401)


async def test_without_a_secret_nobody_comes_in() -> None:
    door = open_door(FastAPI(), "")
    async with door.http:
        assert (await door.send(BODY, secret="")).status_code == 401
        assert (await door.send(BODY)).status_code == 401


async def test_what_bolt_would_obey_is_not_passed_on(door: Door) -> None:
    """Headers are not signed."""
    body = {"type": "event_callback", "event_id": "Ev1", "team_id": "T111"}
    said = {"type": "app_mention", "user": "U1", "channel": "C1", "ts": "1.2", "text": "Hi"}
    answered = await door.event(
        {**body, "event": said}, **{"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "x"}
    )

    assert answered.status_code == 200
    assert len(door.kept) == 1


async def test_as_part_of_the_whole_api(services: Services) -> None:
    door = open_door(create_app(services))
    async with door.http:
        assert (await door.send(BODY)).json() == {"challenge": "x"}
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answered = await door.http.request(method, PATH)
            assert (answered.status_code, answered.headers["allow"]) == (405, "POST")
        too_large = b'{"x": "' + b"x" * 2**20 + b'"}'
        assert (await door.send(too_large)).status_code == 413
        assert (await door.http.post(PATH, content=_pieces(too_large))).status_code == 413
        for _ in range(300):
            assert (await door.http.post(PATH, content=BODY)).status_code == 401
        assert (await door.send(BODY)).status_code == 200, "others' wrong signatures do not shut Slack out"


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


def _with(moment: bytes, right: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"X-Slack-Request-Timestamp", moment), (b"X-Slack-Signature", right)]
