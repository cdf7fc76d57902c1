"""Looking after approved answers: `article`, `retract`, `roll-back`, `widen`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from config.commands.api import ADMIN, ASKER, REVIEWER, Speaker, path_segment
from config.commands.options import As, AsJson, DryRun, Yes, examples
from config.commands.output import one_line, say, show_answer, show_json, show_table, when

app = typer.Typer(rich_markup_mode=None)
Id = Annotated[str, typer.Argument(metavar="ARTICLE", help="Id of the article (`expert articles`).")]


@app.command(epilog=examples("expert article 5a1c7f30-…", "expert article 5a1c7f30-… --versions"))
def article(
    id_: Id,
    versions: Annotated[
        bool, typer.Option("--versions", help="Every version, newest first (reviewers and admins).")
    ] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Show one approved answer, or all it has said over time."""
    path = f"/v1/articles/{path_segment(id_)}"
    if versions:
        _show_versions(path, speak_as, as_json=as_json)
        return
    found = Speaker(ASKER, speak_as).get(path)
    if as_json:
        show_json(found)
        return
    say(f"{one_line(found['question'])}", style="bold")
    said = f"Version {found['version']} · {found['status']} · {one_line(found['department'])}"
    say(f"{said} · confirm by {when(found.get('expires_at'))}")
    say(f"Approved by {one_line(found['approved']['by'])} on {when(found['approved']['at'])}")
    if found.get("note"):
        say(one_line(found["note"]))
    say()
    show_answer(found)


def _show_versions(path: str, speak_as: str | None, *, as_json: bool) -> None:
    found = Speaker(REVIEWER, speak_as).get(f"{path}/versions")
    if as_json:
        show_json(found)
        return
    show_table(
        ["Version", "In force", "Approved by", "Approved", "Note", "Answer"],
        (
            [
                one["number"],
                "yes" if one["in_force"] else "",
                one["approved"]["by"],
                when(one["approved"]["at"]),
                one.get("note"),
                one["text"],
            ]
            for one in found
        ),
        empty="This article has no versions.",
    )


@app.command(
    epilog=examples(
        'expert retract 5a1c7f30-… --reason "The desk was closed."',
        'expert retract 5a1c7f30-… --reason "Wrong price." --yes',
    )
)
def retract(
    id_: Id,
    reason: Annotated[str, typer.Option(help="What is wrong; those who were given the answer read it.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Take an approved answer back, and withdraw every answer that it gave."""
    _require(reason)
    speaker = Speaker(REVIEWER, speak_as)
    path = f"/v1/articles/{path_segment(id_)}"
    if dry_run or not yes:
        _show_what(speaker.get(path), "retracted" if dry_run else None, as_json=as_json)
        if dry_run:
            return
        typer.confirm("Retract it, and withdraw every answer that it gave?", abort=True, err=True)
    retracted = speaker.post(f"{path}/retract", {"reason": reason})
    if as_json:
        show_json(retracted)
    else:
        say("Retracted: it is not served any more, and those who were given it are told.", style="green")


def _show_what(found: Mapping[str, Any], would_be: str | None, *, as_json: bool) -> None:
    """The article that is meant; in a dry run also that nothing was done."""
    if as_json:
        if would_be:
            show_json(found)
        return
    say(f"{one_line(found['question'])} (version {found['version']}, {found['status']})")
    if would_be:
        say(f"Would be {would_be}; nothing was.")


@app.command(
    "roll-back",
    epilog=examples('expert roll-back 5a1c7f30-… --to 1 --reason "The new price was a mistake."'),
)
def roll_back(
    id_: Id,
    to: Annotated[int, typer.Option(min=1, help="Number of the version (`expert article ID --versions`).")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the article's history.")],
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Put an earlier version of an approved answer in force again, as a new version on your word.

    Refused where the sources of that version do not say it any more.
    """
    _require(reason)
    body = {"to": to, "reason": reason}
    found = Speaker(REVIEWER, speak_as).post(f"/v1/articles/{path_segment(id_)}/roll-back", body)
    if as_json:
        show_json(found)
        return
    say(f"Version {found['version']} is in force, and says what version {to} said.", style="green")


@app.command(
    epilog=examples(
        'expert widen 5a1c7f30-… --to hr --reason "Leavers ask them."',
        'expert widen 5a1c7f30-… --to everyone --reason "It is on the intranet."',
    )
)
def widen(
    id_: Id,
    to: Annotated[str, typer.Option(help="A department (its slug), or `everyone`.")],
    reason: Annotated[str, typer.Option(help="Why; it goes into the article's history.")],
    yes: Yes = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Let more people read an approved answer than may read its sources (admins of all of them).

    They get the text; what it quotes stays with those who may read that.
    """
    _require(reason)
    speaker = Speaker(ADMIN, speak_as)
    path = f"/v1/articles/{path_segment(id_)}"
    if not yes:
        _show_what(speaker.get(path), None, as_json=as_json)
        typer.confirm(f"Let {one_line(to)} read it?", abort=True, err=True)
    found = speaker.post(f"{path}/widen", {"to": to, "reason": reason})
    if as_json:
        show_json(found)
        return
    say(f"Version {found['version']} is in force, and readable by {one_line(to)} too.", style="green")


def _require(reason: str) -> None:
    if not reason.strip():
        raise typer.BadParameter("say why", param_hint="--reason")
