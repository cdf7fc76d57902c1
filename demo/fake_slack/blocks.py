"""What Slack takes as blocks and views: structure and limits.

https://docs.slack.dev/reference/block-kit
"""

import json
from collections.abc import Iterator
from typing import Any

from demo.fake_slack.records import Json
from demo.fake_slack.shapes import (
    Check,
    anything,
    between,
    both,
    by_type,
    choice,
    flag,
    items,
    number,
    shape,
    string,
)

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MARKDOWN_TOTAL = 12_000
# Nowhere documented: https://github.com/slackapi/bolt-js/issues/2509
BLOCKS_TOTAL = 13_200
VIEW_BYTES = 250_000


def _plain(maximum: int) -> Check:
    return by_type({"plain_text": shape({"text": string(maximum)}, {"emoji": flag})})


def _text(maximum: int) -> Check:
    mrkdwn = shape({"text": string(maximum)}, {"verbatim": flag})
    plain = shape({"text": string(maximum)}, {"emoji": flag})
    return by_type({"mrkdwn": mrkdwn, "plain_text": plain})


_ID = string(255)
_URL = string(3_000)
_CONFIRM = shape(
    {"title": _plain(100), "text": _text(300), "confirm": _plain(30), "deny": _plain(30)},
    {"style": choice("primary", "danger")},
)
_OPTION = shape({"text": _plain(75), "value": string(150)}, {"description": _plain(75), "url": _URL})
_RICH_OPTION = shape({"text": _text(75), "value": string(150)}, {"description": _text(75)})
_GROUP = shape({"label": _plain(75), "options": items(_OPTION, 100)})
_COMMON: dict[str, Check] = {"action_id": _ID, "confirm": _CONFIRM, "focus_on_load": flag}
_HELD: dict[str, Check] = _COMMON | {"placeholder": _plain(150)}
_DISPATCH = shape({"trigger_actions_on": items(choice("on_enter_pressed", "on_character_entered"))})


def _known_choice(value: Any, where: str) -> Iterator[str]:
    """A menu has options or groups of them, and begins with one that it has."""
    groups = value.get("option_groups")
    options = (
        value.get("options") if groups is None else [one for group in groups for one in group["options"]]
    )
    if (groups is None) == (value.get("options") is None):
        yield f"{where}: needs either options or option_groups"
        return
    begins = [value["initial_option"]] if "initial_option" in value else value.get("initial_options", [])
    for one in begins:
        if one not in options:
            yield f"{where}: initial option is none of the options"


def _menu(many: bool) -> Check:
    begin: dict[str, Check] = {"initial_options": items(_OPTION)} if many else {"initial_option": _OPTION}
    sizes: dict[str, Check] = {"max_selected_items": number} if many else {}
    given: dict[str, Check] = {"options": items(_OPTION, 100), "option_groups": items(_GROUP, 100)}
    return _after(shape({}, {**_HELD, **given, **begin, **sizes}), _known_choice)


def _after(first: Check, then: Check) -> Check:
    """`then` only where `first` found nothing, as it relies on it."""

    def check(value: Any, where: str) -> Iterator[str]:
        problems = list(first(value, where))
        yield from problems or then(value, where)

    return check


def _typed(maximum: int, more: dict[str, Check] | None = None) -> Check:
    own: dict[str, Check] = {"initial_value": string(maximum, minimum=0), "dispatch_action_config": _DISPATCH}
    return shape({}, {**_HELD, **own, **(more or {})})


_RANGE: dict[str, Check] = {"min_length": between(0, 3_000), "max_length": between(1, 3_000)}

