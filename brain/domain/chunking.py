"""Cutting a parsed document into chunks that a reader would not have cut elsewhere.

Sections never mix; lists, tables, code and whole procedures stay together where they fit.
"""

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from brain.domain.knowledge import Chunk, PageStart, ParsedDocument
from brain.domain.markdown import Block, Kind, blocks, heading_text

# The packaged embedder reads 256 word pieces; title and heading path need some of them.
TARGET_TOKENS = 220
MAX_TOKENS = 512

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_`]*\s+(?=[^\sa-z])|(?<=[。！？])(?=\S)")
_BLANK = re.compile(r"\s")
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|ca|approx|Dr|Mr|Mrs|Ms|St|No|Nr|Fig|Sec|Inc|Ltd|[A-Z])\.$"
)

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class _Span:
    """A piece that is cut only where it is larger than the maximum; `prose` may overlap with the next."""

    start: int
    end: int
    prose: bool = False


@dataclass(frozen=True, slots=True)
class _Section:
    path: tuple[str, ...]
    heading: _Span | None
    body: tuple[Block, ...]


def chunk(
    document: ParsedDocument,
    *,
    count_tokens: CountTokens,
    target_tokens: int = TARGET_TOKENS,
    max_tokens: int = MAX_TOKENS,
) -> list[Chunk]:
    """In document order; each at most `max_tokens`, most near `target_tokens`; every non-blank
    character outside the headings is in at least one."""
    cutter = _Cutter(document.markdown, count_tokens, target_tokens, max_tokens)
    chunks: list[Chunk] = []
    for section in _sections(document):
        for start, end in cutter.section(section):
            chunks.append(
                Chunk(
                    ordinal=len(chunks),
                    heading_path=section.path,
                    page=_page(document.pages, start),
                    start=start,
                    end=end,
                    text=document.markdown[start:end],
                )
            )
    return chunks


def _page(pages: Sequence[PageStart], offset: int) -> int | None:
    at = bisect_right([page.offset for page in pages], offset)
    return pages[at - 1].page if at else None


def _sections(document: ParsedDocument) -> Iterator[_Section]:
    """A section ends at the next heading. One of a heading alone is kept only where nothing is below it."""
    stack: list[Block] = []
    body: list[Block] = []
    for block in blocks(document.markdown):
        if block.kind is not Kind.HEADING:
            body.append(block)
            continue
        deeper = bool(stack) and block.level > stack[-1].level
        yield from _section(document.title, stack, body, heading_only=not deeper)
        body = []
        while stack and stack[-1].level >= block.level:
            stack.pop()
        stack.append(block)
    yield from _section(document.title, stack, body, heading_only=True)


def _section(title: str, stack: list[Block], body: list[Block], *, heading_only: bool) -> Iterator[_Section]:
    path = tuple(heading_text(block.lines[0].text) for block in stack)
    if path and path[0] == title:
        path = path[1:]
    path = tuple(text for text in path if text)
    if body:
        yield _Section(path, None, tuple(body))
    elif stack and heading_only:
        yield _Section(path[:-1], _Span(stack[-1].start, stack[-1].end), ())


@dataclass(frozen=True, slots=True)
class _Cutter:
    markdown: str
    count: CountTokens
    target: int
    maximum: int
    # Counting megabytes takes seconds, and each way to cut them begins by asking how long they are.
    _counted: dict[tuple[int, int], int] = field(init=False, default_factory=dict)

    def section(self, section: _Section) -> Iterator[tuple[int, int]]:
        if section.heading:
            spans = list(self._divide(section.heading, [self._sentences]))
        else:
            spans = [span for unit in _units(section.body) for span in self._fitting(unit)]
        yield from self._pack(spans)

    def _tokens(self, start: int, end: int) -> int:
        if (start, end) not in self._counted:
            self._counted[start, end] = self.count(self.markdown[start:end])
        return self._counted[start, end]

    def _pack(self, spans: Sequence[_Span]) -> Iterator[tuple[int, int]]:
        """Neighbours share a chunk up to the target; a tiny one joins even a large neighbour."""
        at = 0
        start = spans[0].start
        while at < len(spans):
            at += 1
            while at < len(spans) and self._joins(start, at, spans):
                at += 1
            yield start, spans[at - 1].end
            if at < len(spans):
                start = self._start(start, spans[at - 1], spans[at])

    def _joins(self, start: int, at: int, spans: Sequence[_Span]) -> bool:
        together = self._tokens(start, spans[at].end)
        if together <= self.target:
            return True
        if together > self.maximum:
            return False
        tiny = self.target // 5
        last_and_tiny = at == len(spans) - 1 and together <= self.target + tiny
        return last_and_tiny or self._tokens(start, spans[at - 1].end) <= tiny

    def _start(self, before: int, last: _Span, following: _Span) -> int:
        """Between prose the last sentence is said again, so that "it" and "this" keep their meaning."""
        if not (last.prose and following.prose):
            return following.start
        start = self._sentences(last)[-1].start
        small = self._tokens(start, last.end) <= self.target // 4
        fits = self._tokens(start, following.end) <= self.target
        return start if small and fits and start > before else following.start

    def _fitting(self, unit: Sequence[Block]) -> Iterator[_Span]:
        """The unit as one span, or where it is too large its steps, items, rows, lines or sentences."""
        whole = _Span(unit[0].start, unit[-1].end, prose=unit[-1].kind is Kind.PARAGRAPH)
        if self._tokens(whole.start, whole.end) <= (self.target if whole.prose else self.maximum):
            yield whole
        elif whole.prose:
            for sentence in self._sentences(whole):
                yield from self._divide(sentence, [])
        else:
            for part in _cut(self.markdown, whole, _part_starts(unit)):
                yield from self._divide(part, [self._lines, self._sentences])

    def _divide(self, span: _Span, ways: Sequence[Callable[[_Span], list[_Span]]]) -> Iterator[_Span]:
        """Cut by the coarsest way first, and the pieces that are still too large by the next."""
        if self._tokens(span.start, span.end) <= self.maximum or span.end - span.start < 2:
            yield span
        else:
            for piece in ways[0](span) if ways else self._parts(span):
                yield from self._divide(piece, ways[1:])

    def _lines(self, span: _Span) -> list[_Span]:
        text = self.markdown[span.start : span.end]
        return _cut(self.markdown, span, (span.start + found.end() for found in re.finditer(r"\n", text)))

    def _sentences(self, span: _Span) -> list[_Span]:
        text = self.markdown[span.start : span.end]
        return _cut(self.markdown, span, (span.start + at for at in _sentence_starts(text)))

    def _parts(self, span: _Span) -> list[_Span]:
        """As many as it takes, of one length; each ends behind a blank where there is one."""
        count = max(2, math.ceil(self._tokens(span.start, span.end) / self.maximum))
        length = max(1, (span.end - span.start) // count)
        cuts = []
        for at in range(span.start + length, span.end, length):
            blank = _BLANK.search(self.markdown, at, min(at + length, span.end) - 1)
            cuts.append(blank.end() if blank else at)
        return _cut(self.markdown, span, cuts)


def _cut(markdown: str, span: _Span, cuts: Iterable[int]) -> list[_Span]:
    """The pieces between the cuts without the blanks around them; blank ones left out."""
    edges = sorted({span.start, span.end, *(cut for cut in cuts if span.start < cut < span.end)})
    pieces = []
    for start, end in pairwise(edges):
        text = markdown[start:end]
        if text.strip():
            # Indentation is kept: it is what nests a list and what code means.
            left = len(text) - len(text.lstrip("\n"))
            pieces.append(_Span(start + left, start + len(text.rstrip()), span.prose))
    return pieces


def _sentence_starts(text: str) -> Iterator[int]:
    for found in _SENTENCE_END.finditer(text):
        if not _ABBREVIATION.search(text, max(0, found.start() - 8), found.start()):
            yield found.end()


def _units(body: Sequence[Block]) -> Iterator[list[Block]]:
    """What belongs together: an introduction and what it introduces; the steps of one procedure."""
    at = 0
    while at < len(body):
        end = at + 1
        if body[at].kind is Kind.PARAGRAPH and end < len(body) and _introduces(body[at], body[end]):
            end += 1
        end = _procedure_end(body, end)
        yield list(body[at:end])
        at = end


def _introduces(paragraph: Block, follower: Block) -> bool:
    if follower.kind is Kind.PARAGRAPH:
        return False
    text = paragraph.lines[-1].text.rstrip("*_ \t")
    return text.endswith((":", "：")) or bool(follower.numbers)


def _procedure_end(body: Sequence[Block], end: int) -> int:
    """Past the blocks that stand between two steps, found by the numbers going on."""
    numbers = body[end - 1].numbers
    while numbers:
        following = next((at for at in range(end, len(body)) if body[at].numbers), None)
        if following is None or body[following].numbers[0] != numbers[-1] + 1:
            # Code right below the last step is part of it.
            return end + 1 if end < len(body) and body[end].kind is Kind.CODE else end
        end = following + 1
        numbers = body[following].numbers
    return end


def _part_starts(unit: Sequence[Block]) -> list[int]:
    """Where a unit that is too large may be cut. A step keeps what follows it up to the next step,
    the first one the introduction, the first row the column names."""
    items = [item for block in unit for item in block.items]
    if items:
        return items[1:]
    table = unit[-1].kind is Kind.TABLE
    return [line.start for block in unit for line in block.lines[3 if table else 0 :]]
