"""The admin's commands against a server that speaks the API's contract: documents, people, keys, tasks."""

import io
import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from config.keys import StoredKey, read_keys, save_key
from tests.unit.fake_api import FakeApi, Seen

Run = Callable[..., tuple[int, str, str]]
DOCUMENT: dict[str, Any] = {
    "id": "d-1",
    "department": "it-ops",
    "source": "/runbooks/redis.md",
    "title": "Redis operations",
    "media_type": "text/markdown",
    "version": 2,
    "status": "live",
    "reason": None,
    "passages": 7,
    "updated_at": None,
}
BROKEN = DOCUMENT | {
    "id": "d-2",
    "title": "scan.pdf",
    "status": "quarantined",
    "reason": "The PDF has no text.",
}


@pytest.fixture
def api(server: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    server.replies.clear()
    server.seen.clear()
    monkeypatch.setenv("EXPERT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPERT_PORT", str(server.port))
    for name in ("asker", "reviewer", "admin"):
        save_key(tmp_path / "home", name, StoredKey(f"the-{name}", f"expk_{name}"))
    return server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    runbooks = tmp_path / "runbooks"
    for name in ("redis.md", "deep/er/scan.pdf", ".git/config", "deep/.hidden", "unchanged.txt"):
        (runbooks / name).parent.mkdir(parents=True, exist_ok=True)
        (runbooks / name).write_bytes(f"content of {name}\r\n--x".encode())
    return runbooks


def _ingested(seen: Seen) -> dict[str, Any]:
    name = seen.body["file"][0]
    if name == "scan.pdf":
        return {"document": BROKEN, "outcome": "quarantined"}
    return {"document": DOCUMENT, "outcome": "unchanged" if name == "unchanged.txt" else "added"}


def test_ingest_sends_every_file_below_a_folder(api: FakeApi, run: Run, folder: Path) -> None:
    api.replies["POST /v1/documents"] = _ingested
    status, out, err = run("ingest", str(folder), "--department", "it-ops")
    scan = folder / "deep" / "er" / "scan.pdf"
    assert (status, out) == (1, "1 added, 1 unchanged, 1 quarantined.\n")
    assert err == f"quarantined: {scan}: The PDF has no text.\n"
    sent = {seen.body["source"]: seen.body for seen in api.seen}
    assert set(sent) == {str(folder / "redis.md"), str(folder / "unchanged.txt"), str(scan)}
    assert sent[str(scan)]["file"] == ("scan.pdf", b"content of deep/er/scan.pdf\r\n--x")
    assert sent[str(scan)]["department"] == "it-ops"
    assert {seen.key for seen in api.seen} == {"expk_admin"}


def test_ingest_lists_what_was_quarantined_as_json(api: FakeApi, run: Run, folder: Path) -> None:
    api.replies["POST /v1/documents"] = _ingested
    status, out, _ = run("ingest", str(folder), "-d", "it-ops", "--json")
    assert status == 1
    scan = str(folder / "deep" / "er" / "scan.pdf")
    assert json.loads(out)["quarantined"] == [{"source": scan, "detail": "The PDF has no text."}]
    assert run("ingest", str(folder / "redis.md"), "-d", "it-ops")[0] == 0


def test_ingest_goes_on_after_a_refused_file(api: FakeApi, run: Run, folder: Path) -> None:
    def reply(seen: Seen) -> object:
        if seen.body["file"][0] == "redis.md":
            return 413, {"title": "Too large", "detail": "At most 20 MB.", "status": 413}
        return {"document": DOCUMENT, "outcome": "added"}

    api.replies["POST /v1/documents"] = reply
    status, out, err = run("ingest", str(folder), "-d", "it-ops")
    assert (status, out) == (1, "2 added, 1 refused.\n")
    assert err == f"refused: {folder / 'redis.md'}: At most 20 MB.\n"
    status, out, _ = run("ingest", str(folder / "redis.md"), "-d", "it-ops", "--json")
    assert status == 1
    assert json.loads(out)["refused"] == [{"source": str(folder / "redis.md"), "detail": "At most 20 MB."}]


def test_ingest_stops_where_every_file_would_be_refused(api: FakeApi, run: Run, folder: Path) -> None:
    api.refuse("POST /v1/documents", 403, "Only admins and reviewers may ingest.")
    status, _, err = run("ingest", str(folder), "-d", "it-ops")
    assert (status, err) == (1, "Only admins and reviewers may ingest.\n")
    assert len(api.seen) == 1


def test_ingest_dry_run_sends_nothing(api: FakeApi, run: Run, folder: Path) -> None:
    status, out, _ = run("ingest", str(folder), "-d", "it-ops", "--dry-run")
    assert status == 0
    assert "3 files would be sent; nothing was." in out
    assert "hidden" not in out
    assert len(json.loads(run("ingest", str(folder), "-d", "it-ops", "--dry-run", "--json")[1])) == 3
    assert not api.seen


def test_ingest_of_nothing_is_refused(api: FakeApi, run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    status, _, err = run("ingest", str(tmp_path / "empty"), "-d", "it-ops")
    assert status == 1
    assert "There are no files" in err


def test_documents(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/documents"] = [DOCUMENT, BROKEN]
    assert "Redis operations" in run("documents")[1]
    _, out, _ = run("documents", "--quarantined")
    assert "The PDF has no text." in out
    assert "Redis operations" not in out
    assert json.loads(run("documents", "--department", "hr", "--json")[1]) == []


@pytest.mark.parametrize("name", ["d-1", "/runbooks/redis.md"])
def test_forget_removes_what_was_named(api: FakeApi, run: Run, name: str) -> None:
    api.replies |= {
        "GET /v1/documents": [DOCUMENT, BROKEN | {"source": "scan.pdf"}],
        "DELETE /v1/documents/d-1": (204, None),
    }
    status, out, _ = run("forget", name, "--yes")
    assert status == 0
    assert out.splitlines() == ["Redis operations (7 passages, /runbooks/redis.md)", "1 forgotten."]
    assert [(one.method, one.path) for one in api.seen][1:] == [("DELETE", "/v1/documents/d-1")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nope", "--yes"], "There is no document nope"),
        (["/runbooks/redis.md", "--yes"], "in several departments"),
        (["d-1"], "Forget this for good?"),
    ],
)
def test_forget_removes_nothing_unsure(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    api.replies["GET /v1/documents"] = [DOCUMENT, DOCUMENT | {"id": "d-3", "department": "hr"}]
    status, _, err = run("forget", *words)
    assert status == 1
    assert told in err
    assert len(api.seen) == 1


def test_forget_dry_run(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/documents"] = [DOCUMENT]
    status, out, _ = run("forget", "d-1", "--dry-run")
    assert status == 0
    assert "1 would be forgotten; nothing was." in out
    assert len(api.seen) == 1


def test_articles_and_departments(api: FakeApi, run: Run) -> None:
    approved = {"by": "Ravi", "at": "2026-03-02T12:00:00Z"}
    article = {"id": "a-1", "department": "hr", "version": 3, "question": "Who?", "approved": approved}
    api.replies["GET /v1/articles"] = [article | {"status": "suspended"}]
    assert {"a-1", "hr", "suspended", "3", "Ravi", "Who?"} <= set(run("articles")[1].split())
    api.replies["GET /v1/departments"] = [
        {"slug": "hr", "name": "People", "visibility": "tenant", "description": "x"}
    ]
    assert {"hr", "People", "tenant", "x"} <= set(run("departments")[1].split())


def test_member_add_collects_roles(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/members"] = {"handle": "raj", "roles": {"hr": ["asker"]}, "replaced": None}
    words = ["--name", "Raj Patel", "--role", "hr:asker", "--role", "hr:reviewer", "--role", "it-ops:asker"]
    assert run("member", "add", "raj", *words)[0] == 0
    roles = {"hr": ["asker", "reviewer"], "it-ops": ["asker"]}
    assert api.seen[0].body == {"handle": "raj", "name": "Raj Patel", "roles": roles}
    api.replies["POST /v1/members"] |= {"replaced": {"it-ops": ["admin", "reviewer"]}}
    told = "raj was a member already. Now: hr:asker. Before: it-ops:admin, it-ops:reviewer.\n"
    assert run("member", "add", "raj", *words)[1] == told


def test_member_absent_and_back(api: FakeApi, run: Run) -> None:
    gone = {"absent_until": "2126-12-24T00:00:00+00:00", "handed_on": [3, 4], "kept": [5]}
    api.replies |= {"POST /v1/members/raj/away": gone, "POST /v1/members/raj/back": {}}
    status, out, _ = run("member", "absent", "raj", "--until", "2126-12-24")
    assert status == 0
    assert "raj is away until 2126-12-2" in out
    assert "Handed on: review 3, review 4." in out
    assert "Nobody else could take: review 5." in out
    sent = datetime.fromisoformat(api.seen[0].body["until"])
    assert sent.tzinfo is not None
    assert (sent.month, sent.day, sent.hour) == (12, 24, 0)
    assert run("member", "back", "raj")[1] == "raj is back.\n"
    assert run("member", "absent", "raj", "--until", "soon")[0] == 2


def test_member_link_and_unlink(api: FakeApi, run: Run) -> None:
    api.replies |= {"POST /v1/members/raj/link": {}, "POST /v1/members/raj/unlink": {}}
    assert run("member", "link", "raj", "--slack", "T1/U2")[1] == "T1/U2 on Slack is raj from now on.\n"
    assert api.seen[0].body == {"platform": "slack", "workspace": "T1", "id": "U2"}
    assert "not linked to raj any more" in run("member", "unlink", "raj", "--slack", "T1/U2")[1]
    assert run("member", "link", "raj", "--slack", "raj")[0] == 2


def test_member_disable_and_list(api: FakeApi, run: Run) -> None:
    member = {"handle": "r/j", "name": "Raj", "email": None, "roles": {"hr": ["asker"]}, "disabled_at": None}
    api.replies |= {"POST /v1/members/r/j/disable": member, "GET /v1/members": [member]}
    assert run("member", "disable", "r/j")[1] == "r/j is disabled, and their keys are revoked.\n"
    api.replies["POST /v1/members/r/j/enable"] = member
    assert run("member", "enable", "r/j")[1].startswith("r/j is enabled. Give them a new key:")
    assert "hr:asker" in run("member", "list")[1]


def test_a_new_key_is_shown_once_or_saved(api: FakeApi, run: Run, tmp_path: Path) -> None:
    made = {"id": "k-1", "key": "expk_secret", "member": "raj", "name": "laptop"}
    api.replies["POST /v1/keys"] = made
    _, out, _ = run("key", "add", "raj", "--name", "laptop")
    assert out.splitlines()[0] == "expk_secret"
    assert "laptop" not in read_keys(tmp_path / "home")
    _, out, _ = run("key", "add", "raj", "--name", "laptop", "--save")
    assert "expk_secret" not in out
    assert read_keys(tmp_path / "home")["laptop"] == StoredKey("raj", "expk_secret")
    _, out, _ = run("key", "add", "raj", "--name", "laptop", "--save", "--json")
    assert json.loads(out) == {"id": "k-1", "member": "raj", "name": "laptop"}


def test_key_revoke_and_list(api: FakeApi, run: Run) -> None:
    key = {
        "id": "k-1",
        "member": "raj",
        "name": "laptop",
        "created_at": "2026-03-02T12:00:00Z",
        "revoked_at": None,
    }
    api.replies |= {"POST /v1/keys/k-1/revoke": key, "GET /v1/keys": [key]}
    assert run("key", "revoke", "k-1")[1] == "The key is revoked.\n"
    assert {"k-1", "raj", "laptop"} <= set(run("key", "list")[1].split())


def test_tasks_are_listed_and_replayed(api: FakeApi, run: Run) -> None:
    task = {
        "id": "t-1",
        "event": "QuestionAsked",
        "handler": "answer",
        "state": "dead",
        "attempts": 3,
        "due_at": "2026-03-02T12:00:00Z",
        "error": "the model is away",
    }
    api.replies |= {"GET /v1/tasks": [task], "POST /v1/tasks/t-1/replay": (204, None)}
    _, out, _ = run("tasks", "--dead")
    assert "QuestionAsked → answer" in out
    assert "the model is away" in out
    assert api.seen[0].query == {"state": "dead"}
    assert run("tasks", "replay", "t-1")[1] == "The task runs again.\n"
    assert json.loads(run("tasks", "--json")[1]) == [task]


def test_doctor_finds_what_is_wrong_and_says_what_to_do(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    save_key(home, "admin", StoredKey("mia", "expk_x"))
    (home / "keys.toml").chmod(0o644)
    departments = tmp_path / "departments"
    departments.mkdir()
    (departments / "hr.yaml").write_text("name: People\nthresholds: {publish: 7}\n")
    monkeypatch.setenv("EXPERT_HOME", str(home))
    monkeypatch.setenv("EXPERT_DEPARTMENTS", str(departments))
    monkeypatch.setenv("EXPERT_PROT", "9")
    status, out, _ = run("doctor", "--json")
    assert status == 1
    findings = {one["check"]: one for one in json.loads(out)}
    wrong = {check: one["advice"] for check, one in findings.items() if not one["ok"]}
    assert {"settings", "keys", "departments", "database"} <= set(wrong)
    assert wrong["settings"] == "Did you mean EXPERT_PORT?"
    assert wrong["keys"] == f"chmod 600 {home / 'keys.toml'}"
    assert "line 2" in findings["departments"]["detail"]
    assert findings["python"]["ok"]
    assert not (home / "postgres").exists(), "looking must not make an installation"


def test_doctor_stops_at_settings_it_cannot_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_WORKERS", "many")
    status, out, _ = run("doctor")
    assert status == 1
    assert "✗ settings: EXPERT_WORKERS" in out
    assert "the rest was not examined" in out


def test_backups_of_an_own_postgresql_are_left_to_its_tools(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EXPERT_DATABASE_URL", "EXPERT_DATABASE_URL_APP", "EXPERT_DATABASE_URL_SYSTEM"):
        monkeypatch.setenv(name, "postgresql://one:opensesame@db/expert")
    for command in ("backup", "restore"):
        status, _, err = run(command, "file.tar")
        assert status == 1
        assert "pg_dump" in err
        assert "opensesame" not in err


AUDITED: dict[str, Any] = {
    "sequence": 7,
    "at": "2026-03-02T09:30:00Z",
    "actor": "ravi",
    "actor_id": "m-1",
    "action": "verdict.reject",
    "subject": "review 12",
    "details": {"reason": "outdated\x1b[2J"},
    "hash": "0" * 64,
}


def test_audit_lists_who_did_what(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/audit"] = [AUDITED, AUDITED | {"actor": None, "actor_id": None}]
    status, out, _ = run("audit", "--who", "ravi", "--what", "verdict", "--since", "2026-03-01")
    assert status == 0
    assert "7" in out
    assert "reason: outdated[2J" in out
    assert "the installation" in out
    assert api.seen[-1].query == {
        "actor": "ravi",
        "action": "verdict",
        "since": "2026-03-01",
        "limit": "500",
    }
    assert json.loads(run("audit", "--json")[1])[0]["sequence"] == 7


def test_a_head_that_is_none_is_refused(api: FakeApi, run: Run) -> None:
    status, _, err = run("audit", "verify", "--head", "acme:12")
    assert (status, err) == (1, "acme:12 is not TENANT:NUMBER:HASH, as `expert audit head` prints it.\n")


ERASURE: dict[str, Any] = {
    "erased": False,
    "handle": "former-9f86d081",
    "names": ["Mia Weber", "mia"],
    "counts": {"questions": 12},
    "articles": ["Which ink do we buy?"],
    "documents": ["contacts.md"],
}


def test_erase_first_says_what_would_go(api: FakeApi, run: Run, tmp_path: Path) -> None:
    api.replies["POST /v1/members/mia/erase"] = lambda seen: ERASURE | {"erased": not seen.body["dry_run"]}
    save_key(tmp_path / "home", "mia-laptop", StoredKey("mia", "expk_mia"))
    status, out, _ = run("erase", "--member", "mia", "--also", "Miss W")
    assert status == 0
    assert api.seen[-1].body == {"dry_run": True, "also": ["Miss W"]}
    for shown in ("Nothing was changed", "12 questions", "Mia Weber", "Which ink", "contacts.md", "--yes"):
        assert shown in out
    assert "mia-laptop" in read_keys(tmp_path / "home")
    status, out, _ = run("erase", "--member", "mia", "--yes")
    assert (status, api.seen[-1].body["dry_run"]) == (0, False)
    assert "Taken out of keys.toml: mia-laptop." in out
    assert "mia-laptop" not in read_keys(tmp_path / "home")
    assert json.loads(run("erase", "--member", "mia", "--json")[1])["erased"] is False


def test_erase_needs_to_know_whom(api: FakeApi, run: Run) -> None:
    assert run("erase")[0] == 2
    api.refuse("POST /v1/members/nobody/erase", 404, "There is no member 'nobody'.")
    status, _, err = run("erase", "--member", "nobody")
    assert (status, err) == (1, "There is no member 'nobody'.\n")


def _lines(*objects: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def test_an_export_is_written_whole(api: FakeApi, run: Run, tmp_path: Path) -> None:
    document = {"id": "d-1", "source": "x.bin", "markdown": "# Ü", "content": "\\x00ff"}
    api.replies["GET /v1/export"] = _lines(
        {"kind": "question", "row": {"text": "Wer füttert?"}},
        {"kind": "document", "row": document},
        {"end": 2},
    )
    target = tmp_path / "out"
    status, out, _ = run("export", "--member", "mia", "--to", str(target))
    assert (status, api.seen[-1].query) == (0, {"member": "mia"})
    assert "holds 2 rows" in out
    assert json.loads((target / "question.jsonl").read_text()) == {"text": "Wer füttert?"}
    row = json.loads((target / "document.jsonl").read_text())
    assert (target / row["text_file"]).read_text() == "# Ü"
    assert (target / row["content_file"]).read_bytes() == b"\x00\xff"
    assert {path.stat().st_mode & 0o077 for path in (target, *target.rglob("*"))} == {0}
    status, _, err = run("export", "--all", "--to", str(target))
    assert (status, "exists; choose another name" in err) == (1, True)


def test_half_an_export_is_none(api: FakeApi, run: Run, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    for broken in (
        _lines({"kind": "question", "row": {}}),
        _lines({"kind": "question", "row": {}}, {"end": 2}),
        _lines({"kind": "../question", "row": {}}, {"end": 1}),
        _lines({"kind": "document", "row": {"id": "../../d", "markdown": "x"}}, {"end": 1}),
    ):
        api.replies["GET /v1/export"] = broken
        status, _, err = run("export", "--all", "--to", str(tmp_path / "out"))
        assert status == 1
        assert "broke off" in err or "cannot name a file" in err
    assert set(tmp_path.iterdir()) == before
    api.refuse("GET /v1/export", 403, "This needs the role admin in Payroll as well.")
    assert "Payroll" in run("export", "--all", "--to", str(tmp_path / "out"))[2]


def test_an_export_is_of_one_or_of_all(api: FakeApi, run: Run, tmp_path: Path) -> None:
    assert run("export", "--to", str(tmp_path / "out"))[0] == 2
    assert run("export", "--to", str(tmp_path / "out"), "--all", "--member", "mia")[0] == 2
