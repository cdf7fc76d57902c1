"""Every format comes out as the same Markdown, and what cannot be read says why."""

import datetime
import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from docx.oxml.ns import qn
from docx.oxml.parser import OxmlElement
from openpyxl import Workbook
from pptx import Presentation
from pptx.util import Inches
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    ListFlowable,
    PageBreak,
    Paragraph,
    Preformatted,
    SimpleDocTemplate,
    Table,
)

from brain.adapters.documents.formats import read
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument


async def parse(content: bytes, name: str, media_type: str | None = None) -> ParsedDocument:
    return read(content, name=name, media_type=media_type)


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


# Markdown and plain text


async def test_markdown_loses_front_matter_comments_and_rules_but_no_code() -> None:
    text = (
        "\ufeff---\r\ntitle: Edge gateway\r\ntags: [a]\r\n---\r\n"
        "Gateway\r\n=======\r\n\r\nWhat it is\r\n---\r\n"
        "Text <!-- hidden -->here.\r\n\r\n***\r\n\r\n```yaml\r\n# kept\r\n---\r\n<!-- kept -->\r\n```\r\n"
    )
    found = await parse(text.encode(), "gw.md")
    assert found.title == "Edge gateway"
    assert found.markdown == (
        "# Gateway\n\n## What it is\nText here.\n\n```yaml\n# kept\n---\n<!-- kept -->\n```"
    )
    assert found.pages == ()


@pytest.mark.parametrize(
    ("text", "title"),
    [("## A\n\n# B\n\nx", "B"), ("Just text.", "notes"), ("---\ntitle: [broken\n---\n# C\n\nx", "C")],
)
async def test_title_is_the_first_heading_or_the_file_name(text: str, title: str) -> None:
    assert (await parse(text.encode(), "notes.md")).title == title


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
async def test_text_is_read_in_its_encoding(encoding: str) -> None:
    text = "Die Rückgabe der Geräte kostet 20 €, für große Aufträge prüft das Büro in Zürich."
    assert (await parse(text.encode(encoding), "a.txt")).markdown == text


# HTML

PAGE = """<!doctype html><html><head><title>Wiki – VPN</title><style>p{}</style></head><body>
<nav><a href="/">Home</a></nav><div class="breadcrumb">Wiki &gt; IT</div>
<h1>VPN access</h1><p>Read <a href="https://vpn.example/start">the portal page</a>
 or <a href="/local">this</a>.<br>Second line.</p>
<p hidden>ignore me</p><div style="display: none">nor me</div>
<!-- comment --><script>var x</script>
<ol start="3"><li>Open <code>edge</code>.<ul><li>inner</li></ul></li>
<li><p>Run</p><pre><code class="language-sh">a
  b</code></pre></li></ol>
<table><caption>Codes</caption><tr><th>Code</th><th>Means</th></tr>
<tr><td rowspan="2">E1</td><td>a|b</td></tr><tr><td>c</td></tr></table>
<blockquote><p>Quote</p></blockquote><p># no heading</p>
<aside>Related</aside><footer>Imprint</footer></body></html>"""


async def test_html_keeps_what_the_reader_came_for() -> None:
    found = await parse(PAGE.encode(), "vpn.html")
    assert found.title == "VPN access"
    assert found.markdown == (
        "# VPN access\n\n"
        "Read [the portal page](https://vpn.example/start) or this.\nSecond line.\n\n"
        "3. Open `edge`.\n    - inner\n"
        "4. Run\n    ```sh\n    a\n      b\n    ```\n\n"
        "Codes\n\n| Code | Means |\n| --- | --- |\n| E1 | a\\|b |\n| E1 | c |\n\n"
        "> Quote\n\n\\# no heading"
    )


async def test_html_takes_the_main_part_and_the_declared_encoding_and_title() -> None:
    page = (
        '<meta charset="windows-1252"><title>Gerät</title><div>Menu</div>'
        "<main><p>Das Gerät wird im Büro geprüft.</p></main>"
    )
    found = await parse(page.encode("cp1252"), "x", "text/html; charset=windows-1252")
    assert (found.title, found.markdown) == ("Gerät", "Das Gerät wird im Büro geprüft.")


# Word


