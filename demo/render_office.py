"""Renders a source as PDF and as DOCX; the same bytes every time."""

import html
import io
import zipfile
from typing import Any

from demo.source_text import Block, Document, markup, spans

COMPANY = "Northlight Freight"
PDF_TAGS = {"bold": ("<b>", "</b>"), "italic": ("<i>", "</i>"), "code": ('<font face="Courier">', "</font>")}
BULLET: dict[str, Any] = {"bulletType": "bullet", "start": "–"}


def pdf_styles() -> dict[str, Any]:
    """The paragraph styles of the PDF; heading sizes go from 20 down to 11.5 points."""
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    body = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=6)
    styles = {"body": body, "item": ParagraphStyle("item", parent=body, spaceAfter=3)}
    styles["cell"] = ParagraphStyle("cell", parent=body, fontSize=9, leading=11.5, spaceAfter=0)
    styles["byline"] = ParagraphStyle(
        "byline", parent=body, fontSize=8.5, textColor=HexColor("#555555"), spaceAfter=12
    )
    styles["code"] = ParagraphStyle(
        "code",
        parent=body,
        fontName="Courier",
        fontSize=8.5,
        leading=11,
        backColor=HexColor("#f2f2f2"),
        borderPadding=5,
    )
    for level, size, before in ((1, 20, 0), (2, 14, 12), (3, 11.5, 8)):
        styles[f"h{level}"] = ParagraphStyle(
            f"h{level}",
            parent=body,
            fontName="Helvetica-Bold",
            fontSize=size,
            leading=size * 1.25,
            spaceBefore=before,
            spaceAfter=5,
            keepWithNext=True,
        )
    return styles


