"""Our one Markdown dialect as a small tree that any platform can show: no link, no mention, nothing hidden.

Links and images are their words, HTML is text, and what a program might make a link of is code.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Flag, auto
from functools import reduce
from operator import or_

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from brain.domain.plain import HIDDEN


class Mark(Flag):
    NONE = 0
    BOLD = auto()
    ITALIC = auto()
    STRIKE = auto()
    CODE = auto()


@dataclass(frozen=True, slots=True)
class Span:
    """Text that looks the same from end to end; it may break lines."""

    text: str
    marks: Mark = Mark.NONE


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    spans: Spans


@dataclass(frozen=True, slots=True)
class Heading:
    level: int
    spans: Spans


@dataclass(frozen=True, slots=True)
class Code:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """Items one below the other; numbered from `start`, or with bullets where that is None."""

    items: tuple["Tree", ...]
    start: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; the first is the head, but for the second half of one that was split."""

    rows: tuple[tuple[Spans, ...], ...]
    headed: bool = True


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: "Tree"


Block = Paragraph | Heading | Code | Listing | Table | Quote
Tree = tuple[Block, ...]

# Deeper than that nobody reads, and the parser leaves out what is in there.
_DEPTH = 40
# References are text here: “[1]: see below” is the talk of people who cite, and an address stays in sight.
_MARKDOWN = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": _DEPTH})
    .enable(["table", "strikethrough"])
    .disable(["html_block", "html_inline", "reference", "autolink"])
)
_LANGUAGE = re.compile(r"[\w+#.-]{0,30}")
_CITED = re.compile(r"\s*\d{1,3}\s*")
_HIGHEST_NUMBER = 999

_DOT = "[.。．｡․]"
# Where a word begins or ends to a program for which `_` and `-` are markup.
_BEGIN, _END = r"(?<![^\W_])", r"(?![^\W_])"
_HOST = rf"(?:[\w-]+{_DOT}){{1,8}}(?:xn--[a-z0-9-]+|[^\W\d_]{{2,}}){_END}"
_PATH = r"(?::\d{1,5})?(?:[/?#](?:[^\s<>]*[^\s<>.,;:!?)\]\"'”’])?)?"
# Whatever some program makes a link of. `sure` is an address to whoever looks; the rest may be a file name.
_ADDRESS = re.compile(
    rf"""
    (?P<sure>
        (?:
            [a-z][a-z0-9+.-]{{1,30}}://
          | {_BEGIN}(?:mailto|javascript|vbscript|data|file|tel|sms|xmpp|skype):
          | {_BEGIN}www{_DOT}
        )
        [^\s<>]*[^\s<>.,;:!?)\]"'”’]
      | {_BEGIN}[\w.+%-]{{1,64}}@{_HOST}{_PATH}
    )
  | {_BEGIN}(?:{_HOST}|(?:\d{{1,3}}{_DOT}){{3}}\d{{1,3}}{_END}){_PATH}
    """,
    re.IGNORECASE | re.VERBOSE,
)
# One dot and an ending that is no top-level domain.
_FILE = re.compile(
    r"[\w-]+\.(?:bak|bmp|cfg|class|conf|csv|docx?|env|exe|gif|gz|html?|ini|jar|java|jpe?g|js|json|jsonl|lock|log|pdf"
    r"|pem|png|pptx?|sql|svg|tar|tgz|tmp|toml|ts|txt|xlsx?|xml|ya?ml)",
    re.IGNORECASE,
)
_JOINT = re.compile(rf"{_DOT}|[:@]")


