"""Every catalogue of what the bot says has the same names, with the same places to fill in."""

import ast
import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

import bots
from bots.texts import languages, texts_for

FOLDER = Path(bots.__file__).parent / "locales"
# What Slack lets a button and the title of a form be long.
BUTTON, TITLE = 75, 24
BUTTONS = (
    "helpful not_helpful ask_person why share keep ask_privately approve edit reject not_for_me"
    " confirm_amendment discard"
).split()
TITLES = "form_feedback form_edit form_reject form_setup cancel send save approve reject".split()


def catalogue(language: str) -> dict[str, str]:
    return tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8"))


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_there_is_english_and_german() -> None:
    assert languages() == {"en", "de"}
    assert texts_for("de-AT").language == "de"
    assert texts_for("fr-FR").language == texts_for("").language == "en"


@pytest.mark.parametrize("language", sorted(languages() - {"en"}))
def test_the_same_names_and_places(language: str) -> None:
    english, other = catalogue("en"), catalogue(language)
    assert list(other) == list(english), "the same names, in the same order"
    assert {name: places(text) for name, text in other.items()} == {
        name: places(text) for name, text in english.items()
    }
    said_alike = [name for name, text in other.items() if text == english[name]]
    assert [name for name in said_alike if not re.fullmatch(r"\{\w+\}", english[name])] == []


@pytest.mark.parametrize("language", sorted(languages()))
def test_labels_are_shown_whole(language: str) -> None:
    known = catalogue(language)
    assert [name for name in BUTTONS if len(known[name]) > BUTTON] == []
    assert [name for name in TITLES if len(known[name]) > TITLE] == []


def test_every_text_is_said_somewhere() -> None:
    """Names are written out, or begin or end as a name that is put together does."""
    whole: set[str] = set()
    joined: set[tuple[str, str]] = set()
    root = Path(bots.__file__).parents[1]
    for path in [*root.glob("bots/**/*.py"), *root.glob("workers/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                ends = [
                    part.value if isinstance(part, ast.Constant) else ""
                    for part in (node.values[0], node.values[-1])
                ]
                if any(re.fullmatch(r"_?[a-z]+_?", str(end)) for end in ends):
                    joined.add((str(ends[0]), str(ends[1])))
    said = {
        name
        for name in catalogue("en")
        if name in whole or any(name.startswith(first) and name.endswith(last) for first, last in joined)
    }
    assert set(catalogue("en")) - said == set()
