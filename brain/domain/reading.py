"""Reads passages for an answer: what shape of answer a question asks for, which pieces of a passage can be
one, and how much of the question's wording each piece takes up."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from brain.domain.knowledge import Found, Passage
from brain.domain.ranking import terms
from brain.domain.segments import Kind, Segment, segments
from brain.domain.wording import alike, identifiers, says, term_set


class Asked(StrEnum):
    """What an answer has to contain to be one."""

    STEPS = "steps"
    COUNT = "a number"
    AMOUNT = "an amount of money"
    DURATION = "a length of time"
    FREQUENCY = "how often"
    TIME = "a time or date"
    PERSON = "a person or team"
    COMMAND = "a command"
    ANYTHING = "anything"


MOST_SENTENCES = 3
MOST_CHARACTERS = 420

_UNIT = r"(?:ms|s|sec|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?|quarters?)"
_COUNTED = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|an?|few|several)"
_DURATION = rf"{_COUNTED}[\s-]+(?:working |calendar |business |full |more )?{_UNIT}\b|\d{_UNIT}\b|immediate|at once|straight away"
_CLOCK = r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s?(?:am|pm)\b|\bmidnight\b|\bnoon\b"
_DAY = (
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:january|february|march|april|may|june|july|august|"
    r"september|october|november|december)\b|\b\d{4}-\d{2}-\d{2}\b|\b\d+(?:st|nd|rd|th)\b|\b(?:first|last|next) \w*\s?day\b"
)
_MONEY = r"[€$£]\s?\d|\d\s?(?:€|EUR|USD|CAD|PLN|zł|GBP|dollars?|euros?)\b|\d\s?%|\bfree of charge\b|\bno (?:charge|fee|cost)\b"
_ROLE = (
    r"\b(?:team|manager|officer|on-call|desk|owner|director|lead|supervisor|partner|commander|department|reception|"
    r"security|hr|engineer|counsel|administrator|admin|operations|platform|payroll|finance|facilities|sponsor|"
    r"colleague|doctor|employee|customer|contractor|vendor|user|anyone|everyone|nobody|"
    r"person|people|head|reviewer|approver|staff|group)s?\b"
)

_WANTS: tuple[tuple[Asked, re.Pattern[str]], ...] = tuple(
    (asked, re.compile(pattern, re.IGNORECASE))
    for asked, pattern in (
        (Asked.FREQUENCY, r"\bhow (?:often|frequently|regularly)\b|\bwhat (?:interval|frequency)\b"),
        (
            Asked.DURATION,
            r"\bhow (?:long|soon|quickly|fast)\b|\bhow many (?:\w+ )?(?:seconds|minutes|hours|days|weeks|months|years)\b"
            r"|\bhow much (?:time|notice)\b|\bhow far (?:ahead|in advance)\b|\bwhat (?:is the )?notice period\b",
        ),
        (
            Asked.AMOUNT,
            r"\bhow much (?:does|do|did|will|is|are|can|may|money|would)\b.*\b(?:cost|pa(?:y|id)|charge|claim|spend|get|reimburse|receive|worth)"
            r"|\b(?:what|which) (?:\w+ ){0,3}(?:cost|price|fee|amount|allowance|budget|per diem|rate)\b",
        ),
        (Asked.COUNT, r"\bhow (?:many|much|big|large|high|old|deep|wide)\b"
         r"|\b(?:what|which) (?:\w+ ){0,3}(?:number|port|extension|percentage|threshold|limit|version|size|maximum|minimum|temperature)\b"),
        (Asked.TIME, r"^\s*(?:by |until |since |from )?when\b|\b(?:what|which) (?:time|day|date|hour)\b|\bby when\b|, when (?:do|does|is|are|will|must|should)\b"),
        (Asked.PERSON, r"\bwho(?:m|se)?\b(?=[^.]*\?|[^.]*$)|\b(?:which|what) (?:team|person|people|department|role|contact)\b"),
        (Asked.COMMAND, r"\b(?:what|which)(?:'s| is)? (?:\w+ ){0,3}(?:command|query|script)\b"),
        (
            Asked.STEPS,
            r"\bhow (?:do|does|can|should|could|would|must|to|are|is)\b|\b(?:steps?|procedure|process|instructions|walk me through|guide me)\b"
            r"|\bwhat (?:do|should|must|can|shall) (?:i|we|you|one|they|people|somebody|someone|a|an|the)\b|\bhelp me\b|\bwhat(?:'s| is) the (?:right |best |proper )?way\b",
        ),
    )
)  # fmt: skip

_HAS: Mapping[Asked, re.Pattern[str]] = {
    Asked.FREQUENCY: re.compile(
        r"\b(?:every|each|per|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?|hourly|nightly|once|twice)\b|"
        rf"\b{_COUNTED} times\b|\btimes a\b",
        re.IGNORECASE,
    ),
    Asked.DURATION: re.compile(_DURATION, re.IGNORECASE),
    Asked.AMOUNT: re.compile(_MONEY, re.IGNORECASE),
    Asked.COUNT: re.compile(rf"\d|\b{_COUNTED}\b", re.IGNORECASE),
    Asked.TIME: re.compile(f"{_CLOCK}|{_DAY}|{_DURATION}|\\d", re.IGNORECASE),
    Asked.PERSON: re.compile(_ROLE + r"|(?<=\s)[A-Z]\w+ [A-Z]\w+", re.IGNORECASE),
    Asked.COMMAND: re.compile(r"`|^\s*\$", re.MULTILINE),
}
_COUNTED_NOUN = re.compile(r"\bhow many ((?:[\w'-]+ ?){1,4})", re.IGNORECASE)
_AUXILIARY = re.compile(
    r"\b(?:do|does|did|is|are|was|were|can|may|must|should|will|would|have|has|get|gets)\b.*"
)


@lru_cache(maxsize=2048)
def asked(question: str) -> Asked:
    return next((kind for kind, pattern in _WANTS if pattern.search(question)), Asked.ANYTHING)


def fits(question: str, text: str) -> float:
    """0..1: whether the text has what the question asks for, a number of the counted thing, a name, a time."""
    kind = asked(question)
    if kind not in _HAS:
        return 1.0
    if not _HAS[kind].search(text):
        return 0.0
    if kind is Asked.COUNT:
        noun = _counted_noun(question)
        return 1.0 if noun is None or says(noun, term_set(text)) else 0.3
    return 1.0


def _counted_noun(question: str) -> str | None:
    match = _COUNTED_NOUN.search(question)
    if match is None:
        return None
    nouns = terms(_AUXILIARY.sub("", match.group(1)))
    return nouns[-1] if nouns else None


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of the passage at `index` that could be an answer: a short paragraph, a list item, a table row,
    each with the code that belongs to it. `context` is what it is read under."""

    index: int
    segments: tuple[Segment, ...]
    text: str
    context: str
    table_head: Segment | None = None
    lead: Segment | None = None

    @property
    def kind(self) -> Kind:
        return self.segments[0].kind

    @property
    def block(self) -> int:
        return self.segments[0].block

    @property
    def start(self) -> int:
        return self.segments[0].start

    @property
    def end(self) -> int:
        return self.segments[-1].end

    @property
    def prose(self) -> str:
        """What a reader would say aloud: a row's cells under their column names, no code block."""
        if self.kind is Kind.ROW and self.table_head:
            return "; ".join(
                f"{name}: {cell}" if name else cell
                for name, cell in zip(
                    _cells(self.table_head.text.splitlines()[0]), _cells(self.text), strict=False
                )
            )
        return " ".join(one.text for one in self.segments if one.kind is not Kind.CODE) or self.text


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def units(index: int, passage: Passage) -> list[Unit]:
    path = " ".join((passage.title, *passage.heading_path))
    heading, lead, head = "", None, None
    found: list[Unit] = []
    for group in _groups(segments(passage.text)):
        kind = group[0].kind
        if kind is Kind.HEADING:
            heading, lead, head = group[0].text.lstrip("# "), None, None
        elif kind is Kind.TABLE_HEAD:
            head = group[0]
        else:
            head = head if kind is Kind.ROW else None
            context = " ".join((path, heading, lead.text if lead else "", head.text if head else ""))
            text = passage.text[group[0].start : group[-1].end]
            found.append(Unit(index, group, text, context, head, lead))
            if kind is Kind.SENTENCE:
                lead = group[-1] if group[-1].text.rstrip("*_ ").endswith(":") else None
    return found


