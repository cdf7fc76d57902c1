"""Markdown taken apart into the pieces that can be said, cited or quoted on their own: sentences, list items,
table rows, code blocks. Every piece is a span of the text it came from."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    HEADING = "heading"
    SENTENCE = "sentence"
    ITEM = "item"
    TABLE_HEAD = "table head"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Segment:
    """`block` counts paragraphs, lists with their code, tables; `ordered` marks the items of a numbered list,
    `continues` a further paragraph or a nested item of the item before."""

    kind: Kind
    start: int
    end: int
    text: str
    block: int
    ordered: bool = False
    continues: bool = False


_FENCE = re.compile(r"\s*(```+|~~~+)")
_HEADING = re.compile(r" {0,3}#{1,6}\s")
_ITEM = re.compile(r"\s*(?:[-*+]|(\d+)[.)])\s+")
_TABLE = re.compile(r"\s*\|.*\|\s*(?:\[\d+\]\s*)*$")
_RULE = re.compile(r"\s*\|?\s*:?-{2,}[-|:\s]*$")
_MARKS = r"(?:\s*\[\d+\])*"
_BREAK = re.compile(rf"[.!?][\"'”’)\]*_`]*{_MARKS}\s+(?=[\"'“‘(\[*_`]*[^\W_a-z])|[.!?]{_MARKS}\s*\n\s*(?=\S)")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:e\.g|i\.e|etc|vs|approx|ext|no|nr|mr|mrs|ms|dr|st|fig|cf|inc|ltd|[A-Z])\.$", re.IGNORECASE
)


def segments(text: str) -> tuple[Segment, ...]:
    return tuple(_Reading(text).run())


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of the sentences between two offsets; trailing `[n]` marks stay with their sentence."""
    at = start
    for match in _BREAK.finditer(text, start, end):
        stop = match.end()
        head = text[at : match.start() + 1]
        if _ABBREVIATION.search(head) or head.count("`") % 2:
            continue
        yield _trimmed(text, at, stop)
        at = stop
    if text[at:end].strip():
        yield _trimmed(text, at, end)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


class _Reading:
    """One pass over the lines; `open_` is the span of the paragraph or item being read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.block = 0
        self.list_is_open = False
        self.ordered = False
        self.table_is_open = False
        self.open_: tuple[Kind, int, int] | None = None

    def run(self) -> Iterator[Segment]:
        lines = list(self._lines())
        index = 0
        while index < len(lines):
            start, end = lines[index]
            line = self.text[start:end]
            fence = _FENCE.match(line)
            if fence:
                last = self._fence_end(lines, index, fence.group(1))
                yield from self._close()
                if not self.list_is_open:
                    self.block += 1
                yield self._segment(Kind.CODE, start, lines[last][1])
                index = last + 1
                continue
            following = self.text[slice(*lines[index + 1])] if index + 1 < len(lines) else ""
            yield from self._line(line, start, end, following)
            index += 1
        yield from self._close()

    def _lines(self) -> Iterator[tuple[int, int]]:
        at = 0
        for line in self.text.splitlines(keepends=True):
            yield at, at + len(line.rstrip("\r\n"))
            at += len(line)

    def _fence_end(self, lines: list[tuple[int, int]], index: int, fence: str) -> int:
        for later in range(index + 1, len(lines)):
            if self.text[slice(*lines[later])].strip().startswith(fence):
                return later
        return len(lines) - 1

    def _line(self, line: str, start: int, end: int, following: str) -> Iterator[Segment]:
        if not line.strip():
            yield from self._close()
            self.table_is_open = False
        elif _HEADING.match(line):
            yield from self._close()
            self.list_is_open = False
            self.block += 1
            yield self._segment(Kind.HEADING, start, end)
        elif _TABLE.match(line):
            yield from self._close()
            yield from self._table_line(line, start, end, following)
        elif item := _ITEM.match(line):
            yield from self._close()
            self._open_list(ordered=item.group(1) is not None, nested=line[0].isspace())
            self.open_ = (Kind.ITEM, start, end)
        elif self.open_:
            self.open_ = (self.open_[0], self.open_[1], end)
        else:
            indented = line[0].isspace() and self.list_is_open
            if not indented:
                self.list_is_open = False
                self.block += 1
            self.open_ = (Kind.ITEM if indented else Kind.SENTENCE, start, end)

    def _open_list(self, *, ordered: bool, nested: bool) -> None:
        if self.list_is_open and (nested or ordered == self.ordered):
            return
        self.block += 1
        self.list_is_open, self.ordered = True, ordered

    def _table_line(self, line: str, start: int, end: int, following: str) -> Iterator[Segment]:
        if not self.table_is_open:
            self.table_is_open, self.list_is_open = True, False
            self.block += 1
            if _RULE.match(following):
                yield self._segment(Kind.TABLE_HEAD, start, end + 1 + len(following))
                return
        if not _RULE.match(line):
            yield self._segment(Kind.ROW, start, end)

    def _close(self) -> Iterator[Segment]:
        if self.open_ is None:
            return
        kind, start, end = self.open_
        self.open_ = None
        if kind is Kind.ITEM:
            yield self._segment(kind, start, end)
            return
        for first, last in sentences(self.text, start, end):
            yield self._segment(kind, first, last)

    def _segment(self, kind: Kind, start: int, end: int) -> Segment:
        in_list = kind in (Kind.ITEM, Kind.CODE) and self.list_is_open
        text = self.text[start:end]
        nested = kind is Kind.ITEM and (_ITEM.match(text) is None or text[0].isspace())
        return Segment(kind, start, end, text, self.block, in_list and self.ordered, nested)
