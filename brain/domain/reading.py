"""Reads passages for an answer: which pieces of one could be it, how much of the question's wording they take
up, and which documents are out of date."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from brain.domain.knowledge import Found, Passage
from brain.domain.ranking import terms
from brain.domain.segments import Kind, Segment, segments
from brain.domain.wording import alike, digits, identifiers, names, says, term_set

# A longer paragraph is read a few sentences at a time.
MOST_SENTENCES = 3
MOST_CHARACTERS = 420
# What the encoder is given of a piece.
LONGEST_SPOKEN = 450


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
            return _row(self.segments[0], self.table_head)
        return " ".join(one.text for one in self.segments if one.kind is not Kind.CODE) or self.text


def spoken(text: str) -> str:
    """A text with its table rows said under their column names."""
    head: Segment | None = None
    parts = []
    for segment in segments(text):
        head = segment if segment.kind is Kind.TABLE_HEAD else head
        parts.append(_row(segment, head) if segment.kind is Kind.ROW and head else segment.text)
    return "\n".join(parts)


def _row(row: Segment, head: Segment) -> str:
    return "; ".join(
        f"{name}: {cell}" if name else cell
        for name, cell in zip(_cells(head.text.splitlines()[0]), _cells(row.text), strict=False)
    )


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


def spoken_unit(unit: Unit, passage: Passage) -> str:
    """What a piece says, under the heading it stands under."""
    under = passage.heading_path[-1] if passage.heading_path else passage.title
    return f"{under}: {unit.prose}"[:LONGEST_SPOKEN]


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
    """0..1: how much a term tells, by its share of public documents. Names and numbers tell most."""
    documents, counts = _common()
    return math.log((documents + 1) / (counts.get(term, 1) + 1)) / math.log((documents + 1) / 2)


# What a name or identifier weighs beyond its rarity, and so the most that any term weighs.
SPECIFIC = 0.5
HEAVIEST = 1.0 + SPECIFIC


def weights(question: str) -> dict[str, float]:
    """The question's terms with how much each says about what is asked."""
    # In lower case, because a name counts as a whole: the parts of CamelCase say no more than it does.
    specific = {term for token in identifiers(question) for term in terms(token.lower())}
    every = dict.fromkeys(terms(question.lower()))
    telling = {
        term: rarity(term) + (SPECIFIC if term in specific else 0.0) for term in every if term not in _FRAME
    }
    return telling or dict.fromkeys(every, 1.0)


# Words that only frame a question: what kind of answer is wanted, not what about.
_FRAME = term_set(
    """
    many much long often mean means meaning happen happens somebody someone anybody anyone something kind
    sort way possible okay ok want wish frequently quickly regularly soon procedure process steps
    instructions value number count proceed use see become became normal normally please help tell know
    give exactly actually thing
    """
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


def names_share(question: str, found: Sequence[Found]) -> list[float]:
    """For each passage, the share of the question's names that its document holds, as far as it was found."""
    wanted = special_terms(question)
    if not wanted:
        return [1.0] * len(found)
    said: dict[UUID, frozenset[str]] = {}
    for one in found:
        said[one.passage.origin] = said.get(one.passage.origin, frozenset()) | term_set(
            one.passage.indexed_text
        )
    return [sum(1 for term in wanted if says(term, said[one.passage.origin])) / len(wanted) for one in found]


def special_terms(question: str) -> frozenset[str]:
    """Terms of the question that nothing else can stand for: its names, identifiers and numbers."""
    tokens = identifiers(question) | names(question) | digits(question)
    return frozenset(term for token in tokens for term in terms(token))


_OUTDATED = re.compile(
    r"\b(?:superseded|obsolete|out of date|outdated|do not follow|no longer (?:valid|in use|maintained)|"
    r"deprecated|replaced (?:on|by))\b",
    re.IGNORECASE,
)
_REPLACES = re.compile(r"\b(?:replaces|supersedes):?\W{0,4}([^\n]+)", re.IGNORECASE)


def outdated(found: Sequence[Found]) -> frozenset[int]:
    """Indexes of passages whose document says, or of whose document another says, that it was replaced."""
    replacing = " ".join(
        match.group(1).lower() for one in found for match in _REPLACES.finditer(_opening(one.passage))
    )
    stale = {
        one.passage.origin
        for one in found
        if _OUTDATED.search(f"{one.passage.title} {_opening(one.passage)}")
        or one.passage.title.lower() in replacing
    }
    return frozenset(index for index, one in enumerate(found) if one.passage.origin in stale)


def _opening(passage: Passage) -> str:
    """Only a document's beginning speaks about the document; further in, it speaks about its subject."""
    return passage.text[:400] if passage.ordinal == 0 else ""
