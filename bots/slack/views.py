"""Forms, the Home tab and suggested prompts as Slack's views, and what was entered as our fields again.

https://docs.slack.dev/reference/views
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bots.chat_platform import Entry, Form, Home, Input, Message, Prompts
from bots.rich_text import clean
from bots.slack.blocks import checked, parts, weight
from bots.slack.elements import Json, cut, plain
from bots.slack.shapes import object_of, string_at

_BLOCKS = 100
_WORDS = 24
_VALUE = 3_000
_CHOICES = 100
_CHOICE = 75
_CHOICE_VALUE = 150
_LABEL = 2_000
_PROMPTS = 4
_PROMPT = 75
_ASKED = 2_000
_WEIGHT = 100_000
_NOTHING = "(none)"  # Slack refuses an empty value
_YES = "yes"
# How a piece of a long text is joined to the one before it.
_JOINED_BY = {"line": "\n", "word": " ", "letter": ""}


def modal(form: Form) -> Json:
    """A `ValueError` for a form that Slack would refuse."""
    blocks = [block for entry in form.entries for block in _inputs(entry)]
    if clean(form.text).strip():
        first, *more = parts(Message(form.text))
        blocks = [*first.blocks, *([_line("…")] if more else []), *blocks]
    if not 0 < len(blocks) <= _BLOCKS:
        raise ValueError(f"a form of {len(blocks)} blocks: Slack takes {_BLOCKS}")
    return {
        "type": "modal",
        "callback_id": checked(form.name, 255),
        "private_metadata": checked(form.value, _VALUE),
        "title": plain(form.title, _WORDS),
        "submit": plain(form.submit, _WORDS),
        "close": plain(form.cancel, _WORDS),
        "blocks": blocks,
    }


def notice(text: str) -> Json:
    """What takes the place of a form that was sent."""
    said = {"type": "section", "text": plain(text, _LABEL)}
    return {"type": "modal", "title": plain("The Expert", _WORDS), "blocks": [said]}


def _line(said: str) -> Json:
    return {"type": "context", "elements": [plain(said, _LABEL)]}


def _inputs(entry: Entry) -> Iterator[Json]:
    """One, but for a text that is longer than Slack's fields: the fields below go on with it."""
    match entry.input:
        case Input.CHOICE:
            yield _input(entry, _choice(entry))
        case Input.SWITCH:
            yield _input(entry, _switch(entry))
        case Input.LINE:
            yield _input(entry, _typed(" ".join(clean(entry.value).split("\n"))[:_VALUE], multiline=False))
        case Input.TEXT:
            for number, (joint, piece) in enumerate(_pieces(clean(entry.value))):
                yield _input(entry, _typed(piece, multiline=True) | {"action_id": joint}, number)


def _input(entry: Entry, element: Json, number: int = 0) -> Json:
    more = f" ({number + 1})" if number else ""
    block: Json = {
        "type": "input",
        "block_id": checked(f"{entry.name}#{number}" if number else entry.name, 255),
        "label": plain(cut(entry.label, _LABEL - len(more)) + more, _LABEL),
        "element": {"action_id": "line"} | element,
        "optional": entry.optional or bool(number) or entry.input is Input.SWITCH,
        "dispatch_action": False,
    }
    if clean(entry.hint).strip() and not number and entry.input is not Input.SWITCH:
        block["hint"] = plain(entry.hint, _LABEL)
    return block


def _typed(value: str, *, multiline: bool) -> Json:
    element: Json = {"type": "plain_text_input", "multiline": multiline, "max_length": _VALUE}
    return element | ({"initial_value": value} if value else {})


def _choice(entry: Entry) -> Json:
    if not entry.choices:
        raise ValueError(f"nothing to choose from in {entry.name}")
    options = [_option(value, label) for value, label in dict(entry.choices).items()]
    chosen = [option for option in options if option["value"] == (entry.value or _NOTHING)]
    if len(options) > _CHOICES:
        rest = [option for option in options if option not in chosen]
        options = [*chosen, *rest][:_CHOICES]
    return {"type": "static_select", "options": options} | ({"initial_option": chosen[0]} if chosen else {})


def _option(value: str, label: str) -> Json:
    return {"text": plain(label, _CHOICE), "value": checked(value or _NOTHING, _CHOICE_VALUE)}


def _switch(entry: Entry) -> Json:
    options = [_option(_YES, entry.hint or "✓")]
    return {"type": "checkboxes", "options": options} | ({"initial_options": options} if entry.value else {})


def _pieces(value: str) -> Iterator[tuple[str, str]]:
    joint = "line"
    while len(value) > _VALUE:
        after = "letter"
        stop = _VALUE
        for name in ("line", "word"):
            if (end := value.rfind(_JOINED_BY[name], _VALUE // 2, _VALUE + 1)) > 0:
                after, stop = name, end
                break
        yield joint, value[:stop]
        value = value[stop + len(_JOINED_BY[after]) :]
        joint = after
    yield joint, value


def entered(state: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a submission, from the `state` of its view."""
    fields: dict[str, str] = {}
    for block_id, elements in object_of(state.get("values")).items():
        name, _, number = block_id.partition("#")
        for joint, element in object_of(elements).items():
            value = _entered(object_of(element))
            if not number:
                fields[name] = value
            elif value:
                fields[name] = fields.get(name, "") + _JOINED_BY.get(joint, "\n") + value
    return fields


def _entered(element: Mapping[str, Any]) -> str:
    if element.get("type") == "checkboxes":
        return _YES if element.get("selected_options") else ""
    if element.get("type") == "static_select":
        value = string_at(object_of(element.get("selected_option")), "value")
        return "" if value == _NOTHING else value
    return string_at(element, "value")


def home(what: Home) -> Json:
    """Section by section; the last line says how many did not fit."""
    blocks: list[Json] = []
    for number, message in enumerate(what.sections):
        section = [block for part in parts(message) for block in part.blocks]
        section = [*([{"type": "divider"}] if blocks else []), *section]
        if len(blocks) + len(section) > _BLOCKS - 1 or weight([*blocks, *section]) > _WEIGHT:
            blocks.append(_line(f"… (+{len(what.sections) - number})"))
            break
        blocks += section
    return {"type": "home", "blocks": blocks or [_line("…")]}


def prompts(what: Prompts) -> Json:
    """For assistant.threads.setSuggestedPrompts, next to its channel and thread."""
    shown = [
        {"title": plain(label, _PROMPT)["text"], "message": clean(asked)[:_ASKED]}
        for label, asked in what.prompts
        if clean(asked).strip()
    ]
    return {"title": plain(what.title, _PROMPT)["text"], "prompts": shown[:_PROMPTS]}
