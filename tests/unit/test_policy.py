"""What becomes of an answer at a confidence."""

import pytest

from brain.domain.identity import Thresholds
from brain.domain.policy import Decision, decide


@pytest.mark.parametrize(
    ("confidence", "has_draft", "expected"),
    [
        (0.8, True, Decision.PUBLISH),
        (0.75, True, Decision.PUBLISH),
        (0.74, True, Decision.REVIEW),
        (0.25, True, Decision.REVIEW),
        (0.24, True, Decision.ABSTAIN),
        (0.99, False, Decision.ABSTAIN),
    ],
)
def test_decision(confidence: float, has_draft: bool, expected: Decision) -> None:
    assert decide(confidence, Thresholds(publish=0.75, abstain=0.25), has_draft=has_draft) is expected
