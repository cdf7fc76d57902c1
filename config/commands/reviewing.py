"""Judging drafts: `reviews`, `review`, `approve`, `reject`, `pass`."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from brain.domain.errors import Rejected
from config.commands.api import REVIEWER, Speaker
from config.commands.options import As, AsJson, examples
from config.commands.output import one_line, percent, say, show_answer, show_json, show_table, span, when

app = typer.Typer(rich_markup_mode=None)
Number = Annotated[int, typer.Argument(metavar="N", min=1, help="Number of the review.")]
Expires = Annotated[
    int | None, typer.Option(min=1, max=3_650, metavar="DAYS", help="How long the approval holds.")
]
_UNASKED = "do not ask, even where you have not seen it; for scripts."
# One parameter for the two ways to do without the question: the editor shows the draft, too.
_EDIT_OR_YES = f"Open the draft in $EDITOR first; or {_UNASKED}"
Unasked = Annotated[bool, typer.Option("--yes", help=_UNASKED.capitalize())]


@app.command(epilog=examples("expert reviews", "expert reviews --mine", "expert reviews --all"))
def reviews(
    everything: Annotated[bool, typer.Option("--all", help="Decided and expired ones too.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that it is your turn to decide.")] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """List the drafts that wait for a person."""
    query = {"status": "all" if everything else "open"} | ({"mine": "true"} if mine else {})
    found = Speaker(REVIEWER, speak_as).get("/v1/reviews", **query)
    if as_json:
        show_json(found)
        return
    now = datetime.now(UTC)
    show_table(
        ["Review", "Department", "Status", "With", "Age", "Left", "Waiting", "Confidence", "Question"],
        (
            [
                one["number"],
                one["department"],
                one["status"],
                "you" if one["mine"] else one["assignee"] or "nobody",
                span(now - datetime.fromisoformat(one["opened_at"])),
                span(datetime.fromisoformat(one["due_at"]) - now) if one["status"] == "open" else "",
                one.get("waiting"),
                percent(one["confidence"]) if one.get("confidence") is not None else "",
                one["question"],
            ]
            for one in found
        ),
        empty="It is your turn nowhere." if mine else "No review is open.",
    )


@app.command(epilog=examples("expert review 12", "expert review 12 --json"))
def review(number: Number, speak_as: As = None, as_json: AsJson = False) -> None:
    """Show one review: question, draft, sources and doubts."""
    found = Speaker(REVIEWER, speak_as).get(f"/v1/reviews/{number}")
    if as_json:
        show_json(found)
        return
    _show(found)
    say()
    if found["status"] != "open":
        return
    if found.get("draft"):
        say(f"expert approve {number} [--edit], or expert reject {number} --reason …", style="dim")
    else:
        say(f"expert approve {number} --text …, or expert reject {number} --reason …", style="dim")
    if found["mine"]:
        say(f"Not for you? expert pass {number}", style="dim")


def _show(found: Mapping[str, Any]) -> None:
    say(
        f"Review {found['number']} · {one_line(found['department'])} · {one_line(found['status'])}",
        style="bold",
    )
    say(f"{one_line(found['asked_by'])} asked: {one_line(found['question'])}")
    say(f"Opened {when(found['opened_at'])}, due {when(found['due_at'])}, {_waiting(found['waiting'])}")
    if found.get("article"):
        say(f"{_WHY[found['occasion']]}: article {found['article']}", style="yellow")
    for change in found.get("changes") or []:
        _show_change(change)
    if found["status"] == "open":
        say("It is your turn." if found["mine"] else f"With {one_line(found['assignee'] or 'nobody')}.")
    say()
    if not found.get("draft"):
        say("There is no draft: the documents do not answer this.", style="yellow")
    show_answer(found)
    if history := found["history"]:
        say()
        say("History", style="bold")
    for move in history:
        say(f"{when(move['at'])}  {_moved(move)}", style="dim")
    if verdict := found.get("verdict"):
        say()
        say(f"{_PAST[verdict['kind']]} by {one_line(verdict['by'])} on {when(verdict['at'])}", style="green")
        if verdict.get("reason"):
            say(f"Reason: {one_line(verdict['reason'])}")
        if verdict.get("diff"):
            say(verdict["diff"], style="dim")


def _moved(move: Mapping[str, Any]) -> str:
    who = one_line(move["member"] or "nobody")
    by = f"passed on by {one_line(move['by'] or 'a former member')} to {who}"
    told = {
        "assigned": f"assigned to {who}",
        "reminded": f"{who} reminded",
        "handed_on": f"handed on to {who}",
        "passed": by + (f": {one_line(move['reason'])}" if move["reason"] else ""),
        "to_owner": f"handed to {who} as the owner",
        "expired": "expired: those who wait were told whom to ask",
    }
    return told[move["kind"]]


_WHY = {
    "changed": "A source has changed",
    "gone": "A source has gone",
    "restricted": "Fewer people may read its sources now",
    "expiring": "To be confirmed before it expires",
    "expired": "Expired, to be confirmed",
}


def _show_change(change: Mapping[str, Any]) -> None:
    say()
    state = "has gone" if change["state"] == "gone" else "has changed"
    say(f"[{change['number']}] {one_line(change['label'])} {state}:", style="yellow")
    for line in str(change["diff"]).splitlines()[2:]:
        say(f"    {line}", style={"-": "red", "+": "green"}.get(line[:1], "dim"))


def _waiting(questions: int) -> str:
    return "one question waits for it" if questions == 1 else f"{questions} questions wait for it"


_PAST = {"approve": "Approved", "amend": "Amended", "reject": "Rejected"}


@app.command(
    epilog=examples(
        "expert approve 12",
        "expert approve 12 --edit",
        'expert approve 12 --text "Ask the facilities desk, extension 4400."',
        "expert approve 12 --expires 30",
    )
)
def approve(
    number: Number,
    text: Annotated[str | None, typer.Option(help="Publish this instead of the draft.")] = None,
    edit: Annotated[bool | None, typer.Option("--edit/--yes", help=_EDIT_OR_YES)] = None,
    expires: Expires = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Publish a draft, as it is or in your words, and remember it as knowledge."""
    if text is not None and edit:
        raise typer.BadParameter("use --text or --edit, not both")
    speaker = Speaker(REVIEWER, speak_as)
    # The editor shows it; else a draft that this person never saw is put before them first.
    found = _seen(speaker, number, asked=edit is None, as_json=as_json)
    draft = str(found.get("draft") or "")
    wording = _edited(draft, question=str(found["question"])) if edit else draft if text is None else text
    if not wording.strip():
        raise Rejected(
            "Nothing was written, so nothing was decided."
            if edit or text is not None
            else f"Review {number} has no draft: say the answer with --text, or write it with --edit."
        )
    changed = wording.strip() != draft.strip()
    body: dict[str, Any] = {"kind": "amend", "text": wording.strip()} if changed else {"kind": "approve"}
    body |= {"days": expires} if expires else {}
    _decide(speaker, number, body | {"shown_hash": found["shown_hash"]}, as_json=as_json)
    if not as_json:
        say()
        show_answer({"text": wording})


