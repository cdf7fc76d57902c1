"""`expert ingest --sync` and `expert retry` against a server that keeps documents by their sources."""

import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brain.domain.errors import Rejected
from config.cli import main
from config.commands.finding import find
from config.commands.mirroring import plan
from config.keys import StoredKey, save_key
from tests.unit.fake_api import FakeApi, Seen, serving

Run = Callable[..., tuple[int, str, str]]


class Shelf:
    """What the API would keep: sources and hashes, nothing more."""

    def __init__(self, api: FakeApi) -> None:
        self.api = api
        self.documents: dict[str, dict[str, Any]] = {}
        self.sent: list[str] = []
        self.forgotten: list[str] = []
        api.replies["GET /v1/documents"] = lambda _: list(self.documents.values())
        api.replies["POST /v1/documents"] = self.take
        self.offer()

    def offer(self) -> None:
        for one in self.documents.values():
            self.api.replies[f"DELETE /v1/documents/{one['id']}"] = self.drop

    def holds(self, source: str, content: bytes, *, department: str = "it-ops", status: str = "live") -> None:
        digest = hashlib.sha256(content).hexdigest()
        self.documents[f"{department}:{source}"] = {
            "id": hashlib.md5(source.encode(), usedforsecurity=False).hexdigest(),
            "department": department,
            "source": source,
            "title": Path(source).name,
            "status": status,
            "reason": "It is damaged." if status == "quarantined" else None,
            "content_hash": digest,
        }
        self.offer()

    def take(self, seen: Seen) -> object:
        source, content = seen.body["source"], seen.body["file"][1]
        self.sent.append(source)
        self.holds(source, content, department=seen.body["department"])
        return {"document": self.documents[f"{seen.body['department']}:{source}"], "outcome": "added"}

    def drop(self, seen: Seen) -> object:
        id_ = seen.path.rpartition("/")[2]
        for key, one in list(self.documents.items()):
            if one["id"] == id_:
                self.forgotten.append(one["source"])
                del self.documents[key]
        return 204, None


@pytest.fixture(scope="module")
def server() -> Iterator[FakeApi]:
    with serving() as api:
        yield api


