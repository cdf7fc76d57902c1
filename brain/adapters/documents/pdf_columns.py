"""The order in which the lines of a PDF page are read: column by column where the page has columns."""

import re
from collections.abc import Iterator, Sequence

from brain.adapters.documents.pdf_words import TextLine, Word, line_of

_MIN_GUTTER = 9.0
_MIN_LINES = 3
_MARKER = re.compile(r"[^\w\s]|[\ue000-\uf8ff]|\(?\w{1,2}[.)]")

Row = list[Word]


def reading_order(words: Sequence[Word]) -> list[TextLine]:
    return list(_read(_rows(words)))


def _rows(words: Sequence[Word]) -> list[Row]:
    """Words that stand beside each other: those that overlap the row's first word by half their height."""
    rows: list[Row] = []
    for word in sorted(words, key=lambda each: (each.top + each.bottom) / 2):
        for row in reversed(rows[-3:]):
            lead = row[0]
            overlap = min(word.bottom, lead.bottom) - max(word.top, lead.top)
            if overlap > 0.5 * min(word.bottom - word.top, lead.bottom - lead.top):
                row.append(word)
                break
        else:
            rows.append([word])
    return rows


def _read(rows: list[Row]) -> Iterator[TextLine]:
    gutter = _gutter(rows)
    if gutter is None:
        yield from _lines(rows)
        return
    run: list[Row] = []
    for row in rows:
        if any(word.x0 < gutter < word.x1 for word in row) or not _parted(row, gutter):
            yield from _columns(run, gutter)
            yield from _lines([row])
            run = []
        else:
            run.append(row)
    yield from _columns(run, gutter)


def _columns(run: list[Row], gutter: float) -> Iterator[TextLine]:
    left, right = _sides(run, gutter)
    if min(len(left), len(right)) < _MIN_LINES:
        yield from _lines(run)
    else:
        yield from _read(left)
        yield from _read(right)


def _parted(row: Row, gutter: float) -> bool:
    left = max((word.x1 for word in row if word.x1 <= gutter), default=float("-inf"))
    right = min((word.x0 for word in row if word.x0 >= gutter), default=float("inf"))
    return right - left >= _MIN_GUTTER


def _gutter(rows: list[Row]) -> float | None:
    """Where the text of most rows is parted by white space, with columns of running text on both sides."""
    if len(rows) < _MIN_LINES:
        return None
    left = min(word.x0 for row in rows for word in row)
    right = max(word.x1 for row in rows for word in row)
    width = right - left
    places = [left + width * step / 60 for step in range(15, 46)]

    def parted(place: float) -> int:
        return sum(
            not any(word.x0 < place < word.x1 for word in row)
            and _parted(row, place)
            and _on_both(row, place)
            for row in rows
        )

    enough = max(_MIN_LINES, 0.3 * len(rows))
    found = [(count, place) for place in places if (count := parted(place)) >= enough]
    # Between a list's marks and its items there is white space, too.
    return next((place for _, place in sorted(found, key=_widest) if _is_prose(rows, place)), None)


def _widest(found: tuple[int, float]) -> int:
    return -found[0]


def _on_both(row: Row, place: float) -> bool:
    return any(word.x1 <= place for word in row) and any(word.x0 >= place for word in row)


def _is_prose(rows: list[Row], place: float) -> bool:
    """Labels beside values, and cells beside cells, are read across; sentences and lists are not. A few lines
    of sentences may be the cells of a table."""
    few = len(rows) < 2 * _MIN_LINES
    for side in _sides(rows, place):
        filled = [sorted(row, key=lambda word: word.x0) for row in side]
        if len(filled) < _MIN_LINES:
            return False
        marked = sum(len(row) > 1 and _MARKER.fullmatch(row[0].text) is not None for row in filled)
        if (few or sum(map(len, filled)) < 4 * len(filled)) and marked * 2 < len(filled):
            return False
    return True


def _sides(rows: list[Row], place: float) -> tuple[list[Row], list[Row]]:
    left = ([word for word in row if word.x1 <= place] for row in rows)
    right = ([word for word in row if word.x0 >= place] for row in rows)
    return [side for side in left if side], [side for side in right if side]


def _lines(rows: list[Row]) -> Iterator[TextLine]:
    if not rows:
        return
    left = min(word.x0 for row in rows for word in row)
    right = max(word.x1 for row in rows for word in row)
    for row in rows:
        yield line_of(row, left=left, right=right)
