"""`expert up` as people run it: started, asked, killed, started again, stopped."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.postgres_leftovers import postmaster_pid

EXPERT = [sys.executable, "-c", "from config.cli import main; main()"]
PATIENCE_S = 240.0


class Installation:
    """One EXPERT_HOME on a port of its own."""

    def __init__(self, home: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = home
        self.environment = os.environ | {"EXPERT_HOME": str(home), "EXPERT_PORT": str(self.port)}

    @contextmanager
    def up(self, *options: str) -> Iterator["subprocess.Popen[str]"]:
        with subprocess.Popen(
            [*EXPERT, "up", *options],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                self.wait_until_ready(server)
                yield server
            finally:
                server.kill()

    def wait_until_ready(self, server: "subprocess.Popen[Any]") -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and server.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/ready").status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.2)
        pytest.fail("expert up did not become ready")

    def expert(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [*EXPERT, *words], env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def wait_until_postgres_is_gone(self) -> None:
        deadline = time.monotonic() + 30
        while postmaster_pid(self.home / "postgres" / "data", ready=False) is not None:
            assert time.monotonic() < deadline, "PostgreSQL outlived the one who started it"
            time.sleep(0.1)


def _sources(installation: Installation) -> list[str]:
    return [one["source"] for one in json.loads(installation.expert("documents", "--json"))]


def test_the_dialogue_of_the_first_day(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    with installation.up() as server:
        keys = installation.home / "keys.toml"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o600
        answered = json.loads(installation.expert("ask", "How do I rotate the Redis password?", "--json"))
        assert answered["status"] == "published"
        assert answered["citations"][0]["heading_path"][-1] == "Rotate the Redis password"
        unknown = json.loads(installation.expert("ask", "How do I book the roof terrace?", "--json"))
        assert unknown["status"] == "abstained"
        number = str(unknown["review"])
        assert "roof terrace" in installation.expert("reviews")
        installation.expert("review", number)
        installation.expert("approve", number, status=1)
        installation.expert("approve", number, "--text", "Write to the front desk two weeks ahead.")
        again = json.loads(installation.expert("ask", "How can I book the roof terrace?", "--json"))
        assert again["text"] == "Write to the front desk two weeks ahead."
        assert again["approved"]["by"] == "Ravi Lindqvist"
        forgotten, *kept_documents = _sources(installation)
        installation.expert("forget", forgotten, "--yes")
        installation.expert("doctor")
        server.kill()
        server.wait()
        installation.wait_until_postgres_is_gone()

    with installation.up() as server:
        assert _sources(installation) == kept_documents, "what was forgotten does not come back"
        assert len(json.loads(installation.expert("reviews", "--all", "--json"))) == 1
        kept = json.loads(installation.expert("ask", "How can I book the roof terrace?", "--json"))
        assert kept["approved"]["by"] == "Ravi Lindqvist"
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    installation.wait_until_postgres_is_gone()


def test_a_question_accepted_before_a_kill_is_answered_after_it(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    url = f"http://127.0.0.1:{installation.port}/v1/questions"
    installation.expert("init", "--tenant", "acme", "--name", "Acme", "--admin", "mia")

    def headers() -> dict[str, str]:
        key = tomllib.loads((installation.home / "keys.toml").read_text())["admin"]["key"]
        return {"Authorization": f"Bearer {key}"}

    with installation.up("--no-demo") as server:
        accepted = [
            httpx.post(url, json={"text": f"What is the VPN port, try {n}?", "wait_s": 0}, headers=headers())
            for n in range(20)
        ]
        server.kill()
        server.wait()
    assert {response.status_code for response in accepted} <= {200, 202}
    installation.wait_until_postgres_is_gone()
    with installation.up("--no-demo"):
        deadline = time.monotonic() + 60
        for response in accepted:
            while (
                httpx.get(f"{url}/{response.json()['id']}", headers=headers()).json()["status"] == "pending"
            ):
                assert time.monotonic() < deadline, "an accepted question was lost"
                time.sleep(0.5)