ELEMENTS: dict[str, Check] = {
    "button": shape(
        {"text": _plain(75)},
        {
            "action_id": _ID,
            "url": _URL,
            "value": string(2_000),
            "style": choice("primary", "danger"),
            "confirm": _CONFIRM,
            "accessibility_label": string(75),
        },
    ),
    "static_select": _menu(many=False),
    "multi_static_select": _menu(many=True),
    "users_select": shape({}, {**_HELD, "initial_user": string()}),
    "multi_users_select": shape(
        {}, {**_HELD, "initial_users": items(string()), "max_selected_items": number}
    ),
    "conversations_select": shape(
        {},
        {
            **_HELD,
            "initial_conversation": string(),
            "default_to_current_conversation": flag,
            "response_url_enabled": flag,
            "filter": anything,
        },
    ),
    "channels_select": shape({}, {**_HELD, "initial_channel": string(), "response_url_enabled": flag}),
    "overflow": shape({"options": items(_OPTION, 5)}, {"action_id": _ID, "confirm": _CONFIRM}),
    "radio_buttons": _after(
        shape({"options": items(_RICH_OPTION, 10)}, {**_COMMON, "initial_option": _RICH_OPTION}),
        _known_choice,
    ),
    "checkboxes": _after(
        shape({"options": items(_RICH_OPTION, 10)}, {**_COMMON, "initial_options": items(_RICH_OPTION)}),
        _known_choice,
    ),
    "datepicker": shape({}, {**_HELD, "initial_date": string(10)}),
    "timepicker": shape({}, {**_HELD, "initial_time": string(5), "timezone": string()}),
    "plain_text_input": _typed(3_000, {**_RANGE, "multiline": flag}),
    "email_text_input": _typed(3_000),
    "url_text_input": _typed(3_000),
    "number_input": _after(
        _typed(3_000, {"is_decimal_allowed": flag, "min_value": string(), "max_value": string()}),
        lambda value, where: iter(
            () if "is_decimal_allowed" in value else (f"{where}: missing required field: is_decimal_allowed",)
        ),
    ),
    "image": shape({"alt_text": string(2_000)}, {"image_url": _URL, "slack_file": anything}),
}
_ACTIONS = """button static_select multi_static_select users_select multi_users_select conversations_select
    channels_select overflow radio_buttons checkboxes datepicker timepicker""".split()
_ACCESSORIES = [*_ACTIONS, "image"]
_INPUTS = [name for name in ELEMENTS if name not in {"button", "overflow", "image"}]

_STYLE = shape(
    {}, dict.fromkeys("bold italic strike code underline highlight client_highlight unlink".split(), flag)
)
_STYLED: dict[str, Check] = {"style": _STYLE}
INLINE: dict[str, Check] = {
    "text": shape({"text": string()}, _STYLED),
    "link": shape({"url": _URL}, {"text": string(), "unsafe": flag, **_STYLED}),
    "user": shape({"user_id": string()}, _STYLED),
    "usergroup": shape({"usergroup_id": string()}, _STYLED),
    "channel": shape({"channel_id": string()}, _STYLED),
    "team": shape({"team_id": string()}, _STYLED),
    "broadcast": shape({"range": choice("here", "channel", "everyone")}, _STYLED),
    "emoji": shape(
        {"name": string()}, {"unicode": string(), "skin_tone": number, "url": string(), **_STYLED}
    ),
    "color": shape({"value": string()}),
    "date": shape({"timestamp": number, "format": string()}, {"url": _URL, "fallback": string(), **_STYLED}),
}
_INLINES = items(by_type(INLINE), minimum=0)
_SECTION = shape({"elements": _INLINES})
_BORDER: dict[str, Check] = {"border": between(0, 1)}
RICH: dict[str, Check] = {
    "rich_text_section": _SECTION,
    "rich_text_quote": shape({"elements": _INLINES}, _BORDER),
    "rich_text_preformatted": shape(
        {"elements": items(by_type(INLINE, {"text", "link"}), minimum=0)}, {**_BORDER, "language": string()}
    ),
    "rich_text_list": shape(
        {"style": choice("bullet", "ordered"), "elements": items(by_type({"rich_text_section": _SECTION}))},
        {"indent": between(0, 8), "offset": between(0, 1_000_000), **_BORDER},
    ),
}
_BLOCK: dict[str, Check] = {"block_id": _ID}
_RICH_BLOCK = shape({"elements": items(by_type(RICH))}, _BLOCK)


def _says_something(value: Any, where: str) -> Iterator[str]:
    if not value.get("text") and not value.get("fields"):
        yield f"{where}: needs text or fields"


