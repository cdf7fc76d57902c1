"""Generator without a language model: answers in the passages' own words, or not at all."""

import re
import textwrap
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from brain.domain.answer import Generation, Piece
from brain.domain.knowledge import Found, Passage
from brain.domain.question import Turn
from brain.domain.ranking import terms
from brain.domain.reading import Asked, Unit, asked, coverage, fits, units, weights
from brain.domain.segments import Kind, segments
from brain.ports import Embedder, TextKind

# An embedding takes about 4 ms on one core: this many candidates keep an answer under 40 ms.
CANDIDATES = 7
PASSAGES = 6
LONGEST_CANDIDATE = 320
# Share of the best piece's score at which a second one is as good an answer.
ALIKE = 0.92
SHORT_PASSAGE = 900
# Below this share of the question's weight nothing in a passage is about the question.
LEAST_COVERAGE = 0.15
_OWN_MARK = re.compile(r"[ \t]*\[\d{1,3}\](?![(:\w])")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_OUTDATED = re.compile(
    r"\b(?:superseded|obsolete|out of date|outdated|do not follow|no longer (?:valid|in use|maintained)|"
    r"deprecated|replaced (?:on|by))\b",
    re.IGNORECASE,
)
_REPLACES = re.compile(r"\b(?:replaces|supersedes):?\W{0,4}([^\n]+)", re.IGNORECASE)
OUTDATED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Scored:
    unit: Unit
    score: float


class ExtractiveGenerator:
    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        text = await self._answer(_in_context(question, history), passages)
        if text:
            yield Piece(text)
        yield Generation(text, model=self.name, prompt_hash="")

    async def _answer(self, question: str, passages: Sequence[Found]) -> str:
        weighed = weights(question)
        candidates = _candidates(question, weighed, passages)
        if not candidates:
            return ""
        ranked = await self._by_meaning(question, candidates, passages)
        best = ranked[0]
        if asked(question) is Asked.STEPS:
            procedure = _procedure(best.unit, passages)
            if procedure:
                return procedure
        return _statement(ranked, passages)

    async def _by_meaning(
        self, question: str, candidates: Sequence[_Scored], passages: Sequence[Found]
    ) -> list[_Scored]:
        texts = [question, *(_readable(one.unit, passages) for one in candidates)]
        vectors = np.asarray(await self._embedder.embed(texts, kind=TextKind.PASSAGE), dtype=np.float32)
        similar = vectors[1:] @ vectors[0]
        scored = [
            _Scored(one.unit, one.score + 0.6 * float(similarity))
            for one, similarity in zip(candidates, similar, strict=True)
        ]
        return sorted(scored, key=lambda one: -one.score)


def _in_context(question: str, history: Sequence[Turn]) -> str:
    """A follow-up such as "and in Poland?" is read together with what was asked before."""
    if history and len(terms(question)) < 3:
        return f"{history[-1].question} {question}"
    return question


def _candidates(question: str, weighed: dict[str, float], passages: Sequence[Found]) -> list[_Scored]:
    """The pieces that take up most of the question's wording, judged without a model."""
    stale = _outdated(passages)
    scored = []
    for index, found in enumerate(passages[:PASSAGES]):
        share = OUTDATED_SHARE if index in stale else 1.0
        for unit in units(index, found.passage):
            if not _says_something(unit):
                continue
            covered = coverage(weighed, unit.text, unit.context)
            if covered >= LEAST_COVERAGE:
                shape = fits(question, unit.text)
                scored.append(_Scored(unit, share * (0.6 * covered + 0.3 * found.score + 0.15 * shape)))
    return sorted(scored, key=lambda one: -one.score)[:CANDIDATES]


def _says_something(unit: Unit) -> bool:
    only_leads_in = unit.text.rstrip("*_ ").endswith(":")
    return unit.kind is not Kind.CODE and not only_leads_in and len(terms(unit.text)) > 1


def _outdated(passages: Sequence[Found]) -> set[int]:
    """Passages of documents that say of themselves, or of which another says, that they were replaced."""
    replaced = [
        match.group(1).lower() for found in passages for match in _REPLACES.finditer(found.passage.text[:600])
    ]
    documents = {
        found.passage.document or found.passage.id
        for found in passages
        if _OUTDATED.search(
            f"{found.passage.title} {' '.join(found.passage.heading_path)} {_opening(found.passage)}"
        )
        or any(found.passage.title.lower() in names for names in replaced)
    }
    return {
        index
        for index, found in enumerate(passages)
        if (found.passage.document or found.passage.id) in documents
    }


def _opening(passage: Passage) -> str:
    """Only a document's beginning speaks about the document; further in, it speaks about its subject."""
    return passage.text[:400] if passage.ordinal == 0 else ""


def _readable(unit: Unit, passages: Sequence[Found]) -> str:
    passage = passages[unit.index].passage
    under = passage.heading_path[-1] if passage.heading_path else passage.title
    return f"{under}: {unit.prose}"[:LONGEST_CANDIDATE]


def _statement(ranked: Sequence[_Scored], passages: Sequence[Found]) -> str:
    """The best piece, and a second one of the same passage where it scores alike."""
    best = ranked[0]
    chosen = [best.unit]
    for other in ranked[1:]:
        if other.unit.index == best.unit.index and other.score >= ALIKE * best.score and len(chosen) < 2:
            chosen.append(other.unit)
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
            parts.append(
                ("\n" if same_table else "\n\n") + head + re.sub(r"\s*\|\s*$", f"{mark} |", unit.text.strip())
            )
        else:
            parts.append("\n\n" + _marked(unit, mark))
        previous = unit
    return "".join(parts).strip()


def _marked(unit: Unit, mark: str) -> str:
    """Own text of the unit with the mark behind its prose; code below keeps its lines."""
    code = [one for one in unit.segments if one.kind is Kind.CODE]
    prose_end = code[0].start - unit.start if code else len(unit.text)
    prose, rest = unit.text[:prose_end].rstrip(), unit.text[prose_end:]
    prose = _OWN_MARK.sub("", _BULLET.sub("", prose))
    below = "\n\n" + textwrap.dedent(rest.strip("\n")) if code else ""
    return f"{prose}{mark}{below}"


def _procedure(best: Unit, passages: Sequence[Found]) -> str:
    """The numbered list that the best piece belongs to or stands beside, with its lead-in and code; where the
    passage has none, the whole of a short passage."""
    text = passages[best.index].passage.text
    every = segments(text)
    blocks = {one.block for one in every if one.ordered and one.kind is Kind.ITEM}
    mark = f" [{best.index + 1}]"
    if not blocks:
        nearby = [
            unit for unit in units(best.index, passages[best.index].passage) if unit.kind is not Kind.ROW
        ]
        return _written(nearby) if len(text) <= SHORT_PASSAGE else ""
    block = min(blocks, key=lambda other: (abs(other - best.block), other < best.block))
    listed = [one for one in every if one.block == block]
    before = [one for one in every if one.end <= listed[0].start]
    lead = before[-1].text if before and before[-1].kind is Kind.SENTENCE else ""
    body = _OWN_MARK.sub("", text[listed[0].start : listed[-1].end])
    if lead:
        return f"{_OWN_MARK.sub('', lead)}{mark}\n\n{body}"
    return f"{body}\n\n{mark.strip()}"
