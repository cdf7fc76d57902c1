"""From words with places to the text they were set as: lines, columns, headings, lists, paragraphs, code."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from brain.adapters.documents.layout import Block, fence, heading, item, paragraph, table
from brain.adapters.documents.pdf_columns import reading_order
from brain.adapters.documents.pdf_tables import PdfTable, with_unruled
from brain.adapters.documents.pdf_words import TextLine, Word

_BULLET = re.compile(r"([•◦▪▫‣·●○■□◆➢➤✓✔❖☐☑\ue000-\uf8ff]|[-–—*o](?=\s))\s*")
_NUMBER = re.compile(
    r"((?:\d{1,3}[.)])|(?:\d{1,2}(?:\.\d{1,2}){1,3}\.?)|(?:\(?[a-zA-Z]\))|(?:\(?[ivx]{1,5}[.)]))\s+(?=\S)"
)
_PAGE_NUMBER = re.compile(r"\d+")
_OWN_NUMBER = re.compile(
    r"[-–—\s]*(?P<word>page|pg\.?|p\.|seite)?\s*(?P<number>\d{1,4})(?:\s*(?:/|of|von)\s*\d{1,4})?[-–—\s]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PdfPage:
    number: int
    height: float
    words: tuple[Word, ...]
    tables: tuple[PdfTable, ...] = ()


@dataclass(frozen=True, slots=True)
class _Style:
    """What is usual in this document, against which headings and paragraph breaks stand out."""

    body: float
    gap: float
    levels: dict[float, int]
    hyphenated: frozenset[str]


def write(pages: Sequence[PdfPage]) -> list[tuple[int, list[Block]]]:
    lines = {page.number: reading_order(page.words) for page in pages}
    style = _style([line for each in lines.values() for line in each])
    lines = _without_furniture(pages, lines, style)
    writer = _Writer(style)
    for page in pages:
        writer.page(page.number, _with_tables(lines[page.number], page.tables))
    return writer.finish()


def _style(lines: Sequence[TextLine]) -> _Style:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[_rounded(line.size)] += 0 if line.mono else len(line.text)
    body = max(weights, key=lambda size: weights[size], default=10.0)
    gaps = [b.top - a.bottom for a, b in pairwise(lines) if 0 <= b.top - a.bottom < body]
    larger = sorted((size for size in weights if size >= body * 1.12), reverse=True)
    words = {word for line in lines for word in re.findall(r"\w+-\w+", line.text.lower())}
    return _Style(
        body=body,
        gap=median(gaps) if gaps else body * 0.2,
        levels={size: min(level, 4) for level, size in enumerate(larger, 1)},
        hyphenated=frozenset(words),
    )


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def _without_furniture(
    pages: Sequence[PdfPage], lines: dict[int, list[TextLine]], style: _Style
) -> dict[int, list[TextLine]]:
    """Headers and footers: what returns at the edge of many pages, but for a number that counts pages."""
    seen: dict[str, list[tuple[int, TextLine]]] = {}
    for page in pages:
        for line in lines[page.number]:
            if _is_at_edge(page, line):
                seen.setdefault(_PAGE_NUMBER.sub("#", line.text), []).append((page.number, line))
    dropped = {
        (page.number, line)
        for page in pages
        for line in lines[page.number]
        if _is_at_edge(page, line) and _numbers_page(line.text, page.number)
    }
    for found in seen.values():
        times = len({number for number, _ in found})
        often = times >= max(2, len(pages) * 0.4)
        large = found[0][1].size > style.body * 1.1
        if often and len({line.text for _, line in found}) == 1:
            # A large one may be the title: it is said once.
            dropped.update(found[1:] if large else found)
        elif not large and (often or times > 2) and _counts_pages(found):
            dropped.update(found)
    return {
        number: [line for line in each if (number, line) not in dropped] for number, each in lines.items()
    }


def _is_at_edge(page: PdfPage, line: TextLine) -> bool:
    return not page.height * 0.12 < (line.top + line.bottom) / 2 < page.height * 0.88


def _numbers_page(text: str, number: int) -> bool:
    """Said by itself, also where it is on one page alone."""
    found = _OWN_NUMBER.fullmatch(text.strip())
    return found is not None and (found["word"] is not None or int(found["number"]) == number)


def _counts_pages(found: Sequence[tuple[int, TextLine]]) -> bool:
    differences = Counter(
        int(digits) - number for number, line in found for digits in set(_PAGE_NUMBER.findall(line.text)[:5])
    )
    return bool(differences) and differences.most_common(1)[0][1] >= len(found) * 0.8


def _with_tables(lines: Sequence[TextLine], tables: Sequence[PdfTable]) -> Iterator[TextLine | PdfTable]:
    waiting = sorted(tables, key=lambda each: each.top)
    for thing in with_unruled(lines):
        while waiting and waiting[0].top < thing.top:
            yield waiting.pop(0)
        yield thing
    yield from waiting


@dataclass(slots=True)
class _Writer:
    """Collects lines until something ends their paragraph; the paragraph belongs to the page it began on."""

    style: _Style
    pages: list[tuple[int, list[Block]]] = field(default_factory=list)
    pending: list[TextLine] = field(default_factory=list)
    indents: list[float] = field(default_factory=list)
    home: list[Block] = field(default_factory=list)

    def page(self, number: int, content: Iterable[TextLine | PdfTable]) -> None:
        self.pages.append((number, []))
        for thing in content:
            if isinstance(thing, PdfTable):
                self._flush()
                made = table(thing.rows)
                if made:
                    self.pages[-1][1].append(made)
                continue
            if not self._continues(thing):
                in_next_column = bool(self.pending) and thing.top < self.pending[-1].top
                self._flush()
                if in_next_column:
                    self.indents = []
                self.home = self.pages[-1][1]
            self.pending.append(thing)

    def finish(self) -> list[tuple[int, list[Block]]]:
        self._flush()
        return self.pages

    def _continues(self, line: TextLine) -> bool:
        if not self.pending:
            return False
        first, last = self.pending[0], self.pending[-1]
        if _BULLET.fullmatch(last.text) and line.top < last.bottom:
            # A bullet in another font may stand a little higher than its text.
            return True
        if line.mono != last.mono or abs(line.size - last.size) > 1 or _marker(line):
            return False
        if self._level(line) != self._level(last):
            return False
        gap = line.top - last.bottom
        if gap < -last.size or gap > last.size * 8:
            # The next column or page: only a sentence that is cut in two goes on there.
            return not line.mono and last.text[-1] not in ".:!?" and line.text[0].islower()
        if line.mono:
            return gap < last.size * 2.5
        if gap > self.style.gap + 0.45 * last.size:
            return False
        ended_short = last.text[-1] in ".:!?" and last.x1 < last.right - (last.right - last.left) * 0.2
        return not ended_short or bool(_marker(first) and line.x0 > first.x0 + 2)

    def _level(self, line: TextLine) -> int:
        """Of a heading, by its size; bold lines of the usual size come below all larger ones."""
        if line.mono:
            return 0
        if _rounded(line.size) in self.style.levels:
            return self.style.levels[_rounded(line.size)]
        deepest = max(self.style.levels.values(), default=1)
        return deepest + 1 if line.bold and line.size >= self.style.body - 0.5 else 0

    def _flush(self) -> None:
        if not self.pending:
            return
        lines, self.pending = self.pending, []
        self.home.append(self._block(lines))

    def _block(self, lines: list[TextLine]) -> Block:
        if lines[0].mono:
            self.indents = []
            return fence(_code(lines))
        text = self._joined(lines)
        level = self._level(lines[0])
        if level and self._is_heading(lines[0], text):
            self.indents = []
            return heading(level, text)
        marker = _marker(lines[0])
        if not marker:
            self.indents = []
            return paragraph(text)
        return self._item(lines[0], marker, text)

    def _is_heading(self, first: TextLine, text: str) -> bool:
        """Size is not all: leads are long, list items have bullets, and bold labels end with a colon."""
        if len(text) > 160 or text.endswith((".", ",", ";")) or not re.search(r"[^\W\d]", text):
            return False
        return not _BULLET.match(text) and not (text.endswith(":") and first.size < self.style.body * 1.12)

    def _item(self, line: TextLine, marker: str, text: str) -> Block:
        while self.indents and line.x0 < self.indents[-1] - 3:
            self.indents.pop()
        if not self.indents or line.x0 > self.indents[-1] + 3:
            self.indents.append(line.x0)
        rest = text[len(marker) :].strip()
        return item(len(self.indents) - 1, "-" if _BULLET.match(marker + " ") else marker.strip(), rest)

    def _joined(self, lines: Sequence[TextLine]) -> str:
        text = lines[0].text
        for line in lines[1:]:
            text = self._glued(text, line.text)
        return text.replace("\u00ad", "")

    def _glued(self, text: str, following: str) -> str:
        """A word cut at a line's end is one again, unless the document has it with a hyphen elsewhere."""
        cut = re.search(r"(\w+)[-\u00ad\u2010]$", text)
        continued = re.match(r"[^\W\d_]+", following)
        if not cut or not continued or not continued[0][0].islower():
            return f"{text} {following}"
        if f"{cut[1]}-{continued[0]}".lower() in self.style.hyphenated:
            return text + following
        return text[:-1] + following


def _marker(line: TextLine) -> str:
    found = _BULLET.match(line.text) or _NUMBER.match(line.text)
    return found[0] if found and not line.mono else ""


def _code(lines: Sequence[TextLine]) -> str:
    """Indentation is measured in characters of the usual width; a wide gap is a blank line."""
    left = min(line.x0 for line in lines)
    width = median(max((line.x1 - line.x0) / max(len(line.text), 1), 1) for line in lines)
    written = []
    for line, before in zip(lines, (lines[0], *lines), strict=False):
        blank = "\n" if line.top - before.bottom > line.size else ""
        written.append(blank + " " * round((line.x0 - left) / width) + line.text)
    return "\n".join(written)