@pytest.fixture
def shelf(server: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    server.replies.clear()
    server.seen.clear()
    monkeypatch.setenv("EXPERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPERT_PORT", str(server.port))
    save_key(tmp_path / "home", "admin", StoredKey("the-admin", "expk_admin"))
    return Shelf(server)


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "runbooks"
    (made / "deep").mkdir(parents=True)
    for number in range(8):
        (made / "deep" / f"{number}.md").write_text(f"Step {number}", encoding="utf-8")
    return made


def test_sync_mirrors_a_folder_and_costs_nothing_the_second_time(
    shelf: Shelf, run: Run, folder: Path
) -> None:
    shelf.holds("/elsewhere/a.md", b"a")
    shelf.holds(str(folder / "of-others.md"), b"b", department="hr")
    status, out, err = run("ingest", "--sync", str(folder), "-d", "it-ops")
    assert (status, out, err) == (0, "8 added.\n", "")
    assert run("ingest", "--sync", str(folder), "-d", "it-ops")[1] == "8 unchanged.\n"
    assert len(shelf.sent) == 8
    (folder / "deep" / "0.md").write_text("Step 0, changed", encoding="utf-8")
    (folder / "deep" / "1.md").unlink()
    (folder / "new.md").write_text("New", encoding="utf-8")
    status, out, _ = run("ingest", "--sync", str(folder), "-d", "it-ops")
    assert (status, out) == (0, "2 added, 6 unchanged, 1 forgotten.\n")
    assert shelf.sent[8:] == [str(folder / "new.md"), str(folder / "deep" / "0.md")]
    assert shelf.forgotten == [str(folder / "deep" / "1.md")]
    assert "hr:" + str(folder / "of-others.md") in shelf.documents
    assert "it-ops:/elsewhere/a.md" in shelf.documents


def test_a_dry_run_tells_and_does_nothing(shelf: Shelf, run: Run, folder: Path) -> None:
    shelf.holds(str(folder / "gone.md"), b"x")
    status, out, _ = run("ingest", "--sync", str(folder), "-d", "it-ops", "--dry-run")
    assert status == 0
    assert "gone.md" in out
    assert "8 would be sent, 1 forgotten; nothing was." in out
    told = json.loads(run("ingest", "--sync", str(folder), "-d", "it-ops", "--dry-run", "--json")[1])
    assert (len(told["send"]), told["forget"]) == (8, [str(folder / "gone.md")])
    assert shelf.sent == shelf.forgotten == []


def test_sync_asks_before_it_forgets_much(
    shelf: Shelf, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        shelf.holds(str(folder / f"{number}.md"), b"x")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, _, err = run("ingest", "--sync", str(folder), "-d", "it-ops")
    assert status == 1
    assert "Forget 20 of 20 documents of this folder for good?" in err
    assert f"no longer there: {folder / '0.md'}" in err
    assert shelf.sent == shelf.forgotten == []
    assert run("ingest", "--sync-unasked", str(folder), "-d", "it-ops")[1] == "8 added, 20 forgotten.\n"


def test_an_empty_folder_forgets_nothing(shelf: Shelf, run: Run, tmp_path: Path) -> None:
    (tmp_path / "unmounted").mkdir()
    shelf.holds(str(tmp_path / "unmounted" / "a.md"), b"a")
    status, _, err = run("ingest", "--sync-unasked", str(tmp_path / "unmounted"), "-d", "it-ops")
    assert (status, shelf.forgotten) == (1, [])
    assert "There are no files" in err


def test_sync_wants_one_folder(shelf: Shelf, run: Run, folder: Path) -> None:
    for words in ([str(folder), str(folder)], [str(folder / "deep" / "0.md")]):
        status, _, err = run("ingest", "--sync", *words, "-d", "it-ops")
        assert status == 1
        assert "mirrors one folder" in err


def test_a_version_that_cannot_be_read_is_not_sent_again_and_again(
    shelf: Shelf, run: Run, folder: Path
) -> None:
    run("ingest", "--sync", str(folder), "-d", "it-ops")
    path = folder / "deep" / "0.md"
    path.write_bytes(b"\x00\x01")
    shelf.holds(f"{path} (unreadable version)", b"\x00\x01", status="quarantined")
    assert run("ingest", "--sync", str(folder), "-d", "it-ops")[1] == "8 unchanged.\n"
    path.write_text("Step 0", encoding="utf-8")
    assert run("ingest", "--sync", str(folder), "-d", "it-ops")[1] == "1 added, 7 unchanged.\n"
    path.unlink()
    del shelf.forgotten[:]
    run("ingest", "--sync", str(folder), "-d", "it-ops")
    assert shelf.forgotten == [str(path)], "the unreadable version goes with its document"


def test_a_run_that_was_broken_off_goes_on_where_it_was(shelf: Shelf, run: Run, folder: Path) -> None:
    def fails_at_the_fifth(seen: Seen) -> object:
        if len(shelf.sent) == 4:
            return 503, {"title": "Away", "detail": "The database is not answering.", "status": 503}
        return shelf.take(seen)

    shelf.api.replies["POST /v1/documents"] = fails_at_the_fifth
    status, _, err = run("ingest", "--sync", str(folder), "-d", "it-ops")
    assert status == 1
    assert "not answering" in err
    shelf.api.replies["POST /v1/documents"] = shelf.take
    assert run("ingest", "--sync", str(folder), "-d", "it-ops")[1] == "4 added, 4 unchanged.\n"
    assert len(shelf.sent) == len(set(shelf.sent)) == 8


def test_retry_reads_again_what_is_in_quarantine(shelf: Shelf, run: Run) -> None:
    for source in ("/a.pdf", "/b.pdf", "/c.pdf (unreadable version)"):
        shelf.holds(source, source.encode(), status="quarantined")
    shelf.holds("/d.pdf", b"d")

    def again(seen: Seen) -> object:
        id_ = seen.path.split("/")[3]
        (one,) = (each for each in shelf.documents.values() if each["id"] == id_)
        shelf.sent.append(one["source"])
        return {"document": one, "outcome": "quarantined" if one["source"] == "/b.pdf" else "changed"}

    for one in shelf.documents.values():
        shelf.api.replies[f"POST /v1/documents/{one['id']}/retry"] = again
    status, out, err = run("retry")
    assert (status, out, err) == (1, "2 changed, 1 quarantined.\n", "quarantined: /b.pdf: It is damaged.\n")
    assert shelf.sent == ["/a.pdf", "/b.pdf", "/c.pdf (unreadable version)"]
    assert run("retry", "/c.pdf")[:2] == (0, "1 changed.\n")
    status, _, err = run("retry", "/d.pdf")
    assert status == 1
    assert "No document /d.pdf is in quarantine" in err


def test_retry_of_nothing(shelf: Shelf, run: Run) -> None:
    assert run("retry")[:2] == (0, "No document is in quarantine.\n")


def test_links_and_pipes_are_told_and_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.md").symlink_to(folder / "deep" / "0.md")
    (folder / "nowhere.md").symlink_to(folder / "absent.md")
    (folder / "around").symlink_to(folder)
    os.mkfifo(folder / "pipe.md")
    with (folder / "large.pdf").open("wb") as large:
        large.truncate(50 * 1024**2 + 1)
    found = find([folder])
    assert len(found.files) == 9
    assert folder / "in.md" in found.files
    reasons = {Path(path).name: reason for path, reason in found.refused}
    assert "leads out of the folder" in reasons["out.txt"]
    assert "link to a folder" in reasons["around"]
    assert "pipe" in reasons["pipe.md"]
    assert "50 MB" in reasons["large.pdf"]
    assert reasons["nowhere.md"]
    assert find([folder / "out.txt"]).files == [folder / "out.txt"], "who names a link means what it leads to"


def test_a_closed_folder_is_not_an_empty_one(shelf: Shelf, run: Run, folder: Path) -> None:
    """Its files would seem to be gone."""
    shelf.holds(str(folder / "deep" / "0.md"), b"x")
    found = find([folder])
    found.closed.append((str(folder / "deep"), "Permission denied"))
    with pytest.raises(Rejected, match="cannot be looked into"):
        plan([folder], found, list(shelf.documents.values()), "it-ops")