BLOCKS: dict[str, Check] = {
    "section": _after(
        shape(
            {},
            {
                **_BLOCK,
                "text": _text(3_000),
                "fields": items(_text(2_000), 10),
                "accessory": by_type(ELEMENTS, _ACCESSORIES),
                "expand": flag,
            },
        ),
        _says_something,
    ),
    "header": shape({"text": _plain(150)}, _BLOCK),
    "context": shape(
        {
            "elements": items(
                by_type(
                    {
                        "image": ELEMENTS["image"],
                        "mrkdwn": shape({"text": string(2_000)}, {"verbatim": flag}),
                        "plain_text": shape({"text": string(2_000)}, {"emoji": flag}),
                    }
                ),
                10,
            )
        },
        _BLOCK,
    ),
    "divider": shape({}, _BLOCK),
    "actions": shape({"elements": items(by_type(ELEMENTS, _ACTIONS), 25)}, _BLOCK),
    "input": shape(
        {"label": _plain(2_000), "element": by_type(ELEMENTS, _INPUTS)},
        {**_BLOCK, "hint": _plain(2_000), "optional": flag, "dispatch_action": flag},
    ),
    "rich_text": _RICH_BLOCK,
    "markdown": shape({"text": string(MARKDOWN_TOTAL)}, _BLOCK),
    "image": shape(
        {"alt_text": string(2_000)},
        {**_BLOCK, "image_url": _URL, "slack_file": anything, "title": _plain(2_000)},
    ),
    "table": shape(
        {
            "rows": items(
                items(
                    by_type({"raw_text": shape({"text": string(minimum=0)}), "rich_text": _RICH_BLOCK}), 20
                ),
                100,
            )
        },
        {**_BLOCK, "column_settings": items(anything, 20)},
    ),
}
_MODAL = shape(
    {"title": _plain(24), "blocks": items(by_type(BLOCKS), VIEW_BLOCKS, minimum=0)},
    {
        "close": _plain(24),
        "submit": _plain(24),
        "private_metadata": string(3_000, minimum=0),
        "callback_id": string(255, minimum=0),
        "external_id": string(255, minimum=0),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)
_HOME = shape(
    {"blocks": items(by_type(BLOCKS), VIEW_BLOCKS, minimum=0)},
    {
        "private_metadata": string(3_000, minimum=0),
        "callback_id": string(255, minimum=0),
        "external_id": string(255, minimum=0),
    },
)


def elements_of(block: Json) -> list[Json]:
    """What can be acted on in a block."""
    match block.get("type"):
        case "actions":
            found: list[Json] = block["elements"]
            return found
        case "section":
            return [block["accessory"]] if "accessory" in block else []
        case "input":
            return [block["element"]]
    return []


def _ids(blocks: list[Json]) -> Iterator[str]:
    named = [block["block_id"] for block in blocks if "block_id" in block]
    for name in {one for one in named if named.count(one) > 1}:
        yield f"block_id {name} is there twice"
    for block in blocks:
        ids = [one["action_id"] for one in elements_of(block) if "action_id" in one]
        if len(ids) != len(set(ids)):
            yield f"an action_id is there twice in one block: {ids}"


def block_problems(blocks: Any, where: str = "/blocks", maximum: int = MESSAGE_BLOCKS) -> list[str]:
    """What is wrong with the structure of these blocks."""
    problems = list(items(by_type(BLOCKS), maximum, minimum=0)(blocks, where))
    return problems or list(_ids(blocks))


def total_problems(blocks: list[Json]) -> list[str]:
    """What is wrong with the length of all of them together."""
    markdown = sum(len(block["text"]) for block in blocks if block["type"] == "markdown")
    if markdown > MARKDOWN_TOTAL:
        return [f"markdown blocks hold {markdown} characters, at most {MARKDOWN_TOTAL}"]
    total = sum(len(text) for text in _texts(blocks))
    return [f"blocks hold {total} characters, at most {BLOCKS_TOTAL}"] if total > BLOCKS_TOTAL else []


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _texts(one)
    elif isinstance(part, dict):
        for name, value in part.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)


def _submittable(view: Any, where: str) -> Iterator[str]:
    if "submit" not in view and any(block["type"] == "input" for block in view["blocks"]):
        yield f"{where}/submit: needed where there are input blocks"
    yield from _ids(view["blocks"])


_VIEW = both(
    by_type(
        {"modal": _after(_MODAL, _submittable), "home": _after(_HOME, lambda view, _: _ids(view["blocks"]))}
    )
)


def view_problems(view: Any) -> list[str]:
    return list(_VIEW(view, "/view"))


def is_too_large(view: Json) -> bool:
    return len(json.dumps(view)) > VIEW_BYTES


def assign_ids(blocks: list[Json], fresh: str) -> list[Json]:
    """Every block and everything that can be acted on has an id: Slack makes up those that are missing."""
    named: list[Json] = json.loads(json.dumps(blocks))
    for number_, block in enumerate(named):
        block.setdefault("block_id", f"{fresh}{number_}")
        for place, element in enumerate(elements_of(block)):
            if element["type"] != "image":
                element.setdefault("action_id", f"{fresh}{number_}a{place}")
    return named
