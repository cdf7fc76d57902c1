"""What becomes of an answer at a given confidence."""

from enum import StrEnum

from brain.domain.identity import Thresholds


class Decision(StrEnum):
    PUBLISH = "publish"
    REVIEW = "review"
    ABSTAIN = "abstain"


def decide(confidence: float, thresholds: Thresholds, *, has_draft: bool) -> Decision:
    """Without a draft there is nothing to publish or review, however sure the retrieval looks."""
    if not has_draft or confidence < thresholds.abstain:
        return Decision.ABSTAIN
    return Decision.PUBLISH if confidence >= thresholds.publish else Decision.REVIEW
