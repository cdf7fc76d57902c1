"""PowerPoint presentations: a heading for each slide, its number as the page."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from openpyxl.styles.numbers import is_date_format
from openpyxl.utils.datetime import from_excel
from pptx import Presentation
from pptx.exc import PythonPptxError
from pptx.oxml.ns import qn

from brain.adapters.documents.archive import open_office_file
from brain.adapters.documents.failures import DAMAGED, rejected
from brain.adapters.documents.layout import Block, assemble, heading, item, one_line, paragraph, table
from brain.domain.knowledge import ParsedDocument

_FAILURES = (PythonPptxError, *DAMAGED)
_BODIES = {"BODY", "OBJECT", "VERTICAL_BODY", "VERTICAL_OBJECT"}
_FURNITURE = {"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"}


def read_pptx(content: bytes) -> ParsedDocument:
    file = open_office_file(
        content, main_part="ppt/presentation.xml", kind="a PowerPoint presentation (.pptx)"
    )
    try:
        presentation = Presentation(file)
        slides = list(presentation.slides)
        title = next((text for text in map(_title, slides) if text), presentation.core_properties.title or "")
        markdown, pages = assemble((number, _slide(slide, title)) for number, slide in enumerate(slides, 1))
    except _FAILURES as error:
        raise rejected(error, part="slides") from error
    return ParsedDocument(title, markdown, pages)


def _title(slide: Any) -> str:
    shape = slide.shapes.title
    return one_line(shape.text_frame.text) if shape is not None else ""


def _slide(slide: Any, document_title: str) -> Iterator[Block]:
    title = _title(slide)
    if title:
        yield heading(1 if title == document_title else 2, title)
    heading_id = slide.shapes.title.shape_id if slide.shapes.title is not None else None
    for shape in _in_reading_order(slide.shapes):
        if shape.shape_id != heading_id:
            yield from _shape(shape)
    if slide.has_notes_slide:
        notes = slide.notes_slide.notes_text_frame
        if notes is not None and notes.text.strip():
            yield paragraph(f"Notes: {notes.text.strip()}")


def _in_reading_order(shapes: Any) -> list[Any]:
    """Rows of shapes from top to bottom; a quarter of an inch (228,600 EMU) is still one row."""
    return sorted(shapes, key=lambda shape: ((shape.top or 0) // 228_600, shape.left or 0))


def _shape(shape: Any) -> Iterator[Block]:
    kind = shape.placeholder_format.type.name if shape.is_placeholder else ""
    if kind in _FURNITURE:
        return
    if hasattr(shape, "shapes"):
        for inner in _in_reading_order(shape.shapes):
            yield from _shape(inner)
    elif shape.has_text_frame:
        yield from _paragraphs(shape.text_frame, listed=kind in _BODIES)
    elif getattr(shape, "has_table", False):
        made = table([cell.text for cell in row.cells] for row in shape.table.rows)
        if made:
            yield made
    elif getattr(shape, "has_chart", False):
        yield from _chart(shape)


def _chart(shape: Any) -> list[Block]:
    """The numbers that it draws; they are nowhere else in the presentation."""
    try:
        chart = shape.chart
        blocks = [_plot(plot) for plot in chart.plots]
    except (KeyError, OverflowError, ValueError):
        # Its part is missing, or it is of a kind that the library does not know: the rest is read.
        return []
    named = chart.has_title and chart.chart_title.has_text_frame
    caption = [paragraph(chart.chart_title.text_frame.text)] if named else []
    return caption + [block for block in blocks if block]


def _plot(plot: Any) -> Block | None:
    series = list(plot.series)
    rows = [[label, *(_number(one.values, at) for one in series)] for at, label in enumerate(_labels(plot))]
    return table([["", *(one.name or "" for one in series)], *rows]) if rows else None


def _labels(plot: Any) -> Iterator[str]:
    """A quarter with its year, where they are grouped; days are numbers in the file."""
    dated = is_date_format(plot._element.xpath("string(.//c:cat//c:formatCode)"))
    for levels in plot.categories.flattened_labels:
        label = " ".join(filter(None, levels))
        yield str(from_excel(float(label))).removesuffix(" 00:00:00") if dated and label else label


def _number(values: Sequence[float | None], at: int) -> str:
    value = values[at] if at < len(values) else None
    return "" if value is None else f"{value:.15g}"


def _paragraphs(frame: Any, *, listed: bool) -> Iterator[Block]:
    counters: dict[int, int] = {}
    filled = [each for each in frame.paragraphs if each.text.strip()]
    for each in filled:
        text = each.text.replace("\v", "\n").strip()
        marker = _marker(each, listed=listed and len(filled) > 1)
        counters = {depth: count for depth, count in counters.items() if depth <= each.level}
        if marker == "1.":
            counters[each.level] = counters.get(each.level, _start(each) - 1) + 1
            marker = f"{counters[each.level]}."
        yield item(each.level, marker, text) if marker else paragraph(text)


def _marker(paragraph_: Any, *, listed: bool) -> str:
    properties = paragraph_._p.pPr
    if properties is not None:
        if properties.find(qn("a:buNone")) is not None:
            return ""
        if properties.find(qn("a:buAutoNum")) is not None:
            return "1."
        if properties.find(qn("a:buChar")) is not None:
            return "-"
    return "-" if listed else ""


def _start(paragraph_: Any) -> int:
    numbering = paragraph_._p.pPr.find(qn("a:buAutoNum"))
    return int(cast("str", numbering.get("startAt", "1")))
