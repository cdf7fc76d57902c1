"""`article`, `retract`, `roll-back`, `widen`, `vouch`, and a review that shows how a source has changed."""

import io
import sys
from collections.abc import Callable

import pytest

from tests.unit.fake_api import HASH, REVIEW, FakeApi

Run = Callable[..., tuple[int, str, str]]

ARTICLE = {
    "id": "a-1",
    "department": "hr",
    "version": 2,
    "status": "live",
    "question": "Who feeds the fish?",
    "text": "Mia does. [1]",
    "citations": [],
    "approved": {"by": "Ravi", "at": "2026-03-02T09:30:00Z"},
    "note": "Rolled back to version 1: no.",
    "expires_at": "2026-09-02T09:30:00Z",
    "updated_at": None,
}
CHANGE = {
    "number": 1,
    "label": "Fish › Feeding",
    "state": "changed",
    "before": "Mia does.",
    "now": "Omar does.",
    "diff": "--- cited\n+++ now\n@@ -1 +1 @@\n-Mia does.\n+Omar\x1b[31m does.",
}


def test_an_article_is_shown_with_what_it_rests_on(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/articles/a-1"] = ARTICLE
    status, out, _ = run("article", "a-1")
    assert status == 0
    for part in ("Who feeds the fish?", "Version 2 · live · hr", "Approved by Ravi", "Mia does. [1]"):
        assert part in out


def test_versions_are_listed(api: FakeApi, run: Run) -> None:
    version = {"number": 1, "in_force": True, "note": "", **{k: ARTICLE[k] for k in ("text", "approved")}}
    api.replies["GET /v1/articles/a-1/versions"] = [version]
    assert {"1", "yes", "Ravi"} <= set(run("article", "a-1", "--versions")[1].split())


def test_retracting_asks_first_and_says_why(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    api.replies |= {"GET /v1/articles/a-1": ARTICLE, "POST /v1/articles/a-1/retract": ARTICLE}
    status, out, _ = run("retract", "a-1", "--reason", "Wrong.", "--dry-run")
    assert (status, [one.method for one in api.seen]) == (0, ["GET"])
    assert "nothing was" in out
    assert run("retract", "a-1", "--reason", "Wrong.")[0] == 1
    assert {one.method for one in api.seen} == {"GET"}
    status, out, _ = run("retract", "a-1", "--reason", "Wrong.", "--yes")
    assert (status, api.seen[-1].body) == (0, {"reason": "Wrong."})
    assert "Retracted" in out


def test_rolling_back(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/articles/a-1/roll-back"] = ARTICLE | {"version": 3}
    status, out, _ = run("roll-back", "a-1", "--to", "1", "--reason", "A mistake.")
    assert (status, out) == (0, "Version 3 is in force, and says what version 1 said.\n")
    assert api.seen[0].body == {"to": 1, "reason": "A mistake."}


def test_widening_asks_first(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    api.replies |= {"GET /v1/articles/a-1": ARTICLE, "POST /v1/articles/a-1/widen": ARTICLE}
    words = ["widen", "a-1", "--to", "everyone", "--reason", "On the intranet."]
    assert run(*words)[0] == 1
    assert {one.method for one in api.seen} == {"GET"}
    status, out, _ = run(*words, "--yes")
    assert (status, out) == (0, "Version 2 is in force, and readable by everyone too.\n")
    assert api.seen[-1].body == {"to": "everyone", "reason": "On the intranet."}


@pytest.mark.parametrize(
    "words",
    [
        ["retract", "a-1", "--reason", " "],
        ["retract", "a-1"],
        ["roll-back", "a-1", "--to", "0", "--reason", "x"],
        ["approve", "12", "--expires", "0"],
    ],
)
def test_wrong_usage(api: FakeApi, run: Run, words: list[str]) -> None:
    assert run(*words)[0] == 2
    assert not api.seen


def test_a_review_shows_how_its_source_changed_and_can_be_vouched_for(api: FakeApi, run: Run) -> None:
    shown = REVIEW | {"occasion": "changed", "article": "a-1", "changes": [CHANGE]}
    api.replies |= {"GET /v1/reviews/12": shown, "POST /v1/reviews/12/verdict": shown}
    _, out, _ = run("review", "12")
    for part in (
        "A source has changed: article a-1",
        "[1] Fish › Feeding has changed:",
        "-Mia does.",
        "+Omar[31m does.",
    ):
        assert part in out
    assert run("vouch", "12", "--expires", "30")[0] == 0
    assert api.seen[-1].body == {
        "kind": "approve",
        "shown_hash": HASH,
        "without_sources": True,
        "days": 30,
    }


@pytest.mark.parametrize("command", ["article", "retract", "roll-back", "vouch", "widen"])
def test_every_command_explains_itself_with_examples(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"Examples:\n    expert {command}" in out
    assert "--json" in out
