"""What a model wrote, with nothing left in it that a reader's program could follow, fetch or run: no links,
no images, no HTML. Links belong to our own citations. Code stays as it is: it is shown, never rendered."""

import re
from collections.abc import Callable

_FENCED = re.compile(
    r"^([ \t]*)(```+(?=[^`\n]*$)|~~~+)(.*?)(?:^[ \t]*\2[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_PARAGRAPH_END = re.compile(r"(\n[ \t]*\n)")
_CODE_SPAN = re.compile(r"(?<![\\`])(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
# Stands for code while the rest is cleaned; no text has such characters of its own by then.
_KEPT = re.compile(r"\x00(\d+)\x00")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# What stands between these is not text.
_UNSHOWN = re.compile(
    r"<(script|style|iframe|object|svg|template|head|title|noscript)\b.*?(?:</\1\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/tr|/h[1-6])\b[^<>]*>", re.IGNORECASE)
_ITEM = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
_ELEMENTS = """
a abbr acronym address applet area article aside audio b base bdi bdo big blink blockquote body br
button canvas center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em
embed fieldset figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 header hr html i
iframe img input ins kbd label legend li link main map mark marquee math menu meta meter nav noembed
noframes object ol optgroup option output p param picture plaintext portal pre progress q rp rt ruby
s samp section select slot small source span strike strong sub summary sup svg table tbody td
textarea tfoot th thead time tr track tt u ul var video wbr xmp
""".split()
# Known elements, and whatever carries attributes; a lone `<pod>` is a place to fill in, and stays.
_TAG = re.compile(
    rf"</?(?:{'|'.join(_ELEMENTS)})(?:[\s/][^<>]*)?>|</?[A-Za-z][^<>]*?=[^<>]*(?:>|\Z)|<[!?][^<>]*(?:>|\Z)",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"!\[[^\[\]]*\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\[\]\n]*\])?")
_LINK = re.compile(r"\[([^\[\]\n]*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[(?!\d{1,3}\])[^\[\]\n]*\])")
_DEFINITION = re.compile(r"^[ \t]{0,3}\[[^\[\]\n]+\]:[ \t]*\S.*$", re.MULTILINE)
# A definition in a list or quote, or whose label began on an earlier line.
_DEFINES = re.compile(r"^((?:[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t>]+)*\[[^\n]*?|[^\[\n]*)\]):", re.MULTILINE)
_AUTOLINK = re.compile(r"<(?:[A-Za-z][A-Za-z0-9+.-]{1,31}:|[^\s<>@]+@)[^\s<>]*>")
# A bare address becomes a link in most programs. The quote of the citation has it, word for word.
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\bwww\.|\b(?:mailto|javascript|data):(?=\S))[^\s<>\"“”)\]]*[^\s<>\"“”)\].,;:!?]",
    re.IGNORECASE,
)
# What nobody sees: control, zero-width and bidirectional characters, fillers, tags, halves of a pair.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_MARK = re.compile(r"\d{1,3}")
_PASSES = 20


def plain(markdown: str) -> str:
    text = HIDDEN.sub("", markdown.replace("\r\n", "\n"))
    kept: list[str] = []

    def keep(code: str) -> str:
        kept.append(code)
        return f"\x00{len(kept) - 1}\x00"

    text = _FENCED.sub(lambda fenced: keep(fenced.group()) if _is_whole(fenced) else fenced.group(), text)
    paragraphs = (_without_spans(one, keep) for one in _PARAGRAPH_END.split(text))
    return _KEPT.sub(lambda one: kept[int(one.group(1))], _bare("".join(paragraphs))).strip()


def _is_whole(fenced: re.Match[str]) -> bool:
    """A line that stands further left than the fence may end it, where the fence is within a list."""
    indent = fenced.group(1)
    return all(line.startswith(indent) for line in fenced.group(3).split("\n")[1:] if line.strip())


def _without_spans(paragraph: str, keep: Callable[[str], str]) -> str:
    """Where a backtick is left over, programs differ on what is code: then nothing is."""
    if "`" in _CODE_SPAN.sub("", paragraph):
        return paragraph
    return _CODE_SPAN.sub(lambda span: keep(span.group()), paragraph)


def _bare(text: str) -> str:
    for _ in range(_PASSES):  # what is taken out may join what stood around it
        if (less := _less(text)) == text:
            break
        text = less
    else:  # nobody writes so for people
        text = re.sub(r"[<\[]", "", text)
    # Whatever else there is to the grammar of links, these have to stand side by side.
    while (apart := _DEFINES.sub(r"\1 :", text)) != text:
        text = apart
    return _ADDRESS.sub("…", text.replace("](", "] ("))


def _less(text: str) -> str:
    text = _AUTOLINK.sub("", _UNSHOWN.sub("", _COMMENT.sub("", text)))
    text = _TAG.sub("", _ITEM.sub("\n- ", _BREAK.sub("\n", text)))
    return _LINK.sub(_words, _IMAGE.sub("", _DEFINITION.sub("", text)))


def _words(link: re.Match[str]) -> str:
    """The words of a link; a citation that was made one becomes a citation again."""
    words = link.group(1)
    return f"[{words}]" if _MARK.fullmatch(words.strip()) else words
