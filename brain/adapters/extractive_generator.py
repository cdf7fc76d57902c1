"""Generator without a language model: answers in the passages' own words, or not at all."""

import math
import re
import textwrap
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from brain.domain.answer import Generation, Piece
from brain.domain.asking import Asked, asked, fits
from brain.domain.knowledge import Found, Passage
from brain.domain.question import Turn
from brain.domain.ranking import terms
from brain.domain.reading import Unit, coverage, names_share, outdated, units, weights
from brain.domain.segments import Kind, Segment, segments
from brain.domain.wording import identifiers

PASSAGES = 8
# Below this share of the question's weight nothing in a passage is about the question.
LEAST_COVERAGE = 0.15
# Unless it means much the same.
LEAST_SIMILARITY = 0.4
# An answer shows so many extracts, none of them this far behind the best, and not more text than this.
EXTRACTS = 3
BEHIND = 3.0
LONGEST = 1200
# A paragraph or list around the best piece is shown whole up to this length.
WHOLE_BLOCK = 450
# How far steps or commands lift a passage that is to say how something is done.
HAS_STEPS = 2.5
OUTDATED_LOSES = 3.0
_OWN_MARK = re.compile(r"[ \t]*\[\d{1,3}\](?![(:\w])")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?:\[[ x]\] )?")
_ABOUT_THE_PAGE = re.compile(
    r"\W{0,4}(?:owner|author|(?:last )?reviewed|version|maintainer|applies to)\b\W", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Scored:
    unit: Unit
    score: float


@dataclass(frozen=True, slots=True)
class _Extract:
    """What is shown of the passage at `index`: neighbouring pieces of one kind."""

    index: int
    units: tuple[Unit, ...]

    @property
    def start(self) -> int:
        return self.units[0].start

    @property
    def end(self) -> int:
        return self.units[-1].end

    def holds(self, unit: Unit) -> bool:
        return unit.index == self.index and self.start <= unit.start < self.end


@dataclass(frozen=True, slots=True)
class _Reading:
    """The question with what is known of each passage: how well it fits as a whole."""

    question: str
    weighed: dict[str, float]
    passages: Sequence[Found]
    named: Sequence[float]
    stale: frozenset[int]

    @classmethod
    def of(cls, question: str, passages: Sequence[Found]) -> "_Reading":
        return cls(question, weights(question), passages, names_share(question, passages), outdated(passages))

    def lost(self, index: int) -> float:
        return OUTDATED_LOSES if index in self.stale else 0.0

    def source(self, index: int) -> UUID:
        return self.passages[index].passage.origin


class ExtractiveGenerator:
    name = "extractive"

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        text = _answer(_Reading.of(question, passages[:PASSAGES]))
        if text:
            yield Piece(text)
        yield Generation(text, model=self.name, prompt_hash="", quoted=True)


def _answer(reading: _Reading) -> str:
    ranked = _ranked(reading)
    if not ranked:
        return ""
    if asked(reading.question) is Asked.STEPS:
        procedure = _procedure(reading, ranked)
        if procedure and not _names_more(ranked, reading.question, than=procedure):
            return procedure
    return _written(reading, _chosen(reading, ranked))


def _names_more(ranked: Sequence[_Scored], question: str, *, than: str) -> bool:
    """Whether a piece speaks of the very code or name that was asked about, and the procedure does not."""
    wanted = identifiers(question)
    text = than.lower()
    return any(token not in text for token in wanted) and any(
        all(token in one.unit.text.lower() for token in wanted) for one in ranked
    )


def _ranked(reading: _Reading) -> list[_Scored]:
    """The pieces that could be the answer, the best first; each counts with its document."""
    scored = [
        _Scored(unit, _score(reading, unit, around))
        for index, found in enumerate(reading.passages)
        for unit in units(index, found.passage)
        if _says_something(unit)
        and (
            (around := coverage(reading.weighed, f"{unit.text} {unit.context}")) >= LEAST_COVERAGE
            or found.similarity_at(unit.start) >= LEAST_SIMILARITY
        )
    ]
    total = sum(math.exp(one.score) for one in scored)
    shares: dict[UUID, float] = defaultdict(float)
    for one in scored:
        shares[reading.source(one.unit.index)] += math.exp(one.score) / total
    together = [
        _Scored(one.unit, one.score + math.log(shares[reading.source(one.unit.index)])) for one in scored
    ]
    return sorted(together, key=lambda one: -one.score)


def _score(reading: _Reading, unit: Unit, around: float) -> float:
    """Weights of a conditional logit: which piece of the top passages held the known answer."""
    found = reading.passages[unit.index]
    about_the_page = _ABOUT_THE_PAGE.match(unit.text) and not _ABOUT_THE_PAGE.search(reading.question)
    return (
        8.0 * found.score
        + 7.6 * found.similarity_at(unit.start)
        + 6.4 * around
        + 1.6 * fits(reading.question, unit.prose)
        + 1.6 * reading.named[unit.index]
        - (1.0 if about_the_page else 0.0)
        - reading.lost(unit.index)
    )


def _says_something(unit: Unit) -> bool:
    only_leads_in = unit.text.rstrip("*_ ").endswith(":")
    return unit.kind is not Kind.CODE and not only_leads_in and len(terms(unit.text)) > 1


def _chosen(reading: _Reading, ranked: Sequence[_Scored]) -> list[_Extract]:
    """The best pieces, each with the short paragraph or list around it."""
    chosen: list[_Extract] = []
    room = LONGEST
    for one in ranked:
        if len(chosen) == EXTRACTS or ranked[0].score - one.score > BEHIND:
            break
        extract = _widened(one.unit, reading.passages[one.unit.index].passage)
        length = extract.end - extract.start
        fits_in = not chosen or length <= room
        if fits_in and not any(other.holds(one.unit) for other in chosen):
            chosen.append(extract)
            room -= length
    return chosen


def _widened(unit: Unit, passage: Passage) -> _Extract:
    if unit.kind is Kind.ROW:
        return _Extract(unit.index, (unit,))
    block = tuple(
        one for one in units(unit.index, passage) if (one.block, one.kind) == (unit.block, unit.kind)
    )
    short = block[-1].end - block[0].start <= WHOLE_BLOCK
    return _Extract(unit.index, block if short else (unit,))


def _written(reading: _Reading, chosen: Sequence[_Extract]) -> str:
    """Each extract with its mark, in the order given; those of one paragraph, list or table together."""
    blocks: dict[tuple[int, int], list[_Extract]] = {}
    for extract in chosen:
        blocks.setdefault((extract.index, extract.units[0].block), []).append(extract)
    parts = []
    for block in blocks.values():
        block.sort(key=lambda one: one.start)
        if block[0].units[0].kind is Kind.ROW:
            parts.append(_table(block))
        else:
            parts += [_marked(one, reading.passages[one.index].passage) for one in block]
    return "\n\n".join(parts)


def _table(rows: Sequence[_Extract]) -> str:
    """Rows under their head, each with its mark."""
    head = rows[0].units[0].table_head
    lines = [head.text] if head else []
    for row in rows:
        cells = row.units[0].text.strip().removesuffix("|").rstrip()
        lines.append(f"{cells} [{row.index + 1}] |")
    return "\n".join(lines)


def _marked(extract: _Extract, passage: Passage) -> str:
    """The extract with the mark behind its prose; a list keeps its bullets, code below keeps its lines."""
    first, last = extract.units[0], extract.units[-1]
    number = extract.index + 1
    if first.kind is Kind.ITEM and first is not last:
        return _list_text(passage, extract.start, extract.end, number)
    code = [one for one in last.segments if one.kind is Kind.CODE]
    prose_end = code[0].start if code else extract.end
    prose = _OWN_MARK.sub("", _BULLET.sub("", passage.text[extract.start : prose_end].rstrip()))
    below = "\n\n" + textwrap.dedent(passage.text[prose_end : extract.end].strip("\n")) if code else ""
    return f"{prose} [{number}]{below}"


def _procedure(reading: _Reading, ranked: Sequence[_Scored]) -> str:
    """What to do, from the passage that fits a how-to best: its numbered list with lead-in and code,
    continued in the following passages of the section; without a list, its paragraphs with their commands."""
    best = max(ranked, key=lambda one: one.score + HAS_STEPS * _has_steps(reading.passages[one.unit.index]))
    index = best.unit.index
    passage = reading.passages[index].passage
    listed = _numbered(passage, reading.weighed)
    if listed:
        parts = [_list_text(passage, listed[0].start, listed[-1].end, index + 1)]
        parts += [
            _list_text(reading.passages[other].passage, more[0].start, more[-1].end, other + 1)
            for other in _following(reading.passages, index)
            if (more := _numbered(reading.passages[other].passage, {}))
        ]
        return "\n\n".join(parts)
    if any(one.kind is Kind.ROW for one in segments(passage.text)):
        return ""
    every = [_Extract(index, (one,)) for one in units(index, passage) if one.kind is not Kind.CODE]
    if len(passage.text) > LONGEST:
        every = [one for one in every if any(part.kind is Kind.CODE for part in one.units[0].segments)]
    return _written(reading, every)


def _has_steps(found: Found) -> bool:
    every = segments(found.passage.text)
    return any(one.kind is Kind.CODE for one in every) or sum(one.kind is Kind.ITEM for one in every) > 1


def _numbered(passage: Passage, weighed: dict[str, float]) -> list[Segment]:
    """The numbered list of the passage that says most of the question; empty where there is none."""
    every = segments(passage.text)
    lists = {
        one.block: [other for other in every if other.block == one.block] for one in every if one.ordered
    }
    whole = [found for found in lists.values() if sum(one.kind is Kind.ITEM for one in found) > 1]
    return max(
        whole,
        key=lambda found: (coverage(weighed, passage.text[found[0].start : found[-1].end]), len(found)),
        default=[],
    )


def _list_text(passage: Passage, start: int, end: int, number: int) -> str:
    body = textwrap.dedent(_OWN_MARK.sub("", passage.text[start:end]))
    before = [one for one in segments(passage.text) if one.end <= start]
    if before and before[-1].kind is Kind.SENTENCE:
        return f"{_OWN_MARK.sub('', before[-1].text)} [{number}]\n\n{body}"
    return f"{body}\n\n[{number}]"


def _following(passages: Sequence[Found], index: int) -> list[int]:
    """The passages that go on where this one of the same section ends."""
    places = {
        (found.passage.document, found.passage.heading_path, found.passage.ordinal): position
        for position, found in enumerate(passages)
    }
    start = passages[index].passage
    following = []
    ordinal = start.ordinal + 1
    while start.document and (start.document, start.heading_path, ordinal) in places:
        following.append(places[start.document, start.heading_path, ordinal])
        ordinal += 1
    return following
