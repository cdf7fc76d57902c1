"""Zip-based office files: are they what their name says, and safe to unpack?"""

import io
import re
import zipfile

from brain.adapters.documents.failures import DAMAGED
from brain.domain.errors import Rejected

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
MAX_ENTRIES = 2_000
# Office files shrink to a tenth or so; a hundredth is made to blow up, unless it stays small.
MAX_RATIO = 100
_SMALL_BYTES = 10 * 1024 * 1024

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/(\w+)")
# Files with macros are like the others but for what their main part calls itself; macros are never read.
_MACROS = {
    b"application/vnd.ms-word.document.macroEnabled.main+xml": (
        b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    ),
    b"application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml": (
        b"application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
    ),
}
_TYPES = "[Content_Types].xml"
_ENCRYPTED = 0x1


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
    _check_size(entries, len(content))
    names = archive.namelist()
    if main_part not in names:
        raise Rejected(f"is not {kind}, though its name says so.")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Rejected("is protected by a password: save it without one and try again.")
    strict = _STRICT.search(archive.read("_rels/.rels")) if "_rels/.rels" in names else None
    types = archive.read(_TYPES) if _TYPES in names else b""
    macros = any(macro in types for macro in _MACROS)
    for entry in entries:
        # Office never declares entities; whoever does means to blow up the reader. In UTF-16, too.
        if _is_xml(entry) and b"<!DOCTYPE" in archive.read(entry).replace(b"\x00", b""):
            raise Rejected("contains a document type declaration, which office files never have.")
    return _rewritten(archive, entries) if strict or macros else io.BytesIO(content)


def _check_size(entries: list[zipfile.ZipInfo], packed: int) -> None:
    """By what the archive claims: an entry that turns out longer is read no further, and does not match its
    checksum. Archives within it are never unpacked."""
    if len(entries) > MAX_ENTRIES:
        raise Rejected(f"has more than {MAX_ENTRIES:,} parts: split it into smaller files.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise Rejected(
            f"unpacks to more than {MAX_UNPACKED_BYTES // 1024**2} MB: split it into smaller files."
        )
    if unpacked > max(MAX_RATIO * packed, _SMALL_BYTES):
        raise Rejected(f"unpacks to more than {MAX_RATIO} times its size, which office files do not.")


def _is_xml(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith((".xml", ".rels"))


def _rewritten(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> io.BytesIO:
    """ISO "strict" files differ by their namespaces, those with macros by a type; no reader of ours knows
    either."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in entries:
            data = archive.read(entry)
            if _is_xml(entry):
                data = _STRICT.sub(rb"http://schemas.openxmlformats.org/\1/2006/\2", data)
            if entry.filename == _TYPES:
                for macro, plain in _MACROS.items():
                    data = data.replace(macro, plain)
            target.writestr(entry.filename, data)
    rewritten.seek(0)
    return rewritten