def numbered(document: object, text: str, number: int) -> None:
    paragraph = document.add_paragraph(text)  # type: ignore[attr-defined]  # python-docx returns its own class
    properties = paragraph._p.get_or_add_pPr()
    numbering = OxmlElement("w:numPr")
    for tag, value in (("w:ilvl", 0), ("w:numId", number)):
        element = OxmlElement(tag)
        element.set(qn("w:val"), str(value))
        numbering.append(element)
    properties.append(numbering)


def word_file() -> bytes:
    document = Document()
    document.core_properties.title = "unused property"
    document.add_heading("Leave policy", 0)
    document.add_paragraph("Everyone has 25 days.")
    document.add_heading("Asking for leave", 1)
    for step in ("Open the form.", "Fill it in.", "Send it."):
        document.add_paragraph(step, style="List Number")
    document.add_paragraph("Remember", style="List Bullet")
    table = document.add_table(rows=3, cols=2)
    for row, texts in zip(table.rows, (("Kind", "Days"), ("Own wedding", "2"), ("", "1")), strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    return saved(document.save)


async def test_word_headings_lists_and_tables() -> None:
    found = await parse(word_file(), "leave.docx")
    assert found.title == "Leave policy"
    assert found.markdown == (
        "# Leave policy\n\nEveryone has 25 days.\n\n# Asking for leave\n\n"
        "1. Open the form.\n2. Fill it in.\n3. Send it.\n- Remember\n\n"
        "| Kind | Days |\n| --- | --- |\n| Own wedding | 2 |\n| Own wedding | 1 |"
    )


async def test_word_numbers_go_on_after_text_in_between() -> None:
    document = Document()
    number = next(iter(document.part.numbering_part.element.iterfind(qn("w:num")))).get(qn("w:numId"))
    style = document.styles["List Number"].element.find(f".//{qn('w:numId')}").get(qn("w:val"))
    assert number is not None
    numbered(document, "First", style)
    document.add_paragraph("In between.")
    numbered(document, "Second", style)
    found = await parse(saved(document.save), "x.docx")
    assert found.markdown == "1. First\n\nIn between.\n\n2. Second"


async def test_word_in_the_strict_dialect_is_read_too() -> None:
    strict = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word_file())) as source, zipfile.ZipFile(strict, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            for part in ("officeDocument", "wordprocessingml"):
                old = f"http://schemas.openxmlformats.org/{part}/2006/".encode()
                data = data.replace(old, f"http://purl.oclc.org/ooxml/{part}/".encode())
            target.writestr(name, data)
    assert (await parse(strict.getvalue(), "s.docx")).markdown == (
        await parse(word_file(), "t.docx")
    ).markdown


# PowerPoint


async def test_slides_are_pages() -> None:
    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = "Incident process"
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "Severity"
    second.placeholders[1].text_frame.text = "SEV1: everything is down"
    inner = second.placeholders[1].text_frame.add_paragraph()
    inner.text, inner.level = "page the duty officer", 1
    second.notes_slide.notes_text_frame.text = "Say it slowly."
    table = second.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ("SEV", "Reply in", "1", "15 min"), strict=True):
        cell.text = text
    found = await parse(saved(deck.save), "deck.pptx")
    assert found.title == "Incident process"
    assert found.markdown == (
        "# Incident process\n\n## Severity\n\n- SEV1: everything is down\n    - page the duty officer\n\n"
        "| SEV | Reply in |\n| --- | --- |\n| 1 | 15 min |\n\nNotes: Say it slowly."
    )
    assert [(start.page, found.markdown[start.offset :][:10]) for start in found.pages] == [
        (1, "# Incident"),
        (2, "## Severit"),
    ]


# Excel and CSV

# Excel knows no time zones.
MORNING = datetime.datetime(2026, 1, 1, 9, 30, tzinfo=datetime.UTC).replace(tzinfo=None)


