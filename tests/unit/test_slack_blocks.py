"""Slack's blocks: every limit on it and one over, and nothing alive in whatever text comes in."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.chat_platform import (
    Action,
    Entry,
    Field,
    Form,
    Home,
    Input,
    Message,
    Prompts,
    Reference,
    Style,
)
from bots.slack.blocks import Part, action_name, parts
from bots.slack.elements import address, escaped
from bots.slack.views import entered, home, modal, prompts
from brain.domain.plain import HIDDEN
from demo.fake_slack.blocks import block_problems, total_problems, view_problems
from tests.unit.hostile_output import HOSTILE

OURS = "https://wiki.example/runbook?page=1&x=2#top"
PEOPLE = ("U123ABC", "W9")
LONG = "word " * 20_000

# What Slack makes a link of, written down again, as a check on the code's own idea of it.
LINKABLE = re.compile(
    r"\w://\w|\bwww\.\w|\b(?:mailto|javascript|data|tel):\w|\w@[\w-]+\.\w"
    r"|\w[.。](?:com|example|md|uk|bc|live)\b|\d\.\d+\.\d+\.\d",
    re.IGNORECASE,
)


def walk(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
        for value in found.values():
            yield from walk(value)
    elif isinstance(found, list):
        for value in found:
            yield from walk(value)


def alive(blocks: Any, linked: str = "") -> list[str]:
    """What in these blocks is more than words of ours; `linked` was given as an address."""
    found = [wrong for one in walk(blocks) for wrong in _wrong(one)]
    return [wrong for wrong in found if wrong != f"a link: {linked}"]


def _wrong(one: dict[str, Any]) -> Iterator[str]:
    kind = one.get("type", "")
    said = one.get("text", "")
    if kind in {
        "mrkdwn",
        "markdown",
        "usergroup",
        "channel",
        "broadcast",
        "team",
        "date",
        "emoji",
        "color",
        "image",
    }:
        yield f"{kind}: {one}"
    if kind == "user" and one["user_id"] not in PEOPLE:
        yield f"somebody: {one}"
    if any("url" in key for key in one) and (kind != "link" or one["url"] != OURS):
        yield f"a link: {one['url']}"
    if isinstance(said, str):
        if HIDDEN.search(said):
            yield f"hidden: {said!r}"
        if kind in {"text", "link", "plain_text"} and not said:
            yield "an empty text"
    code = one.get("style", {}) if kind == "text" else {}
    if kind == "text" and not (isinstance(code, dict) and code.get("code")) and LINKABLE.search(said):
        yield f"linkable: {said}"


def fixed(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without preformatted text, in which nothing is made a link of."""
    kept = json.loads(json.dumps(blocks))
    for block in kept:
        if block["type"] == "rich_text":
            block["elements"] = [one for one in block["elements"] if one["type"] != "rich_text_preformatted"]
    return list(kept)


def too_much(part: Part) -> list[str]:
    """Limits of Slack's that the message breaks."""
    blocks = part.blocks
    checks = {
        "blocks": 0 < len(blocks) <= 50,
        "weight": len(json.dumps(blocks, ensure_ascii=False)) <= 13_200,
        "fallback": 0 < len(part.text) <= 3_000,
        "empty": all(one["elements"] for one in walk(blocks) if "elements" in one),
    }
    for one in walk(blocks):
        match one:
            case {"type": "header", "text": {"text": said}}:
                checks["header"] = len(said) <= 150
            case {"type": "actions", "elements": buttons}:
                checks["buttons"] = len(buttons) <= 25
                checks["ids"] = len({button["action_id"] for button in buttons}) == len(buttons)
            case {"type": "button"}:
                checks["button"] = len(one["text"]["text"]) <= 75 and len(one.get("value", "")) <= 2_000
                checks["id"] = len(one["action_id"]) <= 255
            case {"title": title, "deny": deny}:
                checks["confirm"] = len(title["text"]) <= 100 and len(one["text"]["text"]) <= 300
                checks["answers"] = max(len(deny["text"]), len(one["confirm"]["text"])) <= 30
            case {"type": "context", "elements": [note]}:
                checks["note"] = len(note["text"]) <= 2_000
            case {"type": "link", "url": url}:
                checks["url"] = len(url) <= 3_000
            case {"type": "rich_text_list", "indent": indent}:
                checks["indent"] = indent <= 8
    fake = [*block_problems(blocks), *total_problems(blocks)]
    return [*fake, *(name for name, kept in checks.items() if not kept)]


def full(text: str) -> Message:
    """With `text` wherever a text may be."""
    return Message(
        text,
        heading=text,
        asked=text,
        references=(Reference(1, text, text, OURS), Reference(2, text, text, text), Reference(3, "x")),
        fields=(Field(text, text), Field("x", text)),
        note=text,
        actions=(
            Action("ok", text, "1", Style.PRIMARY, confirm=text),
            Action("ok", text, "2", Style.DANGER),
            Action("no", "No", ""),
        ),
        mentions=PEOPLE,
        links=((text, OURS), (text, text)),
    )


