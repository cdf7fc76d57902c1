"""Cuts what is too long for one message where it hurts least."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bots.rich_text import Block, Code, Heading, Listing, Paragraph, Quote, Spans, Table, Tree, line_text


def split(tree: Tree, limit: int) -> list[Tree]:
    """Parts of at most `limit` characters each, cut where it hurts least: nothing is lost, order is kept.

    A code block is cut at line ends, a list between items and a table between rows, as long as they fit.
    """
    parts: list[list[Block]] = [[]]
    room = limit
    for block in (piece for whole in tree for piece in _broken(whole, limit)):
        if size(block) > room:
            # A heading goes with what it is the heading of.
            kept = parts[-1]
            moved = [kept.pop()] if len(kept) > 1 and isinstance(kept[-1], Heading) else []
            if moved and size(moved[0]) + size(block) > limit:
                kept += moved
                moved = []
            parts.append(moved)
            room = limit - sum(size(one) for one in moved)
        parts[-1].append(block)
        room -= size(block)
    return [tuple(part) for part in parts if part]


def size(block: Block) -> int:
    """In characters, with one for the end of each line, item and cell."""
    match block:
        case Paragraph() | Heading():
            return len(line_text(block.spans)) + 1
        case Code():
            return len(block.text) + 1
        case Quote():
            return sum(size(one) for one in block.blocks)
        case Table():
            return sum(_row_size(row) for row in block.rows)
        case Listing():
            return sum(_item_size(item) for item in block.items)


def _row_size(row: tuple[Spans, ...]) -> int:
    return sum(len(line_text(cell)) + 1 for cell in row)


def _item_size(item: Tree) -> int:
    return sum(size(block) for block in item) + 1


def _broken(block: Block, limit: int) -> Iterator[Block]:
    if size(block) <= limit:
        yield block
        return
    match block:
        case Paragraph() | Heading():
            for spans in _cut(block.spans, max(1, limit - 1)):
                yield replace(block, spans=spans)
        case Code():
            for text in cut_lines(block.text, max(1, limit - 1)):
                yield replace(block, text=text)
        case Quote():
            for part in split(block.blocks, limit):
                yield Quote(part)
        case Table():
            yield from _broken_table(block, limit)
        case Listing():
            yield from _broken_list(block, limit)


def _broken_table(table: Table, limit: int) -> Iterator[Block]:
    rows: list[tuple[Spans, ...]] = []
    headed, room = table.headed, limit
    for row in table.rows:
        if rows and _row_size(row) > room:
            yield Table(tuple(rows), headed)
            rows, headed, room = [], False, limit
        if _row_size(row) > limit:  # cell after cell, then
            for cell in row:
                yield from _broken(Paragraph(cell), limit)
            headed = False
        else:
            rows.append(row)
            room -= _row_size(row)
    if rows:
        yield Table(tuple(rows), headed)


def _broken_list(listing: Listing, limit: int) -> Iterator[Block]:
    items: list[Tree] = []
    first = 0
    room = limit
    for index, item in enumerate(listing.items):
        if items and _item_size(item) > room:
            yield _some(listing, first, items)
            items, room = [], limit
        if not items:
            first = index
        if _item_size(item) > limit:  # goes on below its number
            begun, *rest = split(item, max(1, limit - 1))
            yield _some(listing, index, [begun])
            for part in rest:
                yield from part
        else:
            items.append(item)
            room -= _item_size(item)
    if items:
        yield _some(listing, first, items)


def _some(listing: Listing, first: int, items: Sequence[Tree]) -> Listing:
    return Listing(tuple(items), None if listing.start is None else listing.start + first)


def _cut(spans: Spans, limit: int) -> Iterator[Spans]:
    """At the end of a line, of a sentence or of a word, in the last half of what fits; else anywhere."""
    text = line_text(spans)
    at = 0
    for piece in _pieces(text, limit):
        yield _between(spans, at, at + len(piece))
        at += len(piece)


def _pieces(text: str, limit: int) -> Iterator[str]:
    at = 0
    while len(text) - at > limit:
        ends = (text.rfind(end, at + limit // 2, at + limit) + len(end) for end in ("\n", ". ", " "))
        stop = next((end for end in ends if end > at + limit // 2), at + limit)
        yield text[at:stop]
        at = stop
    if at < len(text):
        yield text[at:]


def _between(spans: Spans, start: int, end: int) -> Spans:
    found = []
    at = 0
    for span in spans:
        piece = span.text[max(0, start - at) : max(0, end - at)]
        if piece:
            found.append(replace(span, text=piece))
        at += len(span.text)
    return tuple(found)


def cut_lines(text: str, limit: int) -> Iterator[str]:
    """Whole lines, as many as fit; a line that is too long is cut."""
    taken: list[str] = []
    room = limit
    for line in text.split("\n"):
        for index, piece in enumerate(_chunks(line, limit)):
            if taken and (index or len(piece) + 1 > room):
                yield "\n".join(taken)
                taken, room = [], limit
            room -= len(piece) + bool(taken)
            taken.append(piece)
    yield "\n".join(taken)


def _chunks(line: str, limit: int) -> list[str]:
    return [line[at : at + limit] for at in range(0, len(line), limit)] or [""]
