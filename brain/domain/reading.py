"""Reads passages for an answer: what shape of answer a question asks for, which pieces of a passage can be
one, and how much of the question's wording each piece takes up."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from brain.domain.knowledge import Passage
from brain.domain.ranking import terms
from brain.domain.segments import Kind, Segment, segments
from brain.domain.wording import alike, identifiers, says, term_set


# A longer paragraph is read a few sentences at a time.
MOST_SENTENCES = 3
MOST_CHARACTERS = 420


class Asked(StrEnum):
    """What an answer has to contain to be one."""

    STEPS = "steps"
    COUNT = "a number"
    SIZE = "a size or a limit"
    AMOUNT = "an amount of money"
    DURATION = "a length of time"
    FREQUENCY = "how often"
    CLOCK = "a time of day"
    DAY = "a day or date"
    TIME = "a time or date"
    PERSON = "a person or team"
    COMMAND = "a command"
    ANYTHING = "anything"


_COUNTED = r"(?:\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|half|an?|few|several)"
_UNIT = r"(?:ms|s|sec|seconds?|min|minutes?|h|hours?|days?|weeks?|months?|years?|quarters?)"
_DURATION = (
    rf"\b{_COUNTED}\W{{1,4}}(?:working |calendar |business |full |more )?{_UNIT}\b|\d{_UNIT}\b"
    r"|\bimmediate|\bat once\b|\bstraight away\b|\b(?:day|week|month) \d"
)
_CLOCK = r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s?(?:am|pm)\b|\bmidnight\b|\bnoon\b"
_DAY = (
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:january|february|march|april|may|june|july|august|"
    r"september|october|november|december)\b|\b\d{4}-\d{2}-\d{2}\b|\b\d+(?:st|nd|rd|th)\b|\bday \d"
    r"|\b(?:first|last|next) (?:\w+ )?day\b|\b(?:weekdays?|weekends?|daily)\b"
)
_MONEY = (
    r"[€$£]\s?\d|\b(?:EUR|USD|CAD|PLN|GBP)\s?\d|\d\s?(?:€|EUR|USD|CAD|PLN|zł|GBP|dollars?|euros?)\b|\d\s?%"
    r"|\bfree of charge\b|\bno (?:charge|fee|cost)\b|\bcosts? nothing\b|\bin full\b"
)
_ROLE = (
    r"\b(?:team|manager|officer|on-call|desk|owner|director|lead|supervisor|partner|commander|department|reception|"
    r"security|hr|engineer|counsel|administrator|admin|operations|platform|payroll|finance|facilities|sponsor|"
    r"colleague|doctor|employee|customer|contractor|vendor|user|anyone|everyone|everybody|nobody|"
    r"person|people|head|reviewer|approver|staff|group)s?\b"
)
_PERIODS = r"(?:seconds|minutes|hours|days|weeks|months|years)"

_WANTS: tuple[tuple[Asked, re.Pattern[str]], ...] = tuple(
    (asked, re.compile(pattern, re.IGNORECASE))
    for asked, pattern in (
        (Asked.FREQUENCY, r"\bhow (?:often|frequently|regularly|many times)\b|\b(?:interval|frequency)\b"),
        (
            Asked.DURATION,
            rf"\bhow (?:long|soon|quickly|fast)\b|\bhow many (?:\w+ )?{_PERIODS}\b|\bhow much (?:time|notice)\b"
            r"|\bhow far (?:ahead|in advance)\b|\bnotice period\b|\b(?:what|which) (?:\w+ ){0,3}(?:deadline|duration)\b",
        ),
        (
            Asked.AMOUNT,
            r"\bhow much\b.*\b(?:cost|pay|pays|paid|charged?|claim|spend|get|reimbursed?|receive|worth|money|earn|fee)\b"
            r"|\b(?:what|which)\b.*\b(?:costs?|price|fee|amount|allowance|budget|per diem|bonus|lump sum|charged)\b",
        ),
        (Asked.SIZE, r"\bhow (?:much|big|large|high|deep|wide|far|heavy|full)\b|\b(?:size|limit|threshold|capacity)\b"),
        (
            Asked.COUNT,
            r"\bhow (?:many|old)\b|\b(?:what|which)\b.{0,40}\b(?:number|port|extension|percentage|version|maximum|minimum)\b",
        ),
        (Asked.CLOCK, r"\b(?:what|which) (?:time|hour)\b|\b(?:opening|closing|core) (?:time|hours)\b"),
        (Asked.DAY, r"\b(?:what|which) (?:week)?(?:day|date)s?\b"),
        (Asked.TIME, r"\bwhen\b(?! i\b)(?=.*\?|[^,]*$)|\bby when\b|\buntil when\b"),
        (Asked.PERSON, r"\bwho(?:m|se)?\b|\b(?:which|what) (?:team|person|people|department|role|contact)\b"),
        (Asked.COMMAND, r"\b(?:what|which)(?:'s| is)? (?:\w+ ){0,3}(?:command|query|script)\b"),
        (
            Asked.STEPS,
            r"\bhow (?:do|does|can|should|could|would|must|to|are|is)\b|\b(?:steps?|procedure|process|instructions)\b"
            r"|\b(?:walk|guide|talk) me through\b|\bhelp me\b|\bway to\b|\b(?:fix|what now|what helps)\b"
            r"|\bwhat (?:do|should|must|can|shall) (?:i|we|you|one|they|people|somebody|someone|an?|the)\b"
            r"|\bwhat (?:happens|needs to|has to)\b",
        ),
    )
)

_HAS: Mapping[Asked, re.Pattern[str]] = {
    asked: re.compile(pattern, re.IGNORECASE)
    for asked, pattern in (
        (
            Asked.FREQUENCY,
            r"\b(?:every|each|per|daily|weekly|monthly|quarterly|yearly|annual(?:ly)?|hourly|nightly|once|twice)\b"
            rf"|\b{_COUNTED} times\b|\btimes a\b",
        ),
        (Asked.DURATION, _DURATION),
        (Asked.AMOUNT, _MONEY),
        (Asked.SIZE, rf"\d|\b{_COUNTED}\b"),
        (Asked.COUNT, rf"\d|\b{_COUNTED}\b"),
        (Asked.CLOCK, _CLOCK),
        (Asked.DAY, _DAY),
        (Asked.TIME, f"{_CLOCK}|{_DAY}|{_DURATION}"),
        (Asked.PERSON, _ROLE),
        (Asked.COMMAND, r"`"),
    )
}
_COUNTED_NOUN = re.compile(r"\bhow many ((?:[\w'-]+ ?){1,4})", re.IGNORECASE)
_AUXILIARY = re.compile(r"\b(?:do|does|did|is|are|was|were|can|may|must|should|will|would|have|has|get|gets|there)\b.*")


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


@lru_cache(maxsize=1)
def _common() -> tuple[int, dict[str, int]]:
    content = json.loads(Path(__file__).with_name("rarity.json").read_text(encoding="utf-8"))
    return int(content["documents"]), {str(term): int(count) for term, count in content["counts"].items()}


@lru_cache(maxsize=65_536)
def rarity(term: str) -> float:
    """0..1: how much a term tells, by its share of public operations documents. Names and numbers tell most."""
    documents, counts = _common()
    return math.log((documents + 1) / (counts.get(term, 1) + 1)) / math.log((documents + 1) / 2)


def weights(question: str) -> dict[str, float]:
    """The question's terms with how much each says about what is asked."""
    specific = {term for token in identifiers(question) for term in terms(token)}
    return {
        term: rarity(term) + (0.5 if term in specific else 0.0)
        for term in dict.fromkeys(terms(question))
        if term not in _FRAME
    } or {term: 1.0 for term in dict.fromkeys(terms(question))}


# Words that only frame a question: what kind of answer is wanted, not what about.
_FRAME = term_set(
    """many much long often mean means meaning happen happens somebody someone anybody anyone something kind sort
    way possible okay ok want wish please help tell know give exactly actually thing"""
)


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
