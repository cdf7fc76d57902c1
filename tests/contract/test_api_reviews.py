"""Reviewing over HTTP: see, decide once, and everyone who waits gets it."""

import asyncio

import pytest

from tests.contract.conftest import Api

NOWHERE = "How do I book the roof terrace for a party?"
TEXT = "Write to terrace@northlight.example two weeks ahead."


async def opened(api: Api) -> tuple[str, str]:
    """A question that waits for review 1, and the hash of what the reviewer is shown."""
    asked = (await api.post("/v1/questions", {"text": NOWHERE, "department": "it-ops"})).json()
    shown = (await api.get(f"/v1/reviews/{asked['review']}", by="ravi")).json()
    return asked["id"], shown["shown_hash"]


async def test_a_review_shows_what_a_verdict_needs(api: Api) -> None:
    await opened(api)

    [summary] = (await api.get("/v1/reviews", by="ravi")).json()
    shown = (await api.get("/v1/reviews/1", by="ravi")).json()

    assert summary["number"] == 1
    assert "draft" not in summary
    assert summary.items() <= shown.items()
    assert shown["question"] == NOWHERE
    assert shown["status"] == "open"
    assert shown["department"] == "it-ops"
    assert shown["waiting"] == 1
    assert shown["verdict"] is None
    assert shown["due_at"] > shown["opened_at"]


async def test_an_approved_answer_reaches_the_asker_with_the_name_of_who_checked_it(api: Api) -> None:
    question, shown_hash = await opened(api)

    body = {"kind": "approve", "text": TEXT, "shown_hash": shown_hash}
    decided = await api.post("/v1/reviews/1/verdict", body, by="ravi")
    assert decided.status_code == 200
    assert decided.json()["status"] == "decided"
    assert decided.json()["verdict"]["kind"] == "amend"
    assert decided.json()["verdict"]["by"] == "Ravi"
    assert TEXT in decided.json()["verdict"]["diff"]

    got = (await api.get(f"/v1/questions/{question}")).json()
    assert got["status"] == "published"
    assert got["text"] == TEXT
    assert got["approved"]["by"] == "Ravi"
    again = (
        await api.post("/v1/questions", {"text": "How can I book the roof terrace for a party?"}, by="omar")
    ).json()
    assert again["text"] == TEXT
    assert again["model"] == "approved"

    [article] = (await api.get("/v1/articles")).json()
    assert article["question"] == NOWHERE
    assert article["approved"]["by"] == "Ravi"
    assert (await api.get(f"/v1/articles/{article['id']}")).json() == article
    assert (await api.get("/v1/reviews", by="ravi")).json() == []
    assert len((await api.get("/v1/reviews?status=all", by="ravi")).json()) == 1


async def test_a_rejection_tells_the_asker_why(api: Api) -> None:
    question, shown_hash = await opened(api)
    body = {"kind": "reject", "shown_hash": shown_hash}

    assert (await api.post("/v1/reviews/1/verdict", body, by="ravi")).status_code == 422
    reason = {"reason": "Not a matter of IT."}
    assert (await api.post("/v1/reviews/1/verdict", body | reason, by="ravi")).status_code == 200

    got = (await api.get(f"/v1/questions/{question}")).json()
    assert got["status"] == "rejected"
    assert "Not a matter of IT." in got["text"]


async def test_the_first_verdict_wins(api: Api) -> None:
    _, shown_hash = await opened(api)
    await api.get("/v1/reviews/1", by="rosa")
    body = {"kind": "approve", "text": TEXT, "shown_hash": shown_hash}

    verdicts = await asyncio.gather(
        *(api.post("/v1/reviews/1/verdict", body, by=by) for by in ("ravi", "rosa", "ravi", "rosa"))
    )

    assert sorted(one.status_code for one in verdicts) == [200, 409, 409, 409]
    refused = next(one for one in verdicts if one.status_code == 409)
    assert refused.headers["content-type"] == "application/problem+json"


async def test_whose_turn_it_is_and_what_happened_is_shown(api: Api) -> None:
    await opened(api)

    [listed] = (await api.get("/v1/reviews?mine=true", by="ravi")).json()
    shown = (await api.get("/v1/reviews/1", by="rosa")).json()

    assert (listed["assignee"], listed["mine"]) == ("Ravi", True)
    assert (shown["assignee"], shown["mine"]) == ("Ravi", False)
    assert [(one["kind"], one["member"]) for one in shown["history"]] == [("assigned", "Ravi")]
    assert (await api.get("/v1/reviews?mine=true", by="rosa")).json() == []


