"""From nothing to the first answer on Slack, in the four steps of docs/slack.md, each of them checked."""

import asyncio
import json
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from demo.fake_slack import FakeSlack

EXPERT = [sys.executable, "-c", "from config.cli import main; main()"]
PATIENCE_S = 240.0


@dataclass
class Terminal:
    environment: dict[str, str]

    async def expert(self, *words: str, status: int = 0) -> str:
        running = await asyncio.create_subprocess_exec(
            *EXPERT,
            *words,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, wrong = await asyncio.wait_for(running.communicate(), PATIENCE_S)
        assert running.returncode == status, out.decode() + wrong.decode()
        assert b"Traceback" not in wrong
        return out.decode()

    async def check(self, *, status: int = 1) -> dict[str, tuple[bool, str]]:
        found = json.loads(await self.expert("slack", "check", "--json", status=status))
        assert all(one["ok"] or one["advice"] for one in found)
        return {one["check"]: (one["ok"], one["detail"]) for one in found}


async def test_four_steps(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    terminal = Terminal(
        os.environ | {"EXPERT_HOME": str(tmp_path / "home"), "EXPERT_PORT": str(port)},
    )
    async with FakeSlack(workspace="Northlight Freight") as slack:
        terminal.environment["EXPERT_SLACK_API_URL"] = slack.api_url
        ravi = slack.add_person("Ravi Lindqvist", email="ravi@northlight.example")

        # 1. Make the app.
        made = json.loads(await terminal.expert("slack", "manifest", "--json"))
        slack.workspace.scopes[:] = made["oauth_config"]["scopes"]["bot"]
        found = await terminal.check()
        assert found["extra"][0]
        assert found["bot token"] == (False, "EXPERT_SLACK_BOT_TOKEN is not set")
        assert not found["way in"][0]

        # 2. Set its two tokens.
        terminal.environment["EXPERT_SLACK_BOT_TOKEN"] = slack.bot_token
        terminal.environment["EXPERT_SLACK_APP_TOKEN"] = slack.app_token
        found = await terminal.check()
        assert found["bot token"] == (True, f"of the workspace Northlight Freight ({slack.workspace.id})")
        assert found["scopes"][0]
        assert found["socket"] == (False, "it opens, but The Expert does not listen")

        # 3. Start it.
        server = await asyncio.create_subprocess_exec(
            *EXPERT,
            "up",
            env=terminal.environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            await slack.until(lambda: slack.sockets.connections or server.returncode, PATIENCE_S)
            found = await terminal.check(status=0)
            assert found["socket"] == (True, "it opens, and The Expert listens")
            assert found["tenant"][0]

            # 4. Say who is who.
            mia = slack.add_person("Mia Weber", email="mia@example.org")
            words = ["--name", "Mia Weber", "--email", "mia@example.org", "--role", "it-ops:reviewer"]
            await terminal.expert("member", "add", "mia", *words, "--as", "reviewer")
            found = await terminal.check(status=0)
            assert found["reviewers"] == (True, "all 2 are on Slack")
            await _is_ready(port)
            mia.says(mia.dm, "How do I rotate the Redis password?")
            await mia.hears("Sure", mia.dm, timeout_s=PATIENCE_S)

            # A reviewer who leaves is missed, and `doctor` tells, too.
            ravi.user.deleted = True
            found = await terminal.check()
            assert "ravi" in found["reviewers"][1]
            assert "✗ slack: reviewers" in await terminal.expert("doctor", status=1)
        finally:
            server.terminate()
            await asyncio.wait_for(server.wait(), PATIENCE_S)
        assert slack.violations == []


async def _is_ready(port: int) -> None:
    """When the samples have been read."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient() as http:
        while (await http.get(f"http://127.0.0.1:{port}/ready")).status_code != httpx.codes.OK:  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.2)
