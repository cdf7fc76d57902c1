"""The table from what went wrong to what the caller is told."""

import json

import pytest

from brain.api.errors import expert_problem, problems
from brain.domain.errors import Conflict, Denied, ExpertError, Missing, Rejected, Unavailable


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (Unavailable("The model is away."), 503, "unavailable"),
        (Denied("Not you."), 403, "denied"),
        (Missing("No such review."), 404, "missing"),
        (Conflict("Somebody was first."), 409, "conflict"),
        (Rejected("The question is empty."), 422, "rejected"),
    ],
)
def test_each_error_has_its_status_and_keeps_its_words(error: ExpertError, status: int, kind: str) -> None:
    response = expert_problem(error)

    assert response.status_code == status
    assert response.media_type == "application/problem+json"
    body = json.loads(bytes(response.body))
    assert body["type"] == f"urn:expert:{kind}"
    assert body["status"] == status
    assert body["detail"] == str(error)
    assert body["title"]


def test_unavailable_says_when_to_try_again() -> None:
    assert expert_problem(Unavailable(retry_after_s=2.2)).headers["retry-after"] == "3"
    assert expert_problem(Unavailable(retry_after_s=0)).headers["retry-after"] == "1"


def test_every_declared_failure_is_a_problem_document() -> None:
    for described in problems(400, 401, 403, 404, 409, 413, 422, 500, 503).values():
        assert described["description"]
        assert list(described["content"]) == ["application/problem+json"]