def read(found: Any) -> str:
    return "".join(one["text"] for one in walk(found) if isinstance(one.get("text"), str))


def kinds(part: Part) -> list[str]:
    return [block["type"] for block in part.blocks]


def test_the_hostile_set_is_large_enough() -> None:
    assert len(set(HOSTILE.values())) >= 200


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_alive_anywhere(name: str) -> None:
    for part in parts(full(HOSTILE[name])):
        assert too_much(part) == []
        assert alive(fixed(part.blocks), HOSTILE[name]) == []
        assert not re.search(r"[<>]|&(?!amp;|lt;|gt;)", part.text)
        assert not LINKABLE.search(part.text)
        assert not HIDDEN.search(part.text)
        json.dumps(part.blocks, ensure_ascii=False).encode()
        part.text.encode()


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_is_alive_in_a_form_or_at_home(name: str) -> None:
    text = HOSTILE[name]
    entries = (
        Entry("line", text, Input.LINE, text, hint=text),
        Entry("text", text, Input.TEXT, text),
        Entry("choice", text, Input.CHOICE, "a", (("a", text), ("b", text))),
        Entry("switch", text, Input.SWITCH, "yes", hint=text),
    )
    view = modal(Form("form", text, text, text, entries, text=text))
    assert alive([one for one in fixed(view["blocks"]) if one["type"] != "input"]) == []
    assert len(view["blocks"]) <= 100
    assert all(len(view[name]["text"]) <= 24 for name in ("title", "submit", "close"))
    assert not any(one.get("type") == "mrkdwn" for one in walk(view))
    assert view_problems(view) == []
    at_home = home(Home((full(text),) * 3))
    assert alive(fixed(at_home["blocks"]), text) == []
    assert view_problems(at_home) == []
    suggested = prompts(Prompts(text, ((text, text),) * 9))
    for found in (view, at_home, suggested):
        json.dumps(found, ensure_ascii=False).encode()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300))
def test_any_text_keeps_the_limits(text: str) -> None:
    for part in parts(full(text)):
        assert too_much(part) == []
        assert alive(fixed(part.blocks), text) == []


def test_from_top_to_bottom() -> None:
    (part,) = parts(full("Restart it"))
    assert kinds(part) == ["rich_text", "header", *["rich_text"] * 5, "context", "actions"]
    people, _, asked, text, references, fields, links, note, actions = part.blocks
    assert [one["user_id"] for one in walk(people) if one.get("type") == "user"] == list(PEOPLE)
    assert asked["elements"][0]["type"] == "rich_text_quote"
    assert read(text) == "Restart it"
    assert read(references) == "[1] Restart itRestart it[2] Restart itRestart it[3] x"
    assert [one["url"] for one in walk(references) if one.get("type") == "link"] == [OURS]
    assert read(fields) == "Restart it: Restart itx: Restart it"
    assert [one["url"] for one in walk(links) if one.get("type") == "link"] == [OURS]
    assert read(note) == "Restart it"
    assert [action_name(one["action_id"]) for one in actions["elements"]] == ["ok", "ok", "no"]
    assert [one.get("value") for one in actions["elements"]] == ["1", "2", None]
    assert [one.get("style") for one in actions["elements"]] == ["primary", "danger", None]


def test_a_long_message_has_its_top_first_and_its_bottom_last() -> None:
    first, *middle, last = parts(replace(full("short"), text=LONG))
    assert middle
    assert kinds(first)[:3] == ["rich_text", "header", "rich_text"]
    assert kinds(last)[-2:] == ["context", "actions"]
    assert all(kinds(part) == ["rich_text"] for part in middle)
    whole = "".join(read(part.blocks) for part in (first, *middle, last))
    assert whole.count("word") == 20_000
    assert not any(too_much(part) for part in (first, *middle, last))


def test_lists_keep_their_depth_and_count_on_after_code() -> None:
    (part,) = parts(Message("1. a\n   - b\n     ```\n     c\n     ```\n2. d\n\n> e\n> - f"))
    (block,) = part.blocks
    shape = [
        (one["type"].removeprefix("rich_text_"), one.get("indent"), one.get("offset"), one.get("border"))
        for one in block["elements"]
    ]
    assert shape == [
        ("list", 0, None, None),
        ("list", 1, None, None),
        ("preformatted", None, None, None),
        ("list", 0, 1, None),
        ("quote", None, None, None),
        ("list", 0, None, 1),
    ]