def clean(text: str) -> str:
    """Without what nobody sees, and with one kind of line end."""
    return HIDDEN.sub("", re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", text))


def words(text: str) -> Spans:
    """Text that is not in the dialect: shown as it is."""
    return _spans([Span(clean(text))])


def unlinked(text: str, *, sure: bool = False) -> str:
    """For places that cannot show code: addresses are spelled so that nothing makes a link of them.

    With `sure`, only those that nobody can take for the name of a file.
    """
    return _ADDRESS.sub(
        lambda found: (
            found.group()
            if _FILE.fullmatch(found.group()) or (sure and not found.group("sure"))
            else _JOINT.sub(r"[\g<0>]", found.group())
        ),
        text,
    )


def parse(text: str) -> Tree:
    source = clean(text)
    tokens = _MARKDOWN.parse(source)
    if any(token.level >= _DEPTH - 2 for token in tokens):
        return (Paragraph(words(source)),)
    for token in tokens:
        if token.type == "inline":
            token.meta["spans"] = _spans(_read(token.children or ()))
            token.children = None
    return tuple(_blocks(SyntaxTreeNode(tokens).children, lines=source.split("\n")))


def _blocks(nodes: Iterable[SyntaxTreeNode], lines: Sequence[str]) -> Iterator[Block]:
    for node in nodes:
        match node.type:
            case "paragraph":
                yield Paragraph(_inline(node))
            case "heading":
                yield Heading(int(node.tag[1:]), _inline(node))
            case "code_block":
                yield _code(node.content)
            case "fence":
                yield _code(node.content, node.info.strip())
            case "bullet_list":
                yield Listing(tuple(tuple(_blocks(item.children, lines)) for item in node.children))
            case "ordered_list":
                yield _numbered(node, lines)
            case "blockquote":
                yield Quote(tuple(_blocks(node.children, lines)))
            case "table":
                yield _table(node, lines)
            case _:  # a rule between paragraphs is nothing but markup
                pass


def _code(content: str, info: str = "") -> Code:
    text = clean(content).removesuffix("\n")
    info = clean(info)
    if _LANGUAGE.fullmatch(info):
        return Code(text, info)
    return Code(f"{info}\n{text}")  # words that somebody wrote next to the fence


def _numbered(node: SyntaxTreeNode, lines: Sequence[str]) -> Listing:
    items = tuple(tuple(_blocks(item.children, lines)) for item in node.children)
    start = int(node.attrs.get("start", 1))
    if start + len(items) <= _HIGHEST_NUMBER:
        return Listing(items, start)
    # A year at the start of a line: platforms do not count that far.
    return Listing(tuple(_named(item, f"{number}. ") for number, item in enumerate(items, start)))


def _named(item: Tree, name: str) -> Tree:
    match item:
        case (Paragraph(spans), *rest):
            return (Paragraph(_spans((Span(name), *spans))), *rest)
        case _:
            return (Paragraph((Span(name),)), *item)


def _table(node: SyntaxTreeNode, lines: Sequence[str]) -> Block:
    rows = [row for part in node.children for row in part.children]
    width = len(rows[0].children)
    if any(_cells(lines[row.map[0]]) > width for row in rows[1:] if row.map):
        # The parser leaves out the cells beyond the head's.
        first, last = node.map or (0, 0)
        return Code("\n".join(lines[first:last]))
    return Table(tuple(tuple(_inline(cell) for cell in row.children) for row in rows))


def _cells(line: str) -> int:
    inner = re.sub(r"^[\s>]*\|?", "", line).rstrip().removesuffix("|")
    return len(re.split(r"(?<!\\)\|", inner))


def _inline(node: SyntaxTreeNode) -> Spans:
    spans: Spans = node.children[0].meta["spans"] if node.children else ()
    return spans


_MARKS = {"strong": Mark.BOLD, "em": Mark.ITALIC, "s": Mark.STRIKE}


def _read(tokens: Iterable[Token], inherited: Mark = Mark.NONE) -> list[Span]:
    """One after the other: marks may lie within marks thousands of times."""
    found: list[Span] = []
    open_marks: Counter[Mark] = Counter()
    link = 0
    for token in tokens:
        marks = reduce(or_, (mark for mark, times in open_marks.items() if times), inherited)
        match token.type:
            case "softbreak" | "hardbreak":
                found.append(Span("\n", marks))
            case "text":
                found.append(Span(clean(token.content), marks))
            case "code_inline":
                found.append(Span(clean(token.content), marks | Mark.CODE))
            case "image":
                found += _read(token.children or (), marks)
            case "link_open":
                link = len(found)
            case "link_close":
                words_of_it = "".join(span.text for span in found[link:])
                if _CITED.fullmatch(words_of_it):  # a citation that was made a link is one again
                    found[link:] = [Span(f"[{words_of_it.strip()}]", marks)]
            case _:
                open_marks[_MARKS[token.tag]] += token.nesting
    return found


def _spans(found: Sequence[Span]) -> Spans:
    """Joined where they look the same, and with addresses as code, over the borders of marks too."""
    text = "".join(span.text for span in found)
    code = [hit.span() for hit in _ADDRESS.finditer(text) if not _FILE.fullmatch(hit.group())]
    joined: list[Span] = []
    for span in _covered(found, code):
        if joined and joined[-1].marks == span.marks:
            joined[-1] = replace(span, text=joined[-1].text + span.text)
        elif span.text:
            joined.append(span)
    return tuple(joined)


def _covered(found: Sequence[Span], code: Sequence[tuple[int, int]]) -> Iterator[Span]:
    edges = sorted({edge for pair in code for edge in pair})
    starts = dict(code)
    at = until = position = 0
    for span in found:
        end = at + len(span.text)
        while at < end:
            until = max(until, starts.get(at, 0))
            while position < len(edges) and edges[position] <= at:
                position += 1
            stop = min(end, edges[position]) if position < len(edges) else end
            marks = span.marks | (Mark.CODE if at < until else Mark.NONE)
            yield Span(span.text[len(span.text) - (end - at) : len(span.text) - (end - stop)], marks)
            at = stop


def plain_text(tree: Tree) -> str:
    """As it reads where nothing can be formatted."""
    return "\n".join(_plain(block) for block in tree)


def _plain(block: Block) -> str:
    match block:
        case Paragraph() | Heading():
            return line_text(block.spans)
        case Code():
            return block.text
        case Quote():
            return plain_text(block.blocks)
        case Table():
            return "\n".join(" | ".join(line_text(cell) for cell in row) for row in block.rows)
        case Listing():
            return "\n".join(
                f"{bullet(block, index)} {plain_text(item)}" for index, item in enumerate(block.items)
            )


def bullet(listing: Listing, index: int) -> str:
    return "•" if listing.start is None else f"{listing.start + index}."


def line_text(spans: Spans) -> str:
    return "".join(span.text for span in spans)
