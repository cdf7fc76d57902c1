"""Words and lines of a PDF page, with their places in points from the top left."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
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
    )


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