@app.command(epilog=examples("expert vouch 12", "expert vouch 12 --expires 30"))
def vouch(
    number: Number,
    expires: Expires = None,
    yes: Unasked = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Approve a draft as it is on your word, though its sources have changed and no longer say all of it.

    It rests only on those sources that still stand as they were cited.
    """
    speaker = Speaker(REVIEWER, speak_as)
    found = _seen(speaker, number, asked=not yes, as_json=as_json)
    body: dict[str, Any] = {"kind": "approve", "shown_hash": found["shown_hash"], "without_sources": True}
    _decide(speaker, number, body | ({"days": expires} if expires else {}), as_json=as_json)


@app.command(epilog=examples('expert reject 12 --reason "The runbook is from the old data centre."'))
def reject(
    number: Number,
    reason: Annotated[str, typer.Option(help="What is wrong with the draft; the asker reads it.")],
    yes: Unasked = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Turn a draft down and say why."""
    if not reason.strip():
        raise typer.BadParameter("say what is wrong", param_hint="--reason")
    speaker = Speaker(REVIEWER, speak_as)
    found = _seen(speaker, number, asked=not yes, as_json=as_json)
    body = {"kind": "reject", "reason": reason, "shown_hash": found["shown_hash"]}
    _decide(speaker, number, body, as_json=as_json)


@app.command(
    "pass", epilog=examples("expert pass 12", 'expert pass 12 --reason "This is a question about payroll."')
)
def pass_on(
    number: Number,
    reason: Annotated[str, typer.Option(help="For whoever gets it next.")] = "",
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Not for me: hand a review on to the next reviewer, or as the last one to the owner."""
    passed = Speaker(REVIEWER, speak_as).post(f"/v1/reviews/{number}/pass", {"reason": reason})
    if as_json:
        show_json(passed)
    else:
        say(f"Review {number} is with {one_line(passed['assignee'])} now.", style="green")


def _seen(speaker: Speaker, number: int, *, asked: bool, as_json: bool) -> Mapping[str, Any]:
    """The review; where it was never shown to this person as it is now, they see it and are asked first."""
    found: Mapping[str, Any] = speaker.get(f"/v1/reviews/{number}")
    if not asked or found["shown_before"] or found["status"] != "open":
        return found
    if as_json:
        show_json(found)
    else:
        _show(found)
        say()
    if not sys.stdin.isatty():
        raise Rejected(
            f"Review {number} was not shown to you before, so nothing was decided. It is above now:"
            " read it and repeat the command, or give --yes to decide without being asked."
        )
    typer.confirm("You see this for the first time. Decide it?", abort=True, err=True)
    return found


def _decide(speaker: Speaker, number: int, body: Mapping[str, Any], *, as_json: bool) -> None:
    decided = speaker.post(f"/v1/reviews/{number}/verdict", body)
    if as_json:
        show_json(decided)
        return
    outcome = {
        "approve": "approved: the asker gets the draft, and it is remembered.",
        "amend": "decided: the asker gets your text, and it is remembered.",
        "reject": "rejected: the asker is told.",
    }
    say(f"Review {number} is {outcome[body['kind']]}", style="green")


def _edited(draft: str, *, question: str) -> str:
    """What the person left in the editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="expert-") as directory:
        path = Path(directory) / "answer.md"
        mark = "<!-- Above: the answer. This line and all below it are left out. -->"
        path.write_text(f"{draft}\n\n{mark}\n{question}\n", encoding="utf-8")
        try:
            ended = subprocess.run([*shlex.split(editor), str(path)], check=False)  # noqa: S603  # the person's editor
        except OSError as error:
            raise Rejected(
                f"The editor {editor} did not start ({error}); set EDITOR, or use --text."
            ) from error
        if ended.returncode != 0:
            raise Rejected(f"The editor ended with status {ended.returncode}; nothing was decided.")
        return path.read_text(encoding="utf-8").partition(mark)[0].strip()
