"""Words and lines of a PDF page, with their places in points from the top left."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool = False
    mono: bool = False


# White space that parts cells, in heights of the type; even justified text has less between its words.
_CELL_GAP = 1.5


@dataclass(frozen=True, slots=True)
class Part:
    """What stands between wide gaps of a line: the cell of a table, where its neighbours say so."""

    text: str
    x0: float
    x1: float


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of one column; `left` and `right` are the column's edges."""

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    size: float
    bold: bool
    mono: bool
    left: float
    right: float
    parts: tuple[Part, ...] = ()


def line_of(words: Sequence[Word], *, left: float, right: float) -> TextLine:
    sizes: Counter[float] = Counter()
    for word in words:
        sizes[word.size] += len(word.text)
    return TextLine(
        text=_text(words),
        x0=min(word.x0 for word in words),
        x1=max(word.x1 for word in words),
        top=min(word.top for word in words),
        bottom=max(word.bottom for word in words),
        size=sizes.most_common(1)[0][0],
        bold=all(word.bold for word in words),
        mono=all(word.mono for word in words),
        left=left,
        right=right,
        parts=tuple(_parts(words)),
    )


def _parts(words: Sequence[Word]) -> Iterator[Part]:
    run: list[Word] = []
    for word in sorted(words, key=lambda each: each.x0):
        if run and word.x0 - run[-1].x1 >= _CELL_GAP * min(word.size, run[-1].size):
            yield Part(_text(run), run[0].x0, run[-1].x1)
            run = []
        run.append(word)
    yield Part(_text(run), run[0].x0, run[-1].x1)


def _text(words: Sequence[Word]) -> str:
    """Words come in the order they stand in; Arabic and Hebrew are read from the other side."""
    ordered = sorted(words, key=lambda word: word.x0)
    letters = sum(len(_RIGHT_TO_LEFT.findall(word.text)) for word in words)
    if letters * 2 > sum(len(word.text) for word in words):
        ordered.reverse()
    return " ".join(word.text for word in ordered)


def spelled(glyphs: Sequence[str]) -> str:
    """The word that these glyphs, from left to right, stand for; one glyph may be several letters."""
    text = "".join(glyphs)
    if not _RIGHT_TO_LEFT.search(text):
        return text
    turned = unicodedata.normalize("NFKC", "".join(reversed(glyphs)))
    return re.sub(r"[0-9][0-9.,/]*", lambda digits: digits[0][::-1], turned)
