"""What the HTTP API does with input that it cannot use: always a problem document, never a bug."""

import json

import pytest

from brain.usecases.accept import MAX_CHARACTERS
from tests.contract.conftest import Api

REDIS = "How do I rotate the Redis password?"
MEMBER = {
    "handle": "nina",
    "name": "Nina",
    "email": "nina@northlight.example",
    "roles": {"it-ops": ["asker"]},
}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.text"),
        ({"text": ""}, "body.text"),
        ({"text": "a\x00b"}, "body.text"),
        ({"text": "\ud800"}, "body.text"),
        ({"text": "x" * 8_001}, "body.text"),
        ({"text": "x", "wait_s": 61}, "body.wait_s"),
        ({"text": "x", "wait_s": -1}, "body.wait_s"),
        ({"text": "x", "conversation": "none"}, "body.conversation"),
        ({"text": "x", "departement": "it-ops"}, "body.departement"),
        ({"text": "x", "\ud800": 1}, "body"),
        ([], "body"),
    ],
)
async def test_a_wrong_question_names_the_field(api: Api, body: object, field: str) -> None:
    response = await api.http.post(
        "/v1/questions",
        content=json.dumps(body),
        headers={**await api.by("amira"), "Content-Type": "application/json"},
    )

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"null", b"[" * 100_000, b'{"text": 1e999}'])
async def test_a_body_that_is_no_question_is_refused(api: Api, content: bytes) -> None:
    headers = {**await api.by("amira"), "Content-Type": "application/json"}
    response = await api.http.post("/v1/questions", content=content, headers=headers)

    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("key", [b"", b"x" * 201, b"caf\xe9", b"a\tb"])
async def test_an_odd_idempotency_key_is_refused(api: Api, key: bytes) -> None:
    authorization = (await api.by("amira"))["Authorization"].encode()
    headers = {b"Authorization": authorization, b"Idempotency-Key": key}
    response = await api.http.post("/v1/questions", json={"text": REDIS, "wait_s": 0}, headers=headers)

    assert response.status_code == 422


async def test_a_blank_question_and_an_unknown_department_are_refused(api: Api) -> None:
    assert (await api.post("/v1/questions", {"text": " \n "})).status_code == 422
    unknown = await api.post("/v1/questions", {"text": REDIS, "department": "legal"})
    closed = await api.post("/v1/questions", {"text": REDIS, "department": "payroll"})
    assert (unknown.status_code, closed.status_code) == (404, 404)
    assert closed.json()["detail"] == unknown.json()["detail"].replace("legal", "payroll")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "It is empty"), ("?" * 10_000, f"It may have {MAX_CHARACTERS} characters at most")],
)
async def test_what_is_wrong_with_a_text_is_said_in_characters(api: Api, text: str, said: str) -> None:
    problem = (await api.post("/v1/questions", {"text": text})).json()
    assert problem["detail"] == f"body.text: {said}."


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**MEMBER, "handle": "no spaces"}, 422),
        ({**MEMBER, "handle": "a\x00b"}, 422),
        ({**MEMBER, "roles": {}}, 422),
        ({**MEMBER, "roles": {"it-ops": []}}, 422),
        ({**MEMBER, "roles": {"it-ops": ["king"]}}, 422),
        ({**MEMBER, "roles": {"payroll": ["admin"]}}, 403),
        ({**MEMBER, "email": "nobody"}, 422),
    ],
)
async def test_a_wrong_member_is_refused(api: Api, body: object, status: int) -> None:
    assert (await api.post("/v1/members", body, by="ravi")).status_code == status


async def test_a_secret_in_the_wrong_place_is_not_sent_back(api: Api) -> None:
    secret = "hunter2-hunter2"
    response = await api.post("/v1/keys", {"member": ["ravi"], "name": {"key": secret}}, by="ravi")

    assert response.status_code == 422
    assert secret not in response.text


async def test_null_characters_are_no_bug(api: Api) -> None:
    assert (await api.post("/v1/members/a%00b/disable", by="ravi")).status_code == 422
    assert (await api.get("/v1/reviews?status=%00", by="ravi")).status_code == 422
    assert (await api.get("/v1/questions/%00")).status_code == 422