async def test_sheets_are_headings_and_blocks_of_rows_tables() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Rates"
    sheet.append(["Allowances 2026"])
    sheet.append([])
    sheet.append(["Country", None, "Per day", "From", "Taxed"])
    sheet.append(["NL", None, 52.5, MORNING.replace(hour=0, minute=0), True])
    sheet.append(["PL", None, 40.0, MORNING, False])
    hidden = book.create_sheet("Internal")
    hidden.append(["secret"])
    hidden.sheet_state = "hidden"
    book.create_sheet("Empty")
    found = await parse(saved(book.save), "rates.xlsx")
    assert found.title == "rates"
    assert found.markdown == (
        "## Rates\n\nAllowances 2026\n\n| Country | Per day | From | Taxed |\n| --- | --- | --- | --- |\n"
        "| NL | 52.5 | 2026-01-01 | yes |\n| PL | 40 | 2026-01-01 09:30:00 | no |"
    )


async def test_tables_side_by_side_on_a_sheet_are_told_apart() -> None:
    book = Workbook()
    for row in (["a", "b"], ["1", "2"], ["3", "4", None, "c", "d"], [None, None, None, "5", "6"]):
        book.worksheets[0].append(row)
    found = await parse(saved(book.save), "x.xlsx")
    assert found.markdown == (
        "## Sheet\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n\n| c | d |\n| --- | --- |\n| 5 | 6 |"
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_csv_with_any_delimiter(delimiter: str) -> None:
    rows = [["Code", "Meaning"], ["E1", '"Fan, left; slow"'], ["E2", '"two\nlines"']]
    text = "\n".join(delimiter.join(row) for row in rows)
    found = await parse(text.encode(), "codes.csv")
    assert found.title == "codes"
    assert found.markdown == (
        "| Code | Meaning |\n| --- | --- |\n| E1 | Fan, left; slow |\n| E2 | two lines |"
    )


# PDF


def furniture(canvas: Canvas, template: SimpleDocTemplate) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawString(72, A4[1] - 40, "ACME Handbook, internal")
    canvas.drawString(72, 30, f"Page {canvas.getPageNumber()} of 3")


def pdf_file() -> bytes:
    styles = getSampleStyleSheet()
    body = (
        "The standby node keeps every open session while the gateway restarts, which takes 90 seconds. " * 4
    )
    ruled = Table([["Code", "Meaning"], ["E1", "Fan"], ["E2", "Disk"]])
    ruled.setStyle([("GRID", (0, 0), (-1, -1), 1, colors.black)])
    steps = [Paragraph(text, styles["BodyText"]) for text in ("Open the console.", "Press restart.")]
    dots = [Paragraph(text, styles["BodyText"]) for text in ("Keep calm.", "Call us.")]
    story = [
        Paragraph("Gateway runbook", styles["Title"]),
        Paragraph(body, styles["BodyText"]),
        Paragraph("Restarting", styles["Heading2"]),
        ListFlowable(steps, bulletType="1", bulletFormat="%s."),
        PageBreak(),
        Paragraph("Commands", styles["Heading2"]),
        Preformatted("edgectl stop\n  --force\nedgectl start", styles["Code"]),
        ListFlowable(dots, bulletType="bullet", start="•"),
        PageBreak(),
        Paragraph("Codes", styles["Heading2"]),
        ruled,
        Paragraph("Ask the network team.", styles["BodyText"]),
    ]
    file = io.BytesIO()
    SimpleDocTemplate(file, pagesize=A4).build(story, onFirstPage=furniture, onLaterPages=furniture)
    return file.getvalue()


async def test_pdf_headings_lists_code_tables_and_pages() -> None:
    found = await parse(pdf_file(), "gw.pdf")
    body = (
        "The standby node keeps every open session while the gateway restarts, which takes 90 seconds. " * 4
    )
    assert found.title == "Gateway runbook"
    assert found.markdown == (
        f"# Gateway runbook\n\n{body.strip()}\n\n## Restarting\n\n1. Open the console.\n2. Press restart.\n\n"
        "## Commands\n\n```\nedgectl stop\n  --force\nedgectl start\n```\n\n- Keep calm.\n- Call us.\n\n"
        "## Codes\n\n| Code | Meaning |\n| --- | --- |\n| E1 | Fan |\n| E2 | Disk |\n\nAsk the network team."
    )
    assert [(start.page, found.markdown[start.offset :].split("\n")[0]) for start in found.pages] == [
        (1, "# Gateway runbook"),
        (2, "## Commands"),
        (3, "## Codes"),
    ]


def drawn(draw: Callable[[Canvas], None], **options: object) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=A4, **options)  # type: ignore[arg-type]  # options of reportlab's own
    draw(canvas)
    canvas.save()
    return file.getvalue()


