"""Characters out of the bytes of a text file, whatever its encoding."""

import codecs

from charset_normalizer import from_bytes

from brain.domain.errors import Rejected

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\xd0\xcf\x11\xe0",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"\x7fELF",
)


def decode(content: bytes, *, declared: str | None = None) -> str:
    """Line breaks come out as `\\n`, control characters are left out."""
    return _clean(_decode(content, declared))


def _decode(content: bytes, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    if content.startswith(_MAGIC) or b"\x00" in content:
        raise Rejected("is not a text file: its name ends like one, but its content is binary.")
    for encoding in filter(None, ("utf-8", declared)):
        try:
            return content.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    best = from_bytes(content).best()
    if best is None:
        raise Rejected("is not a text file, or its encoding is unknown: save it as UTF-8 and try again.")
    return str(best)


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    controls = sum(character < " " and character not in "\n\t" for character in text)
    if controls > len(text) / 20:
        raise Rejected("is not a text file: its name ends like one, but its content is binary.")
    return "".join(c for c in text if c >= " " or c in "\n\t") if controls else text
