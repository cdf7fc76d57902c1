"""Refuses documentation that points at nothing: files, headings, `expert` commands and `make` targets.

And what a merge has left undecided in it.
"""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

FENCE = re.compile(r"^\s*(```|~~~)")
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href)=\"([^\"]+)\"")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.$~}])/(?:home|Users|root|work|tmp)/[\w.-]+|[A-Z]:\\Users")
MERGE_MARKER = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
INLINE_COMMAND = re.compile(r"`((?:\.venv/bin/)?expert [a-z][^`]*|make [a-z-]+)`")
ASSIGNMENT = re.compile(r"^[A-Z_]+=")
SEPARATORS = {"&&", "||", "|", ";", "&"}


@dataclass(frozen=True)
class Line:
    path: Path
    number: int
    text: str
    is_code: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.number}"


@dataclass(frozen=True)
class Usage:
    """One level of the command line: each option and whether a value follows it, and each subcommand."""

    takes_value: dict[str, bool]
    subcommands: dict[str, "Usage"]


def lines(path: Path, *, root: Path) -> Iterator[Line]:
    is_code = False
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if FENCE.match(text):
            is_code = not is_code
        else:
            yield Line(path.relative_to(root), number, text, is_code)


def pages(root: Path) -> list[Path]:
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]


def broken_links(line: Line, *, root: Path) -> Iterator[str]:
    if line.is_code:
        return
    for match in LINK.finditer(line.text):
        target = match[1] or match[2]
        if ELSEWHERE.match(target):
            continue
        name, _, heading = target.partition("#")
        page = root / line.path.parent / unquote(name) if name else root / line.path
        if not page.exists():
            yield f"{line}: {target} leads nowhere"
        elif heading and page.suffix == ".md" and heading not in headings(page, root=root):
            yield f"{line}: {target} names no heading of that page"


def headings(page: Path, *, root: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = (
        line.text.lstrip("#") for line in lines(page, root=root) if not line.is_code and line.text[:1] == "#"
    )
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def machine_paths(line: Line) -> Iterator[str]:
    for match in MACHINE_PATH.finditer(line.text):
        yield f"{line}: {match[0]} is a path of one machine"


def merge_markers(line: Line) -> Iterator[str]:
    if MERGE_MARKER.match(line.text):
        yield f"{line}: a merge conflict was never resolved"


def unknown_commands(line: Line, *, cli: Usage, targets: set[str]) -> Iterator[str]:
    for words in commands(line):
        match words:
            case ["make", *rest]:
                named = [word for word in rest if not ASSIGNMENT.match(word) and not word.startswith("-")]
                yield from (f"{line}: make {name} does not exist" for name in named if name not in targets)
            case [program, *rest] if program.rsplit("/", 1)[-1] == "expert":
                yield from (f"{line}: {problem}" for problem in misuse(rest, cli=cli))


def commands(line: Line) -> Iterator[list[str]]:
    """Every command that a line shows: whole lines in code blocks, `expert …` and `make …` elsewhere."""
    shown = [line.text.strip().removeprefix("$ ")] if line.is_code else INLINE_COMMAND.findall(line.text)
    for text in shown:
        try:
            words = shlex.split(text, comments=True)
        except ValueError:  # an unclosed quote: output or prose, not a command
            continue
        command: list[str] = []
        for word in [*words, ";"]:
            if word in SEPARATORS:
                if command:
                    yield command
                command = []
            elif command or not ASSIGNMENT.match(word):
                command.append(word)


def misuse(words: list[str], *, cli: Usage) -> Iterator[str]:
    """Subcommands and long options that the command line does not have."""
    level, path = cli, "expert"
    rest = iter(words)
    for word in rest:
        option, _, value = word.partition("=")
        if option.startswith("--") and option not in level.takes_value:
            yield f"{path} has no option {option}"
        elif word.startswith("-"):
            if level.takes_value.get(option) and not value:
                next(rest, None)
        elif word in level.subcommands:
            level, path = level.subcommands[word], f"{path} {word}"
        elif level.subcommands:
            yield f"{path} has no command {word}"
            return


def usage(command: object) -> Usage:
    if not isinstance(command, TyperGroup | TyperCommand):
        raise TypeError(f"{command!r} was not made by Typer; teach tools/check_docs.py to read it.")
    takes_value = {"--help": False}
    for parameter in command.params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            takes_value[option] = not getattr(parameter, "is_flag", False)
    inner = command.commands if isinstance(command, TyperGroup) else {}
    return Usage(takes_value, {name: usage(each) for name, each in inner.items()})


def make_targets(makefile: Path) -> set[str]:
    """Asked of make itself, which knows those that a pattern makes; nothing is run."""
    asked = ["make", "--print-data-base", "--question", "--no-builtin-rules", "--file", str(makefile)]
    database = subprocess.run(asked, capture_output=True, text=True, check=False).stdout  # noqa: S603  # ours
    return set(re.findall(r"^([a-z][a-z-]*):", database, re.MULTILINE))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=Path, default=Path(), help="the repository (default: here)")
    root = parser.parse_args().root.resolve()
    from config.cli import app  # here, so that everything above can be used without the whole application

    cli, targets = usage(get_command(app)), make_targets(root / "Makefile")
    found: list[str] = []
    for page in pages(root):
        for line in lines(page, root=root):
            found += broken_links(line, root=root)
            found += machine_paths(line)
            found += merge_markers(line)
            found += unknown_commands(line, cli=cli, targets=targets)
    for problem in found:
        print(problem)
    print(f"docs: {len(found)} wrong" if found else f"docs: {len(pages(root))} pages, nothing wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
