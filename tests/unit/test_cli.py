"""The `expert` command against a server that speaks the API's contract: asking, reviewing, failing."""

import io
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.keys import StoredKey, save_key
from tests.unit.fake_api import ANSWER, HASH, REVIEW, FakeApi, Seen

Run = Callable[..., tuple[int, str, str]]


def test_ask_shows_text_citations_confidence_and_reasons(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/questions"] = ANSWER
    status, out, err = run("ask", "How?", "--department", "it-ops", "--conversation", "c-1")
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "Answered · it-ops",
        "",
        "1. Generate a new password. [1]",
        "",
        "```",
        "redis-cli CONFIG SET requirepass new",
        "```",
        "",
        "Sources",
        "[1] Redis operations › Rotate the password (page 2)",
        "    “Generate a new password.”",
        "",
        "Confidence 87 %: Every key term is in the passage.",
        "",
        "Question q-1 in conversation c-1",
    ]
    (seen,) = api.seen
    assert seen.key == "expk_asker"
    assert seen.idempotency_key
    assert seen.body == {"text": "How?", "department": "it-ops", "conversation": "c-1", "wait_s": 60}


def test_ask_names_who_checked_the_answer_and_when(api: FakeApi, run: Run) -> None:
    approved = {"by": "Ravi Patel", "at": "2026-03-02T12:00:00+00:00"}
    api.replies["POST /v1/questions"] = ANSWER | {"approved": approved}
    _, out, _ = run("ask", "How?")
    assert "Answered, checked by a person" in out
    assert "Checked by Ravi Patel on 2026-03-02" in out


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        ("in_review", "Waits for a person's check (review 7)"),
        ("abstained", "No answer in the documents (review 7)"),
        ("rejected", "Rejected (review 7)"),
        ("pending", "Not answered yet"),
        ("expired", "Nobody could check it in time (review 7)"),
    ],
)
def test_ask_says_what_became_of_the_question(api: FakeApi, run: Run, state: str, headline: str) -> None:
    told = {"status": state, "text": "A person will look at it.", "citations": [], "review": 7}
    api.replies["POST /v1/questions"] = ANSWER | told
    status, out, _ = run("ask", "How?")
    assert status == 0
    assert out.startswith(headline)
    assert "A person will look at it." in out
    assert "Sources" not in out


def test_ask_says_how_to_reply_when_asked_back(api: FakeApi, run: Run) -> None:
    told: dict[str, Any] = {"status": "asked_back", "text": "Which “VPN” do you mean?", "confidence": None}
    api.replies["POST /v1/questions"] = ANSWER | told
    status, out, _ = run("ask", "How?")
    assert status == 0
    assert out.startswith("Asked back")
    assert "Which “VPN” do you mean?" in out
    assert 'expert ask "…" --conversation c-1' in out
    assert "Confidence" not in out


