"""Records in a file that may be cut and rot anywhere: what is whole is read, the rest is named. Pure.

A record is a marker, the length, a checksum of length and content, and the content. The marker begins with a
byte that no text in UTF-8 has, so that behind a broken record the next one can be looked for.
"""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

_MARKER = b"\xffXJ1"
_HEAD = struct.Struct(">4sII")


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes that are no record. `torn`: nothing readable follows, as where a process died while it wrote."""

    at: int
    length: int
    torn: bool


def framed(content: str) -> bytes:
    data = content.encode()
    return _HEAD.pack(_MARKER, len(data), _checksum(data)) + data


def records(content: bytes) -> tuple[list[str], Sequence[Damage]]:
    """In the order in which they were written, and what could not be read between and behind them."""
    found, damaged, at = [], [], 0
    while at < len(content):
        record = _record(content, at)
        if record is not None:
            found.append(record.decode())
            at += _HEAD.size + len(record)
            continue
        after = _next(content, at + 1)
        damaged.append(Damage(at, after - at, torn=after == len(content)))
        at = after
    return found, damaged


def _record(content: bytes, at: int) -> bytes | None:
    if len(content) - at < _HEAD.size:
        return None
    marker, length, checksum = _HEAD.unpack_from(content, at)
    begin = at + _HEAD.size
    if marker != _MARKER or length > len(content) - begin:
        return None
    data = content[begin : begin + length]
    return data if _checksum(data) == checksum else None


def _next(content: bytes, at: int) -> int:
    """Where the next whole record begins; the end where there is none."""
    while (at := content.find(_MARKER, at)) >= 0:
        if _record(content, at) is not None:
            return at
        at += 1
    return len(content)


def _checksum(data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(len(data).to_bytes(4, "big")))
