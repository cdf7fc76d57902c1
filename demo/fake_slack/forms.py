"""What a person can press and fill in, and how Slack reports it.

https://docs.slack.dev/reference/interaction-payloads
"""

from collections.abc import Mapping
from typing import Any

from demo.fake_slack.blocks import elements_of
from demo.fake_slack.records import Json

Value = str | list[str]
_PICKED = {
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
}


def find(blocks: list[Json], action_id: str, value: Value | None) -> tuple[Json, Json]:
    """The block and the element with this action, or with this label; of several, the one with that value."""
    found = [
        (block, element)
        for block in blocks
        for element in elements_of(block)
        if action_id in {element.get("action_id"), element.get("text", {}).get("text")}
    ]
    if value is not None and len(found) > 1:
        found = [pair for pair in found if pair[1].get("value") == value] or found
    if not found:
        there = [element.get("action_id") for block in blocks for element in elements_of(block)]
        raise LookupError(f"nothing to press called {action_id!r}: there are {there}")
    return found[0]


def _options(element: Json) -> list[Json]:
    groups = element.get("option_groups", [])
    return [*element.get("options", []), *(one for group in groups for one in group["options"])]


def _chosen(element: Json, value: str) -> Json:
    """The option of that value, or with that label."""
    for option in _options(element):
        if value in {option["value"], option["text"]["text"]}:
            return option
    raise LookupError(f"no option {value!r} in {[one['value'] for one in _options(element)]}")


def _many(value: Value) -> list[str]:
    return [value] if isinstance(value, str) else value


def entered(element: Json, value: Value | None) -> Json:
    """What an element holds: what was entered, or what it began with."""
    kind = element["type"]
    shown: Json = {"type": kind}
    if kind in {"static_select", "radio_buttons", "overflow"}:
        option = element.get("initial_option") if value is None else _chosen(element, str(value))
        return shown | {"selected_option": option}
    if kind in {"multi_static_select", "checkboxes"}:
        if value is None:
            return shown | {"selected_options": element.get("initial_options", [])}
        return shown | {"selected_options": [_chosen(element, one) for one in _many(value)]}
    if kind in _PICKED:
        name, begins = _PICKED[kind]
        return shown | {name: element.get(begins) if value is None else value}
    return shown | {"value": element.get("initial_value") if value is None else (value or None)}


def action(block: Json, element: Json, value: Value | None, action_ts: str) -> Json:
    """One entry of `actions`."""
    common = {"action_id": element["action_id"], "block_id": block["block_id"], "action_ts": action_ts}
    if element["type"] != "button":
        return common | entered(element, value)
    told = {name: element[name] for name in ("text", "value", "style") if name in element}
    return common | {"type": "button"} | told


def state(blocks: list[Json], given: Mapping[str, Value]) -> Json:
    """What all inputs hold. `given` names them by block, by action or by label."""
    values: Json = {}
    used: set[str] = set()
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in {"button", "image", "overflow"}:
                continue
            label = block.get("label", {}).get("text", "")
            names = [name for name in (block["block_id"], element["action_id"], label) if name in given]
            used.update(names)
            held = entered(element, given[names[0]] if names else None)
            values.setdefault(block["block_id"], {})[element["action_id"]] = held
    if missing := given.keys() - used:
        raise LookupError(f"no input for {sorted(missing)}: there are {list(values)}")
    return values


def left_empty(blocks: list[Json], values: Json) -> list[str]:
    """The labels of what must be filled in and is not: Slack sends no such form."""
    return [
        block["label"]["text"]
        for block in blocks
        if block["type"] == "input"
        and not block.get("optional")
        and not _held(values[block["block_id"]][block["element"]["action_id"]])
    ]


def _held(entry: Json) -> Any:
    return next((value for name, value in entry.items() if name != "type"), None)


def too_long(blocks: list[Json], values: Json) -> list[str]:
    """The labels of what is longer or shorter than its input takes."""
    found = []
    for block in blocks:
        if block["type"] == "input" and block["element"]["type"].endswith("_input"):
            text = values[block["block_id"]][block["element"]["action_id"]].get("value") or ""
            low, high = block["element"].get("min_length", 0), block["element"].get("max_length", 3_000)
            if text and not low <= len(text) <= high:
                found.append(block["label"]["text"])
    return found
