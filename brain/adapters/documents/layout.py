"""Markdown out of blocks: what every reader of a format writes with."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from brain.domain.errors import Rejected
from brain.domain.knowledge import PageStart

MAX_CELLS = 5_000_000
# Nobody reads a row of more; such tables are exports of a program for another one.
MAX_COLUMNS = 1_000
# What Word can nest; a file may claim millions.
_MAX_DEPTH = 9
# Characters: longer ones are no label of rows or columns.
_LABEL = 100
_LABELLED = 20
_HEADING = re.compile(r"\A#{1,6} ")
_RAISED = re.compile(r"[+\-\u2212]?\d+")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of Markdown. Items of one list follow each other without a blank line."""

    text: str
    item: bool = False


def heading(level: int, text: str) -> Block:
    return Block(f"{'#' * min(max(level, 1), 6)} {one_line(text)}")


def item(depth: int, marker: str, text: str) -> Block:
    indent = "    " * min(depth, _MAX_DEPTH)
    # Lines after the first are indented, so that they stay in their item.
    body = text.replace("\n", f"\n{indent}    ")
    return Block(f"{indent}{marker} {body}", item=True)


def fence(code: str, language: str = "") -> Block:
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    ticks = "`" * (longest + 1)
    return Block(f"{ticks}{language}\n{code.strip(chr(10)).rstrip()}\n{ticks}")


def table(rows: Iterable[Sequence[str]]) -> Block | None:
    """The first row names the columns. Blank rows and columns are left out; None where nothing is left."""
    cells = [{column: filled for column, text in enumerate(row) if (filled := _cell(text))} for row in rows]
    cells = [row for row in cells if row]
    used = sorted(set().union(*cells))
    if not used:
        return None
    if len(used) > MAX_COLUMNS:
        raise Rejected(f"has a table of more than {MAX_COLUMNS:,} columns: keep those that people ask about.")
    check_size(len(cells) * len(used))
    lines = ["| " + " | ".join(row.get(column, "") for column in used) + " |" for row in cells]
    return Block("\n".join([lines[0], "|" + " --- |" * len(used), *lines[1:]]))


def in_cell(blocks: Iterable[Block]) -> str:
    """On one line; what is a heading elsewhere is a label there, such as the bold name of a column."""
    return one_line(" ".join(_HEADING.sub("", block.text) for block in blocks))


def merged(text: str, columns: int) -> list[str]:
    """What a cell over several columns says is true of each of them. A long text is said once, and so is one
    over very many: that is a title."""
    label = len(text) <= _LABEL and columns <= _LABELLED
    return [text] * columns if label else [text] + [""] * (columns - 1)


def superscript(text: str) -> str:
    """10 with a raised 3 is not 103; the raised letters of an ordinal are only small."""
    raised = text.strip()
    return text.replace(raised, f"^{raised}") if _RAISED.fullmatch(raised) else text


def check_size(cells: int) -> None:
    """A file of a few kilobytes can claim a table that no memory holds."""
    if cells > MAX_CELLS:
        raise Rejected(f"has a table of more than {MAX_CELLS:,} cells: split it into smaller files.")


def one_line(text: str) -> str:
    return " ".join(text.split())


def paragraph(text: str) -> Block:
    """Text of a document is not markup: a line that would read as a heading or a fence is escaped."""
    return Block(re.sub(r"^(#{1,6}(?=\s|$)|```|~~~)", r"\\\1", text.strip(), flags=re.MULTILINE))


def join(blocks: Iterable[Block]) -> str:
    return assemble([(0, blocks)])[0]


def assemble(pages: Iterable[tuple[int, Iterable[Block]]]) -> tuple[str, tuple[PageStart, ...]]:
    """One text of all pages, and where each page that has text begins."""
    parts: list[str] = []
    starts: list[PageStart] = []
    offset = 0
    before: Block | None = None
    for page, blocks in pages:
        opened = False
        for block in blocks:
            if not block.text.strip():
                continue
            if before is not None:
                gap = "\n" if before.item and block.item else "\n\n"
                parts.append(gap)
                offset += len(gap)
            if not opened:
                starts.append(PageStart(offset, page))
                opened = True
            parts.append(block.text)
            offset += len(block.text)
            before = block
    return "".join(parts), tuple(starts)


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")