async def test_not_for_me_hands_a_review_on(api: Api) -> None:
    await opened(api)

    foreign = await api.post("/v1/reviews/1/pass", {}, by="rosa")
    passed = await api.post("/v1/reviews/1/pass", {"reason": "Ask Rosa."}, by="ravi")

    assert foreign.status_code == 403
    assert passed.json()["assignee"] == "Rosa"
    moved = (await api.get("/v1/reviews/1", by="rosa")).json()["history"][-1]
    assert (moved["kind"], moved["by"], moved["reason"]) == ("passed", "Ravi", "Ask Rosa.")
    assert (await api.post("/v1/reviews/1/pass", {}, by="petra")).status_code == 404
    assert (await api.post("/v1/reviews/1/pass", {"reason": "x" * 501}, by="rosa")).status_code == 422


async def test_who_is_away_hands_on(api: Api) -> None:
    await opened(api)
    until = {"until": "2126-12-24T08:00:00+01:00"}

    gone = (await api.post("/v1/members/ravi/away", until, by="ravi")).json()

    assert (gone["handed_on"], gone["kept"]) == ([1], [])
    assert gone["absent_until"].startswith("2126-12-24")
    assert (await api.get("/v1/reviews/1", by="rosa")).json()["assignee"] == "Rosa"
    back = (await api.post("/v1/members/ravi/back", by="ravi")).json()
    assert back["absent_until"] is None
    assert (await api.post("/v1/members/ravi/away", until, by="amira")).status_code == 403
    assert (await api.post("/v1/members/nobody/away", until, by="ravi")).status_code == 404
    assert (
        await api.post("/v1/members/ravi/away", {"until": "2020-01-01T00:00:00Z"}, by="ravi")
    ).status_code == 422
    assert (
        await api.post("/v1/members/ravi/away", {"until": "2126-12-24T08:00:00"}, by="ravi")
    ).status_code == 422


async def test_a_verdict_on_what_one_was_not_shown_is_a_conflict(api: Api) -> None:
    _, shown_hash = await opened(api)
    body = {"kind": "approve", "text": TEXT, "shown_hash": shown_hash}

    unseen = await api.post("/v1/reviews/1/verdict", body, by="rosa")
    first = (await api.get("/v1/reviews/1", by="rosa")).json()
    again = (await api.get("/v1/reviews/1", by="rosa")).json()

    assert unseen.status_code == 409
    assert "not been shown to you" in unseen.json()["detail"]
    assert (first["shown_before"], again["shown_before"]) == (False, True)
    assert (await api.post("/v1/reviews/1/verdict", body, by="rosa")).status_code == 200


async def test_a_verdict_on_something_else_than_was_shown_is_a_conflict(api: Api) -> None:
    await opened(api)
    body = {"kind": "approve", "text": TEXT, "shown_hash": "0" * 64}

    assert (await api.post("/v1/reviews/1/verdict", body, by="ravi")).status_code == 409


async def test_those_who_may_not_decide_are_told_so_or_nothing(api: Api) -> None:
    _, shown_hash = await opened(api)
    body = {"kind": "approve", "text": TEXT, "shown_hash": shown_hash}

    asker = await api.post("/v1/reviews/1/verdict", body, by="amira")
    stranger = await api.post("/v1/reviews/1/verdict", body, by="petra")

    assert asker.status_code == 403
    assert stranger.status_code == 404
    assert (await api.get("/v1/reviews/1", by="petra")).status_code == 404
    assert (await api.get("/v1/reviews", by="petra")).json() == []


@pytest.mark.parametrize("number", ["0", "-1", "x", str(2**31)])
async def test_a_number_that_is_none_is_refused(api: Api, number: str) -> None:
    assert (await api.get(f"/v1/reviews/{number}", by="ravi")).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "maybe", "shown_hash": "0" * 64},
        {"kind": "approve", "shown_hash": "short"},
        {"kind": "approve", "shown_hash": "0" * 64, "text": "x" * 20_001},
        {"kind": "approve", "shown_hash": "0" * 64, "text": "\x00"},
        {"kind": "approve", "shown_hash": "0" * 64, "by": "me"},
    ],
)
async def test_a_malformed_verdict_is_refused(api: Api, body: object) -> None:
    assert (await api.post("/v1/reviews/1/verdict", body, by="ravi")).status_code == 422
