"""Generator without a language model: answers in the passages' own words, or not at all."""

import re
import textwrap
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

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
# How far a second piece may score behind the best and still be shown beside it.
ALIKE = 0.8
SHORT_PASSAGE = 900
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


class ExtractiveGenerator:
    name = "extractive"

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        text = _answer(_Reading.of(question, passages[:PASSAGES]))
        if text:
            yield Piece(text)
        yield Generation(text, model=self.name, prompt_hash="")


def _answer(reading: _Reading) -> str:
    candidates = _candidates(reading)
    if not candidates:
        return ""
    if asked(reading.question) is Asked.STEPS:
        procedure = _procedure(reading)
        if procedure and not _names_more(candidates, reading.question, than=procedure):
            return procedure
    return _statement(candidates)


def _names_more(candidates: Sequence[_Scored], question: str, *, than: str) -> bool:
    """Whether a piece speaks of the very code or name that was asked about, and the procedure does not."""
    wanted = identifiers(question)
    text = than.lower()
    return any(token not in text for token in wanted) and any(
        all(token in one.unit.text.lower() for token in wanted) for one in candidates
    )


def _candidates(reading: _Reading) -> list[_Scored]:
    """The pieces that could be the answer, the best first."""
    scored = []
    for index, found in enumerate(reading.passages):
        whole = coverage(reading.weighed, found.passage.indexed_text)
        for unit in units(index, found.passage):
            if not _says_something(unit):
                continue
            around = coverage(reading.weighed, f"{unit.text} {unit.context}")
            if around >= LEAST_COVERAGE or found.similarity_at(unit.start) >= LEAST_SIMILARITY:
                scored.append(_Scored(unit, _score(reading, unit, around) + 1.7 * whole))
    return sorted(scored, key=lambda one: -one.score)


def _score(reading: _Reading, unit: Unit, around: float) -> float:
    """Weights of a conditional logit: which piece of the top passages held the known answer."""
    found = reading.passages[unit.index]
    about_the_page = _ABOUT_THE_PAGE.match(unit.text) and not _ABOUT_THE_PAGE.search(reading.question)
    return (
        2.9 * found.score
        + 1.7 * found.dense_score
        + 3.8 * found.similarity_at(unit.start)
        + 2.2 * coverage(reading.weighed, unit.prose)
        + 4.4 * around
        + 1.7 * fits(reading.question, unit.prose)
        + (0.6 if unit.kind is Kind.ROW else 0.0)
        + 0.4 * reading.named[unit.index]
        - (1.5 if about_the_page else 0.0)
        - reading.lost(unit.index)
    )


def _says_something(unit: Unit) -> bool:
    only_leads_in = unit.text.rstrip("*_ ").endswith(":")
    return unit.kind is not Kind.CODE and not only_leads_in and len(terms(unit.text)) > 1


def _statement(ranked: Sequence[_Scored]) -> str:
    """The best piece, and a second one of the same document where it scores alike."""
    best = ranked[0]
    chosen = [best.unit]
    chosen += [
        other.unit
        for other in ranked[1:2]
        if other.unit.index == best.unit.index and other.score >= best.score - ALIKE
    ]
    return _written(sorted(chosen, key=lambda unit: unit.start))


def _written(chosen: Sequence[Unit]) -> str:
    """Each piece with its mark; rows of one table together under its head."""
    parts: list[str] = []
    previous: Unit | None = None
    for unit in chosen:
        mark = f" [{unit.index + 1}]"
        if unit.kind is Kind.ROW:
            same_table = previous is not None and previous.block == unit.block
            head = f"{unit.table_head.text}\n" if unit.table_head and not same_table else ""
            row = unit.text.strip().removesuffix("|").rstrip()
            parts.append(("\n" if same_table else "\n\n") + f"{head}{row}{mark} |")
        else:
            parts.append("\n\n" + _marked(unit, mark))
        previous = unit
    return "".join(parts).strip()


def _marked(unit: Unit, mark: str) -> str:
    """The unit with the mark behind its prose; code below keeps its lines."""
    code = [one for one in unit.segments if one.kind is Kind.CODE]
    prose_end = code[0].start - unit.start if code else len(unit.text)
    prose = _OWN_MARK.sub("", _BULLET.sub("", unit.text[:prose_end].rstrip()))
    below = "\n\n" + textwrap.dedent(unit.text[prose_end:].strip("\n")) if code else ""
    return f"{prose}{mark}{below}"


def _procedure(reading: _Reading) -> str:
    """What to do, from the passage that fits a how-to best: its numbered list with lead-in and code,
    continued in the following passages of the section; without a list, a short passage as it stands."""
    best = max(range(len(reading.passages)), key=lambda index: _how_to_score(reading, index))
    passage = reading.passages[best].passage
    listed = _numbered(passage, reading.weighed)
    if listed:
        parts = [_list_text(passage, listed, best + 1)]
        parts += [
            _list_text(reading.passages[index].passage, more, index + 1)
            for index in _following(reading.passages, best)
            if (more := _numbered(reading.passages[index].passage, {}))
        ]
        return "\n\n".join(parts)
    if len(passage.text) <= SHORT_PASSAGE and not any(one.kind is Kind.ROW for one in segments(passage.text)):
        return _written([unit for unit in units(best, passage) if unit.kind is not Kind.CODE])
    return ""


def _how_to_score(reading: _Reading, index: int) -> float:
    """Weights of a conditional logit, as for pieces: which passage held the known procedure."""
    found = reading.passages[index]
    every = segments(found.passage.text)
    has_steps = any(one.kind is Kind.CODE for one in every) or sum(one.kind is Kind.ITEM for one in every) > 1
    heading = found.passage.heading_path[-1] if found.passage.heading_path else ""
    return (
        2.8 * found.score
        + 1.7 * found.dense_score
        + 3.9 * coverage(reading.weighed, heading)
        + 2.5 * coverage(reading.weighed, found.passage.indexed_text)
        + 2.3 * reading.named[index]
        + (2.6 if has_steps else 0.0)
        - reading.lost(index)
    )


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


def _list_text(passage: Passage, listed: Sequence[Segment], number: int) -> str:
    body = _OWN_MARK.sub("", passage.text[listed[0].start : listed[-1].end])
    before = [one for one in segments(passage.text) if one.end <= listed[0].start]
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
