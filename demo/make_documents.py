#!/usr/bin/env python3
"""Render the PDF, DOCX and HTML runbooks from their Markdown sources.

Three of the Northlight Freight runbooks are kept as Markdown under ``demo/sources`` and are
published in the format in which a company would really have them:

    sources/travel-and-expenses.md       ->  runbooks/hr/travel-and-expenses.pdf
    sources/parental-leave.md            ->  runbooks/hr/parental-leave.docx
    sources/vulnerability-management.md  ->  runbooks/security/vulnerability-management.html

The sources use a small part of Markdown: a front matter of ``key: value`` lines, headings
(``#`` to ``###``), paragraphs, ``-`` and ``1.`` lists with one line per item, pipe tables, fenced
code blocks, ``**bold**``, ``*italic*`` and ```code```.

The output is deterministic: no clock is read (DOCX properties carry the review date of the source,
PDF metadata the fixed date of reportlab's ``invariant`` mode), so a second run with the same
versions of reportlab and python-docx writes the same bytes.

Needs ``reportlab`` (PDF) and ``python-docx`` (DOCX); HTML needs the standard library only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import html
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
COMPANY = "Northlight Freight"
INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\*(?P<italic>[^*]+)\*")


@dataclass(frozen=True)
class Block:
    """One piece of a document: heading, para, bullets, steps, table or code."""

    kind: str
    level: int = 0
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Document:
    """The front matter and the blocks of one source file."""

    meta: dict[str, str]
    blocks: list[Block] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The title given in the front matter."""
        return self.meta["title"]

    @property
    def byline(self) -> str:
        """Owner, review date and number of the document on one line."""
        return f"Owner: {self.meta['owner']} · Last reviewed: {self.meta['reviewed']} · {self.meta['code']}"

    @property
    def date(self) -> dt.datetime:
        """The review date, used for every time stamp inside the rendered file."""
        return dt.datetime.strptime(self.meta["reviewed"], "%d %B %Y").replace(tzinfo=dt.UTC)


# --- reading -------------------------------------------------------------------------------------


def parse(text: str) -> Document:
    """Read a source: front matter between ``---`` lines, then the blocks."""
    _, front, body = text.split("---\n", 2)
    meta = dict(line.split(": ", 1) for line in front.strip().splitlines())
    return Document(meta, list(parse_blocks(body.splitlines())))


def parse_blocks(lines: list[str]) -> Iterator[Block]:
    """Split the body into blocks; neighbouring lines of the same kind belong together."""
    pos = 0
    while pos < len(lines):
        line = lines[pos]
        if not line.strip():
            pos += 1
            continue
        if line.startswith("```"):
            end = lines.index("```", pos + 1)
            yield Block("code", lines=tuple(lines[pos + 1 : end]))
            pos = end + 1
            continue
        kind = kind_of(line)
        if kind == "heading":
            marks, title = line.split(" ", 1)
            yield Block("heading", level=len(marks), lines=(title,))
            pos += 1
            continue
        start = pos
        while pos < len(lines) and lines[pos].strip() and kind_of(lines[pos]) == kind:
            pos += 1
        yield make_block(kind, lines[start:pos])


def kind_of(line: str) -> str:
    """The kind of block that a line belongs to."""
    if re.match(r"#{1,3} ", line):
        return "heading"
    if line.startswith("|"):
        return "table"
    if line.startswith("- "):
        return "bullets"
    return "steps" if re.match(r"\d+\. ", line) else "para"


def make_block(kind: str, lines: list[str]) -> Block:
    """Build a list, table or paragraph from its lines."""
    if kind == "table":
        cells = [tuple(c.strip() for c in line.strip("| ").split("|")) for line in lines]
        return Block("table", rows=tuple(cells[:1] + cells[2:]))
    if kind == "para":
        return Block("para", lines=(" ".join(lines),))
    return Block(kind, lines=tuple(re.sub(r"^(- |\d+\. )", "", line) for line in lines))


def spans(text: str) -> Iterator[tuple[str, str]]:
    """Cut a line into (style, text) pieces; style is plain, bold, italic or code."""
    pos = 0
    for match in INLINE.finditer(text):
        if match.start() > pos:
            yield "plain", text[pos : match.start()]
        yield str(match.lastgroup), match.group(str(match.lastgroup))
        pos = match.end()
    if pos < len(text):
        yield "plain", text[pos:]


def markup(text: str, tags: dict[str, tuple[str, str]]) -> str:
    """The line as escaped text with the given tags around bold, italic and code."""
    parts = []
    for style, piece in spans(text):
        before, after = tags.get(style, ("", ""))
        parts.append(before + html.escape(piece, quote=False) + after)
    return "".join(parts)


# --- PDF -----------------------------------------------------------------------------------------

PDF_TAGS = {"bold": ("<b>", "</b>"), "italic": ("<i>", "</i>"), "code": ('<font face="Courier">', "</font>")}
BULLET = {"bulletType": "bullet", "start": "–"}


