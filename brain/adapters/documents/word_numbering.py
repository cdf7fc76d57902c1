"""The numbers and bullets that Word computes for the paragraphs of its lists."""

import re
from dataclasses import dataclass
from typing import Any

from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.ns import qn

# More than 20 times the alphabet is no label, but an attack on our memory.
_MAX_LETTERS = 20
_ROMAN = {"m": 1000, "cm": 900, "d": 500, "cd": 400, "c": 100, "xc": 90, "l": 50, "xl": 40, "x": 10}
_ROMAN |= {"ix": 9, "v": 5, "iv": 4, "i": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """A paragraph's list (lists of one kind count on together) and its depth in it."""

    number: str
    depth: int


@dataclass(frozen=True, slots=True)
class _Level:
    form: str
    text: str
    start: int


class Numbering:
    """Counts as Word does: paragraph by paragraph, in document order."""

    def __init__(self, document: Any, styles: dict[str, Any]) -> None:
        self._styles = styles
        self._abstract: dict[str, str] = {}
        self._levels: dict[tuple[str, int], _Level] = {}
        self._restarts: dict[tuple[str, int], int] = {}
        self._counters: dict[str, dict[int, int]] = {}
        self._seen: set[str] = set()
        for relation in document.part.rels.values():
            if relation.reltype == RELATIONSHIP_TYPE.NUMBERING:
                self._load(relation.target_part.element)

    def _load(self, root: Any) -> None:
        for each in root.iterfind(qn("w:num")):
            number = each.get(qn("w:numId"))
            self._abstract[number] = _value(each, "w:abstractNumId")
            for override in each.iterfind(qn("w:lvlOverride")):
                start = _value(override, "w:startOverride")
                if start:
                    self._restarts[number, int(override.get(qn("w:ilvl")))] = int(start)
        for each in root.iterfind(qn("w:abstractNum")):
            for level in each.iterfind(qn("w:lvl")):
                key = each.get(qn("w:abstractNumId")), int(level.get(qn("w:ilvl")))
                start = _value(level, "w:start") or "1"
                self._levels[key] = _Level(_value(level, "w:numFmt"), _value(level, "w:lvlText"), int(start))

    def place(self, paragraph: Any) -> Place | None:
        """From the paragraph itself, else from its style and those that one is based on."""
        properties = paragraph.find(qn("w:pPr"))
        depth = ""
        seen: set[str] = set()
        while properties is not None:
            numbering = properties.find(qn("w:numPr"))
            if numbering is not None:
                depth = depth or _value(numbering, "w:ilvl")
                number = _value(numbering, "w:numId")
                if number:
                    return Place(number, int(depth or 0)) if number in self._abstract else None
            style = _value(properties, "w:pStyle") or _value(properties.getparent(), "w:basedOn")
            if style in seen or style not in self._styles:
                return None
            seen.add(style)
            element = self._styles[style]
            properties = element.find(qn("w:pPr"))
            if properties is None:
                properties = element.makeelement(qn("w:pPr"))
                element.append(properties)
        return None

    def advance(self, place: Place) -> str:
        """The label of the next paragraph at this place: "-", "3.", "2.1" …; empty where Word shows none."""
        abstract = self._abstract[place.number]
        level = self._levels.get((abstract, place.depth), _Level("bullet", "", 1))
        if level.form == "bullet":
            return "-"
        counters = self._counters.setdefault(abstract, {})
        restart = self._restarts.get((place.number, place.depth))
        if place.number not in self._seen and restart is not None:
            counters[place.depth] = restart - 1
        self._seen.add(place.number)
        counters[place.depth] = counters.get(place.depth, level.start - 1) + 1
        for deeper in [depth for depth in counters if depth > place.depth]:
            del counters[deeper]
        return self._label(abstract, level, counters)

    def _label(self, abstract: str, level: _Level, counters: dict[int, int]) -> str:
        def number(found: re.Match[str]) -> str:
            depth = int(found[1]) - 1
            shown = self._levels.get((abstract, depth), _Level("decimal", "", 1))
            return _formatted(counters.get(depth, shown.start), shown.form)

        return re.sub(r"%(\d)", number, level.text).strip()


def _value(node: Any, tag: str) -> str:
    found = node.find(qn(tag)) if node is not None else None
    return str(found.get(qn("w:val"), "")) if found is not None else ""


def _formatted(number: int, form: str) -> str:
    if form in {"lowerLetter", "upperLetter"} and 0 < number <= 26 * _MAX_LETTERS:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters if form == "lowerLetter" else letters.upper()
    if form in {"lowerRoman", "upperRoman"} and 0 < number < 4000:
        return _roman(number) if form == "lowerRoman" else _roman(number).upper()
    return "" if form == "none" else str(number)


def _roman(number: int) -> str:
    text = ""
    for sign, value in _ROMAN.items():
        text += sign * (number // value)
        number %= value
    return text
