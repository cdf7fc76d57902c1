"""PDF: words and ruled tables with their places; what they mean together is the business of `pdf_layout`."""

import io
import logging
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import pdfplumber
from pdfminer.pdfdocument import PDFEncryptionError
from pdfminer.psexceptions import PSException
from pdfplumber.page import Page
from pdfplumber.table import Table
from pdfplumber.utils.exceptions import MalformedPDFException, PdfminerException

from brain.adapters.documents.failures import DAMAGED, rejected
from brain.adapters.documents.layout import assemble
from brain.adapters.documents.pdf_columns import reading_order
from brain.adapters.documents.pdf_layout import PdfPage, write
from brain.adapters.documents.pdf_tables import PdfTable
from brain.adapters.documents.pdf_words import Word, spelled
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument
from brain.domain.markdown import first_heading

_FAILURES = (PSException, PdfminerException, MalformedPDFException, *DAMAGED)
_MONOSPACED = re.compile(r"mono|courier|consol|menlo|typewriter|cmtt|sourcecode|inconsolata", re.IGNORECASE)
_BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx", re.IGNORECASE)
_UNMAPPED = re.compile(r"\(cid:\d+\)")
# A drawing of tens of thousands of strokes is not a table, and looking for one takes minutes.
_MAX_STROKES = 5_000
MAX_PAGES = 2_000

Box = tuple[float, float, float, float]

# It reports oddities of fonts line by line; what matters is raised.
logging.getLogger("pdfminer").setLevel(logging.ERROR)


def read_pdf(content: bytes) -> ParsedDocument:
    if b"%PDF-" not in content[:1024]:
        raise Rejected("is not a PDF, though its name says so.")
    if b"%%EOF" not in content[-8192:]:
        raise Rejected("is cut off: its end is missing. Fetch it again.")
    try:
        with pdfplumber.open(io.BytesIO(content), raise_unicode_errors=False) as file:
            if len(file.pages) > MAX_PAGES:
                raise Rejected(f"has more than {MAX_PAGES:,} pages: split it into smaller files.")
            pages = [_page(page) for page in file.pages]
            named = file.metadata.get("Title")
    except _FAILURES as error:
        raise _rejected(error) from error
    markdown, starts = assemble(write(pages))
    if not re.search(r"\w", markdown):
        raise Rejected("has no text, only pictures of it: run it through text recognition (OCR) first.")
    return ParsedDocument(first_heading(markdown) or _sensible(named), markdown, starts)


def _rejected(error: Exception) -> Rejected:
    cause = error.args[0] if isinstance(error, PdfminerException) and error.args else error
    if isinstance(cause, PDFEncryptionError):
        return Rejected("is protected by a password: save it without one and try again.")
    return rejected(cause, part="pages")


def _sensible(title: object) -> str:
    """Many programs put the name of the file they printed there."""
    if not isinstance(title, str) or re.search(
        r"^microsoft \w+ -|\.\w{3,4}$|^untitled", title, re.IGNORECASE
    ):
        return ""
    return title


def _page(page: Page) -> PdfPage:
    upright = [char for char in page.chars if char["upright"]]
    # Text across the margin (watermarks, archive stamps) is dropped, unless the whole page stands so.
    if len(upright) * 2 > len(page.chars) > len(upright):
        page = page.filter(lambda thing: thing.get("upright", True))
    page = page.dedupe_chars()
    words = [_word(each) for each in page.extract_words(x_tolerance_ratio=0.15, return_chars=True)]
    tables: list[PdfTable] = []
    for found in _ruled(page):
        rows = tuple(tuple(_cell(words, box) for box in row.cells) for row in found.rows)
        if _is_table(rows):
            tables.append(PdfTable(found.bbox[1], rows))
            words = [word for word in words if not _inside(word, found.bbox)]
    result = PdfPage(
        page.page_number, float(page.height), tuple(word for word in words if word.text), tuple(tables)
    )
    page.close()
    return result


def _word(found: dict[str, Any]) -> Word:
    first = found["chars"][0]
    return Word(
        text=_readable([char["text"] for char in found["chars"]]),
        x0=found["x0"],
        x1=found["x1"],
        top=found["top"],
        bottom=found["bottom"],
        size=round(max(char["size"] for char in found["chars"]), 1),
        bold=_BOLD.search(first["fontname"]) is not None,
        mono=_MONOSPACED.search(first["fontname"]) is not None,
    )


def _readable(glyphs: Sequence[str]) -> str:
    """Without glyphs that map to no letter; one that stands alone is the bullet of a symbol font."""
    letters = _UNMAPPED.sub("", spelled(glyphs))
    visible = "".join(letter for letter in letters if unicodedata.category(letter) != "Cc").strip()
    return visible or ("•" if len(glyphs) == 1 and glyphs[0].strip("\0 ") else "")


def _ruled(page: Page) -> list[Table]:
    return page.find_tables() if 4 <= len(page.edges) <= _MAX_STROKES else []


def _cell(words: Sequence[Word], box: Box | None) -> str:
    """Empty where a neighbour spans this cell."""
    inside = [word for word in words if _inside(word, box)] if box else []
    return " ".join(line.text for line in reading_order(inside))


def _inside(word: Word, box: Box) -> bool:
    x, y = (word.x0 + word.x1) / 2, (word.top + word.bottom) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _is_table(rows: Sequence[Sequence[str]]) -> bool:
    """Boxes around text look like tables, too: in a table, at least two rows have two cells with text."""
    return sum(sum(map(bool, row)) > 1 for row in rows) > 1
