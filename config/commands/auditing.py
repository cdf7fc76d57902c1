"""Who did what: `audit`, `audit verify` and `audit head`."""

from typing import TYPE_CHECKING, Annotated

import typer

from brain.domain.errors import Rejected
from config.commands.api import ADMIN, Speaker
from config.commands.options import As, AsJson, examples
from config.commands.output import one_line, say, show_json, show_table, when

if TYPE_CHECKING:
    from config.audit import TenantHead

app = typer.Typer(rich_markup_mode=None)


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "expert audit",
        "expert audit --who ravi --what verdict --since 2026-12-01",
        "expert audit verify",
        "expert audit head --json",
    ),
)
def audit(
    context: typer.Context,
    *,
    who: Annotated[str | None, typer.Option(metavar="HANDLE", help="Only what this member did.")] = None,
    what: Annotated[
        str | None, typer.Option(metavar="ACTION", help="Only this, such as verdict.approve or verdict.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only from then on: 2026-12-01, or with T09:30Z.")
    ] = None,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """List who did what, newest first, at most 500. Needs an admin of every department."""
    if context.invoked_subcommand is not None:
        return
    found = Speaker(ADMIN, speak_as).get("/v1/audit", actor=who, action=what, since=since, limit=500)
    if as_json:
        show_json(found)
        return
    show_table(
        ["No.", "When", "Who", "What", "To what", "Details"],
        (
            [
                one["sequence"],
                when(one["at"]),
                one["actor"] or one["actor_id"] or "the installation",
                one["action"],
                one["subject"],
                "; ".join(f"{name}: {text}" for name, text in one["details"].items()),
            ]
            for one in found
        ),
        empty="Nothing was done that this asks for.",
    )


@app.command(
    epilog=examples(
        "expert audit verify",
        "expert audit verify --head acme:128:9f86d081884c7d65…",
    )
)
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(metavar="TENANT:NUMBER:HASH", help="A head kept elsewhere, as `audit head` printed it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that no entry was changed, removed, added, moved or cut off. Reads the database itself.

    Exit status 1 where something is wrong.
    """
    from config.audit import verify as run
    from config.settings import load_settings

    verified = run(load_settings(), known=[_head(one) for one in head or ()])
    if as_json:
        show_json(
            [
                {
                    "tenant": one.tenant,
                    "entries": one.head.sequence,
                    "hash": one.head.hash,
                    "noted": one.noted.sequence if one.noted else None,
                    "findings": list(one.findings),
                }
                for one in verified
            ]
        )
    else:
        for one in verified:
            _say(one.tenant, one.head.sequence, one.findings)
    if any(one.findings for one in verified):
        raise typer.Exit(1)


def _say(tenant: str, entries: int, findings: tuple[str, ...]) -> None:
    if not findings:
        say(f"{tenant}: {entries} entries, whole and in order.", style="green")
    for what in findings:
        say(f"{tenant}: {one_line(what)}.", style="red")


@app.command(epilog=examples("expert audit head", "expert audit head --json"))
def head(as_json: AsJson = False) -> None:
    """Print the newest entry's hash of each tenant, to be kept where nobody here can write."""
    from config.audit import heads
    from config.settings import load_settings

    found = heads(load_settings())
    if as_json:
        show_json(
            [{"tenant": one.tenant, "sequence": one.head.sequence, "hash": one.head.hash} for one in found]
        )
        return
    for one in found:
        say(f"{one.tenant}:{one.head.sequence}:{one.head.hash}")


def _head(written: str) -> "TenantHead":
    from brain.domain.audit import Head
    from config.audit import TenantHead

    tenant, _, rest = written.partition(":")
    sequence, _, digest = rest.partition(":")
    if not (tenant and sequence.isdecimal() and len(digest) == 64):
        raise Rejected(f"{written} is not TENANT:NUMBER:HASH, as `expert audit head` prints it.")
    return TenantHead(tenant, Head(int(sequence), digest))
