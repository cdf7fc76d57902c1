"""Tables of a PDF that no lines rule: what stands below each other between the same wide gaps."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from brain.adapters.documents.pdf_words import Part, TextLine

_MIN_ROWS = 3
# Words of a cell; at most one column of a table has longer ones, else it is text in columns.
_SHORT = 6
_MARKER = re.compile(r"[^\w\s]|[\ue000-\uf8ff]|\(?\w{1,2}[.)]")
_MARKED = re.compile(r"(?:[^\w\s]|[\ue000-\uf8ff]|\(?\w{1,2}[.)])\s")

Row = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class PdfTable:
    top: float
    rows: tuple[tuple[str, ...], ...]


def with_unruled(lines: Sequence[TextLine]) -> Iterator[TextLine | PdfTable]:
    """The lines, but for those that are a table's."""
    run: list[TextLine] = []
    for line in lines:
        if run and not _goes_on(run[-1], line):
            yield from _table_or_lines(run)
            run = []
        run.append(line)
    yield from _table_or_lines(run)


def _goes_on(before: TextLine, line: TextLine) -> bool:
    """A row of the same table: as large, in the same column of the page, and close below."""
    return (
        len(_row(before)) > 1
        and len(_row(line)) > 1
        and not line.mono
        and not before.mono
        and abs(before.size - line.size) <= 1
        and before.left == line.left
        and -line.size < line.top - before.bottom < 2 * line.size
    )


def _row(line: TextLine) -> Row:
    """The mark of a list item is a part of its text, however far it stands from it."""
    parts = line.parts
    if len(parts) > 1 and _MARKER.fullmatch(parts[0].text):
        first = Part(f"{parts[0].text} {parts[1].text}", parts[0].x0, parts[1].x1)
        return (first, *parts[2:])
    return parts


def _table_or_lines(run: Sequence[TextLine]) -> Iterator[TextLine | PdfTable]:
    rows = [_row(line) for line in run]
    cells = _cells(rows) if len(rows) >= _MIN_ROWS else None
    if cells is None:
        yield from run
    else:
        yield PdfTable(run[0].top, tuple(cells))


def _cells(rows: Sequence[Row]) -> list[tuple[str, ...]] | None:
    """None where this is no table. Rows with all cells say where the columns are."""
    count = max(map(len, rows))
    whole = [row for row in rows if len(row) == count]
    if 2 * len(whole) < len(rows):
        return None
    columns = [
        (min(part.x0 for part in each), max(part.x1 for part in each)) for each in zip(*whole, strict=True)
    ]
    if any(after[0] <= before[1] for before, after in pairwise(columns)) or not _are_cells(whole):
        return None
    return [_placed(row, columns) for row in rows]


def _are_cells(rows: Sequence[Row]) -> bool:
    """Text in columns is long in more than one of them, and lists beside each other have marks."""
    long = marked = 0
    for column in zip(*rows, strict=True):
        long += median(len(part.text.split()) for part in column) > _SHORT
        marked += 2 * sum(_MARKED.match(part.text) is not None for part in column) > len(column)
    return long < 2 and marked < 2


def _placed(row: Row, columns: Sequence[tuple[float, float]]) -> tuple[str, ...]:
    """Each part in the column that it is nearest to."""
    cells = [""] * len(columns)
    for part in row:
        nearest = min(range(len(columns)), key=lambda at: _distance(part, columns[at]))
        cells[nearest] = f"{cells[nearest]} {part.text}".strip()
    return tuple(cells)


def _distance(part: Part, column: tuple[float, float]) -> tuple[float, float]:
    apart = max(part.x0 - column[1], column[0] - part.x1, 0.0)
    return apart, abs(part.x0 + part.x1 - column[0] - column[1])
