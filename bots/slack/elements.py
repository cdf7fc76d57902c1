"""The small pieces of Block Kit: rich text that Slack never reads as markup, plain text, and our own links.

https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from bots.rich_text import (
    Block,
    Code,
    Heading,
    Listing,
    Mark,
    Paragraph,
    Quote,
    Span,
    Spans,
    Table,
    Tree,
    clean,
    line_text,
    unlinked,
)
from brain.domain.plain import HIDDEN

Json = dict[str, Any]

_STYLES = {Mark.BOLD: "bold", Mark.ITALIC: "italic", Mark.STRIKE: "strike", Mark.CODE: "code"}
_DEEPEST = 8
_COLUMN = 30
_ADDRESS_LIMIT = 3_000


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def plain(text: str, limit: int) -> Json:
    """A plain_text object, which Slack refuses when empty."""
    shown = _spelled(text, limit)
    return {"type": "plain_text", "text": shown or "–", "emoji": False}


def _spelled(said: str, limit: int) -> str:
    """Addresses are spelled before the text is cut: half of one may be another."""
    return cut(unlinked(clean(said[: 8 * limit]), sure=True).strip(), limit)


def escaped(text: str) -> str:
    """Safe as mrkdwn: nothing in it is a mention, and nothing is made a link of."""
    return unlinked(clean(text)).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def address(url: str) -> str:
    """The address if it is one that a person may be sent to; else empty."""
    if len(url) > _ADDRESS_LIMIT or HIDDEN.search(url) or any(c.isspace() or c in '<>"\\`{}' for c in url):
        return ""
    try:
        parts = urlsplit(url)
        sound = parts.port != 0
    except ValueError:
        return ""
    good = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
    return url if good and sound else ""


def text(shown: str, marks: Mark = Mark.NONE) -> Json:
    style = {name: True for mark, name in _STYLES.items() if mark in marks}
    return {"type": "text", "text": shown} | ({"style": style} if style else {})


def inline(spans: Spans, more: Mark = Mark.NONE) -> list[Json]:
    return [text(span.text, span.marks | more) for span in spans if span.text]


def cut_spans(spans: Spans, limit: int) -> Spans:
    if len(line_text(spans)) <= limit:
        return spans
    kept: list[Span] = []
    room = limit - 1
    for span in spans:
        kept.append(Span(span.text[:room], span.marks))
        room -= len(kept[-1].text)
    return (*kept, Span("…"))


def link(label: str, url: str, limit: int = 300) -> Json:
    return {"type": "link", "url": url, "text": _spelled(label, limit) or cut(url, limit)}


def section(parts: Sequence[Json]) -> Json:
    return {"type": "rich_text_section", "elements": list(parts)}


def quote(parts: Sequence[Json]) -> Json:
    return {"type": "rich_text_quote", "elements": list(parts)}


def rich(tree: Tree, *, quoted: bool = False) -> list[Json]:
    """Elements of a rich_text block. What follows a list is set off from it by an empty line."""
    found: list[Json] = []
    lines: list[Json] = []
    for block in tree:
        if isinstance(block, Paragraph | Heading):
            if lines:
                lines.append(text("\n\n"))
            lines += inline(block.spans, Mark.BOLD if isinstance(block, Heading) else Mark.NONE)
            continue
        found += _lines(lines, found, quoted)
        lines = []
        found += _other(block, indent=0, quoted=quoted)
    found += _lines(lines, found, quoted)
    return found


def _lines(lines: Sequence[Json], before: Sequence[Json], quoted: bool) -> list[Json]:
    if not lines:
        return []
    if quoted:
        return [quote(lines)]
    gap = [text("\n")] if before and before[-1]["type"] == "rich_text_list" else []
    return [section([*gap, *lines])]


def _other(block: Block, *, indent: int, quoted: bool) -> list[Json]:
    match block:
        case Code():
            return _fixed(block.text, quoted)
        case Table():
            return _fixed(_aligned(block), quoted)
        case Quote():
            return rich(block.blocks, quoted=True)
        case Listing():
            return list(_list(block, indent, quoted))
        case _:
            return [section(inline(block.spans))]


def _fixed(shown: str, quoted: bool) -> list[Json]:
    if not shown.strip():
        return []
    block: Json = {"type": "rich_text_preformatted", "elements": [text(shown)]}
    return [block | ({"border": 1} if quoted else {})]


def _list(listing: Listing, indent: int, quoted: bool) -> Iterator[Json]:
    """Flat, as Slack has it: what stands between two items ends the list, and it goes on below."""
    items: list[Json] = []
    first = 0
    for index, item in enumerate(listing.items):
        begun = [block for block in item[:1] if isinstance(block, Paragraph | Heading)]
        rest = item[len(begun) :]
        first = first if items else index
        lines = [part for block in begun for part in inline(block.spans)]
        while rest and isinstance(rest[0], Paragraph | Heading):
            lines += [text("\n"), *inline(rest[0].spans)]
            rest = rest[1:]
        items.append(section(lines or [text(" ")]))
        if rest:
            yield _items(listing, first, items, indent, quoted)
            items = []
            yield from _within(rest, indent + 1, quoted)
    if items:
        yield _items(listing, first, items, indent, quoted)


def _within(rest: Tree, indent: int, quoted: bool) -> Iterator[Json]:
    for block in rest:
        if isinstance(block, Paragraph | Heading) and quoted:
            yield quote(inline(block.spans) or [text(" ")])
        elif not isinstance(block, Paragraph | Heading) or block.spans:
            yield from _other(block, indent=indent, quoted=quoted)


def _items(listing: Listing, first: int, items: Sequence[Json], indent: int, quoted: bool) -> Json:
    block: Json = {
        "type": "rich_text_list",
        "style": "bullet" if listing.start is None else "ordered",
        "indent": min(indent, _DEEPEST),
        "elements": list(items),
    }
    if listing.start is not None and (offset := listing.start + first - 1) > 0:
        block["offset"] = offset
    return block | ({"border": 1} if quoted else {})


def _aligned(table: Table) -> str:
    rows = [[line_text(cell).replace("\n", " ") for cell in row] for row in table.rows]
    widths = [min(_COLUMN, max(map(_width, column))) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]
    if table.headed:
        lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in cell)
