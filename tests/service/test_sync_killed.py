"""`expert ingest --sync` with everything killed in the middle: the next run finishes it, once and whole."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.service.test_up import EXPERT, PATIENCE_S, Installation

FILES = 40
# Long enough that a kill falls between and into documents.
SECTIONS = 12


def folder_of(path: Path) -> Path:
    path.mkdir()
    for number in range(FILES):
        sections = "".join(
            f"## Step {step}\n\nRestart gateway {number}-{step} once queue {number + step} is empty.\n\n"
            for step in range(SECTIONS)
        )
        (path / f"gateway-{number:02}.md").write_text(f"# Gateway {number}\n\n{sections}", encoding="utf-8")
    return path


def documents(installation: Installation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(installation.expert("documents", "--json"))
    return found


def test_a_killed_sync_is_finished_by_the_next(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "home")
    installation.expert("init", "--tenant", "acme", "--name", "Acme", "--admin", "mia")
    folder = folder_of(tmp_path / "runbooks")
    command = ["ingest", "--sync", str(folder), "--department", "it-ops"]
    with installation.up("--no-demo") as server:
        with subprocess.Popen([*EXPERT, *command], env=installation.environment) as sync:
            deadline = time.monotonic() + PATIENCE_S
            while len(documents(installation)) < 3:
                assert time.monotonic() < deadline, "nothing was ingested"
                assert sync.poll() is None, "it was over before it could be killed"
            server.kill()
            sync.kill()
        server.wait()
        installation.wait_until_postgres_is_gone()

    with installation.up("--no-demo"):
        done = [one for one in documents(installation) if one["passages"]]
        assert 3 <= len(done) < FILES
        assert len(done) == len(documents(installation)), "nothing is half there"
        assert installation.expert(*command) == f"{FILES - len(done)} added, {len(done)} unchanged.\n"
        found = documents(installation)
        assert sorted(one["source"] for one in found) == sorted(map(str, folder.iterdir()))
        assert {(one["passages"], one["version"], one["status"]) for one in found} == {
            (found[0]["passages"], 1, "live")
        }
        assert installation.expert(*command) == f"{FILES} unchanged.\n"
        (folder / "gateway-00.md").unlink()
        assert installation.expert(*command) == f"{FILES - 1} unchanged, 1 forgotten.\n"
        assert len(documents(installation)) == FILES - 1
