"""How likely an answer is right: signals read off the question, what was found and what was said, and a
calibration fitted to questions whose answers are known (benchmarks/fit_confidence.py)."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from brain.domain.asking import Asked, asked, fits
from brain.domain.evidence import Checked
from brain.domain.knowledge import Found, Passage
from brain.domain.reading import HEAVIEST, names_share, spoken, weights
from brain.domain.wording import says, term_set

# An encoder reads about so much; the beginning of a procedure says what it is.
LONGEST_SAID = 400
# The usual lead of the nearest passage over the mean, for one that is alone.
STANDING_OUT = 0.1


@dataclass(frozen=True, slots=True)
class Signals:
    """Every float grows with trust, 0 to 1; `missing` are words of the question its answer's passages lack,
    `unknown` those that nothing found holds. `wanted` is what the question asks for."""

    # How near the answer is to the question, and the nearest piece of what it cites.
    likeness: float = 0.0
    meaning: float = 0.0
    # How far the nearest passage stands out from the others found: where none does, none was meant.
    standing_out: float = 0.0
    margin: float = 0.0
    names_found: float = 0.0
    words_cited: float = 0.0
    shape: float = 0.0
    support: float = 0.0
    # What doubts leave of the confidence at most (brain/domain/doubts.py).
    most: float = 1.0
    drafted: bool = False
    wanted: str = Asked.ANYTHING.value
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression over the float signals."""

    intercept: float
    coefficients: tuple[tuple[str, float], ...]

    @classmethod
    def load(cls, path: Path | None = None) -> "Calibration":
        source = path or Path(__file__).with_name("confidence.json")
        content = json.loads(source.read_text(encoding="utf-8"))
        coefficients = tuple((str(name), float(value)) for name, value in content["coefficients"].items())
        return cls(float(content["intercept"]), coefficients)

    def chance(self, values: Mapping[str, float]) -> float:
        """That an answer with these signals is right."""
        logit = self.intercept + sum(weight * values[name] for name, weight in self.coefficients)
        return 1 / (1 + math.exp(-logit))

    def again(self, former: float, values: Mapping[str, float]) -> float | None:
        """What an answer of the `former` confidence would have today, after its signals; None where they were
        others then. Whatever doubt had lowered it does so again."""
        if former == 0.0:
            return former
        if "most" not in values or any(name not in values for name, _ in self.coefficients):
            return None
        return min(self.chance(values), values["most"])


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


def said(checked: Checked) -> str:
    """The answer as one would say it without the question: what it is about, then what it says."""
    about = " ".join(dict.fromkeys(_context(one.passage) for _, one, _ in checked.citations))
    return f"{about}: {checked.text}"[:LONGEST_SAID]


def signals(
    question: str, found: Sequence[Found], checked: Checked, likeness: float | None = None
) -> Signals:
    """`likeness`: cosine of question and `said(checked)`; without it, that of the cited piece stands in."""
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
    meaning = max(0.0, *(one.piece_score for one in cited))
    return Signals(
        likeness=meaning if likeness is None else max(0.0, likeness),
        meaning=meaning,
        standing_out=_standing_out(found),
        margin=_margin(cited, found),
        names_found=_names_found(question, cited, found),
        words_cited=1.0 - max((weighed[term] for term in lacking), default=0.0) / HEAVIEST,
        shape=fits(question, spoken(checked.text), " ".join(_context(one.passage) for one in cited)),
        support=checked.support / (1 + checked.dropped),
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
    own = {one.passage.document or one.passage.article or one.passage.id for one in cited}
    rival = max(
        (
            one.score
            for one in found
            if (one.passage.document or one.passage.article or one.passage.id) not in own
        ),
        default=0.0,
    )
    return min(1.0, max(0.0, 0.5 + max(one.score for one in cited) - rival))


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
    if signals.margin < 0.5:
        reasons.append("Another document fits the question better.")
    return tuple(reasons)
