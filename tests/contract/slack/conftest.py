"""Slack's requests, signed, at our own address; nothing behind it but a list of what came out."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.chat_platform import Inbound
from bots.slack.adapter import Find, Handle, Receiver, SlackCalls, Workspace
from bots.slack.outage import Outage
from bots.slack.platform import SlackPlatform
from brain.domain.overload import Entrance
from config.known_workspaces import KnownWorkspaces
from config.slack import Slack
from config.slack_workspaces import OneWorkspace
from demo.fake_slack.delivery import signature

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "slack"
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # the one of the vendor's example
PATH = "/slack/events"
OURS = Workspace("T111", "xoxb-valid", "UBOT", "BBOT", enterprise="E111")


@dataclass
class Door:
    """Who knocks at it, and what was let in. `trouble` is raised instead of keeping anything."""

    http: httpx.AsyncClient
    receiver: Receiver
    kept: list[Inbound] = field(default_factory=list)
    told: list[tuple[str, str, str]] = field(default_factory=list)
    workspaces: dict[str, Workspace] = field(default_factory=dict)
    trouble: Exception | None = None

    async def send(
        self,
        body: bytes,
        *,
        kind: str = "application/json",
        secret: str = SECRET,
        headers: Mapping[str, str] | None = None,
        at_s: float | None = None,
    ) -> httpx.Response:
        """As Slack signs it, but for what `headers` have otherwise."""
        moment = str(int(time.time() if at_s is None else at_s))
        signed = {
            "Content-Type": kind,
            "X-Slack-Request-Timestamp": moment,
            "X-Slack-Signature": signature(secret, moment, body.decode("utf-8", "replace")),
        }
        return await self.http.post(PATH, content=body, headers={**signed, **(headers or {})})

    async def event(self, payload: Any, **headers: str) -> httpx.Response:
        return await self.send(json.dumps(payload).encode(), headers=headers)

    async def interaction(self, payload: Any) -> httpx.Response:
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.send(body, kind="application/x-www-form-urlencoded")

    async def command(self, form: Mapping[str, str] | str) -> httpx.Response:
        body = form if isinstance(form, str) else urlencode(form)
        return await self.send(body.encode(), kind="application/x-www-form-urlencoded")

    async def deliver(self, payload: Any) -> httpx.Response:
        """In the way in which Slack would."""
        if isinstance(payload, str) or "command" in payload:
            return await self.command(payload)
        if payload.get("type") in ("event_callback", "url_verification", "app_rate_limited"):
            return await self.event(payload)
        return await self.interaction(payload)


def open_door(
    app: FastAPI,
    *secrets: str,
    keep: Handle | None = None,
    entrance: Entrance | None = None,
    find: Find | None = None,
) -> Door:
    async def kept(inbound: Inbound) -> None:
        if door.trouble is not None:
            raise door.trouble
        if keep is not None:
            await keep(inbound)
        door.kept.append(inbound)

    async def known(workspace: str) -> Workspace | None:
        return await find(workspace) if find else door.workspaces.get(workspace)

    def changed(workspace: str, channel: str, user: str) -> None:
        door.told.append((workspace, channel, user))

    receiver = Receiver(kept, known, secrets or (SECRET,), changed=changed)
    platform = SlackPlatform(calls := SlackCalls(known))
    outage = Outage(calls, platform.people, grace_s=0.0)
    nothing = KnownWorkspaces(Path("/nowhere"), OneWorkspace.__new__(OneWorkspace))
    Slack(platform, receiver, nothing, outage, entrance=entrance or Entrance(256)).receive_at(app)
    transport = httpx.ASGITransport(app)
    door = Door(httpx.AsyncClient(transport=transport, base_url="http://expert.test"), receiver)
    for id_ in ("T111", "E111", "E333", "T-installed-workspace", "T-auth"):
        door.workspaces[id_] = replace(OURS, id=id_)
    return door


@pytest.fixture(name="door")
async def a_door() -> AsyncIterator[Door]:
    one = open_door(FastAPI())
    yield one
    await one.http.aclose()
