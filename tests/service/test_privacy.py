"""Erasing with the real `expert up`: nothing in files or logs, and whole after a kill and a restart."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from brain.adapters.postgres.tables import metadata
from config.embedded_postgres import DATABASE, attach_or_start
from tests.service.test_up import EXPERT, Installation

CANARIES = ("zquorn", "Zelda Quorn", "z.quorn@canary.example", "xanthippe", "canary-laptop")


def _files_with(home: Path, canaries: Sequence[str]) -> list[str]:
    """Of everything below the home but the database itself, whose freed pages are PostgreSQL's."""
    held = []
    for path in home.rglob("*"):
        if path.is_file() and home / "postgres" / "data" not in path.parents:
            content = path.read_bytes().lower()
            held += [f"{one} in {path.name}" for one in canaries if one.lower().encode() in content]
    return held


def _rows_with(home: Path, canaries: Sequence[str]) -> list[str]:
    """As a dump of every table shows it."""
    with attach_or_start(home) as postgres:
        dump = {
            table.name: postgres.execute(f"\\connect {DATABASE}\nSELECT t::text FROM {table.name} t;").lower()
            for table in metadata.sorted_tables
        }
    return [f"{one} in {name}" for name, rows in dump.items() for one in canaries if one.lower() in rows]


def test_an_erased_person_is_in_no_file_and_no_row(tmp_path: Path) -> None:
    installation, log = Installation(tmp_path / "home"), tmp_path / "stderr.log"
    expert, home = installation.expert, installation.home
    expert("init", "--tenant", "acme", "--name", "Acme", "--admin", "mia")
    who = ("--name", "Zelda Quorn", "--email", "z.quorn@canary.example")
    with installation.up("--no-demo") as server:
        expert("member", "add", "zquorn", *who, "--role", "it-ops:asker", "--as", "admin")
        expert("member", "add", "other", *who, "--role", "it-ops:asker", "--as", "admin", status=1)
        expert("key", "add", "zquorn", "--name", "canary-laptop", "--save")
        expert("ask", "Who waters the xanthippe?", "--as", "canary-laptop")
        assert {one.split(" in ")[0] for one in _rows_with(home, CANARIES)} == set(CANARIES)
        looked = json.loads(expert("erase", "--member", "zquorn", "--json"))
        assert (looked["erased"], looked["counts"]["questions"]) == (False, 1)
        expert("erase", "--member", "zquorn", "--yes")
        assert _rows_with(home, CANARIES) == []
        assert _files_with(home, CANARIES) == []
        server.kill()
        server.wait()
    installation.wait_until_postgres_is_gone()
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [*EXPERT, "up", "--no-demo"],
            env=installation.environment,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        ) as server,
    ):
        try:
            installation.wait_until_ready(server)
            expert("erase", "--member", "zquorn", "--yes", status=1)
            assert [one["action"] for one in json.loads(expert("audit", "--json"))].count(
                "member.erased"
            ) == 1
            expert("export", "--all", "--to", str(tmp_path / "export"))
            assert (tmp_path / "export" / "question.jsonl").exists()
            assert _files_with(tmp_path / "export", CANARIES) == []
            expert("audit", "verify")
        finally:  # leaving the block waits for it, also when something above has failed
            server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    logged = log.read_text().lower()
    assert "erase" in logged
    assert [one for one in CANARIES if one.lower() in logged] == []
    assert _files_with(home, CANARIES) == []
    assert _rows_with(home, CANARIES) == []
    expert("audit", "verify")
