"""The commands that open the installation itself: `up`, `init`, `migrate`, `backup`, `restore`."""

from pathlib import Path
from typing import Annotated

import typer

from brain.domain.errors import Rejected
from config.commands.options import AsJson, DryRun, examples
from config.commands.output import say, show_json

app = typer.Typer(rich_markup_mode=None)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The backup, one tar file.")]


@app.command(
    epilog=examples("expert up", "expert up --no-demo", "EXPERT_HOME=/srv/expert EXPERT_PORT=8001 expert up")
)
def up(
    with_demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Make the demo tenant if there is none.")
    ] = True,
) -> None:
    """Start everything and serve until Ctrl-C."""
    from rich.console import Console

    from config.serve import up as serve
    from config.settings import load_settings

    serve(load_settings(), with_demo=with_demo, console=Console())


@app.command(
    epilog=examples(
        'expert init --tenant acme --name "Acme Ltd" --admin mia',
        'expert init --tenant acme --name "Acme Ltd" --admin mia --admin-name "Mia Weber"',
    )
)
def init(
    tenant: Annotated[str, typer.Option(metavar="SLUG", help="Short name, such as acme.")],
    name: Annotated[str, typer.Option(help="Full name of the organisation.")],
    admin: Annotated[str, typer.Option(metavar="HANDLE", help="Handle of the first admin.")],
    admin_name: Annotated[str | None, typer.Option(help="Full name of the first admin.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a real tenant, without the demo, and its first admin."""
    from config.keys import keys_file
    from config.serve import NewTenant, init_tenant
    from config.settings import load_settings

    settings = load_settings()
    new = NewTenant(slug=tenant, name=name, admin=admin, admin_name=admin_name or admin)
    missing = init_tenant(settings, new)
    keys = keys_file(settings.home)
    if as_json:
        show_json({"tenant": tenant, "admin": admin, "keys": str(keys), "missing_reviewers": missing})
        return
    say(f"{name} was made, with {admin} as its admin; the key is in {keys}.", style="green")
    if missing:
        say(f"Named in {settings.departments}, but cannot review yet: {', '.join(missing)}.")
    say("Next: expert up, then expert member add and expert ingest.")


@app.command(
    epilog=examples("expert recover mia --tenant acme", "expert recover raj --tenant acme --name raj")
)
def recover(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Handle of the member.")],
    tenant: Annotated[str, typer.Option(metavar="SLUG", help="Short name of the tenant.")],
    name: Annotated[str, typer.Option(help="Name of the key in keys.toml.")] = "admin",
    as_json: AsJson = False,
) -> None:
    """Make a new key for a member whose key is lost. Needs no key, but the installation itself."""
    from config.keys import keys_file
    from config.serve import recover_key
    from config.settings import load_settings

    settings = load_settings()
    recover_key(settings, tenant=tenant, member=member, name=name)
    if as_json:
        show_json({"member": member, "name": name, "keys": str(keys_file(settings.home))})
        return
    say(f"A new key of {member} is in {keys_file(settings.home)}, under {name}; the former one is revoked.")


@app.command(epilog=examples("expert migrate", "EXPERT_DATABASE_URL=… expert migrate"))
def migrate(as_json: AsJson = False) -> None:
    """Bring the database to this version; `up` does it by itself."""
    from config.serve import migrate as run
    from config.settings import load_settings

    run(load_settings())
    if as_json:
        show_json({"migrated": True})
    else:
        say("The database is up to date.", style="green")


@app.command(epilog=examples("expert backup expert-2026-12-01.tar"))
def backup(file: File, as_json: AsJson = False) -> None:
    """Write the whole installation into one file; people may go on working."""
    from config.backup import back_up

    manifest = back_up(_embedded_home(), file)
    if as_json:
        show_json({"file": str(file), "made_at": manifest.made_at, "bytes": manifest.dump_bytes})
        return
    say(f"{file} holds {manifest.tables} tables, the settings and the keys.", style="green")
    say("Whoever has it can read everything: keep it where only admins can.")


@app.command(
    epilog=examples(
        "expert restore expert-2026-12-01.tar --dry-run",
        "EXPERT_HOME=/srv/expert expert restore expert-2026-12-01.tar",
        "expert restore expert-2026-12-01.tar --force",
    )
)
def restore(
    file: File,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in this installation.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make this installation what the backup holds; nothing may be running."""
    from config.backup import check
    from config.backup import restore as run

    home = _embedded_home()
    manifest = check(home, file, replace=force) if dry_run else run(home, file, replace=force)
    if as_json:
        show_json({"file": str(file), "made_at": manifest.made_at, "restored": not dry_run})
        return
    done = "could be restored; nothing was changed" if dry_run else "was restored"
    say(f"The backup of {manifest.made_at} ({manifest.tables} tables) {done} in {home}.", style="green")
    if not dry_run:
        say("Start it with `make up`, or expert up --no-demo.")


def _embedded_home() -> Path:
    from config.settings import load_settings

    settings = load_settings()
    if settings.database_urls is not None:
        raise Rejected(
            "EXPERT_DATABASE_URL is set: back up your own PostgreSQL with its tools, as a role that may"
            f" bypass row security (pg_dump --format=custom), and copy keys.toml, audit.key,"
            f" secrets.key and audit-heads.json from {settings.home} beside it."
        )
    return settings.home
