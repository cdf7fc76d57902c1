"""The small Markdown that the sources of the rendered documents are written in, read into blocks."""

import datetime as dt
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

INLINE = re.compile(r"\*\*(?P<bold>.+?)\*\*|`(?P<code>[^`]+)`|\*(?P<italic>[^*]+)\*")


@dataclass(frozen=True)
class Block:
    """One piece of a document: heading, para, bullets, steps, table or code."""

    kind: str
    level: int = 0
    lines: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Document:
    """The front matter and the blocks of one source file."""

    meta: dict[str, str]
    blocks: list[Block] = field(default_factory=list)

    @property
    def title(self) -> str:
        """The title given in the front matter."""
        return self.meta["title"]

    @property
    def byline(self) -> str:
        """Owner, review date and number of the document on one line."""
        return f"Owner: {self.meta['owner']} · Last reviewed: {self.meta['reviewed']} · {self.meta['code']}"

    @property
    def date(self) -> dt.datetime:
        """The review date, used for every time stamp inside the rendered file."""
        return dt.datetime.strptime(self.meta["reviewed"], "%d %B %Y").replace(tzinfo=dt.UTC)


def parse(text: str) -> Document:
    """Read a source: front matter between ``---`` lines, then the blocks."""
    _, front, body = text.split("---\n", 2)
    meta = dict(line.split(": ", 1) for line in front.strip().splitlines())
    return Document(meta, list(parse_blocks(body.splitlines())))


def parse_blocks(lines: list[str]) -> Iterator[Block]:
    """Split the body into blocks; neighbouring lines of the same kind belong together."""
    pos = 0
    while pos < len(lines):
        line = lines[pos]
        if not line.strip():
            pos += 1
            continue
        if line.startswith("```"):
            end = lines.index("```", pos + 1)
            yield Block("code", lines=tuple(lines[pos + 1 : end]))
            pos = end + 1
            continue
        kind = kind_of(line)
        if kind == "heading":
            marks, title = line.split(" ", 1)
            yield Block("heading", level=len(marks), lines=(title,))
            pos += 1
            continue
        start = pos
        while pos < len(lines) and lines[pos].strip() and kind_of(lines[pos]) == kind:
            pos += 1
        yield make_block(kind, lines[start:pos])


def kind_of(line: str) -> str:
    """The kind of block that a line belongs to."""
    if re.match(r"#{1,3} ", line):
        return "heading"
    if line.startswith("|"):
        return "table"
    if line.startswith("- "):
        return "bullets"
    return "steps" if re.match(r"\d+\. ", line) else "para"


def make_block(kind: str, lines: list[str]) -> Block:
    """Build a list, table or paragraph from its lines."""
    if kind == "table":
        cells = [tuple(c.strip() for c in line.strip("| ").split("|")) for line in lines]
        return Block("table", rows=tuple(cells[:1] + cells[2:]))
    if kind == "para":
        return Block("para", lines=(" ".join(lines),))
    return Block(kind, lines=tuple(re.sub(r"^(- |\d+\. )", "", line) for line in lines))


def spans(text: str) -> Iterator[tuple[str, str]]:
    """Cut a line into (style, text) pieces; style is plain, bold, italic or code."""
    pos = 0
    for match in INLINE.finditer(text):
        if match.start() > pos:
            yield "plain", text[pos : match.start()]
        yield str(match.lastgroup), match.group(str(match.lastgroup))
        pos = match.end()
    if pos < len(text):
        yield "plain", text[pos:]


def markup(text: str, tags: dict[str, tuple[str, str]]) -> str:
    """The line as escaped text with the given tags around bold, italic and code."""
    parts = []
    for style, piece in spans(text):
        before, after = tags.get(style, ("", ""))
        parts.append(before + html.escape(piece, quote=False) + after)
    return "".join(parts)
