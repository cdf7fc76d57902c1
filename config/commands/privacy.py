"""What is kept of people: `export` and `erase`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from config.commands.api import ADMIN, Speaker, path_segment
from config.commands.options import As, AsJson, examples
from config.commands.output import one_line, say, show_json
from config.keys import drop_keys
from config.location import locate

app = typer.Typer(rich_markup_mode=None)
_TIMEOUT_S = 900.0


@app.command(
    epilog=examples("expert export --member mia --to mia-2026-12-01", "expert export --all --to everything")
)
def export(
    to: Annotated[Path, typer.Option(metavar="DIR", help="A new directory to write into.")],
    *,
    member: Annotated[
        str | None, typer.Option(metavar="HANDLE", help="What is kept of this member: handle or id.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is kept.")] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Write what is kept of a person, or everything, as JSON Lines and files. Without secrets.

    Needs an admin of every department, and is audited.
    """
    from config.exports import write_export

    if everything == (member is not None):
        raise typer.BadParameter("give either --member HANDLE or --all", param_hint="--member")
    lines = Speaker(ADMIN, speak_as, _TIMEOUT_S).lines("/v1/export", member=member)
    counts = write_export(to, lines, progress=_progress)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    if as_json:
        show_json({"directory": str(to), "rows": dict(counts)})
        return
    for kind, count in counts.items():
        say(f"  {count:>6} {kind}")
    say(f"{to} holds {sum(counts.values())} rows, for your eyes only.", style="green")


def _progress(rows: int) -> None:
    if rows % 500 == 0 and sys.stderr.isatty():
        print(f"\r{rows} rows", end="", file=sys.stderr, flush=True)


@app.command(
    epilog=examples(
        "expert erase --member mia",
        'expert erase --member mia --also "Mia W."',
        "expert erase --member mia --yes",
    )
)
def erase(
    member: Annotated[str, typer.Option(metavar="HANDLE", help="Whom: handle or id of the member.")],
    *,
    also: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="Further words that name them in texts.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it. Without, say what would go.")] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person: what they asked, wrote and were called. Cannot be taken back.

    Approved answers stay, without them; the audit trail keeps a pseudonym.
    Needs an admin of every department.
    """
    speaker = Speaker(ADMIN, speak_as, _TIMEOUT_S)
    body = {"dry_run": not yes, "also": list(also or ())}
    erased = speaker.post(f"/v1/members/{path_segment(member)}/erase", body)
    dropped = drop_keys(locate().home, member) if yes else []
    if as_json:
        show_json(erased | {"dropped_keys": dropped})
        return
    _say(member, erased, dropped)


def _say(member: str, erased: Mapping[str, Any], dropped: list[str]) -> None:
    done = erased["erased"]
    if done:
        say(f"{member} was erased; what must have somebody behind it has {erased['handle']}.", style="green")
    else:
        say(f"Nothing was changed. Erasing {member} would take:", style="bold")
    for what, count in erased["counts"].items():
        say(f"  {count:>6} {one_line(what)}")
    if erased["names"]:
        say(f"Searched for: {', '.join(map(one_line, erased['names']))}.")
    for title in erased["articles"]:
        say(f"Stays, without them: {one_line(title)}")
    for source in erased["documents"]:
        say(f"Names them, and is left alone: {one_line(source)}", style="yellow")
    if dropped:
        say(f"Taken out of keys.toml: {', '.join(dropped)}.")
    if done:
        say("Backups, logs of PostgreSQL and exports made before still hold it: docs/guides/privacy.md.")
    else:
        say("Do it with --yes.")