async def test_pdf_columns_are_read_one_after_the_other_and_hyphens_joined() -> None:
    left = [
        "The left column begins with the",
        "reasons why a gateway is re-",
        "started only when the standby",
        "node is well-known and ready.",
        "Without it, all sessions of all",
        "offices are closed at once.",
    ]
    right = [
        "The right column goes on with",
        "what to do after the restart of",
        "the gateway: tell the duty officer",
        "and close the ticket as usual.",
        "Write down when it began, and",
        "who was told about it first.",
    ]

    def draw(canvas: Canvas) -> None:
        for number, (a, b) in enumerate(zip(left, right, strict=True)):
            canvas.drawString(72, 700 - number * 14, a)
            canvas.drawString(320, 700 - number * 14, b)

    found = await parse(drawn(draw), "columns.pdf")
    assert found.markdown == (
        "The left column begins with the reasons why a gateway is restarted only when the standby node is "
        "well-known and ready. Without it, all sessions of all offices are closed at once.\n\n"
        "The right column goes on with what to do after the restart of the gateway: tell the duty officer "
        "and close the ticket as usual. Write down when it began, and who was told about it first."
    )


async def test_a_sentence_goes_on_over_the_page() -> None:
    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 400, "The gateway is restarted by the")
        canvas.showPage()
        canvas.drawString(72, 700, "duty officer only.")

    found = await parse(drawn(draw), "x.pdf")
    assert found.markdown == "The gateway is restarted by the duty officer only."


# What cannot be read


def zipped(entries: dict[str, bytes]) -> bytes:
    def save(file: io.BytesIO) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in entries.items():
                archive.writestr(name, data)

    return saved(save)


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
BOMB = {"word/document.xml": b" " * (201 * 1024 * 1024)}
ENTITIES = {"word/document.xml": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>', "_rels/.rels": b"<x/>"}


def locked_pdf() -> bytes:
    return drawn(lambda canvas: canvas.drawString(72, 700, "secret"), encrypt=StandardEncryption("let me in"))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.md", lambda: b"<!-- nothing else -->", "no text"),
        ("a.txt", lambda: b"\x89PNG\r\n" + bytes(range(256)), "binary"),
        ("a.csv", pdf_file, "binary"),
        ("a.pdf", word_file, "not a PDF"),
        ("a.pdf", lambda: pdf_file()[:-2000], "cut off"),
        ("a.pdf", lambda: b"%PDF-1.7\nrubbish\n%%EOF", "has no text|is damaged"),
        ("a.pdf", lambda: drawn(lambda canvas: canvas.rect(9, 9, 9, 9)), "OCR"),
        ("a.pdf", locked_pdf, "password"),
        ("a.docx", lambda: word_file()[:-3000], "cut off"),
        ("a.docx", lambda: OLE, "password"),
        ("a.pptx", word_file, "not a PowerPoint"),
        ("a.xlsx", lambda: b"PK\x03\x04 rubbish", "cut off"),
        ("a.docx", lambda: zipped(BOMB), "unpacks to more than 200 MB"),
        ("a.docx", lambda: zipped(ENTITIES), "document type declaration"),
        ("a.docx", lambda: zipped({"word/document.xml": b"<x/>", "_rels/.rels": b"<x/>"}), "is damaged"),
        ("a.html", lambda: b"<div>" * 20_000 + b"deep", "nested too deeply"),
        ("a.doc", lambda: OLE, "save it as .docx"),
        ("a.exe", lambda: b"MZ", "format we do not read"),
    ],
)
async def test_what_cannot_be_read_is_rejected_with_a_reason(
    name: str, content: Callable[[], bytes], reason: str
) -> None:
    with pytest.raises(Rejected, match=reason) as raised:
        await parse(content(), name)
    assert str(raised.value).startswith(name)


async def test_the_media_type_counts_where_the_name_says_nothing() -> None:
    assert (await parse(pdf_file(), "download", "application/pdf")).title == "Gateway runbook"
