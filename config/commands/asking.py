"""Asking: `ask`, `questions`, `feedback`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from config.commands.api import ADMIN, ASKER, Speaker
from config.commands.options import As, AsJson, DepartmentName, examples
from config.commands.output import one_line, percent, say, show_answer, show_json, show_table, when

app = typer.Typer(rich_markup_mode=None)
_WAIT_S = 60
_UNSEARCHED = "The documents could not be searched"


@app.command(
    epilog=examples(
        'expert ask "How do I rotate the Redis password?"',
        'expert ask "How many days of parental leave do I get?" --department hr',
        'expert ask "And for twins?" --conversation 0192f3c2-…',
        'expert ask "Who is on call?" --json',
    )
)
def ask(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The question.")],
    department: DepartmentName = None,
    conversation: Annotated[
        str | None, typer.Option("--conversation", "-c", metavar="ID", help="Follow up in this conversation.")
    ] = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Ask a question and get an answer with its sources."""
    given = {"text": text, "department": department, "conversation": conversation, "wait_s": _WAIT_S}
    body = {name: value for name, value in given.items() if value is not None}
    answer = Speaker(ASKER, speak_as).post("/v1/questions", body, once=True)
    if as_json:
        show_json(answer)
        return
    say(_headline(answer), style="green" if answer["status"] == "published" else "yellow")
    say()
    show_answer(answer)
    if approved := answer.get("approved"):
        say(f"Checked by {one_line(approved['by'])} on {when(approved['at'])[:10]}", style="green")
    say()
    if answer["status"] == "asked_back":
        say(f'Say which: expert ask "…" --conversation {answer["conversation"]}', style="yellow")
    say(f"Question {answer['id']} in conversation {answer['conversation']}", style="dim")


def _headline(answer: Mapping[str, Any]) -> str:
    status, review = answer["status"], answer.get("review")
    number = f" (review {review})" if review else ""
    sentences = {
        "published": "Answered, checked by a person" if answer.get("approved") else "Answered",
        "in_review": f"Waits for a person's check{number}",
        "abstained": f"{_UNSEARCHED if answer.get('level') == 3 else 'No answer in the documents'}{number}",
        "pending": "Not answered yet",
        "asked_back": "Asked back",
        "expired": f"Nobody could check it in time{number}",
    }
    department = f" · {one_line(answer['department'])}" if answer.get("department") else ""
    return sentences.get(status, f"{one_line(status).capitalize()}{number}") + department


@app.command(epilog=examples("expert questions", "expert questions --as reviewer", "expert questions --json"))
def questions(speak_as: As = None, as_json: AsJson = False) -> None:
    """List what you asked, newest first."""
    asked = Speaker(ASKER, speak_as).get("/v1/questions")
    if as_json:
        show_json(asked)
        return
    show_table(
        ["Question id", "Status", "Confidence", "Review", "Question"],
        (
            [
                one["id"],
                one["status"],
                percent(one["confidence"]) if one.get("confidence") is not None else "",
                one.get("review"),
                one["question"],
            ]
            for one in asked
        ),
        empty='You have not asked anything yet: expert ask "…"',
    )


@app.command(
    epilog=examples(
        "expert feedback 0192f3c2-… --helpful",
        'expert feedback 0192f3c2-… --not-helpful --reason outdated --comment "moved to Vault"',
        "expert feedback",
    )
)
def feedback(
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="Id of the question.")] = None,
    *,
    helpful: Annotated[
        bool | None, typer.Option("--helpful/--not-helpful", help="Whether the answer helped.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="wrong, outdated, incomplete, unclear or not_my_question.")
    ] = None,
    comment: Annotated[str | None, typer.Option(help="In your own words.")] = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Say whether an answer helped; without a question, an admin sees what people said."""
    if question is None:
        _list_feedback(Speaker(ADMIN, speak_as).get("/v1/feedback"), as_json=as_json)
        return
    if helpful is None:
        raise typer.BadParameter("say --helpful or --not-helpful")
    given = {"question": question, "helpful": helpful, "reason": reason, "comment": comment}
    said = Speaker(ASKER, speak_as).post(
        "/v1/feedback", {name: value for name, value in given.items() if value is not None}
    )
    if as_json:
        show_json(said)
    else:
        say("Thank you, this was noted.")


def _list_feedback(said: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(said)
        return
    show_table(
        ["Question id", "Question", "Helpful", "By", "Reason", "Comment"],
        (
            [
                one["question"],
                one["asked"],
                "yes" if one["helpful"] else "no",
                one.get("member"),
                one.get("reason"),
                one.get("comment"),
            ]
            for one in said
        ),
        empty="Nobody has said anything yet.",
    )
