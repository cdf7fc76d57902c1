"""What The Expert knows: `ingest`, `documents`, `forget`, `articles`, `departments`."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from brain.domain.errors import Missing, Rejected
from config.commands.api import ADMIN, ASKER, Refused, Speaker, Upload, path_segment
from config.commands.options import As, AsJson, DepartmentName, DryRun, Yes, examples
from config.commands.output import complain, one_line, say, show_json, show_table, when

app = typer.Typer(rich_markup_mode=None)


@dataclass(slots=True)
class _Outcome:
    """What became of the files, in the order in which they were sent."""

    counts: Counter[str] = field(default_factory=Counter)
    documents: list[Mapping[str, Any]] = field(default_factory=list)
    quarantined: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


@app.command(
    epilog=examples(
        "expert ingest runbooks --department it-ops",
        "expert ingest handbook.pdf policies/*.docx --department hr",
        "expert ingest runbooks --department it-ops --dry-run",
    )
)
def ingest(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", exists=True, help="Files, and folders with all below them."),
    ],
    department: Annotated[
        str, typer.Option("--department", "-d", help="Whose knowledge this is (its slug).")
    ],
    dry_run: DryRun = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Read documents into a department's knowledge; unchanged ones cost nothing.

    Exits with 1 where a file was quarantined or refused, after all the others were read.
    """
    files = list(dict.fromkeys(_files(paths)))
    if not files:
        raise Rejected("There are no files in what you named; hidden ones are left out.")
    if dry_run:
        _show_plan(files, as_json=as_json)
        return
    outcome = _Outcome()
    speaker = Speaker(ADMIN, speak_as)
    for path in _with_progress(files, shown=not as_json):
        _send(speaker, path, department, outcome)
    if as_json:
        refused, quarantined = (
            [{"source": path, "detail": reason} for path, reason in some]
            for some in (outcome.refused, outcome.quarantined)
        )
        show_json(
            {
                "counts": outcome.counts,
                "results": outcome.documents,
                "quarantined": quarantined,
                "refused": refused,
            }
        )
    else:
        _summarise(outcome)
    if outcome.refused or outcome.quarantined:
        raise typer.Exit(1)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_file():
            yield path.absolute()
        for folder, below, names in os.walk(path):
            below[:] = sorted(name for name in below if not name.startswith("."))
            yield from (Path(folder, name).absolute() for name in sorted(names) if not name.startswith("."))


def _show_plan(files: Sequence[Path], *, as_json: bool) -> None:
    sizes = [(str(path), path.stat().st_size) for path in files]
    if as_json:
        show_json([{"source": path, "bytes": size} for path, size in sizes])
        return
    show_table(["File", "Bytes"], sizes, empty="")
    say(f"{len(files)} files would be sent; nothing was.")


def _with_progress(files: Sequence[Path], *, shown: bool) -> Iterator[Path]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if shown and console.is_terminal:
        yield from track(files, description="Ingesting", console=console)
    else:
        yield from files


def _send(speaker: Speaker, path: Path, department: str, outcome: _Outcome) -> None:
    """One unreadable or refused file does not keep the others out."""
    try:
        upload = Upload(path.name, path.read_bytes(), {"department": department, "source": str(path)})
        result = speaker.post("/v1/documents", upload)
    except OSError as error:
        outcome.refused.append((str(path), error.strerror or str(error)))
        return
    except Refused as error:
        if error.status in (401, 403, 404):  # the same for every file
            raise
        outcome.refused.append((str(path), str(error)))
        return
    outcome.counts[result["outcome"]] += 1
    outcome.documents.append(result)
    if result["outcome"] == "quarantined":
        outcome.quarantined.append((str(path), str(result["document"].get("reason") or "no reason given")))


def _summarise(outcome: _Outcome) -> None:
    order = ("added", "changed", "unchanged", "quarantined")
    parts = [f"{outcome.counts[kind]} {kind}" for kind in order if outcome.counts[kind]]
    if outcome.refused:
        parts.append(f"{len(outcome.refused)} refused")
    say(", ".join(parts) + ".", style="yellow" if outcome.refused or outcome.quarantined else "green")
    for path, reason in outcome.quarantined:
        complain(f"quarantined: {path}: {one_line(reason)}")
    for path, reason in outcome.refused:
        complain(f"refused: {path}: {one_line(reason)}")


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
    """List ingested documents."""
    found = [
        one
        for one in Speaker(ADMIN, speak_as).get("/v1/documents")
        if (not quarantined or one["status"] == "quarantined") and department in (None, one["department"])
    ]
    if as_json:
        show_json(found)
        return
    show_table(
        ["Id", "Department", "Status", "Version", "Passages", "Title", "Reason" if quarantined else "Source"],
        (
            [
                one["id"],
                one["department"],
                one["status"],
                one.get("version"),
                one.get("passages"),
                one["title"],
                one.get("reason") if quarantined else one.get("source"),
            ]
            for one in found
        ),
        empty="No document is in quarantine."
        if quarantined
        else "There are no documents: expert ingest PATH …",
    )


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
        ["Id", "Department", "Status", "Version", "Approved by", "Approved", "Question"],
        (
            [
                one["id"],
                one.get("department"),
                one.get("status"),
                one.get("version"),
                (one.get("approved") or {}).get("by"),
                when((one.get("approved") or {}).get("at")),
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