def test_tables_are_aligned() -> None:
    (part,) = parts(Message("| a | b |\n|---|---|\n| ccc | 名前 |\n| d | *e* |"))
    assert read(part.blocks) == "a    b\n───  ────\nccc  名前\nd    e"


def test_an_empty_message_says_something() -> None:
    assert [too_much(part) for part in parts(Message(""))] == [[]]


@pytest.mark.parametrize("over", [0, 1])
def test_texts_are_cut_at_the_limits(over: int) -> None:
    def cut(limit: int) -> str:
        return "h" * (limit - 1) + "…" if over else "h" * limit

    def long(limit: int) -> str:
        return "h" * (limit + over)

    action = Action("ok", long(75), "v" * 2_000, confirm=long(300))
    (part,) = parts(Message("", heading=long(150), asked=long(3_000), note=long(2_000), actions=(action,)))
    header, asked, note, actions = part.blocks
    assert header["text"]["text"] == cut(150)
    assert read(asked) == cut(3_000)
    assert read(note) == cut(2_000)
    button = actions["elements"][0]
    assert button["text"]["text"] == cut(75)
    assert button["confirm"]["text"]["text"] == cut(300)
    assert too_much(part) == []
    (part,) = parts(
        Message("x", references=(Reference(1, long(300), long(300), OURS),), fields=(Field("", long(2_000)),))
    )
    assert read(part.blocks[1]) == f"[1] {cut(300)}{cut(300)}"
    assert read(part.blocks[2]) == f": {cut(2_000)}"
    form = modal(Form("f", long(24), long(24), long(24), (Entry("a", long(2_000), hint=long(2_000)),)))
    assert [form[name]["text"] for name in ("title", "submit", "close")] == [cut(24)] * 3
    assert form["blocks"][0]["label"]["text"] == form["blocks"][0]["hint"]["text"] == cut(2_000)
    choice = Entry("a", "A", Input.CHOICE, choices=(("v", long(75)),))
    assert modal(Form("f", "", "", "", (choice,)))["blocks"][0]["element"]["options"][0]["text"][
        "text"
    ] == cut(75)


@pytest.mark.parametrize(
    ("limit", "make"),
    [
        (2_000, lambda text: parts(Message("", actions=(Action("a", "A", text),)))),
        (255, lambda text: parts(Message("", actions=(Action(text, "A", "1"),)))),
        (3_000, lambda text: modal(Form("f", "T", "S", "C", (Entry("a", "A"),), value=text))),
        (255, lambda text: modal(Form(text, "T", "S", "C", (Entry("a", "A"),)))),
        (255, lambda text: modal(Form("f", "T", "S", "C", (Entry(text, "A"),)))),
        (
            150,
            lambda text: modal(
                Form("f", "T", "S", "C", (Entry("a", "A", Input.CHOICE, choices=((text, "A"),)),))
            ),
        ),
    ],
)
def test_what_comes_back_is_never_cut(limit: int, make: Any) -> None:
    make("v" * limit)
    with pytest.raises(ValueError, match=f"{limit + 1} characters"):
        make("v" * (limit + 1))


def test_buttons_stand_in_rows_of_25() -> None:
    rows = [
        len(block["elements"])
        for block in parts(Message("", actions=(Action("a", "A", "1"),) * 26))[0].blocks
    ]
    assert rows == [25, 1]
    with pytest.raises(ValueError, match="more buttons"):
        parts(Message("", actions=(Action("a", "A", "1"),) * 200))


@pytest.mark.parametrize(
    ("url", "good"),
    [
        (OURS, True),
        ("http://localhost:8000/questions/1", True),
        ("https://wiki.example/" + "a" * (3_000 - 21), True),
        ("https://wiki.example/" + "a" * (3_001 - 21), False),
        ("https://ada:secret@wiki.example/", False),
        ("https://bank.example@evil.example/", False),
        ("https://wiki.example/\u202egpj", False),
        ("https://wiki.example/a b", False),
        ("https://wiki.example/\n", False),
        ("https://wiki.example\\@evil.example", False),
        ("https://wiki.example/x|y>", False),
        ("https://wiki.example:99999/", False),
        ("https://[::1", False),
        ("https:///x", False),
        ("javascript:alert(1)", False),
        ("ftp://wiki.example/", False),
        ("//wiki.example/", False),
        ("", False),
    ],
)
def test_only_sound_addresses_are_links(url: str, good: bool) -> None:
    assert address(url) == (url if good else "")


def test_escaping() -> None:
    assert escaped("<!channel> & evil.com\u202e") == "&lt;!channel&gt; &amp; evil[.]com"


