"""What libraries raise for a broken file, and what a person is told about it."""

import lzma
import struct
import zipfile
import zlib

from brain.domain.errors import Rejected

# A broken or malicious file makes a reader fail anywhere in it; each of these was seen or is documented.
# Readers work on bytes in memory, so that an OSError, too, is about the file (bz2 raises it).
DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def rejected(error: BaseException, *, part: str) -> Rejected:
    if isinstance(error, RecursionError):
        return Rejected("is nested too deeply to be read.")
    if isinstance(error, MemoryError):
        return Rejected("needs more memory than there is: split it into smaller files.")
    return Rejected(
        f"is damaged: its {part} cannot be read ({type(error).__name__}). Save it anew and try again."
    )
