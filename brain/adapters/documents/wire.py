"""What parent and child say to each other: a line of JSON, then the bytes it announces."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from brain.domain.knowledge import PageStart, ParsedDocument

# The first line of a child that is confined, before any request.
READY = b"ready\n"
# Of a reply's first line; one place for each page is the longest thing in it.
_LONGEST_LINE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    media_type: str | None
    content: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The document, or why there is none. `last`: the child ends now, and another takes over."""

    document: ParsedDocument | None
    refused: str
    last: bool


class BrokenOff(Exception):
    """The other side went away, or said what it may not say."""


def send_request(stream: BinaryIO, request: Request) -> None:
    head = {"name": request.name, "media_type": request.media_type, "bytes": len(request.content)}
    _send(stream, head, request.content)


def receive_request(stream: BinaryIO) -> Request | None:
    """None where nothing more will come."""
    line = stream.readline()
    if not line:
        return None
    head = json.loads(line)
    return Request(head["name"], head["media_type"], stream.read(head["bytes"]))


def send_reply(stream: BinaryIO, reply: Reply) -> None:
    head: dict[str, object] = {"refused": reply.refused, "last": reply.last, "bytes": 0}
    body = b""
    if reply.document is not None:
        body = reply.document.markdown.encode("utf-8", errors="replace")
        pages = [(start.offset, start.page) for start in reply.document.pages]
        head |= {"title": reply.document.title[:1_000], "pages": pages, "bytes": len(body)}
    _send(stream, head, body)


def receive_reply(stream: BinaryIO, *, at_most: int) -> Reply:
    """What comes back was made from a file of a stranger: nothing longer than `at_most` is taken in."""
    line = stream.readline(_LONGEST_LINE)
    try:
        head = json.loads(line)
        refused, last, size = str(head["refused"]), bool(head["last"]), int(head["bytes"])
        if refused:
            return Reply(None, refused, last)
        title, pages = str(head["title"]), tuple(PageStart(int(at), int(page)) for at, page in head["pages"])
        if not 0 <= size <= at_most:
            raise BrokenOff
        body = stream.read(size)
        if len(body) < size:
            raise BrokenOff
        return Reply(ParsedDocument(title, body.decode(), pages), "", last)
    except (ValueError, KeyError, TypeError) as error:
        raise BrokenOff from error


def _send(stream: BinaryIO, head: Mapping[str, object], body: bytes) -> None:
    stream.write(json.dumps(head).encode() + b"\n")
    # A raw pipe takes what fits; nothing is copied.
    rest = memoryview(body)
    while rest:
        rest = rest[stream.write(rest) or 0 :]
    stream.flush()
