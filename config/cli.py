"""The `expert` command. Exit status: 0 done, 1 refused or failed, 2 wrong usage."""

import sys
from typing import Annotated

import typer

from brain.domain.errors import ExpertError
from config.commands import (
    asking,
    auditing,
    calibrating,
    curating,
    examining,
    ingesting,
    installation,
    knowledge,
    people,
    privacy,
    processes,
    reindexing,
    reviewing,
    slack,
    working,
)
from config.commands.options import examples
from config.commands.output import complain

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    epilog=examples(
        "make up",
        'expert ask "How do I rotate the Redis password?"',
        "expert reviews",
        "expert approve 12",
        "expert doctor",
    ),
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(version("the-expert"))
        raise typer.Exit


@app.callback()
def expert(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """The Expert answers from your own documents, with citations, and asks a human when unsure.

    EXPERT_HOME (default .expert) and EXPERT_PORT (default 8000) say which installation is meant.
    """


_themes = (
    asking,
    reviewing,
    ingesting,
    knowledge,
    curating,
    calibrating,
    installation,
    processes,
    reindexing,
    examining,
    privacy,
)
for _theme in _themes:
    app.registered_commands += _theme.app.registered_commands
app.add_typer(working.app, name="tasks")
app.add_typer(auditing.app, name="audit")
app.add_typer(people.member_app, name="member")
app.add_typer(people.key_app, name="key")
app.add_typer(slack.app, name="slack")


def main() -> None:
    try:
        app()
    except ExpertError as error:
        # In the words of whoever noticed what was wrong; anything else that is raised is a bug.
        complain(error)
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output, `head` for one, has seen enough.
        sys.stderr.close()
        sys.exit(1)