def test_ask_prints_the_reply_as_json(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/questions"] = ANSWER
    status, out, _ = run("ask", "How?", "--json")
    assert status == 0
    assert json.loads(out) == ANSWER


@pytest.mark.parametrize("words", [["ask", "How?"], ["ask", "How?", "--json"]])
def test_what_documents_say_never_steers_the_terminal(api: FakeApi, run: Run, words: list[str]) -> None:
    nasty = "\x1b]0;title\x07 \x9b31m \u202egnp.exe [red]not markup[/red] :smile: \r\x08"
    citation = ANSWER["citations"][0] | {"label": nasty, "quote": nasty}
    told = {"text": nasty, "citations": [citation], "reasons": [nasty], "department": nasty}
    api.replies["POST /v1/questions"] = ANSWER | told
    _, out, _ = run(*words)
    assert not {"\x1b", "\x07", "\x08", "\x9b", "\u202e", "\r"} & set(out)
    assert "[red]not markup[/red] :smile:" in out


def test_tables_show_text_as_it_is(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/questions"] = [ANSWER | {"question": "[bold]How[/bold] \x1b[31mnow?"}]
    _, out, _ = run("questions")
    assert "[bold]How[/bold] [31mnow?" in out
    assert "\x1b" not in out
    assert "q-1" in out


@pytest.mark.parametrize(("words", "key"), [([], "expk_asker"), (["--as", "other"], "expk_other")])
def test_as_chooses_the_key(api: FakeApi, run: Run, words: list[str], key: str) -> None:
    api.replies["GET /v1/questions"] = []
    assert run("questions", *words)[0] == 0
    assert api.seen[0].key == key


def test_an_admin_asks_with_the_key_that_init_made(api: FakeApi, run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys.toml").unlink()
    for name in ("admin", "laptop"):
        save_key(tmp_path, name, StoredKey("mia", f"expk_{name}"))
    api.replies["POST /v1/questions"] = ANSWER
    assert run("ask", "How?")[0] == 0
    assert api.seen[0].key == "expk_admin"


def test_an_unknown_name_lists_those_there_are(api: FakeApi, run: Run) -> None:
    status, _, err = run("questions", "--as", "nobody")
    assert status == 1
    assert "no key named nobody; it has asker, reviewer, other" in err
    assert not api.seen


def test_nothing_answers(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    monkeypatch.setenv("EXPERT_PORT", str(port))
    status, out, err = run("ask", "How?")
    assert (status, out) == (1, "")
    assert err == f"Nothing answers on http://127.0.0.1:{port}. Start it with `make up`.\n"


def test_something_else_answers(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/questions"] = (200, "<html>hello</html>")
    status, _, err = run("ask", "How?")
    assert status == 1
    assert "is not The Expert" in err


@pytest.mark.parametrize(
    ("refusals", "wait_s", "calls", "code"), [(1, 1, 2, 0), (3, 1, 3, 1), (1, 3_600, 1, 1)]
)
def test_a_pause_that_the_server_asks_for_is_kept_where_it_is_bearable(
    api: FakeApi, run: Run, refusals: int, wait_s: int, calls: int, code: int
) -> None:
    def reply(_: Seen) -> object:
        if len(api.seen) > refusals:
            return []
        detail = "This key asks for too much."
        return 429, {"title": "Too many requests", "status": 429, "detail": detail, "retry_after_s": wait_s}

    api.replies["GET /v1/documents"] = reply
    status, _, err = run("documents")
    assert status == code
    assert len(api.seen) == calls
    assert ("going on in 1 s" in err) is (wait_s == 1)
    assert ("asks for too much" in err) is (code == 1)


def test_a_refusal_is_told_in_the_servers_words(api: FakeApi, run: Run) -> None:
    api.refuse("POST /v1/questions", 422, "text: too long. \x1b[31m")
    status, out, err = run("ask", "How?")
    assert (status, out, err) == (1, "", "text: too long. [31m\n")
    api.refuse("POST /v1/questions", 401, "This key is revoked.")
    _, _, err = run("ask", "How?")
    assert "This key is revoked." in err
    assert "keys.toml" in err


@pytest.mark.parametrize(
    "words",
    [
        ["ask"],
        ["nonsense"],
        ["review", "twelve"],
        ["review", "0"],
        ["reject", "12"],
        ["reject", "12", "--reason", " "],
        ["approve", "12", "--text", "x", "--edit"],
        ["feedback", "q-1"],
        ["member", "add", "mia", "--name", "Mia", "--role", "hr"],
        ["ingest", "/no/such/file", "--department", "hr"],
        ["reindex", "--check", "--embedder", "x"],
    ],
)
def test_wrong_usage_is_told_apart(api: FakeApi, run: Run, words: list[str]) -> None:
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert "Usage:" in err
    assert not api.seen


def test_a_wrong_port_names_the_variable(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_PORT", "80a")
    status, _, err = run("ask", "How?")
    assert (status, err) == (1, "EXPERT_PORT=80a: a port is a number from 1 to 65535.\n")


def test_feedback(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/feedback"] = {"answer": "a-1", "helpful": False}
    status, out, _ = run("feedback", "q-1", "--not-helpful", "--reason", "outdated", "--comment", "old")
    assert (status, out) == (0, "Thank you, this was noted.\n")
    assert api.seen[0].body == {"question": "q-1", "helpful": False, "reason": "outdated", "comment": "old"}
    given = {"question": "q-1", "asked": "Why?", "answer": "a-1", "member": "mia", "helpful": True}
    given |= {"reason": None, "comment": "thanks"}
    api.replies["GET /v1/feedback"] = [given]
    _, out, _ = run("feedback")
    assert out.split()[:4] == ["Question", "id", "Question", "Helpful"]
    assert out.split()[-5:] == ["q-1", "Why?", "yes", "mia", "thanks"]


def test_reviews_are_listed(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/reviews"] = [REVIEW]
    _, out, _ = run("reviews", "--all")
    assert "Who feeds the fish?" in out
    assert "40 %" in out
    assert (api.seen[0].key, api.seen[0].query) == ("expk_reviewer", {"status": "all"})
    api.replies["GET /v1/reviews"] = []
    assert run("reviews")[1] == "No review is open.\n"
    assert api.seen[1].query == {"status": "open"}


def test_review_shows_draft_doubts_and_what_to_do(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/reviews/12"] = REVIEW
    _, out, _ = run("review", "12")
    for part in (
        "Review 12 · hr · open",
        "Amira Solberg asked: Who feeds the fish?",
        "The fish feed themselves. [1]",
        "Only one source.",
    ):
        assert part in out
    assert "2 questions wait for it" in out
    assert "expert approve 12 [--edit]" in out


def test_review_shows_what_was_decided(api: FakeApi, run: Run) -> None:
    verdict = {"kind": "amend", "by": "Ravi", "at": REVIEW["due_at"], "reason": "", "diff": "- old\n+ new"}
    api.replies["GET /v1/reviews/12"] = REVIEW | {"verdict": verdict, "status": "decided"}
    _, out, _ = run("review", "12")
    assert "Amended by Ravi on 2026-03-03" in out
    assert "- old\n+ new" in out
    assert "expert approve" not in out


def test_approve_sends_what_was_shown(api: FakeApi, run: Run) -> None:
    api.replies |= {"GET /v1/reviews/12": REVIEW, "POST /v1/reviews/12/verdict": REVIEW}
    status, out, _ = run("approve", "12")
    assert status == 0
    assert "Review 12 is approved" in out
    assert "The fish feed themselves. [1]" in out
    assert api.seen[1].body == {"kind": "approve", "shown_hash": HASH}


UNSEEN = REVIEW | {"shown_before": False}


@pytest.mark.parametrize(
    "words",
    [("approve", "12"), ("approve", "12", "--text", "Mia does."), ("reject", "12", "--reason", "No.")],
)
def test_what_was_never_shown_is_not_decided_without_a_person(
    api: FakeApi, run: Run, words: list[str]
) -> None:
    """Standard input is no terminal here."""
    api.replies["GET /v1/reviews/12"] = UNSEEN
    status, out, err = run(*words)
    assert status == 1
    assert "The fish feed themselves." in out
    assert "was not shown to you before, so nothing was decided" in err
    assert "--yes" in err
    assert [seen.method for seen in api.seen] == ["GET"]


def test_a_script_may_decide_without_being_asked(api: FakeApi, run: Run) -> None:
    api.replies |= {"GET /v1/reviews/12": UNSEEN, "POST /v1/reviews/12/verdict": REVIEW}
    assert run("approve", "12", "--yes")[0] == 0
    assert api.seen[1].body == {"kind": "approve", "shown_hash": HASH}


@pytest.mark.parametrize(("said", "status", "calls"), [("y\n", 0, 2), ("n\n", 1, 1), ("", 1, 1)])
def test_at_a_terminal_one_is_asked_once_the_draft_is_on_it(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch, said: str, status: int, calls: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(said))
    api.replies |= {"GET /v1/reviews/12": UNSEEN, "POST /v1/reviews/12/verdict": REVIEW}
    ended, out, err = run("approve", "12")
    assert ended == status
    assert "The fish feed themselves." in out
    assert "Decide it?" in err
    assert len(api.seen) == calls


def test_passing_says_who_has_it_now(api: FakeApi, run: Run) -> None:
    api.replies["POST /v1/reviews/12/pass"] = REVIEW | {"assignee": "Rosa Meyer"}
    status, out, _ = run("pass", "12", "--reason", "Payroll.")
    assert (status, out) == (0, "Review 12 is with Rosa Meyer now.\n")
    assert (api.seen[0].key, api.seen[0].body) == ("expk_reviewer", {"reason": "Payroll."})


def test_a_review_shows_who_has_it_and_what_happened(api: FakeApi, run: Run) -> None:
    def move(kind: str, member: str | None, by: str | None = None, reason: str = "") -> dict[str, object]:
        at = "2026-03-02T09:30:00Z"
        return {"kind": kind, "at": at, "member": member, "by": by, "reason": reason}

    history = [
        move("assigned", "Ravi Patel"),
        move("reminded", "Ravi Patel"),
        move("passed", "Rosa Meyer", "Ravi Patel", "Payroll. \x1b[31m"),
        move("to_owner", "Oz Lee"),
        move("expired", None),
    ]
    api.replies["GET /v1/reviews/12"] = REVIEW | {"history": history}
    _, out, _ = run("review", "12")
    assert "With Ravi Patel." in out
    for line in (
        "assigned to Ravi Patel",
        "Ravi Patel reminded",
        "passed on by Ravi Patel to Rosa Meyer: Payroll. [31m",
        "handed to Oz Lee as the owner",
        "expired: those who wait were told whom to ask",
    ):
        assert line in out
    api.replies["GET /v1/reviews/12"] = REVIEW | {"mine": True}
    _, out, _ = run("review", "12")
    assert "It is your turn." in out
    assert "expert pass 12" in out


def test_only_ones_own_reviews_are_listed_on_demand(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/reviews"] = []
    assert run("reviews", "--mine")[1] == "It is your turn nowhere.\n"
    assert api.seen[0].query == {"status": "open", "mine": "true"}


def test_approve_with_a_text_amends(api: FakeApi, run: Run) -> None:
    api.replies |= {"GET /v1/reviews/12": REVIEW, "POST /v1/reviews/12/verdict": REVIEW}
    assert run("approve", "12", "--text", "Mia does.")[0] == 0
    assert api.seen[1].body == {"kind": "amend", "text": "Mia does.", "shown_hash": HASH}


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        (
            "s/themselves/each other/",
            {"kind": "amend", "text": "The fish feed each other. [1]", "shown_hash": HASH},
        ),
        ("s/nothing/changes/", {"kind": "approve", "shown_hash": HASH}),
    ],
)
def test_approve_opens_the_draft_in_the_editor(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch, script: str, sent: dict[str, str]
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"sed -i.bak '{script}'")
    api.replies |= {"GET /v1/reviews/12": REVIEW, "POST /v1/reviews/12/verdict": REVIEW}
    assert run("approve", "12", "--edit")[0] == 0
    assert api.seen[1].body == sent


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("false", "ended with status 1; nothing was decided"),
        ("/no/such/editor", "did not start"),
        ("sed -i.bak 1d", "Nothing was written, so nothing was decided."),
    ],
)
def test_approve_decides_nothing_when_the_editor_gives_nothing(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch, editor: str, told: str
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", editor)
    api.replies["GET /v1/reviews/12"] = REVIEW
    status, _, err = run("approve", "12", "--edit")
    assert status == 1
    assert told in err
    assert len(api.seen) == 1


def test_a_review_without_a_draft_needs_a_text(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/reviews/12"] = REVIEW | {"draft": "", "citations": []}
    status, _, err = run("approve", "12")
    assert status == 1
    assert "Review 12 has no draft: say the answer with --text, or write it with --edit." in err
    assert "There is no draft" in run("review", "12")[1]


def test_reject_says_why(api: FakeApi, run: Run) -> None:
    api.replies |= {"GET /v1/reviews/12": REVIEW, "POST /v1/reviews/12/verdict": REVIEW}
    assert run("reject", "12", "--reason", "They do not.")[1] == "Review 12 is rejected: the asker is told.\n"
    assert api.seen[1].body == {"kind": "reject", "reason": "They do not.", "shown_hash": HASH}


def test_the_second_verdict_is_refused(api: FakeApi, run: Run) -> None:
    api.replies["GET /v1/reviews/12"] = REVIEW
    api.refuse("POST /v1/reviews/12/verdict", 409, "Ravi decided this at 12:00.")
    status, out, err = run("approve", "12")
    assert (status, out, err) == (1, "", "Ravi decided this at 12:00.\n")


_COMMANDS = (
    "ask questions feedback reviews review approve reject ingest documents forget articles departments"
    " retry up init migrate reindex backup restore doctor tasks"
).split()
_GROUPED = [["tasks", "replay"]] + [
    [group, name]
    for group, names in (("member", "add disable list"), ("key", "add revoke list"))
    for name in names.split()
]


@pytest.mark.parametrize("words", [*([one] for one in _COMMANDS), *_GROUPED])
def test_every_command_explains_itself_with_examples(run: Run, words: list[str]) -> None:
    status, out, _ = run(*words, "--help")
    assert status == 0
    assert f"Examples:\n    expert {' '.join(words)}" in out
    assert "--json" in out or words == ["up"]
