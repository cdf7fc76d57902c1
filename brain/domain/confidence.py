"""How likely an answer is right: signals read off the question, what was found and what was said, and a
calibration fitted to questions whose answers are known (benchmarks/fit_confidence.py)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from brain.domain.asking import Asked, asked, fits
from brain.domain.evidence import Checked
from brain.domain.knowledge import Found, Passage
from brain.domain.reading import HEAVIEST, names_share, spoken, weights
from brain.domain.wording import says, term_set

# The usual lead of the nearest passage over the mean, for one that is alone.
STANDING_OUT = 0.1
# Further ahead than this, another document is no rival: how much further says nothing any more.
CLEAR = 0.15
# How sharply the ranking by words is read: a document with nine tenths of the best score counts 1 / e of it.
SHARPNESS = 10.0


@dataclass(frozen=True, slots=True)
class Signals:
    """Every float but `alone` grows with trust, 0 to 1; `missing` are words of the question its answer's
    passages lack, `unknown` those that nothing found holds. `wanted` is what the question asks for."""

    # How near the cited piece that is nearest is to the question, and the whole of its passage.
    meaning: float = 0.0
    near: float = 0.0
    # How far the nearest passage stands out from the others found: where none does, none was meant.
    standing_out: float = 0.0
    # How far the cited document is ahead, and how few documents share the question's words.
    margin: float = 0.0
    settled: float = 0.0
    names_found: float = 0.0
    words_cited: float = 0.0
    # The share of the question's weight that the answer says itself, and of that what no title said before.
    covered: float = 0.0
    told: float = 0.0
    shape: float = 0.0
    support: float = 0.0
    # 1 where a single passage was found: then there is none to compare it with.
    alone: float = 0.0
    # What doubts leave of the confidence at most (brain/domain/doubts.py).
    most: float = 1.0
    drafted: bool = False
    wanted: str = Asked.ANYTHING.value
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression over float signals."""

    intercept: float
    coefficients: tuple[tuple[str, float], ...]

    def chance(self, values: Mapping[str, float]) -> float:
        logit = self.intercept + sum(weight * values[name] for name, weight in self.coefficients)
        return 1 / (1 + math.exp(-logit))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the signals are worth `among` several passages, and where one is `alone`."""

    among: Regression
    alone: Regression

    @classmethod
    def load(cls, path: Path | None = None) -> "Calibration":
        source = path or Path(__file__).with_name("confidence.json")
        content = json.loads(source.read_text(encoding="utf-8"))
        return cls(*(_regression(content[name]) for name in ("among", "alone")))

    def chance(self, values: Mapping[str, float]) -> float:
        """That an answer with these signals is right."""
        return (self.alone if values["alone"] else self.among).chance(values)

    def again(self, former: float, values: Mapping[str, float]) -> float | None:
        """What an answer of the `former` confidence would have today, after its signals; None where they were
        others then. Whatever doubt had lowered it does so again."""
        if former == 0.0:
            return former
        if not numeric(Signals()).keys() <= values.keys():
            return None
        return min(self.chance(values), values["most"])


def _regression(content: Mapping[str, Any]) -> Regression:
    coefficients = tuple((str(name), float(value)) for name, value in content["coefficients"].items())
    return Regression(float(content["intercept"]), coefficients)


@dataclass(frozen=True, slots=True)
class Confidence:
    """`reasons` are sentences for people, the weightiest first."""

    value: float
    reasons: tuple[str, ...]
    signals: Signals


def numeric(signals: Signals) -> dict[str, float]:
    """The signals that are numbers: what a calibration weighs, and what is kept of an answer."""
    values = ((one.name, getattr(signals, one.name)) for one in fields(signals))
    return {name: value for name, value in values if isinstance(value, float)}


def signals(question: str, found: Sequence[Found], checked: Checked) -> Signals:
    weighed = weights(question)
    everything = frozenset[str]().union(*(term_set(one.passage.indexed_text) for one in found))
    unknown = tuple(term for term in weighed if not says(term, everything))
    if not checked.citations:
        return Signals(wanted=asked(question).value, unknown=_as_written(unknown, question))
    cited = [one for _, one, _ in checked.citations]
    text = "\n".join(one.passage.indexed_text for one in cited)
    words = term_set(text)
    plain = text.lower()
    lacking = tuple(term for term in weighed if not says(term, words) and not _inside(term, plain))
    headings = " ".join(_context(one.passage) for one in cited)
    covered, told = _covered(weighed, checked.text, headings)
    return Signals(
        meaning=max(0.0, *(one.piece_score for one in cited)),
        near=max(0.0, *(one.dense_score for one in cited)),
        standing_out=_standing_out(found),
        margin=_margin(cited, found),
        settled=_settled(found),
        names_found=_names_found(question, cited, found),
        words_cited=1.0 - max((weighed[term] for term in lacking), default=0.0) / HEAVIEST,
        covered=covered,
        told=told,
        shape=fits(question, spoken(checked.text), headings),
        support=checked.support / (1 + checked.dropped),
        alone=float(len(found) == 1),
        drafted=bool(checked.text),
        wanted=asked(question).value,
        missing=_as_written(lacking, question),
        unknown=_as_written(unknown, question),
    )


def _standing_out(found: Sequence[Found]) -> float:
    if len(found) == 1:
        return STANDING_OUT
    near = [one.dense_score for one in found]
    return max(0.0, max(near) - sum(near) / len(near))


def _inside(term: str, plain: str) -> bool:
    """A part of a longer identifier, as waybill.jobs is of waybill.jobs.dlq."""
    return not term.isalnum() and term in plain


def _context(passage: Passage) -> str:
    return " ".join((passage.title, *passage.heading_path))


def _margin(cited: Sequence[Found], found: Sequence[Found]) -> float:
    """How far the answer's passage is ahead of other documents: near rivals mean that the topic is shared."""
    own = {one.passage.origin for one in cited}
    rival = max((one.score for one in found if one.passage.origin not in own), default=0.0)
    lead = max(one.score for one in cited) - rival
    return max(0.0, 0.5 + min(lead, CLEAR)) / (0.5 + CLEAR)


