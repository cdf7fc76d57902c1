"""One table from suffix to reader: every format comes out as one Markdown dialect."""

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from pathlib import PurePath

from brain.adapters.documents.failures import DAMAGED, rejected
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument

Reader = Callable[[bytes], ParsedDocument]

# Module and function; a library is loaded with the first file that needs it.
READERS = {
    ".csv": ("rows", "read_csv"),
    ".docm": ("word", "read_docx"),
    ".docx": ("word", "read_docx"),
    ".htm": ("web", "read_html"),
    ".html": ("web", "read_html"),
    ".markdown": ("text", "read_markdown"),
    ".md": ("text", "read_markdown"),
    ".pdf": ("pdf", "read_pdf"),
    ".pptm": ("slides", "read_pptx"),
    ".pptx": ("slides", "read_pptx"),
    ".text": ("text", "read_text"),
    ".tsv": ("rows", "read_csv"),
    ".txt": ("text", "read_text"),
    ".xhtml": ("web", "read_html"),
    ".xlsm": ("sheets", "read_xlsx"),
    ".xlsx": ("sheets", "read_xlsx"),
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
PICTURES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"))
PICTURE_TYPES = {
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
}
_SUCCESSORS = {
    ".doc": ".docx",
    ".ppt": ".pptx",
    ".xls": ".xlsx",
    ".odt": ".docx",
    ".odp": ".pptx",
    ".ods": ".xlsx",
}


def is_picture(name: str, media_type: str | None) -> bool:
    return _suffix(name, media_type, PICTURES, PICTURE_TYPES) in PICTURES


def read(content: bytes, *, name: str, media_type: str | None, pictures: bool = False) -> ParsedDocument:
    """Raises `Rejected` saying why a person cannot have this file read.

    `pictures`: by the text in them, which needs more memory than documents.
    """
    reader = _function("pictures", "read_picture") if pictures else _reader(name, media_type)
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
    suffix = _suffix(name, media_type, READERS, MEDIA_TYPES)
    if suffix in READERS:
        return _function(*READERS[suffix])
    if suffix in _SUCCESSORS:
        raise Rejected(
            f"{name} is in a format we do not read: save it as {_SUCCESSORS[suffix]} and try again."
        )
    known = ", ".join(sorted(READERS))
    raise Rejected(f"{name} is in a format we do not read. These we do: {known}.")


def _suffix(name: str, media_type: str | None, known: Collection[str], types: Mapping[str, str]) -> str:
    """The name's own, where it is known; else what the media type stands for."""
    suffix = PurePath(name).suffix.lower()
    if suffix in known:
        return suffix
    return types.get((media_type or "").split(";")[0].strip().lower(), suffix)


def _function(module: str, name: str) -> Reader:
    reader: Reader = getattr(import_module(f"brain.adapters.documents.{module}"), name)
    return reader
