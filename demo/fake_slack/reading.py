"""What a person reads of a message: plain text from blocks or markup, and what in it is live.

https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from demo.fake_slack.blocks import elements_of
from demo.fake_slack.records import Json

Name = Callable[[str], str]

_TOKEN = re.compile(r"<([^<>\n]+)>")
_BARE_URL = re.compile(r"https?://[^\s<>|\"'`]+|(?<![@\w./-])(?:www\.[\w-]+\.)[^\s<>|]+", re.IGNORECASE)
_BARE = re.compile(
    r"(?<![\w@./-])(?:[a-z0-9-]+\.)+(?:com|net|org|io|dev|co|app|info|biz|ru|cn|example|zip)\b(?![\w-])"
    r"|(?<!\w)@(?:here|channel|everyone)\b|(?<![\w&])#[a-z0-9][\w-]*",
    re.IGNORECASE,
)
_MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)")
_MENTION = re.compile(r"^([@!#].+)$", re.DOTALL)


@dataclass
class Live:
    """What in a message does something: mentions as `@U1`, `!channel`, `#C1`; addresses of links.

    `bare` is what Slack makes live although nothing marks it: addresses without a scheme, and `@here` and
    names of channels in text that is not verbatim.
    """

    mentions: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    bare: list[str] = field(default_factory=list)


def plain(text: str, name: Name) -> str:
    """Slack's markup as it looks: `<@U1>` by name, links as `text (address)`, entities as characters."""

    def shown(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        if target.startswith(("@", "#")):
            return target[0] + (label or name(target[1:]))
        if target.startswith("!"):
            return label or "@" + target[1:].partition("^")[0]
        return f"{label} ({target})" if label else target

    return html.unescape(_TOKEN.sub(shown, text))


def seen_text(text: str, blocks: list[Json], name: Name) -> str:
    """What is shown: blocks where there are any, or else the text."""
    if not blocks:
        return plain(text, name)
    return "\n".join(part for block in blocks if (part := _block(block, name)))


def _block(block: Json, name: Name) -> str:
    shows = _SHOWS.get(block["type"])
    return shows(block, name) if shows else f"[{block['type']}]"


def _section(block: Json, name: Name) -> str:
    parts = [block.get("text"), *block.get("fields", []), *elements_of(block)]
    return "\n".join(_element(part, name) for part in parts if part)


def _row(block: Json, name: Name) -> str:
    return " ".join(_element(part, name) for part in block["elements"])


def _input(block: Json, name: Name) -> str:
    hint = f" ({block['hint']['text']})" if "hint" in block else ""
    return f"{block['label']['text']}{hint}: {_element(block['element'], name)}"


def _table(block: Json, name: Name) -> str:
    return "\n".join(" | ".join(_cell(cell, name) for cell in row) for row in block["rows"])


def _cell(cell: Json, name: Name) -> str:
    return cell["text"] if cell["type"] == "raw_text" else _block(cell, name)


def _element(part: Json, name: Name) -> str:
    match part["type"]:
        case "mrkdwn":
            return plain(part["text"], name)
        case "plain_text":
            return str(part["text"])
        case "button":
            return f"[{part['text']['text']}]"
        case "image":
            return f"[image: {part['alt_text']}]"
    begins = part.get("initial_value") or part.get("initial_option", {}).get("text", {}).get("text", "")
    return f"‹{begins}›"


def _rich(part: Json, name: Name) -> str:
    match part["type"]:
        case "rich_text_list":
            indent = "  " * part.get("indent", 0)
            first = part.get("offset", 0) + 1
            marks = (
                f"{first + n}." if part["style"] == "ordered" else "•" for n in range(len(part["elements"]))
            )
            lines = zip(marks, part["elements"], strict=True)
            return "\n".join(f"{indent}{mark} {_rich(item, name)}" for mark, item in lines)
        case "rich_text_quote":
            return "> " + _inlines(part, name).replace("\n", "\n> ")
    return _inlines(part, name)


_SHOWS: dict[str, Callable[[Json, Name], str]] = {
    "actions": _row,
    "context": _row,
    "divider": lambda _block, _name: "———",
    "header": lambda block, _name: str(block["text"]["text"]),
    "image": lambda block, _name: f"[image: {block['alt_text']}]",
    "input": _input,
    "markdown": lambda block, name: plain(block["text"], name),
    "rich_text": lambda block, name: "\n".join(_rich(part, name) for part in block["elements"]),
    "section": _section,
    "table": _table,
}


def _inlines(part: Json, name: Name) -> str:
    return "".join(_inline(one, name) for one in part["elements"]).rstrip("\n")


def _inline(one: Json, name: Name) -> str:
    match one["type"]:
        case "text":
            return str(one["text"])
        case "link":
            return f"{one['text']} ({one['url']})" if one.get("text") else str(one["url"])
        case "user":
            return "@" + name(one["user_id"])
        case "channel":
            return "#" + name(one["channel_id"])
        case "broadcast":
            return "@" + str(one["range"])
        case "emoji":
            return f":{one['name']}:"
    return str(one.get("fallback") or one.get("usergroup_id") or one.get("value") or "")


def live_in(text: str, blocks: list[Json]) -> Live:
    """Every mention and link that Slack would make of this, wherever it stands."""
    live = Live()
    _markup(text, live, links=not blocks)
    for block in blocks:
        _live_part(block, live)
    return live


def _live_part(part: Any, live: Live) -> None:
    if isinstance(part, list):
        for one in part:
            _live_part(one, live)
        return
    if not isinstance(part, dict):
        return
    kind = part.get("type")
    match kind:
        case "mrkdwn" | "markdown":
            _markup(part["text"], live, verbatim=bool(part.get("verbatim")))
            if kind == "markdown":
                live.links += _MARKDOWN_LINK.findall(part["text"])
        case "user" | "usergroup" | "channel" | "broadcast" | "team":
            live.mentions.append(_rich_mention(part))
        case _:
            live.links += [str(part[name]) for name in ("url", "image_url") if name in part]
            for value in part.values():
                _live_part(value, live)


def _rich_mention(part: Json) -> str:
    match part["type"]:
        case "user":
            return f"@{part['user_id']}"
        case "broadcast":
            return f"!{part['range']}"
        case "channel":
            return f"#{part['channel_id']}"
    return f"!{part['type']}^{part.get('usergroup_id') or part.get('team_id')}"


def _markup(text: str, live: Live, *, links: bool = True, verbatim: bool = False) -> None:
    """Beside blocks, the text is read out in notifications: its mentions count, its links do not."""
    for token in _TOKEN.findall(text):
        target = token.partition("|")[0]
        if _MENTION.match(target):
            live.mentions.append(target)
        elif links:
            live.links.append(html.unescape(target))
    if links and not verbatim:
        rest = _TOKEN.sub(" ", text)
        live.links += _BARE_URL.findall(rest)
        live.bare += _BARE.findall(_BARE_URL.sub(" ", rest))


def typed(text: str, handles: dict[str, str]) -> str:
    """What Slack's own client sends for what somebody typed: `@handle` becomes a mention, the rest is text.

    `<@U1>` of somebody known is taken as a mention too.
    """
    known = set(handles.values())
    parts: list[str] = []
    for piece in re.split(r"(<@\w+>|(?<!\w)@[\w.-]+|https?://[^\s<>|]+)", text):
        if piece.startswith("<@") and piece[2:-1] in known:
            parts.append(piece)
        elif piece.startswith("@") and piece[1:] in handles:
            parts.append(f"<@{handles[piece[1:]]}>")
        elif piece.startswith(("http://", "https://")):
            parts.append(f"<{html.escape(piece, quote=False)}>")
        else:
            parts.append(html.escape(piece, quote=False))
    return "".join(parts)


def typed_blocks(text: str) -> list[Json]:
    """The blocks that Slack's own client sends along."""
    return [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": list(_pieces(text))}]}
    ]


def _pieces(text: str) -> Iterator[Json]:
    for piece in re.split(r"(<[^<>]+>)", text):
        if piece.startswith("<@"):
            yield {"type": "user", "user_id": piece[2:-1]}
        elif piece.startswith("<"):
            yield {"type": "link", "url": html.unescape(piece[1:-1])}
        elif piece:
            yield {"type": "text", "text": html.unescape(piece)}