def _groups(every: Sequence[Segment]) -> list[tuple[Segment, ...]]:
    """Sentences of a paragraph a few at a time; code with what stands before it."""
    groups: list[list[Segment]] = []
    for segment in every:
        last = groups[-1] if groups else None
        if last is not None and _belongs(segment, last):
            last.append(segment)
        else:
            groups.append([segment])
    return [tuple(group) for group in groups]


def _belongs(segment: Segment, group: Sequence[Segment]) -> bool:
    last = group[-1]
    if segment.kind is Kind.CODE:
        return last.kind in (Kind.SENTENCE, Kind.ITEM)
    if segment.block != last.block:
        return False
    if segment.kind is Kind.ITEM:
        return last.kind in (Kind.ITEM, Kind.CODE) and segment.continues
    short = segment.end - group[0].start <= MOST_CHARACTERS and len(group) < MOST_SENTENCES
    return segment.kind is Kind.SENTENCE and last.kind is Kind.SENTENCE and short


# Words that frame a question rather than say what it is about.
_FRAME = term_set(
    """long many much often big large high value number amount count meaning mean means stand happen happens
    somebody someone anybody anyone person people thing kind sort way step procedure process proceed instruction
    allowed permitted possible okay ok want wish use used using help tell know give take make come go work
    different certain right correct proper exactly actually currently normal usual general minimum maximum
    percentage percent share period time day date year month week hour minute within per another one two
    company office existing new old"""
)
FRAME_WEIGHT = 0.3


def weights(question: str, found: Sequence[Found]) -> dict[str, float]:
    """How much each term of the question tells apart, judged among what was found: there is no corpus here."""
    specific = {term for token in identifiers(question) for term in terms(token)}
    seen = [term_set(one.passage.indexed_text) for one in found]
    weighed: dict[str, float] = {}
    for term in dict.fromkeys(terms(question)):
        holding = sum(1 for said in seen if says(term, said))
        rarity = math.log(1 + (len(seen) - holding + 0.5) / (holding + 0.5)) if holding else 1.0
        weight = 0.5 + rarity + (1.0 if term in specific else 0.0)
        weighed[term] = weight * (FRAME_WEIGHT if term in _FRAME else 1.0)
    return weighed


def coverage(weighed: Mapping[str, float], text: str, context: str = "") -> float:
    """Share of the question's weight that the text says itself (whole) or is read under (half)."""
    total = sum(weighed.values())
    if not total:
        return 0.0
    said, around = term_set(text), term_set(context)
    covered = sum(
        weight * (1.0 if term in said else 0.85 if alike(term) & said else 0.5 if says(term, around) else 0.0)
        for term, weight in weighed.items()
    )
    return covered / total
