"""HTML pages: what a reader came for, without what surrounds it on every page."""

import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from brain.adapters.documents.encoding import decode
from brain.adapters.documents.layout import (
    Block,
    fence,
    heading,
    in_cell,
    item,
    join,
    merged,
    one_line,
    paragraph,
    superscript,
    table,
)
from brain.domain.errors import Rejected
from brain.domain.knowledge import ParsedDocument
from brain.domain.markdown import first_heading

_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.IGNORECASE)
_SURROUNDINGS = frozenset({"nav", "footer", "aside"})
_DROPPED_TAGS = _SURROUNDINGS | frozenset(
    {"head", "script", "style", "noscript", "template", "dialog"}
    | {
        "iframe",
        "svg",
        "canvas",
        "object",
        "embed",
        "audio",
        "video",
        "button",
        "input",
        "select",
        "textarea",
    }
)
_DROPPED_ROLES = {"navigation", "banner", "contentinfo", "complementary", "search", "dialog"}
_DROPPED_CLASSES = re.compile(
    r"(?:^|[\s_-])(?:breadcrumbs?|cookie|sidebar|navbar|skip-link|logo)(?:$|[\s_-])", re.IGNORECASE
)
_INVISIBLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)
_INLINE = frozenset(
    {
        "a",
        "abbr",
        "b",
        "bdi",
        "bdo",
        "big",
        "br",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "img",
    }
    | {"ins", "kbd", "label", "map", "mark", "math", "q", "rp", "rt", "ruby", "s", "samp", "small", "span"}
    | {"strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
_BLOCK = "p, div, h1, h2, h3, h4, h5, h6, ul, ol, table, pre, blockquote, section, article, dl"
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
# Their end may be left out, or they have none.
_NOT_CLOSED = frozenset(
    "area base br col colgroup dd dt embed hr img input li link meta optgroup option p param rp rt source"
    " tbody td tfoot th thead tr track wbr".split()
)
_MAX_DEPTH = 5_000
_HEADINGS = {f"h{level}": level for level in range(1, 7)}


def read_html(content: bytes) -> ParsedDocument:
    charset = _CHARSET.search(content[:4096])
    text = decode(content, declared=charset[1].decode("ascii") if charset else None)
    _check_depth(text)
    tree = LexborHTMLParser(text)
    body = tree.body
    markdown = join(_blocks(_main(body))) if body is not None else ""
    if body is not None and not markdown:
        _keep_surroundings(tree)
        markdown = join(_blocks(body))
    title = tree.css_first("title")
    return ParsedDocument(first_heading(markdown) or (title.text() if title is not None else ""), markdown)


def _check_depth(text: str) -> None:
    """The parser takes the square of it: a minute for a page of 200,000 that nobody closed."""
    depth = 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() not in _NOT_CLOSED:
            depth += -1 if tag[1] else 1
            if depth > _MAX_DEPTH:
                raise Rejected("is nested too deeply to be read.")


def _main(body: LexborNode) -> LexborNode:
    """The part marked as the main one, where it is marked and holds most of the text."""
    marked = body.css("main, [role=main]") or body.css("article")
    if len(marked) == 1 and len(marked[0].text()) * 2 > sum(len(block.text) for block in _blocks(body)):
        return marked[0]
    return body


def _keep_surroundings(tree: LexborHTMLParser) -> None:
    """A page of menus alone is a directory: there, they are what a reader came for."""
    tree.unwrap_tags(sorted(_SURROUNDINGS))
    for node in tree.css("[class], [role]"):
        for name in ("class", "role"):
            if name in node.attributes:
                del node.attrs[name]


def _dropped(node: LexborNode) -> bool:
    if node.is_comment_node or node.tag in _DROPPED_TAGS:
        return True
    if not node.is_element_node:
        return False
    marks = node.attributes
    return (
        "hidden" in marks
        or marks.get("aria-hidden") == "true"
        or marks.get("role") in _DROPPED_ROLES
        or _INVISIBLE.search(marks.get("style") or "") is not None
        or _DROPPED_CLASSES.search(marks.get("class") or "") is not None
    )


def _children(node: LexborNode) -> Iterator[LexborNode]:
    return (child for child in node.iter(include_text=True) if not _dropped(child))


def _blocks(node: LexborNode) -> Iterator[Block]:
    """Text that stands between blocks becomes a paragraph of its own."""
    inline: list[str] = []
    for child in _children(node):
        if child.is_text_node or (child.tag in _INLINE and child.css_first(_BLOCK) is None):
            inline.append(_inline(child))
            continue
        yield from _paragraph(inline)
        inline = []
        yield from _block(child)
    yield from _paragraph(inline)


def _paragraph(inline: list[str]) -> Iterator[Block]:
    text = _lines("".join(inline))
    if text:
        yield paragraph(text)


def _lines(text: str) -> str:
    return "\n".join(filter(None, map(one_line, text.split("\n"))))


def _block(node: LexborNode) -> Iterator[Block]:
    tag = node.tag or ""
    if tag in _HEADINGS:
        text = one_line(_inline(node))
        if text:
            yield heading(_HEADINGS[tag], text)
    elif tag in {"ul", "ol", "menu"}:
        yield from _list(node)
    elif tag == "pre":
        yield from _code(node)
    elif tag == "table":
        yield from _table(node)
    elif tag == "dl":
        yield from _definitions(node)
    elif tag == "blockquote":
        quoted = join(_blocks(node))
        if quoted:
            yield Block("> " + quoted.replace("\n", "\n> "))
    else:
        yield from _blocks(node)


def _inline(node: LexborNode) -> str:
    if node.is_text_node:
        return re.sub(r"\s+", " ", node.text_content or "")
    if node.tag == "br":
        return "\n"
    if node.tag == "img":
        return _described(node)
    text = "".join(_inline(child) for child in _children(node))
    if node.tag in {"code", "kbd", "samp", "tt"} and text.strip() and "`" not in text:
        return f"`{one_line(text)}`"
    if node.tag == "a":
        return _link(node, text)
    if node.tag == "sup":
        return superscript(text)
    # Blocks inside headings and cells must not run into each other.
    return text if node.tag in _INLINE else f" {text} "


def _described(node: LexborNode) -> str:
    """What a picture shows, in the page's own words; a single word is the name of an icon."""
    description = one_line(node.attributes.get("alt") or "")
    return f" {description} " if " " in description else ""


def _link(node: LexborNode, text: str) -> str:
    """Addresses that mean something outside of their page are kept."""
    target = (node.attributes.get("href") or "").strip()
    label = one_line(text)
    if not label or label == target or not re.match(r"(?:https?://|mailto:)\S+$", target):
        return text
    return f"[{label}]({target.replace('(', '%28').replace(')', '%29')})"


def _list(node: LexborNode) -> Iterator[Block]:
    start = node.attributes.get("start") or "1"
    number = int(start) if re.fullmatch(r"-?[0-9]{1,9}", start) else 1
    for child in _children(node):
        if child.tag in {"ul", "ol"}:
            # Not allowed by the standard, but what many editors write for a nested list.
            yield from (item(1, "", block.text.strip()) for block in _list(child))
            continue
        body = list(_blocks(child)) if child.is_element_node else list(_paragraph([_inline(child)]))
        text = "\n".join(block.text for block in body)
        if text:
            yield item(0, f"{number}." if node.tag == "ol" else "-", text)
            number += 1


def _code(node: LexborNode) -> Iterator[Block]:
    code = node.css_first("code")
    classes = ((code or node).attributes.get("class") or "").split()
    language = next(
        (name.split("-", 1)[1] for name in classes if name.startswith(("language-", "lang-"))), ""
    )
    text = _verbatim(node)
    if text.strip():
        yield fence(text, language)


def _verbatim(node: LexborNode) -> str:
    if node.is_text_node:
        return node.text_content or ""
    return "\n" if node.tag == "br" else "".join(_verbatim(child) for child in _children(node))


def _definitions(node: LexborNode) -> Iterator[Block]:
    for child in node.css("dt, dd"):
        text = join(_blocks(child))
        if text:
            yield Block(f"**{one_line(text)}**") if child.tag == "dt" else Block(text)


def _table(node: LexborNode) -> Iterator[Block]:
    if node.css_first("td table, th table, td h1, td h2, td pre") is not None and _is_layout(node):
        yield from _blocks(node)
        return
    caption = next((child for child in node.iter() if child.tag == "caption"), None)
    if caption is not None:
        yield from _paragraph([_inline(caption)])
    made = table(_rows(node))
    if made:
        yield made


def _is_layout(node: LexborNode) -> bool:
    return all(len(row) < 2 for row in _rows(node)) or node.attributes.get("role") == "presentation"


def _rows(node: LexborNode) -> Iterator[list[str]]:
    """Cells that span rows or columns are said in each of them."""
    spanning: dict[int, tuple[int, str]] = {}
    for row in _table_rows(node):
        cells: list[str] = []
        for cell in (child for child in _children(row) if child.tag in {"td", "th"}):
            _continue(cells, spanning)
            text = _cell(cell)
            rows, columns = _span(cell, "rowspan"), _span(cell, "colspan")
            for value in merged(text, columns):
                if rows > 1:
                    spanning[len(cells)] = (rows - 1, value)
                cells.append(value)
        _continue(cells, spanning)
        yield cells


def _cell(node: LexborNode) -> str:
    """Items of a list keep their marks, so that they stay apart."""
    if node.css_first("ul, ol") is None:
        return one_line(_inline(node))
    return in_cell(_blocks(node))


def _table_rows(node: LexborNode) -> Iterator[LexborNode]:
    for child in _children(node):
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from _table_rows(child)


def _continue(cells: list[str], spanning: dict[int, tuple[int, str]]) -> None:
    while len(cells) in spanning:
        column = len(cells)
        left, text = spanning.pop(column)
        if left > 1:
            spanning[column] = (left - 1, text)
        cells.append(text)


def _span(cell: LexborNode, name: str) -> int:
    value = cell.attributes.get(name) or "1"
    return min(max(int(value), 1), 1000) if re.fullmatch(r"[0-9]{1,9}", value) else 1
