"""Zip-based office files: are they what their name says, and safe to unpack?"""

import io
import re
import zipfile

from brain.adapters.documents.failures import DAMAGED
from brain.domain.errors import Rejected

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_ENTRIES = 10_000

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")


def open_office_file(content: bytes, *, main_part: str, kind: str) -> io.BytesIO:
    """The file for its vendor's reader, checked, in the transitional dialect that those understand.

    `main_part` is the entry that every file of this `kind` has.
    """
    if content.startswith(_OLE):
        raise Rejected(
            "is protected by a password, or in the format of before 2007: "
            f"save it as {kind} without a password and try again."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _checked(archive, content, main_part, kind)
    except DAMAGED as error:
        raise Rejected(f"is damaged or cut off: it cannot be opened as {kind}.") from error


def _checked(archive: zipfile.ZipFile, content: bytes, main_part: str, kind: str) -> io.BytesIO:
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise Rejected(
            f"unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MB: split it into smaller files."
        )
    if main_part not in archive.namelist():
        raise Rejected(f"is not {kind}, though its name says so.")
    strict = _STRICT.search(archive.read("_rels/.rels")) if "_rels/.rels" in archive.namelist() else None
    for entry in entries:
        # Office never declares entities; whoever does means to blow up the reader.
        if entry.filename.endswith((".xml", ".rels")) and b"<!DOCTYPE" in archive.read(entry):
            raise Rejected("contains a document type declaration, which office files never have.")
    return _transitional(archive, entries) if strict else io.BytesIO(content)


def _transitional(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> io.BytesIO:
    """ISO "strict" files differ by their namespaces; no reader of ours knows those."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in entries:
            data = archive.read(entry)
            if entry.filename.endswith((".xml", ".rels")):
                data = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data)
            target.writestr(entry.filename, data)
    rewritten.seek(0)
    return rewritten