def test_a_form_asks_for_each_kind_and_reads_it_back() -> None:
    entries = (
        Entry("line", "Line", value="a\nb", hint="why"),
        Entry("text", "Text", Input.TEXT, "c\nd", optional=True),
        Entry("choice", "Choice", Input.CHOICE, "", (("", "None"), ("x", "X"))),
        Entry("switch", "Switch", Input.SWITCH, "yes"),
    )
    view = modal(Form("setup", "Set up", "Save", "Cancel", entries, value="C1", text="**Hello**"))
    assert (view["callback_id"], view["private_metadata"]) == ("setup", "C1")
    assert [block["type"] for block in view["blocks"]] == ["rich_text", *["input"] * 4]
    assert [block["optional"] for block in view["blocks"][1:]] == [False, True, False, True]
    line, text, choice, switch = (block["element"] for block in view["blocks"][1:])
    assert (line["initial_value"], line["multiline"]) == ("a b", False)
    assert (text["initial_value"], text["multiline"]) == ("c\nd", True)
    assert choice["initial_option"] in choice["options"]
    assert switch["initial_options"] == switch["options"]
    assert entered(submitted(view)) == {"line": "a b", "text": "c\nd", "choice": "", "switch": "yes"}
    assert entered({"values": {"a": {"line": {"type": "plain_text_input", "value": None}}}}) == {"a": ""}
    assert entered({"values": {"a": {"line": {"type": "checkboxes", "selected_options": []}}}}) == {"a": ""}
    assert entered({"values": {"a": {"line": {"type": "static_select", "selected_option": None}}}}) == {
        "a": ""
    }


def submitted(view: dict[str, Any]) -> dict[str, Any]:
    """The state of a view that is sent as it was opened."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            values[block["block_id"]] = {
                element["action_id"]: {
                    "type": element["type"],
                    "value": element.get("initial_value"),
                    "selected_option": element.get("initial_option"),
                    "selected_options": element.get("initial_options", []),
                }
            }
    return {"values": values}


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("w" * 3_000, 1),
        ("w" * 3_001, 2),
        ("word " * 1_500 + "end", 3),
        ("a line\n" * 1_000 + "end", 3),
    ],
)
def test_a_draft_that_is_too_long_for_one_field_is_whole_again_afterwards(text: str, fields: int) -> None:
    view = modal(Form("edit", "Edit", "Save", "Cancel", (Entry("draft", "Draft", Input.TEXT, text),)))
    assert len(view["blocks"]) == fields
    assert all(len(block["element"]["initial_value"]) <= 3_000 for block in view["blocks"])
    assert entered(submitted(view)) == {"draft": text}


def test_a_form_may_have_100_blocks() -> None:
    def form(entries: int) -> Form:
        return Form("f", "T", "S", "C", tuple(Entry(f"e{number}", "E") for number in range(entries)))

    assert len(modal(form(100))["blocks"]) == 100
    with pytest.raises(ValueError, match="101 blocks"):
        modal(form(101))
    with pytest.raises(ValueError, match="0 blocks"):
        modal(form(0))


def test_a_choice_offers_100_and_the_chosen_one() -> None:
    def offered(number: int) -> dict[str, Any]:
        choices = tuple((f"v{at}", f"V{at}") for at in range(number))
        entry = Entry("a", "A", Input.CHOICE, f"v{number - 1}", choices)
        element: dict[str, Any] = modal(Form("f", "T", "S", "C", (entry,)))["blocks"][0]["element"]
        return element

    assert len(offered(100)["options"]) == 100
    assert len(offered(101)["options"]) == 100
    assert offered(101)["initial_option"] in offered(101)["options"]


def test_home_says_how_much_it_leaves_out() -> None:
    section = Message("x", heading="H")  # 2 blocks, and a line above all but the first
    assert len(home(Home((section,) * 33))["blocks"]) == 98
    full_house = home(Home((section,) * 40))["blocks"]
    assert len(full_house) == 99
    assert read(full_house[-1]) == "… (+7)"
    assert home(Home(()))["blocks"]


def test_four_prompts_are_suggested() -> None:
    suggested = prompts(Prompts("Try", tuple((f"L{n}", f"text {n}") for n in range(5))))
    assert suggested["title"] == "Try"
    assert [one["message"] for one in suggested["prompts"]] == ["text 0", "text 1", "text 2", "text 3"]
    assert suggested["prompts"][0]["title"] == "L0"


def test_only_ids_of_people_are_mentioned() -> None:
    (part,) = parts(Message("x", mentions=(*PEOPLE, "!channel", "S1", "C1", "U1>", "")))
    assert [one["user_id"] for one in walk(part.blocks) if one.get("type") == "user"] == list(PEOPLE)


def test_lists_are_as_deep_as_slack_shows_them() -> None:
    (part,) = parts(Message("".join(" " * (2 * depth) + "- a\n" for depth in range(10))))
    indents = [one["indent"] for one in walk(part.blocks) if one.get("type") == "rich_text_list"]
    assert indents == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
