"""The block structure of a Markdown text as spans of it: headings, paragraphs, lists, tables and code.

Only as much of Markdown as retrieval needs; nothing of the text is changed or left out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ITEM = re.compile(r"([ \t]*)(?:[-*+]|(\d{1,9})(?:\.\d+)*[.)]|[a-zA-Z]\))(?=[ \t]|$)")
_SEPARATOR = re.compile(r"\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


class Kind(Enum):
    HEADING = auto()
    PARAGRAPH = auto()
    LIST = auto()
    TABLE = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """Span of one line, its line break not included."""

    start: int
    end: int
    text: str

    @property
    def blank(self) -> bool:
        return not self.text.strip()

    @property
    def indent(self) -> int:
        text = self.text.expandtabs(4)
        return len(text) - len(text.lstrip())


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines of one kind. `items` are the starts of a list's items."""

    kind: Kind
    lines: tuple[Line, ...]
    items: tuple[int, ...] = ()

    @property
    def start(self) -> int:
        return self.lines[0].start

    @property
    def end(self) -> int:
        return self.lines[-1].end

    @property
    def level(self) -> int:
        heading = HEADING.match(self.lines[0].text)
        return len(heading[1]) if heading else 0

    @property
    def numbers(self) -> list[int]:
        """The numbers of a list's items; empty where it is bulleted."""
        found = (_ITEM.match(line.text) for line in self.lines if line.start in self.items)
        return [int(item[2]) for item in found if item and item[2]]


def heading_text(line: str) -> str:
    """What a heading says, without its markup."""
    heading = HEADING.match(line)
    text = _LINK.sub(r"\1", (heading[2] or "") if heading else line)
    return re.sub(r"\*\*|__|`", "", text).strip()


def first_heading(markdown: str) -> str:
    """The first heading of the first level, else the first of any; empty where there is none."""
    headings = [block for block in blocks(markdown) if block.kind is Kind.HEADING]
    best = next((block for block in headings if block.level == 1), headings[0] if headings else None)
    return heading_text(best.lines[0].text) if best else ""


def blocks(markdown: str) -> Iterator[Block]:
    lines = _lines(markdown)
    at = 0
    while at < len(lines):
        if lines[at].blank:
            at += 1
            continue
        kind = _kind(lines, at)
        end = at + 1 if kind is Kind.HEADING else _END[kind](lines, at)
        while lines[end - 1].blank:
            end -= 1
        body = tuple(lines[at:end])
        yield Block(kind, body, _items(body) if kind is Kind.LIST else ())
        at = end


def _lines(markdown: str) -> list[Line]:
    lines = []
    start = 0
    # Only "\n" ends a line: form feeds and the like are ordinary characters inside one.
    for text in markdown.split("\n"):
        lines.append(Line(start, start + len(text), text))
        start += len(text) + 1
    return lines


def _kind(lines: list[Line], at: int) -> Kind:
    text = lines[at].text
    if HEADING.match(text):
        return Kind.HEADING
    if _FENCE.match(text):
        return Kind.CODE
    if _opens_table(lines, at):
        return Kind.TABLE
    return Kind.LIST if _ITEM.match(text) else Kind.PARAGRAPH


def _opens_table(lines: list[Line], at: int) -> bool:
    if lines[at].text.lstrip().startswith("|"):
        return True
    below = lines[at + 1].text if at + 1 < len(lines) else ""
    return "|" in lines[at].text and "|" in below and _SEPARATOR.match(below) is not None


def _code_end(lines: list[Line], at: int) -> int:
    opening = _FENCE.match(lines[at].text)
    fence = opening[1] if opening else "```"
    for end in range(at + 1, len(lines)):
        text = lines[end].text.strip()
        if text.startswith(fence) and not text.strip(fence[0]):
            return end + 1
    return len(lines)


def _table_end(lines: list[Line], at: int) -> int:
    end = at + 1
    while end < len(lines) and "|" in lines[end].text and not HEADING.match(lines[end].text):
        end += 1
    return end


def _paragraph_end(lines: list[Line], at: int) -> int:
    end = at + 1
    while end < len(lines) and not lines[end].blank and _kind(lines, end) is Kind.PARAGRAPH:
        end += 1
    return end


def _list_end(lines: list[Line], at: int) -> int:
    numbered = _numbered(lines[at])
    outer = lines[at].indent
    end = at + 1
    while end < len(lines):
        after = end
        while after < len(lines) and lines[after].blank:
            after += 1
        if after == len(lines) or not _in_list(lines, after, outer, numbered, after > end):
            return end
        end = _code_end(lines, after) if _FENCE.match(lines[after].text) else after + 1
    return end


def _in_list(lines: list[Line], at: int, outer: int, numbered: bool, after_blank: bool) -> bool:
    line = lines[at]
    if line.indent > outer:
        return True
    kind = _kind(lines, at)
    if kind is Kind.LIST:
        return not after_blank or _numbered(line) == numbered
    return kind is Kind.PARAGRAPH and not after_blank


def _numbered(line: Line) -> bool:
    item = _ITEM.match(line.text)
    return item is not None and item[2] is not None


def _items(body: tuple[Line, ...]) -> tuple[int, ...]:
    outer = body[0].indent
    starts = []
    at = 0
    while at < len(body):
        if _FENCE.match(body[at].text):
            at = _code_end(list(body), at)
            continue
        if body[at].indent <= outer and _ITEM.match(body[at].text):
            starts.append(body[at].start)
        at += 1
    return tuple(starts)


_END = {
    Kind.CODE: _code_end,
    Kind.TABLE: _table_end,
    Kind.LIST: _list_end,
    Kind.PARAGRAPH: _paragraph_end,
}