def _settled(found: Sequence[Found]) -> float:
    """1 where one document or two have the question's words, 0 where a dozen share them: the entropy of their
    scores."""
    best: dict[UUID, float] = {}
    for one in found:
        best[one.passage.origin] = max(one.lexical_score, best.get(one.passage.origin, 0.0))
    top = max(best.values())
    share = [math.exp(SHARPNESS * (score - top) / top) if top > 0 else 1.0 for score in best.values()]
    entropy = -sum(one / sum(share) * math.log(one / sum(share)) for one in share if one > 0)
    return 1.0 - min(1.0, max(0.0, entropy - math.log(2)) / math.log(6))


def _covered(weighed: Mapping[str, float], text: str, headings: str) -> tuple[float, float]:
    """Shares of the question's weight: what the answer says, and what of it no heading says already."""
    said, titled = term_set(text), term_set(headings)
    total = sum(weighed.values())
    covered = sum(weight for term, weight in weighed.items() if term in said) / total if total else 0.0
    told = sum(weight for term, weight in weighed.items() if term in said - titled) / total if total else 0.0
    return covered, told


def _names_found(question: str, cited: Sequence[Found], found: Sequence[Found]) -> float:
    """Share of the question's names, identifiers and numbers that the cited document holds."""
    passages = {one.passage.id for one in cited}
    shares = names_share(question, found)
    return max(share for share, one in zip(shares, found, strict=True) if one.passage.id in passages)


def _as_written(stems: Sequence[str], question: str) -> tuple[str, ...]:
    """The question's own words for these stems."""
    words = [word.strip(".,;:!?()[]\"'`") for word in question.split()]
    wanted = frozenset(stems)
    return tuple(dict.fromkeys(word for word in words if term_set(word) & wanted))


def confidence(signals: Signals, calibration: Calibration) -> Confidence:
    if not signals.drafted:
        return Confidence(0.0, _reasons(signals), signals)
    return Confidence(calibration.chance(numeric(signals)), _reasons(signals), signals)


def _reasons(signals: Signals) -> tuple[str, ...]:
    reasons = [f"No passage mentions “{word}”." for word in signals.unknown[:3]]
    if not signals.drafted:
        return (*reasons, "No passage answers the question.")
    lacking = [word for word in signals.missing if word not in signals.unknown]
    if lacking:
        reasons.append(
            "The cited passage does not mention " + ", ".join(f"“{word}”" for word in lacking[:4]) + "."
        )
    if not signals.missing:
        reasons.append("The cited passage names every key term of the question.")
    if signals.shape < 1:
        reasons.append(f"The question asks for {signals.wanted}; the answer does not clearly give it.")
    if signals.support < 1:
        reasons.append("Not every statement is word for word in its passage.")
    if signals.margin < 0.5 / (0.5 + CLEAR):
        reasons.append("Another document fits the question better.")
    return tuple(reasons)
