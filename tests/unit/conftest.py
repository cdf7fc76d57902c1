"""The `expert` command as its tests run it: against a server that says what a test tells it to."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.cli import main
from config.keys import StoredKey, save_key
from tests.unit.fake_api import FakeApi, serving

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def server() -> Iterator[FakeApi]:
    with serving() as api:
        yield api


@pytest.fixture
def api(server: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    server.replies.clear()
    server.seen.clear()
    monkeypatch.setenv("EXPERT_HOME", str(tmp_path))
    monkeypatch.setenv("EXPERT_PORT", str(server.port))
    for name in ("asker", "reviewer", "other"):
        save_key(tmp_path, name, StoredKey(f"the-{name}", f"expk_{name}"))
    return server


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["expert", *words])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return call
