"""Word documents: headings by style or outline level, lists with the numbers that Word shows."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any, cast

from docx import Document
from docx.exceptions import PythonDocxError
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn

from brain.adapters.documents.archive import open_office_file
from brain.adapters.documents.failures import DAMAGED, rejected
from brain.adapters.documents.layout import (
    Block,
    heading,
    in_cell,
    item,
    join,
    merged,
    one_line,
    paragraph,
    superscript,
    table,
)
from brain.adapters.documents.word_math import DISPLAYED, MATH, latex
from brain.adapters.documents.word_numbering import Numbering
from brain.domain.knowledge import ParsedDocument
from brain.domain.markdown import first_heading

_FAILURES = (PythonDocxError, OpcError, *DAMAGED)
# Deleted text, and the copy of each text box that is there for programs of before 2010.
_DROPPED = {
    qn("w:del"),
    qn("w:moveFrom"),
    qn("w:txbxContent"),
    qn("w:instrText"),
    qn("w:delText"),
    qn("w:pPr"),
}
_DROPPED |= {"{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"}
_MAX_SPAN = 63
_LEVELS = {"title": 1, "subtitle": 2} | {f"heading {level}": level for level in range(1, 10)}


def read_docx(content: bytes) -> ParsedDocument:
    file = open_office_file(content, main_part="word/document.xml", kind="a Word document (.docx)")
    try:
        reader = _Reader(Document(file))
        markdown = join(reader.blocks())
    except _FAILURES as error:
        raise rejected(error, part="text") from error
    return ParsedDocument(first_heading(markdown) or reader.title, markdown)


class _Reader:
    def __init__(self, document: Any) -> None:
        self._body = document.element.body
        self._part = document.part
        self._styles = {style.style_id: style.element for style in document.styles}
        self._numbering = Numbering(document, self._styles)
        self._has_headings = any(self._level(each) for each in self._body.iter(qn("w:p")))
        self.title: str = document.core_properties.title or ""

    def blocks(self) -> Iterator[Block]:
        yield from self._container(self._body)

    def _container(self, node: Any) -> Iterator[Block]:
        for child in node:
            if child.tag == qn("w:p"):
                yield from self._paragraph(child)
            elif child.tag == qn("w:tbl"):
                yield from self._table(child)
            elif child.tag in {
                qn("w:sdt"),
                qn("w:sdtContent"),
                qn("w:ins"),
                qn("w:customXml"),
                qn("w:smartTag"),
            }:
                yield from self._container(child)

    def _paragraph(self, node: Any) -> Iterator[Block]:
        text = self._text(node).strip()
        if text:
            yield self._written(node, text)
        for box in _text_boxes(node):
            yield from self._container(box)

    def _written(self, node: Any, text: str) -> Block:
        level = self._level(node)
        place = self._numbering.place(node)
        label = self._numbering.advance(place) if place else ""
        if level:
            return heading(level, f"{label} {text}" if label not in {"", "-"} else text)
        if place:
            return item(place.depth, label, text) if label else paragraph(text)
        if (
            not self._has_headings
            and _is_bold(node)
            and len(text) < 80
            and not text.endswith((".", ":", ",", ";"))
        ):
            return heading(2, text)
        return paragraph(text)

    def _level(self, node: Any) -> int:
        own = node.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        if own is not None:
            return _outline(own)
        style = node.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        identifier = _named(style)
        seen: set[str] = set()
        while identifier in self._styles and identifier not in seen:
            seen.add(identifier)
            element = self._styles[identifier]
            name = element.find(qn("w:name"))
            level = _LEVELS.get(name.get(qn("w:val"), "").lower()) if name is not None else None
            outline = element.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
            if level or outline is not None:
                return level or _outline(outline)
            identifier = _named(element.find(qn("w:basedOn")))
        return 0

    def _text(self, node: Any) -> str:
        return "".join(self._pieces(node))

    def _pieces(self, node: Any) -> Iterator[str]:
        seen = (child for child in node if child.tag not in _DROPPED and not _is_hidden(child))
        # Word cuts a text into runs wherever it was edited: the raised ones beside each other are one number.
        for raised, children in groupby(seen, key=_is_raised):
            if raised:
                yield superscript("".join(map(self._text, children)))
            else:
                for child in children:
                    yield from self._piece(child)

    def _piece(self, child: Any) -> Iterator[str]:
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in {MATH, DISPLAYED}:
            yield _formula(child)
        elif child.tag == qn("w:tab"):
            yield "\t"
        elif child.tag in {qn("w:br"), qn("w:cr")}:
            yield "\n"
        elif child.tag == qn("w:noBreakHyphen"):
            yield "-"
        elif child.tag == qn("w:hyperlink"):
            yield self._link(child)
        else:
            yield from self._pieces(child)

    def _link(self, node: Any) -> str:
        text = self._text(node)
        relation = self._part.rels.get(node.get(qn("r:id")))
        target = cast("str", relation.target_ref) if relation is not None and relation.is_external else ""
        if (
            not text.strip()
            or text.strip() == target
            or not target.startswith(("http://", "https://", "mailto:"))
        ):
            return text
        return f"[{one_line(text)}]({target})"

    def _table(self, node: Any) -> Iterator[Block]:
        rows = list(self._rows(node))
        if len(rows) == 1 and len(rows[0]) == 1:
            # A frame around text is not a table.
            yield from self._container(next(node.iter(qn("w:tc"))))
            return
        made = table(rows)
        if made:
            yield made

    def _rows(self, node: Any) -> Iterator[list[str]]:
        """Merged cells are said in each row and column that they cover."""
        above: list[str] = []
        for row in node.iterfind(qn("w:tr")):
            cells: list[str] = []
            for cell in row.iter(qn("w:tc")):
                if next(cell.iterancestors(qn("w:tr"))) is not row:
                    continue
                merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
                continued = merge is not None and merge.get(qn("w:val")) != "restart"
                column = len(cells)
                text = above[column] if continued and column < len(above) else self._cell(cell)
                cells += merged(text, _span(cell))
            above = cells
            yield cells

    def _cell(self, cell: Any) -> str:
        return in_cell(self._in_cell(cell))

    def _in_cell(self, cell: Any) -> Iterator[Block]:
        """A table within is said row by row: a cell is one line."""
        for child in cell:
            if child.tag == qn("w:tbl"):
                yield from (Block(" ".join(filter(None, row))) for row in self._rows(child))
            else:
                yield from self._container([child])


def _text_boxes(node: Any) -> Iterator[Any]:
    for box in node.iter(qn("w:txbxContent")):
        if not any(ancestor.tag in _DROPPED for ancestor in box.iterancestors()):
            yield box


def _span(cell: Any) -> int:
    """Columns that a cell takes. Word has at most 63; a file that claims millions is after our memory."""
    value = _named(cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}"))
    return min(max(int(value), 1), _MAX_SPAN) if value.isdecimal() else 1


def _named(node: Any) -> str:
    return str(node.get(qn("w:val"), "")) if node is not None else ""


def _outline(node: Any) -> int:
    level = int(node.get(qn("w:val"), "9"))
    return level + 1 if level < 9 else 0


def _is_hidden(node: Any) -> bool:
    return node.tag == qn("w:r") and node.find(f"{qn('w:rPr')}/{qn('w:vanish')}") is not None


def _is_raised(node: Any) -> bool:
    return node.tag == qn("w:r") and _named(node.find(f"{qn('w:rPr')}/{qn('w:vertAlign')}")) == "superscript"


def _formula(node: Any) -> str:
    text = " ".join(latex(node).split())
    if not text:
        return ""
    return f"$${text}$$" if node.tag == DISPLAYED else f"${text}$"


def _is_bold(node: Any) -> bool:
    if node.find(qn("w:hyperlink")) is not None:
        return False
    runs = [run for run in node.iter(qn("w:r")) if run.find(qn("w:t")) is not None]
    marks = [run.find(f"{qn('w:rPr')}/{qn('w:b')}") for run in runs]
    return bool(runs) and all(
        mark is not None and mark.get(qn("w:val")) not in {"0", "false"} for mark in marks
    )