def pdf_styles() -> dict[str, Any]:
    """The paragraph styles of the PDF; heading sizes go from 20 down to 11.5 points."""
    from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]

    body = ParagraphStyle("body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=6)
    styles = {"body": body, "item": ParagraphStyle("item", parent=body, spaceAfter=3)}
    styles["cell"] = ParagraphStyle("cell", parent=body, fontSize=9, leading=11.5, spaceAfter=0)
    styles["byline"] = ParagraphStyle("byline", parent=body, fontSize=8.5, textColor="#555555", spaceAfter=12)
    styles["code"] = ParagraphStyle(
        "code",
        parent=body,
        fontName="Courier",
        fontSize=8.5,
        leading=11,
        backColor="#f2f2f2",
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
    from reportlab.platypus import Paragraph, Table, TableStyle  # type: ignore[import-untyped]

    longest = [max(8, min(40, max(len(row[col]) for row in rows))) for col in range(len(rows[0]))]
    widths = [width * n / sum(longest) for n in longest]
    head = [Paragraph(f"<b>{markup(cell, PDF_TAGS)}</b>", styles["cell"]) for cell in rows[0]]
    body = [[Paragraph(markup(cell, PDF_TAGS), styles["cell"]) for cell in row] for row in rows[1:]]
    look = [
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
            look = {"bulletType": "1", "bulletFormat": "%s."} if numbered else BULLET
            story.append(ListFlowable(items, leftIndent=18, bulletFontSize=10, **look))
            story.append(Spacer(1, 5))
    return story


def render_pdf(document: Document) -> bytes:
    """An A4 PDF with a header and a footer on every page."""
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
    from reportlab.lib.units import mm  # type: ignore[import-untyped]
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


# --- DOCX ----------------------------------------------------------------------------------------


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


# --- HTML ----------------------------------------------------------------------------------------

HTML_TAGS = {
    "bold": ("<strong>", "</strong>"),
    "italic": ("<em>", "</em>"),
    "code": ("<code>", "</code>"),
}
HTML_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60rem;margin:auto;padding:0 1rem}"
    "table{border-collapse:collapse}th,td{border:1px solid #999;padding:.3rem .6rem;text-align:left}"
    "pre{background:#f2f2f2;padding:.8rem;overflow:auto}nav a{margin-right:1rem}"
)
HTML_NAV = (
    '<header>\n<nav aria-label="Main">\n'
    '<a href="/">Harbour intranet</a>\n<a href="/people">People</a>\n<a href="/security">Security</a>\n'
    '<a href="/canteen">Canteen menu</a>\n<a href="/login">Sign in</a>\n</nav>\n</header>'
)
HTML_FOOTER = (
    "<footer>\n<p>Northlight Freight intranet · Imprint · Accessibility · Cookie settings</p>\n"
    "<p>Was this page helpful? Yes · No · Subscribe to changes</p>\n</footer>"
)


def slug(title: str) -> str:
    """An id for a heading, such as ``3-1-examples``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def html_table(rows: tuple[tuple[str, ...], ...]) -> str:
    """A table with a head and a body."""

    def row(cells: tuple[str, ...], tag: str) -> str:
        """One table row."""
        return "<tr>" + "".join(f"<{tag}>{markup(cell, HTML_TAGS)}</{tag}>" for cell in cells) + "</tr>"

    body = "\n".join(row(cells, "td") for cells in rows[1:])
    return f"<table>\n<thead>\n{row(rows[0], 'th')}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def html_block(block: Block) -> str:
    """One block as HTML."""
    if block.kind == "heading":
        tag, text = f"h{block.level}", block.lines[0]
        return f'<{tag} id="{slug(text)}">{markup(text, HTML_TAGS)}</{tag}>'
    if block.kind == "table":
        return html_table(block.rows)
    if block.kind == "code":
        return "<pre><code>" + html.escape("\n".join(block.lines), quote=False) + "</code></pre>"
    if block.kind == "para":
        return f"<p>{markup(block.lines[0], HTML_TAGS)}</p>"
    tag = "ol" if block.kind == "steps" else "ul"
    items = "\n".join(f"<li>{markup(line, HTML_TAGS)}</li>" for line in block.lines)
    return f"<{tag}>\n{items}\n</{tag}>"


def render_html(document: Document) -> bytes:
    """A page as an intranet would serve it, with navigation and footer around the article."""
    title = html.escape(document.title, quote=False)
    parts = [html_block(block) for block in document.blocks]
    parts.insert(1, f'<p class="byline">{html.escape(document.byline, quote=False)}</p>')
    page = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        f'<head>\n<meta charset="utf-8">\n<title>{title} – {COMPANY}</title>',
        f"<style>{HTML_STYLE}</style>\n</head>\n<body>",
        HTML_NAV,
        "<main>\n<article>",
        *parts,
        "</article>\n</main>",
        HTML_FOOTER,
        "</body>\n</html>\n",
    ]
    return "\n".join(page).encode()


# --- command line --------------------------------------------------------------------------------

TARGETS: tuple[tuple[str, str, Callable[[Document], bytes]], ...] = (
    ("travel-and-expenses.md", "hr/travel-and-expenses.pdf", render_pdf),
    ("parental-leave.md", "hr/parental-leave.docx", render_docx),
    ("vulnerability-management.md", "security/vulnerability-management.html", render_html),
)


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Render the PDF, DOCX and HTML runbooks from Markdown.")
    parser.add_argument(
        "--sources", type=Path, default=HERE / "sources", help="folder with the Markdown files"
    )
    parser.add_argument(
        "--out", type=Path, default=HERE / "runbooks", help="folder to write hr/ and security/ in"
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Render every target and print what was written."""
    args = arguments(argv)
    for source, target, render in TARGETS:
        path = args.sources / source
        if not path.is_file():
            print(f"make_documents: no such source: {path}", file=sys.stderr)
            return 1
        data = render(parse(path.read_text(encoding="utf-8")))
        destination = args.out / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(data)
        print(f"wrote {destination} ({len(data)} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
