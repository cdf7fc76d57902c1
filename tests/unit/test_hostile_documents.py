"""Files that would take all memory, or that fail a reader in a new way, are refused with a reason."""

import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from openpyxl import Workbook
from pptx import Presentation

from brain.adapters.documents.formats import read
from brain.domain.errors import Rejected

MEMORY = 40 * 1024 * 1024


async def markdown(content: bytes, name: str) -> str:
    return read(content, name=name, media_type=None).markdown


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def word(*, span: str = "1", depth: str = "0") -> bytes:
    document = Document()
    item = document.add_paragraph("Open the form.", style="List Number")
    numbering = OxmlElement("w:numPr")
    for tag, value in (("w:ilvl", depth), ("w:numId", "1")):
        element = OxmlElement(tag)
        element.set(qn("w:val"), value)
        numbering.append(element)
    item._p.get_or_add_pPr().append(numbering)
    table = document.add_table(rows=2, cols=2)
    for number, cell in enumerate(table._cells):
        cell.text = f"cell {number}"
    element = OxmlElement("w:gridSpan")
    element.set(qn("w:val"), span)
    table._cells[0]._tc.get_or_add_tcPr().append(element)
    return saved(document.save)


def workbook(*cells: str) -> bytes:
    book = Workbook()
    for cell in cells:
        book.active[cell] = "x"  # type: ignore[index]  # a new workbook has an active sheet
    return saved(book.save)


def slides() -> bytes:
    show = Presentation()
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "Gateways"
    return saved(show.save)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("span.docx", lambda: word(span="20000000")),
        ("depth.docx", lambda: word(depth="200000000")),
        ("wide.html", lambda: b"<table>" + b"<tr><td colspan=1000>a" * 5_000 + b"</table>"),
        ("wide.csv", lambda: b"," * 2_000 + b"a\n" + b"a\n" * 10_000),
    ],
)
async def test_a_small_file_takes_little_memory(name: str, content: Callable[[], bytes]) -> None:
    made = content()
    tracemalloc.start()
    try:
        assert await markdown(made, name)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


async def test_spans_are_still_heeded() -> None:
    text = await markdown(word(span="2"), "x.docx")
    assert text.splitlines()[-3:] == [
        "| cell 0 | cell 0 | cell 1 |",
        "| --- | --- | --- |",
        "| cell 2 | cell 3 |  |",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tall.xlsx", lambda: _retouched(workbook("A1", "A2"), b'r="2"', b'r="2000000000"')),
        ("huge.xlsx", lambda: workbook(*(f"XFD{row}" for row in range(1, 400)))),
    ],
)
async def test_a_table_that_no_memory_holds_is_refused(name: str, content: Callable[[], bytes]) -> None:
    with pytest.raises(Rejected, match="more than 5,000,000 cells"):
        await markdown(content(), name)


def _retouched(content: bytes, old: bytes, new: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(target, "w") as made:
        for entry in source.infolist():
            made.writestr(entry.filename, source.read(entry).replace(old, new))
    return target.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.md", "---\ntitle: 2026-02-30\n---\nThe gateway.", "The gateway."),
        ("a.html", "<ol start='--5'><li>Open it.</ol>", "1. Open it."),
        ("a.html", f"<ol start={'9' * 5_000}><li>Open it.</ol>", "1. Open it."),
        ("a.html", "<table><tr><td colspan=²>a<td>b<tr><td>c<td>d</table>", "| a | b |"),
    ],
)
async def test_numbers_that_are_none_are_passed_over(name: str, content: str, text: str) -> None:
    assert text in await markdown(content.encode(), name)


def _offset(content: bytes) -> bytes:
    """The central directory claims to begin before the file does."""
    at = content.rindex(b"PK\x05\x06") + 16
    return content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :]


async def test_a_directory_before_the_beginning_is_damage() -> None:
    with pytest.raises(Rejected, match="damaged"):
        await markdown(_offset(slides()), "a.pptx")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["a.docx", "a.xlsx", "a.pptx"])
async def test_whatever_is_broken_the_file_is_read_or_refused(name: str) -> None:
    whole = {"a.docx": word(), "a.xlsx": workbook("A1", "B2"), "a.pptx": slides()}[name]
    chance = random.Random(4711)  # the same files at each run
    refused = 0
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(chance.randint(1, 40)):
            at = chance.randrange(len(broken))
            # Most of what an office file is made of stands at its end.
            at = at if chance.random() < 0.5 else max(0, len(broken) - 1 - at % 2_000)
            broken[at] = chance.randrange(256)
        try:
            await markdown(bytes(broken), name)
        except Rejected:
            refused += 1
    assert refused
