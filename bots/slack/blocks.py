"""A message as Slack's blocks, within its limits: what does not fit into one goes into several.

https://docs.slack.dev/reference/block-kit/blocks
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from bots.chat_platform import Action, Field, Message, Reference, Style
from bots.rich_text import Mark, Span, Tree, clean, parse, unlinked, words
from bots.slack.elements import (
    Json,
    address,
    cut,
    cut_spans,
    escaped,
    inline,
    link,
    plain,
    quote,
    rich,
    section,
    text,
)
from bots.splitting import split

# Undocumented: from about 13,200 characters of blocks on, Slack says msg_blocks_too_long.
_WEIGHT = 13_000
_FRAMES = 300  # what the blocks weigh that hold the rich text of one message
_ROOM = _WEIGHT - _FRAMES
_TEXT = 9_000
_ASKED = 3_000
_NAME = 300
_QUOTE = 300
_VALUE = 2_000
_HEADING = 150
_BUTTON = 75
_BUTTONS = 25
_MENTIONS = 50
_SUMMARY = 500
_PERSON = re.compile(r"[UW][A-Z0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class Part:
    """One message of Slack's. `text` is what notifications show: short, and nothing in it is alive."""

    blocks: list[Json]
    text: str


def parts(message: Message) -> list[Part]:
    """At least one, from top to bottom."""
    top, bottom = _top(message), _bottom(message)
    if weight(bottom) > _ROOM:
        raise ValueError("more buttons than a message can hold")
    pages: list[list[tuple[str, Json]]] = [[]]
    room = _ROOM - weight(top)
    for group, element in _elements(message, min(_TEXT, room * 2 // 3)):
        if (heavy := weight(element)) > room:
            pages.append([])
            room = _ROOM
        pages[-1].append((group, element))
        room -= heavy
    if weight(bottom) > room:
        pages.append([])
    blocks = [_grouped(page) for page in pages]
    blocks[0] = [*top, *blocks[0]]
    blocks[-1] = [*blocks[-1], *bottom]
    return [Part(page, _summary(page)) for page in blocks if page] or [_nothing()]


def _grouped(page: Sequence[tuple[str, Json]]) -> list[Json]:
    """Slack leaves some room between blocks, so that each group stands apart."""
    return [_rich_text([element for _, element in found]) for _, found in groupby(page, itemgetter(0))]


def _rich_text(elements: Sequence[Json]) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def _nothing() -> Part:
    return Part([_rich_text([section([text("…")])])], "…")


def weight(found: Json | Sequence[Json]) -> int:
    return len(json.dumps(found, ensure_ascii=False)) + 2


def _top(message: Message) -> list[Json]:
    blocks: list[Json] = []
    people = [person for person in message.mentions if _PERSON.fullmatch(person)][:_MENTIONS]
    if people:
        users = ({"type": "user", "user_id": person} for person in people)
        blocks.append(_rich_text([section([part for user in users for part in (user, text(" "))])]))
    if clean(message.heading).strip():
        blocks.append({"type": "header", "text": plain(message.heading, _HEADING)})
    if asked := clean(message.asked).strip():
        blocks.append(
            _rich_text([_light(lambda limit: quote(inline(cut_spans(words(asked), limit))), _ASKED)])
        )
    return blocks


def _light(make: Callable[[int], Json], limit: int) -> Json:
    """Many small pieces weigh more than their letters."""
    while weight(element := make(limit)) > _ROOM // 2 and limit > 1:
        limit //= 2
    return element


def _elements(message: Message, limit: int) -> Iterator[tuple[str, Json]]:
    for element in _texts(parse(message.text), limit):
        yield "text", element
    for reference in message.references:
        for element in _reference(reference):
            yield "references", element
    for field in message.fields:
        yield "fields", _field(field)
    for label, url in message.links:
        yield "links", _labelled("", label, url)


def _texts(tree: Tree, limit: int) -> Iterator[Json]:
    for part in split(tree, limit):
        elements = rich(part)
        if limit > 1 and sum(map(weight, elements)) > _ROOM:
            yield from _texts(part, limit // 2)
        else:
            yield from elements


def _reference(reference: Reference) -> Iterator[Json]:
    yield _labelled(f"[{reference.number}] ", reference.label, reference.link)
    if said := clean(reference.quote).strip():
        yield quote(inline(cut_spans(words(said), _QUOTE), Mark.ITALIC))


def _labelled(number: str, label: str, url: str) -> Json:
    before = [text(number)] if number else []
    if url := address(url):
        return section([*before, link(label, url)])
    shown = words(label.strip()) or (Span("–"),)
    return section([*before, *inline(cut_spans(shown, _NAME))])


def _field(field: Field) -> Json:
    name, value = words(f"{field.name.strip()}: "), words(field.value.strip())
    return _light(
        lambda limit: section(
            [
                *inline(cut_spans(name, min(limit, _NAME)), Mark.BOLD),
                *inline(cut_spans(value, limit) or (Span("–"),)),
            ]
        ),
        _VALUE,
    )


def _bottom(message: Message) -> list[Json]:
    blocks: list[Json] = []
    if clean(message.note).strip():
        blocks.append({"type": "context", "elements": [plain(message.note, _VALUE)]})
    seen: Counter[str] = Counter()
    buttons = [_button(action, seen) for action in message.actions]
    rows = (buttons[at : at + _BUTTONS] for at in range(0, len(buttons), _BUTTONS))
    blocks += [{"type": "actions", "elements": row} for row in rows]
    return blocks


def _button(action: Action, seen: Counter[str]) -> Json:
    """The ids of the buttons of one message differ: `action_name` tells what they have in common."""
    again = seen[action.name]
    seen[action.name] += 1
    button: Json = {
        "type": "button",
        "action_id": checked(f"{action.name}#{again}" if again else action.name, 255),
        "text": plain(action.label, _BUTTON),
    }
    if action.value:
        button["value"] = checked(action.value, _VALUE)
    if action.style is not Style.PLAIN:
        button["style"] = action.style.value
    if action.confirm:
        button["confirm"] = {
            "title": plain(action.label, 100),
            "text": plain(action.confirm, 300),
            "confirm": plain(action.label, 30),
            "deny": plain("✕", 30),
        }
    return button


def action_name(action_id: str) -> str:
    return action_id.partition("#")[0]


def checked(value: str, limit: int) -> str:
    """Something of ours that comes back: cut, it would mean something else."""
    if len(value) > limit:
        raise ValueError(f"{len(value)} characters where Slack takes {limit}: {value[:40]}…")
    return value


def _summary(blocks: Sequence[Json]) -> str:
    read = "\n".join(line for block in blocks if block["type"] != "actions" for line in _read(block))
    # Addresses are spelled before anything is cut: half of one may be another.
    return escaped(cut(unlinked(clean(read[: _SUMMARY * 8])).strip(), _SUMMARY)) or "…"


def _read(found: Any) -> Iterator[str]:
    """What a person would read aloud, line for line."""
    match found:
        case {"type": "text" | "link" | "plain_text", "text": str(said)}:
            yield said
        case {"type": "rich_text_section" | "rich_text_quote" | "rich_text_preformatted"}:
            yield "".join(line for part in found["elements"] for line in _read(part))
        case {"type": "header", "text": said}:
            yield from _read(said)
        case {"elements": elements}:
            for part in elements:
                yield from _read(part)
