"""What several commands take, and the form of their help."""

from typing import Annotated

import typer

As = Annotated[
    str | None, typer.Option("--as", metavar="NAME", help="Speak with the key of this name in keys.toml.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
DepartmentName = Annotated[
    str | None, typer.Option("--department", "-d", help="Only this department (its slug).")
]


def examples(*lines: str) -> str:
    """The last part of a command's help, kept line by line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
