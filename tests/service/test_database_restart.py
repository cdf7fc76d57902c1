"""A server whose PostgreSQL is restarted under it says so while it is away, and serves on when it is back."""

import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config.embedded_postgres import EmbeddedPostgres
from tests.service.test_up import Installation


@pytest.fixture
def place() -> Iterator[Path]:
    # Not pytest's tmp_path: a socket's path must be short.
    parent = Path(tempfile.mkdtemp(prefix="expert-test-"))
    parent.chmod(0o755)
    yield parent
    shutil.rmtree(parent)


def test_the_server_outlives_a_restart_of_postgresql(place: Path) -> None:
    installation = Installation(place / "home")
    with EmbeddedPostgres(place / "database") as postgres:
        urls = postgres.urls
        installation.environment |= {
            "EXPERT_DATABASE_URL": urls.owner,
            "EXPERT_DATABASE_URL_APP": urls.app,
            "EXPERT_DATABASE_URL_SYSTEM": urls.system,
        }
        installation.expert("init", "--tenant", "acme", "--name", "Acme", "--admin", "mia")
        key = tomllib.loads((installation.home / "keys.toml").read_text())["admin"]["key"]
        with (
            installation.up("--no-demo") as server,
            httpx.Client(
                base_url=f"http://127.0.0.1:{installation.port}",
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
            ) as client,
        ):
            before = client.post("/v1/questions", json={"text": "What is the VPN port?"})
            assert before.json()["status"] != "pending"
            postgres.stop()
            away = client.post("/v1/questions", json={"text": "Is anybody there?"})
            assert away.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert client.get("/ready").status_code == httpx.codes.SERVICE_UNAVAILABLE
            postgres.start()
            _wait_until_ready(client)
            after = client.post("/v1/questions", json={"text": "What is the door code?", "wait_s": 20})
            assert after.status_code == httpx.codes.OK
            assert after.json()["status"] != "pending"
            assert client.get(f"/v1/questions/{before.json()['id']}").json()["status"] != "pending"
            assert server.poll() is None


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while client.get("/ready").status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, "the server did not find PostgreSQL again"
        time.sleep(0.2)
