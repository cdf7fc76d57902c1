"""What may lower the confidence in an answer, and never raise it: claims that had to be taken out of it, and
what a judge says who read it beside its sources."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.confidence import Confidence
from brain.domain.evidence import Checked
from brain.domain.identity import Thresholds
from brain.domain.ranking import STOP_WORDS
from brain.domain.segments import Kind, segments
from brain.domain.spent import Spent
from brain.domain.wording import term_set

_MARK = re.compile(r"\[\d{1,3}\]")
_ARRANGING = (Kind.HEADING, Kind.TABLE_HEAD)
_NUMBERED = re.compile(r"\b([^\W\d_]{2,})(?: no\.?| number)?[ #-]{0,2}(\d[\w.]*\w|\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Doubt:
    """The confidence is `most` at most; `reason` is a sentence for people. One that `holds` keeps the answer
    from going out unseen, wherever the threshold is."""

    most: float
    reason: str
    holds: bool = False


def _held(thresholds: Thresholds, reason: str) -> tuple[Doubt, ...]:
    return (Doubt(math.nextafter(thresholds.publish, 0), reason, holds=True),)


@dataclass(frozen=True, slots=True)
class Judgement:
    """How likely a careful reader would sign the answer, from 0 to 1."""

    likely: float
    spent: Spent


def taken_out(checked: Checked) -> tuple[Doubt, ...]:
    """An answer of which little stayed is hardly the answer that was meant."""
    if not checked.dropped:
        return ()
    count = "One statement was" if checked.dropped == 1 else f"{checked.dropped} statements were"
    share = checked.kept / (checked.kept + checked.dropped)
    return (Doubt(share, f"{count} taken out, because no source says so."),)


def beside_the_question(question: str, checked: Checked, thresholds: Thresholds) -> tuple[Doubt, ...]:
    """Of what a model wrote, only what hangs together goes out unseen: at least half of the statements share
    a word with the question, with the headings of what is cited first, or with a statement that does. What
    says "it" or "them" speaks of what the statement before it speaks of.

    What a passage was planted with stands there word for word, so the check of claims lets it through.
    """
    said = _statements(checked.text)
    reached = set(term_set(question))
    for _, found, _ in checked.citations[:1]:
        reached |= term_set(" ".join((found.passage.title, *found.passage.heading_path)))
    apart = said
    while joined := [one for one in apart if not reached.isdisjoint(one)]:
        reached.update(*joined)
        apart = [one for one in apart if one not in joined]
    if 2 * len(apart) <= len(said):
        return ()
    return _held(thresholds, "Most of it has no word in common with the question.")


def another_number(question: str, checked: Checked, thresholds: Thresholds) -> tuple[Doubt, ...]:
    """What is said of building 20 is no answer about building 21, however near the two are."""
    cited = _numbered(" ".join(found.passage.indexed_text for _, found, _ in checked.citations))
    for thing, numbers in _numbered(question).items():
        others = cited.get(thing, ())
        for number in numbers:
            if others and not any(_same_number(number, other) for other in others):
                return _held(thresholds, f"It speaks of {thing} {others[0]}, and not of {thing} {number}.")
    return ()


def _numbered(text: str) -> dict[str, list[str]]:
    """Every number by the word before it: rack 7, QS-4107, IPv4. After "in" or "within" it only counts."""
    found: dict[str, list[str]] = {}
    for thing, number in _NUMBERED.findall(_THOUSANDS.sub("", text.lower())):
        if thing not in STOP_WORDS:
            found.setdefault(thing, []).append(number)
    return found


def _same_number(one: str, other: str) -> bool:
    """4.2 is also 4.2.1: people leave the last number out."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _statements(text: str) -> list[frozenset[str]]:
    """The words of each, with those of the one before where it points back."""
    said: list[frozenset[str]] = []
    for one in segments(_MARK.sub("", text)):
        if one.kind not in _ARRANGING and (words := term_set(one.text)):
            said.append(words | said[-1] if said and _POINTS_BACK.search(one.text) else words)
    return said


def judged(judgement: Judgement, weighed: Confidence) -> tuple[Doubt, ...]:
    if judgement.likely >= weighed.value:
        return ()
    return (Doubt(judgement.likely, "A second model that read the sources is less sure."),)


def not_judged(thresholds: Thresholds) -> tuple[Doubt, ...]:
    """What was to be judged does not go out unjudged: it waits for a person."""
    return _held(thresholds, "The model that was to judge it did not answer, so a person has to.")


def lowered(weighed: Confidence, doubted: Sequence[Doubt]) -> Confidence:
    if not doubted or not weighed.signals.drafted:
        return weighed
    most = min(doubt.most for doubt in doubted)
    reasons = (*(doubt.reason for doubt in doubted), *weighed.reasons)
    # At another threshold, what holds it would hold it, too.
    kept = 0.0 if any(doubt.holds for doubt in doubted) else most
    signals = replace(weighed.signals, most=min(weighed.signals.most, kept))
    return Confidence(min(weighed.value, most), reasons, signals)