def pdf_table(rows: tuple[tuple[str, ...], ...], styles: dict[str, Any], width: float) -> Any:
    """A ruled table whose columns share the page width by the length of their longest cell."""
    from reportlab.platypus import Paragraph, Table, TableStyle

    longest = [max(8, min(40, max(len(row[col]) for row in rows))) for col in range(len(rows[0]))]
    widths = [width * n / sum(longest) for n in longest]
    head = [Paragraph(f"<b>{markup(cell, PDF_TAGS)}</b>", styles["cell"]) for cell in rows[0]]
    body = [[Paragraph(markup(cell, PDF_TAGS), styles["cell"]) for cell in row] for row in rows[1:]]
    look: list[Any] = [
        ("GRID", (0, 0), (-1, -1), 0.4, "#999999"),
        ("BACKGROUND", (0, 0), (-1, 0), "#dfe8f0"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    table = Table([head, *body], colWidths=widths, repeatRows=1, spaceBefore=4, spaceAfter=10)
    table.setStyle(TableStyle(look))
    return table


def pdf_flowables(document: Document, width: float) -> list[Any]:
    """The blocks of the document as platypus flowables, with the byline below the title."""
    from reportlab.platypus import ListFlowable, Paragraph, Preformatted, Spacer

    styles = pdf_styles()
    story: list[Any] = []
    for block in document.blocks:
        if block.kind == "heading":
            story.append(Paragraph(markup(block.lines[0], PDF_TAGS), styles[f"h{block.level}"]))
            if block.level == 1:
                story.append(Paragraph(html.escape(document.byline), styles["byline"]))
        elif block.kind == "table":
            story.append(pdf_table(block.rows, styles, width))
        elif block.kind == "code":
            story += [Spacer(1, 6), Preformatted("\n".join(block.lines), styles["code"]), Spacer(1, 10)]
        elif block.kind == "para":
            story.append(Paragraph(markup(block.lines[0], PDF_TAGS), styles["body"]))
        else:
            items = [Paragraph(markup(line, PDF_TAGS), styles["item"]) for line in block.lines]
            numbered = block.kind == "steps"
            look: dict[str, Any] = {"bulletType": "1", "bulletFormat": "%s."} if numbered else BULLET
            story.append(ListFlowable(items, leftIndent=18, bulletFontSize=10, **look))
            story.append(Spacer(1, 5))
    return story


def render_pdf(document: Document) -> bytes:
    """An A4 PDF with a header and a footer on every page."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.units import mm
    from reportlab.platypus import SimpleDocTemplate

    def furniture(canvas: Any, _template: Any) -> None:
        """Draw the header and the footer of one page."""
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.setFillColor("#555555")
        canvas.drawString(22 * mm, A4[1] - 13 * mm, f"{COMPANY} · {document.title}")
        canvas.drawRightString(A4[0] - 22 * mm, A4[1] - 13 * mm, document.meta["code"])
        canvas.line(22 * mm, A4[1] - 15 * mm, A4[0] - 22 * mm, A4[1] - 15 * mm)
        canvas.drawString(22 * mm, 11 * mm, "Internal – printed copies are not controlled")
        canvas.drawRightString(A4[0] - 22 * mm, 11 * mm, f"Page {canvas.getPageNumber()}")
        canvas.restoreState()

    out = io.BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=23 * mm,
        bottomMargin=20 * mm,
        title=document.title,
        author=document.meta["owner"],
        subject=document.meta["code"],
        creator=COMPANY,
        lang="en",
        invariant=1,
    )
    template.build(pdf_flowables(document, template.width), onFirstPage=furniture, onLaterPages=furniture)
    return out.getvalue()


def docx_runs(paragraph: Any, text: str) -> None:
    """Add a line to a paragraph, one run for each piece with its own style."""
    for style, piece in spans(text):
        run = paragraph.add_run(piece)
        run.bold = True if style == "bold" else None
        run.italic = True if style == "italic" else None
        if style == "code":
            run.font.name = "Courier New"


def docx_new_numbering(word: Any) -> int:
    """A fresh number sequence for the style List Number, so that every list starts at 1."""
    numbering = word.part.numbering_part.element
    style_num = word.styles["List Number"].element.pPr.numPr.numId.val
    abstract = numbering.num_having_numId(style_num).abstractNumId.val
    num = numbering.add_num(abstract)
    num.add_lvlOverride(ilvl=0).add_startOverride(1)
    return int(num.numId)


def docx_list(word: Any, block: Block) -> None:
    """Add a bulleted or numbered list with Word's own list styles."""
    numbered = block.kind == "steps"
    sequence = docx_new_numbering(word) if numbered else 0
    for line in block.lines:
        paragraph = word.add_paragraph(style="List Number" if numbered else "List Bullet")
        if numbered:
            properties = paragraph._p.get_or_add_pPr().get_or_add_numPr()
            properties.get_or_add_ilvl().val = 0
            properties.get_or_add_numId().val = sequence
        docx_runs(paragraph, line)


def docx_table(word: Any, rows: tuple[tuple[str, ...], ...]) -> None:
    """Add a table with a bold first row and an empty line after it."""
    table = word.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for row_index, row in enumerate(rows):
        for cell, text in zip(table.rows[row_index].cells, row, strict=True):
            docx_runs(cell.paragraphs[0], f"**{text}**" if row_index == 0 else text)
    word.add_paragraph()


def docx_properties(word: Any, document: Document) -> None:
    """Set the header, the footer and the core properties; the dates are fixed."""
    section = word.sections[0]
    section.header.paragraphs[0].text = f"{COMPANY} · {document.meta['code']}"
    section.footer.paragraphs[0].text = "Internal – printed copies are not controlled"
    core = word.core_properties
    core.title, core.author, core.last_modified_by = document.title, document.meta["owner"], COMPANY
    core.subject, core.comments, core.language = document.meta["code"], "", "en"
    core.created = core.modified = document.date.replace(tzinfo=None)
    core.revision = 1


def repack(data: bytes) -> bytes:
    """The same zip archive with a fixed time stamp on every member."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            target.writestr(info, source.read(name))
    return out.getvalue()


def render_docx(document: Document) -> bytes:
    """A Word file with real heading and list styles."""
    import docx

    word = docx.Document()
    docx_properties(word, document)
    for block in document.blocks:
        if block.kind == "heading":
            word.add_heading(block.lines[0], level=block.level)
            if block.level == 1:
                word.add_paragraph(document.byline, style="Subtitle")
        elif block.kind == "table":
            docx_table(word, block.rows)
        elif block.kind == "code":
            word.add_paragraph("\n".join(block.lines), style="macro")
        elif block.kind == "para":
            docx_runs(word.add_paragraph(), block.lines[0])
        else:
            docx_list(word, block)
    out = io.BytesIO()
    word.save(out)
    return repack(out.getvalue())
