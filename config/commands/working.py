"""The work behind the scenes: `tasks` and `tasks replay`."""

from typing import Annotated

import typer

from config.commands.api import ADMIN, Speaker, path_segment
from config.commands.options import As, AsJson, examples
from config.commands.output import say, show_json, show_table, when

app = typer.Typer(rich_markup_mode=None)


@app.callback(
    invoke_without_command=True,
    epilog=examples("expert tasks", "expert tasks --dead", "expert tasks replay 0192f3c2-…"),
)
def tasks(
    context: typer.Context,
    dead: Annotated[bool, typer.Option("--dead", help="Only those given up.")] = False,
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """List the work behind the scenes; a dead task failed too often and can be replayed."""
    if context.invoked_subcommand is not None:
        return
    found = Speaker(ADMIN, speak_as).get("/v1/tasks", state="dead" if dead else None)
    if as_json:
        show_json(found)
        return
    show_table(
        ["Id", "Task", "State", "Attempts", "Due", "Last error"],
        (
            [
                one["id"],
                f"{one['event']} → {one['handler']}",
                one["state"],
                one.get("attempts"),
                when(one.get("due_at")),
                one.get("error"),
            ]
            for one in found
        ),
        empty="No task is dead." if dead else "There are no tasks.",
    )


@app.command(epilog=examples("expert tasks replay 0192f3c2-…"))
def replay(
    task: Annotated[str, typer.Argument(metavar="ID", help="Id of the dead task.")],
    speak_as: As = None,
    as_json: AsJson = False,
) -> None:
    """Run a dead task again."""
    replayed = Speaker(ADMIN, speak_as).post(f"/v1/tasks/{path_segment(task)}/replay")
    if as_json:
        show_json(replayed)
    else:
        say("The task runs again.")
