"""tools/check_docs.py: pages may only name what exists."""

from pathlib import Path

import pytest
import typer
from typer.main import get_command

from tools.check_docs import (
    broken_links,
    lines,
    machine_paths,
    make_targets,
    merge_markers,
    unknown_commands,
    usage,
)

cli = typer.Typer()
keys = typer.Typer()
cli.add_typer(keys, name="key")


@cli.command()
def ask(question: str, department: str = "", as_json: bool = typer.Option(False, "--json")) -> None: ...


@keys.command()
def add(name: str) -> None: ...


@keys.command()
def revoke(name: str) -> None: ...


def complaints(root: Path, text: str) -> list[str]:
    page = root / "README.md"
    page.write_text(text, encoding="utf-8")
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs" / "guide.md").write_text("# First day, in short\n", encoding="utf-8")
    (root / "Makefile").write_text(
        "X := slack\nup: setup\nsetup:\n$(X:%=setup-%): setup-%: setup\n", encoding="utf-8"
    )
    known = usage(get_command(cli))
    return [
        complaint
        for line in lines(page, root=root)
        for complaint in (
            *broken_links(line, root=root),
            *machine_paths(line),
            *merge_markers(line),
            *unknown_commands(line, cli=known, targets=make_targets(root / "Makefile")),
        )
    ]


def block(command: str) -> str:
    return f"```bash\n{command}\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        "[guide](docs/guide.md), [part](docs/guide.md#first-day-in-short), [site](https://example.org/x)",
        'Run `make up`, then `.venv/bin/expert ask "Why?" --json`.',
        "Run `make setup-slack`.",
        block("$ EXPERT_PORT=8001 make up   # starts it"),
        block('.venv/bin/expert ask "make coffee?" --department=hr --json | jq .'),
        block("expert key add ada && expert key revoke ada"),
        block("The Redis password isn't in the runbooks. expert found nothing."),
        "Data is in `./.expert` or `$HOME/tmp/x`.",
        "<<<<<<<< is an arrow",
    ],
)
def test_what_exists_may_be_named(tmp_path: Path, text: str) -> None:
    assert complaints(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Asked.\n<<<<<<< HEAD", "README.md:2: a merge conflict was never resolved"),
        (block(">>>>>>> e386823 (Mend it)"), "README.md:2: a merge conflict was never resolved"),
        ("[gone](docs/gone.md)", "README.md:1: docs/gone.md leads nowhere"),
        ("![picture](docs/gone.svg)", "README.md:1: docs/gone.svg leads nowhere"),
        (
            "[part](docs/guide.md#second-day)",
            "README.md:1: docs/guide.md#second-day names no heading of that page",
        ),
        (block("make upp"), "README.md:2: make upp does not exist"),
        ("Run `make upp`.", "README.md:1: make upp does not exist"),
        (block("expert aks 'Why?'"), "README.md:2: expert has no command aks"),
        ("Run `expert aks`.", "README.md:1: expert has no command aks"),
        (block("make up && .venv/bin/expert key ad ada"), "README.md:2: expert key has no command ad"),
        (block("expert ask 'Why?' --jsn"), "README.md:2: expert ask has no option --jsn"),
        ("See /home/ada/expert.", "README.md:1: /home/ada is a path of one machine"),
    ],
)
def test_what_does_not_exist_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    assert complaints(tmp_path, text) == [complaint]
