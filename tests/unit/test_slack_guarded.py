"""Slack is left alone while it keeps failing, and whatever it says itself is no failure."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from bots.chat_platform import Unknown
from bots.slack.calls import Later, Refused, Unreachable
from bots.slack.guarded import GuardedCalls
from brain.domain.circuit import IN_A_ROW, PROBE_S, Circuit, State
from brain.domain.errors import Rejected, Unavailable


@dataclass
class Slack:
    """Ends each call as it is told to."""

    ends: Exception | None = None
    asked: list[str] = field(default_factory=list)

    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        self._ended(method)
        return {"ok": True}

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        self._ended("respond")

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        self._ended("download")
        return b"!"

    def _ended(self, what: str) -> None:
        self.asked.append(what)
        if self.ends is not None:
            raise self.ends


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _guarded(slack: Slack) -> tuple[GuardedCalls, Clock]:
    clock = Clock()
    return GuardedCalls(slack, Circuit("Slack", clock=clock, jitter=lambda: 0.0)), clock


@pytest.mark.parametrize("ends", [Unreachable("Slack cannot be reached."), Unknown("status 500")])
async def test_a_slack_that_keeps_failing_is_left_alone_and_found_back(ends: Exception) -> None:
    slack = Slack(ends)
    guarded, clock = _guarded(slack)
    for _ in range(IN_A_ROW):
        with pytest.raises(type(ends)):
            await guarded.call("T1", "chat.postMessage")

    for calling in (
        guarded.call("T1", "chat.update"),
        guarded.respond("https://hooks.slack.com/1", {}),
        guarded.download("T1", "https://files.slack.com/1", most=1),
    ):
        with pytest.raises(Unavailable, match="Slack keeps failing") as left_alone:
            await calling
        assert left_alone.value.retry_after_s == PROBE_S
    assert len(slack.asked) == IN_A_ROW

    slack.ends, clock.now_s = None, PROBE_S
    assert await guarded.download("T1", "https://files.slack.com/1", most=1) == b"!"
    await guarded.respond("https://hooks.slack.com/1", {})
    assert await guarded.call("T1", "chat.update") == {"ok": True}


@pytest.mark.parametrize(
    "ends",
    [Refused("channel_not_found", "chat.postMessage"), Later("Slack takes no more.", 30), Rejected("No.")],
)
async def test_a_slack_that_says_no_or_later_is_there(ends: Exception) -> None:
    slack = Slack(ends)
    guarded, _ = _guarded(slack)
    for _ in range(3 * IN_A_ROW):
        with pytest.raises(type(ends)):
            await guarded.call("T1", "chat.postMessage")

    assert guarded.circuit.state is State.CLOSED
    assert len(slack.asked) == 3 * IN_A_ROW


async def test_a_later_between_failures_says_that_it_is_there() -> None:
    slack = Slack()
    guarded, _ = _guarded(slack)
    failures: list[Exception] = [Unreachable("Slack cannot be reached.")] * (IN_A_ROW - 1)
    for slack.ends in (*failures, Later("Slack takes no more.", 30), *failures):
        with pytest.raises(Unavailable):
            await guarded.call("T1", "chat.postMessage")
    assert guarded.circuit.state is State.CLOSED
