"""The Expert on Slack: `slack manifest`, `slack install` and `slack check`."""

from typing import Annotated

import typer

from config.commands.findings import show_findings
from config.commands.options import AsJson, examples
from config.commands.output import say, show_json

app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Set The Expert up on Slack, and see what is amiss."
)


@app.command(
    epilog=examples(
        "expert slack manifest > manifest.yaml",
        'expert slack manifest --name "Acme Answers" --command /acme --json',
        "expert slack manifest --url https://expert.example.org",
        "expert slack manifest --url https://expert.example.org --several",
    )
)
def manifest(
    *,
    name: Annotated[str, typer.Option(help="What people see as its name.")] = "The Expert",
    command: Annotated[str, typer.Option(help="What people type before a question.")] = "/expert",
    url: Annotated[
        str,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where Slack reaches The Expert: https only. Without it, The Expert connects to Slack.",
        ),
    ] = "",
    socket: Annotated[
        bool,
        typer.Option(
            "--socket", help="The Expert connects to Slack (Socket Mode), as it does without --url."
        ),
    ] = False,
    several: Annotated[
        bool, typer.Option("--several", help="Several workspaces install it, through the address of --url.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json/--yaml", help="How to print it; Slack takes either.")
    ] = False,
) -> None:
    """Print what to paste at api.slack.com/apps → Create New App → From a manifest."""
    import yaml

    from bots.slack.manifest import Wanted
    from bots.slack.manifest import manifest as made_for

    if socket and url:
        raise typer.BadParameter(
            "either Slack reaches The Expert, or the other way round", param_hint="--url"
        )
    made = made_for(Wanted(name, command, url, several))
    if as_json:
        show_json(made)
    else:
        say(yaml.safe_dump(made, sort_keys=False, allow_unicode=True).rstrip())


@app.command(epilog=examples("expert slack install", "expert slack install --tenant acme --admin mia --json"))
def install(
    tenant: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Whose workspace it is. Unset: the only tenant's.")
    ] = None,
    admin: Annotated[
        str | None,
        typer.Option(
            metavar="HANDLE", help="Admin of every department, who answers for it. Unset: the only one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the link with which the admin of another workspace installs The Expert there.

    Good for an hour and for one workspace. Needs no key, but the installation itself.
    """
    from config.settings import load_settings
    from config.slack_install import invite

    link = invite(load_settings(), tenant=tenant, admin=admin)
    if as_json:
        show_json({"link": link})
    else:
        say(link)


@app.command(epilog=examples("expert slack check", "expert slack check --json"))
def check(as_json: AsJson = False) -> None:
    """Check everything between Slack and The Expert; exits with 1 where something is wrong."""
    from config.slack_check import examine

    show_findings(examine(), as_json=as_json)
