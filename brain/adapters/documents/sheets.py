"""Excel workbooks: a heading for each sheet, a table for each block of rows."""

import datetime
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from lxml import etree
from openpyxl import load_workbook
from openpyxl.utils.cell import range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from brain.adapters.documents.archive import open_office_file
from brain.adapters.documents.failures import DAMAGED, rejected
from brain.adapters.documents.layout import Block, check_size, heading, join, merged, paragraph, table
from brain.domain.knowledge import ParsedDocument

if TYPE_CHECKING:
    from openpyxl import Workbook

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_FAILURES = (etree.XMLSyntaxError, InvalidFileException, *DAMAGED)


@dataclass(slots=True)
class _Merged:
    """Cells that are one, counted from 1, and what their first one says."""

    left: int
    top: int
    right: int
    bottom: int
    text: str = ""


def read_xlsx(content: bytes) -> ParsedDocument:
    file = open_office_file(content, main_part="xl/workbook.xml", kind="an Excel workbook (.xlsx)")
    try:
        with warnings.catch_warnings():
            # It warns of drawings and styles that it leaves out; we read values only.
            warnings.simplefilter("ignore")
            workbook = load_workbook(file, read_only=True, data_only=True)
            blocks = list(_blocks(workbook))
            workbook.close()
    except _FAILURES as error:
        raise rejected(error, part="sheets") from error
    return ParsedDocument(workbook.properties.title or "", join(blocks))


def _blocks(workbook: "Workbook") -> Iterator[Block]:
    for sheet in workbook.worksheets:
        if sheet.sheet_state != "visible":
            continue
        # Some programs declare a million empty rows.
        sheet.reset_dimensions()
        texts = ([_text(value) for value in row] for row in sheet.iter_rows(values_only=True))
        tables = list(_tables(_counted(_spread(texts, _merges(sheet)))))
        if tables:
            yield heading(2, sheet.title)
            yield from tables


def _counted(rows: Iterable[list[str]]) -> Iterator[list[str]]:
    """One cell in the last column or row makes millions of empty ones before it."""
    cells = 0
    for number, row in enumerate(rows, 1):
        cells += len(row)
        check_size(max(cells, number))
        yield row


def _merges(sheet: Any) -> list[_Merged]:
    """From the top down. The library says so only where it holds the whole workbook in memory."""
    found: list[_Merged] = []
    with sheet._get_source() as source:
        for _, element in etree.iterparse(source, tag=(f"{_MAIN}row", f"{_MAIN}mergeCell"), no_network=True):
            if element.tag == f"{_MAIN}mergeCell":
                found.append(_Merged(*range_boundaries(element.get("ref"))))
            element.clear()
    return sorted(found, key=lambda each: each.top)


def _spread(rows: Iterable[list[str]], merges: Sequence[_Merged]) -> Iterator[list[str]]:
    """A merged cell is said in each row and column that it covers, but where it stands alone: a caption."""
    waiting = list(reversed(merges))
    active: list[_Merged] = []
    for number, row in enumerate(rows, 1):
        active = [each for each in active if each.bottom >= number]
        while waiting and waiting[-1].top <= number:
            begun = waiting.pop()
            begun.text = row[begun.left - 1] if begun.left <= len(row) else ""
            active.append(begun)
        said = {column for column, text in enumerate(row, 1) if text}
        for each in active:
            if each.text and any(not each.left <= column <= each.right for column in said):
                # A row may end before its empty cells.
                row.extend([""] * (each.left - 1 - len(row)))
                row[each.left - 1 : each.right] = merged(each.text, each.right - each.left + 1)
        yield row


def _tables(rows: Iterable[list[str]]) -> Iterator[Block]:
    """A blank row ends a table; so does a blank column between parts that do not begin and end together."""
    for filled, group in groupby(rows, key=any):
        if not filled:
            continue
        parts = _side_by_side(list(group))
        if len(parts) > 1:
            for part in parts:
                yield from _tables(part)
        else:
            yield from _table(parts[0])


def _side_by_side(rows: list[list[str]]) -> list[list[list[str]]]:
    width = max(map(len, rows))
    check_size(width * len(rows))
    rows = [row + [""] * (width - len(row)) for row in rows]
    parts = []
    for filled, columns in groupby(range(width), key=lambda column: any(row[column] for row in rows)):
        if filled:
            chosen = list(columns)
            parts.append([[row[column] for column in chosen] for row in rows])
    together = {tuple(any(row) for row in (part[0], part[-1])) for part in parts} == {(True, True)}
    return [rows] if together else parts


def _table(rows: list[list[str]]) -> Iterator[Block]:
    """A single cell above the rest is a caption."""
    while rows and _filled(rows[0]) == 1 and (len(rows) == 1 or _filled(rows[1]) > 1):
        yield paragraph(next(filter(None, rows.pop(0))))
    made = table(rows)
    if made:
        yield made


def _filled(row: list[str]) -> int:
    return sum(map(bool, row))


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.15g}"
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case _:
            return str(value).strip()
