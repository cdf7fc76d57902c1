"""The text of a file as its format's library gives it: what twenty lines of code would put into an index."""

import io
from collections.abc import Callable, Mapping
from zipfile import BadZipFile

from docx import Document
from openpyxl import load_workbook
from pdfminer.high_level import extract_text
from pdfminer.pdfexceptions import PDFException
from pptx import Presentation
from selectolax.lexbor import LexborHTMLParser


def plain_text(content: bytes, kind: str) -> str:
    """Nothing of a file that the library does not read."""
    read = _READERS.get(kind, _text)
    try:
        return read(content)
    except (BadZipFile, KeyError, ValueError, PDFException):
        return ""


def _text(content: bytes) -> str:
    return content.decode("utf-8", errors="replace")


def _html(content: bytes) -> str:
    body = LexborHTMLParser(content).body
    return body.text(separator="\n") if body is not None else ""


def _pdf(content: bytes) -> str:
    return extract_text(io.BytesIO(content))


def _docx(content: bytes) -> str:
    return "\n".join(paragraph.text for paragraph in Document(io.BytesIO(content)).paragraphs)


def _pptx(content: bytes) -> str:
    slides = Presentation(io.BytesIO(content)).slides
    return "\n".join(getattr(shape, "text", "") for slide in slides for shape in slide.shapes)


def _xlsx(content: bytes) -> str:
    book = load_workbook(io.BytesIO(content), data_only=True)
    rows = (row for sheet in book.worksheets for row in sheet.iter_rows(values_only=True))
    return "\n".join(" ".join(str(cell) for cell in row if cell is not None) for row in rows)


_READERS: Mapping[str, Callable[[bytes], str]] = {
    "docx": _docx,
    "html": _html,
    "htm": _html,
    "pdf": _pdf,
    "pptx": _pptx,
    "xlsx": _xlsx,
}
