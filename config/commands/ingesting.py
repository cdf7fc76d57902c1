"""Documents on their way in: `ingest`, `retry`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from brain.domain.errors import Missing, Rejected
from config.commands.api import ADMIN, Refused, Speaker, Upload, path_segment
from config.commands.finding import Found, find
from config.commands.mirroring import Plan, confirm, plan
from config.commands.options import As, AsJson, DryRun, examples
from config.commands.output import complain, one_line, say, show_json, show_table

app = typer.Typer(rich_markup_mode=None)
Step = TypeVar("Step")
_ORDER = ("added", "changed", "linked", "unchanged", "quarantined", "forgotten")


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
        "expert ingest --sync runbooks --department it-ops --dry-run",
        "expert ingest --sync runbooks --department it-ops",
        "expert ingest --sync-unasked /srv/runbooks --department it-ops",
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
    sync: Annotated[
        bool | None,
        typer.Option(
            "--sync/--sync-unasked",
            help="Mirror a folder: forget what is no longer in it, too. Asks before that is much, or never.",
        ),
    ] = None,
    dry_run: DryRun = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Read documents into a department's knowledge; unchanged ones cost nothing.

    Exits with 1 where a file was quarantined or refused, after all the others were read. One that was broken
    off goes on where it was when it is started again.
    """
    found = find(paths)
    if not found.files:
        raise Rejected("There are no files in what you named; hidden ones are left out.")
    speaker = Speaker(ADMIN, speak_as)
    if sync is None:
        steps = Plan(send=found.files)
    else:
        steps = plan(paths, found, speaker.get("/v1/documents"), department)
    if dry_run:
        _show_plan(steps, as_json=as_json)
        return
    if sync:
        confirm(steps)
    outcome = _carry_out(steps, found, speaker, department, shown=not as_json)
    _report(outcome, as_json=as_json)


@app.command(epilog=examples("expert retry", "expert retry 0192f3c2-…"))
def retry(
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="DOCUMENT…", help="Ids, or the paths they came from; all of them without."),
    ] = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Try to read what is in quarantine again, from the files that are kept there.

    Of use after an upgrade, or where reading took too long on a busy machine. Exits with 1 where a file stays
    in quarantine.
    """
    speaker = Speaker(ADMIN, speak_as)
    waiting = [one for one in speaker.get("/v1/documents") if one["status"] == "quarantined"]
    if documents:
        waiting = [_named(waiting, name) for name in documents]
    outcome = _Outcome()
    for one in _with_progress(waiting, "Reading again", shown=not as_json):
        result = speaker.post(f"/v1/documents/{path_segment(one['id'])}/retry")
        _note(result, str(one.get("source")), outcome)
    if not waiting and not as_json:
        say("No document is in quarantine.")
        return
    _report(outcome, as_json=as_json)


def _named(waiting: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    path = str(Path(name).absolute())
    for one in waiting:
        if one["id"] == name or one.get("source") in (name, path, f"{path} (unreadable version)"):
            return one
    raise Missing(f"No document {name} is in quarantine; `expert documents --quarantined` lists them.")


def _show_plan(steps: Plan, *, as_json: bool) -> None:
    sizes = [(str(path), path.stat().st_size) for path in steps.send]
    gone = [str(one.get("source")) for one in steps.forget]
    if as_json:
        files = [{"source": path, "bytes": size} for path, size in sizes]
        show_json(files if not steps.mirrored else {"send": files, "forget": gone, "unchanged": steps.same})
        return
    show_table(["File", "Bytes"], sizes, empty="")
    if steps.mirrored:
        show_table(["To be forgotten"], ([source] for source in gone), empty="")
        say(f"{steps.same} unchanged. {len(sizes)} would be sent, {len(gone)} forgotten; nothing was.")
    else:
        say(f"{len(sizes)} files would be sent; nothing was.")


def _carry_out(steps: Plan, found: Found, speaker: Speaker, department: str, *, shown: bool) -> _Outcome:
    """What is new first: broken off, there is too much rather than too little."""
    outcome = _Outcome(refused=[*found.refused, *found.closed])
    outcome.counts["unchanged"] += steps.same
    for path in _with_progress(steps.send, "Ingesting", shown=shown):
        _send(speaker, path, department, outcome)
    for one in _with_progress(steps.forget, "Forgetting", shown=shown):
        try:
            speaker.delete(f"/v1/documents/{path_segment(one['id'])}")
        except Refused as error:
            if error.status != 404:  # somebody else forgot it meanwhile
                raise
        outcome.counts["forgotten"] += 1
    return outcome


def _with_progress(steps: Sequence[Step], what: str, *, shown: bool) -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if shown and steps and console.is_terminal:
        yield from track(steps, description=what, console=console)
    else:
        yield from steps


def _send(speaker: Speaker, path: Path, department: str, outcome: _Outcome) -> None:
    """One unreadable or refused file does not keep the others out."""
    try:
        upload = Upload(path.name, path.read_bytes(), {"department": department, "source": str(path)})
        result = speaker.post("/v1/documents", upload)
    except OSError as error:
        outcome.refused.append((str(path), error.strerror or str(error)))
    except Refused as error:
        if error.status in (401, 403, 404):  # the same for every file
            raise
        outcome.refused.append((str(path), str(error)))
    else:
        _note(result, str(path), outcome)


def _note(result: Mapping[str, Any], source: str, outcome: _Outcome) -> None:
    outcome.counts[result["outcome"]] += 1
    outcome.documents.append(result)
    if result["outcome"] == "quarantined":
        outcome.quarantined.append((source, str(result["document"].get("reason") or "no reason given")))


def _report(outcome: _Outcome, *, as_json: bool) -> None:
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


def _summarise(outcome: _Outcome) -> None:
    parts = [f"{outcome.counts[kind]} {kind}" for kind in _ORDER if outcome.counts[kind]]
    if outcome.refused:
        parts.append(f"{len(outcome.refused)} refused")
    say(
        ", ".join(parts or ["Nothing to do"]) + ".",
        style="yellow" if outcome.refused or outcome.quarantined else "green",
    )
    for path, reason in outcome.quarantined:
        complain(f"quarantined: {path}: {one_line(reason)}")
    for path, reason in outcome.refused:
        complain(f"refused: {path}: {one_line(reason)}")
