"""Reads documents of many formats into one Markdown dialect: one table from suffix to reader."""

import asyncio
from collections.abc import Callable
from pathlib import PurePath

from brain.adapters.documents.failures import DAMAGED, rejected
from brain.adapters.documents.pdf import read_pdf
from brain.adapters.documents.rows import read_csv
from brain.adapters.documents.sheets import read_xlsx
from brain.adapters.documents.slides import read_pptx
from brain.adapters.documents.text import read_markdown, read_text
from brain.adapters.documents.web import read_html
from brain.adapters.documents.word import read_docx
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument

MAX_BYTES = 50 * 1024 * 1024

Reader = Callable[[bytes], ParsedDocument]

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".docx": read_docx,
    ".htm": read_html,
    ".html": read_html,
    ".markdown": read_markdown,
    ".md": read_markdown,
    ".pdf": read_pdf,
    ".pptx": read_pptx,
    ".text": read_text,
    ".tsv": read_csv,
    ".txt": read_text,
    ".xhtml": read_html,
    ".xlsm": read_xlsx,
    ".xlsx": read_xlsx,
}
MEDIA_TYPES = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/xhtml+xml": ".xhtml",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "text/tab-separated-values": ".tsv",
}
_SUCCESSORS = {
    ".doc": ".docx",
    ".ppt": ".pptx",
    ".xls": ".xlsx",
    ".odt": ".docx",
    ".odp": ".pptx",
    ".ods": ".xlsx",
}


class Documents:
    """Parser of every format we read; the work is done in a thread."""

    async def parse(self, content: bytes, *, name: str, media_type: str | None) -> ParsedDocument:
        return await asyncio.to_thread(_parse, content, name, media_type)


def _parse(content: bytes, name: str, media_type: str | None) -> ParsedDocument:
    if not content.strip():
        raise Rejected(f"{name} is empty.")
    if len(content) > MAX_BYTES:
        raise Rejected(
            f"{name} is larger than {MAX_BYTES // 1024**2} MB: split it, or leave its pictures out."
        )
    reader = _reader(name, media_type)
    try:
        document = reader(content)
    except Rejected as reason:
        raise Rejected(f"{name} {reason}") from reason
    except DAMAGED as error:
        raise Rejected(f"{name} {rejected(error, part='text')}") from error
    if not document.markdown.strip():
        raise Rejected(f"{name} has no text in it.")
    title = " ".join(document.title.split()) or PurePath(name).stem
    return ParsedDocument(title, document.markdown, document.pages)


def _reader(name: str, media_type: str | None) -> Reader:
    suffix = PurePath(name).suffix.lower()
    if suffix not in READERS:
        declared = (media_type or "").split(";")[0].strip().lower()
        suffix = MEDIA_TYPES.get(declared, suffix)
    if suffix in READERS:
        return READERS[suffix]
    if suffix in _SUCCESSORS:
        raise Rejected(
            f"{name} is in a format we do not read: save it as {_SUCCESSORS[suffix]} and try again."
        )
    known = ", ".join(sorted(READERS))
    raise Rejected(f"{name} is in a format we do not read. These we do: {known}.")
