"""What The Expert knows: `documents`, `forget`, `articles`, `departments`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from brain.domain.errors import Missing, Rejected
from config.commands.api import ADMIN, ASKER, Speaker, path_segment
from config.commands.options import As, AsJson, DepartmentName, DryRun, Yes, examples
from config.commands.output import one_line, say, show_json, show_table, when

app = typer.Typer(rich_markup_mode=None)


@app.command(
    epilog=examples("expert documents", "expert documents --quarantined", "expert documents -d hr --json")
)
def documents(
    quarantined: Annotated[
        bool, typer.Option("--quarantined", help="Only those that could not be read.")
    ] = False,
    department: DepartmentName = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """List ingested documents, and which of them repeat another one."""
    found = [
        one
        for one in Speaker(ADMIN, speak_as).get("/v1/documents")
        if (not quarantined or one["status"] == "quarantined") and department in (None, one["department"])
    ]
    if as_json:
        show_json(found)
        return
    sources = {one["id"]: one.get("source") for one in found}
    show_table(
        ["Id", "Department", "Status", "Version", "Passages", "Title", "Reason" if quarantined else "Source"],
        (
            [
                one["id"],
                one["department"],
                "linked" if one.get("linked") else one["status"],
                one.get("version"),
                one.get("passages"),
                one["title"],
                one.get("reason") if quarantined else _source(one, sources),
            ]
            for one in found
        ),
        empty="No document is in quarantine."
        if quarantined
        else "There are no documents: expert ingest PATH …",
    )


def _source(document: Mapping[str, Any], sources: Mapping[str, Any]) -> str:
    twin = document.get("twin")
    if twin is None:
        return str(document.get("source"))
    how = "same as" if document.get("linked") else "looks like"
    return f"{document.get('source')} ({how} {sources.get(twin, twin)})"


@app.command(
    epilog=examples(
        "expert forget 0192f3c2-…",
        "expert forget runbooks/old.md --dry-run",
        "expert forget 0192f3c2-… --yes",
    )
)
def forget(
    names: Annotated[
        list[str], typer.Argument(metavar="DOCUMENT…", help="Ids, or the paths they came from.")
    ],
    yes: Yes = False,
    dry_run: DryRun = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Remove documents, and everything derived from them, for good."""
    speaker = Speaker(ADMIN, speak_as)
    known = speaker.get("/v1/documents")
    chosen = [_find(known, name) for name in names]
    if not as_json:
        for one in chosen:
            say(
                f"{one_line(one['title'])} ({one.get('passages', 0)} passages, {one_line(one.get('source'))})"
            )
    if dry_run:
        _report_forgotten(chosen, "would be forgotten; nothing was", as_json=as_json)
        return
    if not yes:
        typer.confirm("Forget this for good?", abort=True, err=True)
    for one in chosen:
        speaker.delete(f"/v1/documents/{path_segment(one['id'])}")
    _report_forgotten(chosen, "forgotten", as_json=as_json)


def _find(known: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    path = str(Path(name).absolute())
    matches = [one for one in known if one["id"] == name or one.get("source") in (name, path)]
    if len(matches) > 1:
        ids = ", ".join(one["id"] for one in matches)
        raise Rejected(f"{name} is in several departments: name the document by its id ({ids}).")
    if not matches:
        raise Missing(f"There is no document {name}; `expert documents` lists them with their ids.")
    return matches[0]


def _report_forgotten(chosen: Sequence[Mapping[str, Any]], verb: str, *, as_json: bool) -> None:
    if as_json:
        show_json([{"id": one["id"], "title": one["title"]} for one in chosen])
    else:
        say(f"{len(chosen)} {verb}.")


@app.command(epilog=examples("expert articles", "expert articles --json"))
def articles(speak_as: As = None, as_json: AsJson = False) -> None:
    """List what people approved: the remembered answers."""
    found = Speaker(ASKER, speak_as).get("/v1/articles")
    if as_json:
        show_json(found)
        return
    show_table(
        ["Id", "Department", "Status", "Version", "Approved by", "Approved", "Confirm by", "Question"],
        (
            [
                one["id"],
                one.get("department"),
                one.get("status"),
                one.get("version"),
                (one.get("approved") or {}).get("by"),
                when((one.get("approved") or {}).get("at")),
                when(one.get("expires_at")),
                one.get("question"),
            ]
            for one in found
        ),
        empty="Nothing was approved yet.",
    )


@app.command(epilog=examples("expert departments", "expert departments --json"))
def departments(speak_as: As = None, as_json: AsJson = False) -> None:
    """List departments, with what they know about."""
    found = Speaker(ASKER, speak_as).get("/v1/departments")
    if as_json:
        show_json(found)
        return
    show_table(
        ["Department", "Name", "Visible to", "What it knows"],
        ([one["slug"], one["name"], one.get("visibility"), one.get("description")] for one in found),
        empty="You belong to no department.",
    )
