"""What may lower the confidence in an answer, and never raise it: claims that had to be taken out of it, and
what a judge says who read it beside its sources."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.confidence import Confidence
from brain.domain.evidence import Checked
from brain.domain.identity import Thresholds
from brain.domain.spent import Spent


@dataclass(frozen=True, slots=True)
class Doubt:
    """The confidence is `most` at most; `reason` is a sentence for people."""

    most: float
    reason: str


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


def judged(judgement: Judgement, weighed: Confidence) -> tuple[Doubt, ...]:
    if judgement.likely >= weighed.value:
        return ()
    return (Doubt(judgement.likely, "A second model that read the sources is less sure."),)


def not_judged(thresholds: Thresholds) -> tuple[Doubt, ...]:
    """What was to be judged does not go out unjudged: it waits for a person."""
    most = math.nextafter(thresholds.publish, 0)
    return (Doubt(most, "The model that was to judge it did not answer, so a person has to."),)


def lowered(weighed: Confidence, doubted: Sequence[Doubt]) -> Confidence:
    if not doubted or not weighed.signals.drafted:
        return weighed
    most = min(doubt.most for doubt in doubted)
    reasons = (*(doubt.reason for doubt in doubted), *weighed.reasons)
    return replace(weighed, value=min(weighed.value, most), reasons=reasons)
