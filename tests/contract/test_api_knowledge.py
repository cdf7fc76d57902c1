"""Documents and departments over HTTP."""

from collections.abc import AsyncIterator
from hashlib import sha256
from uuid import uuid4

import pytest

from brain.api.envelope import DOCUMENT_BYTES
from tests.contract.conftest import Api

NOTE = b"# Badge printer\n\nThe badge printer stands in room 2.14. Ask the front desk for the card.\n"


async def test_a_document_is_taken_in_once(api: Api) -> None:
    first = await api.upload("badge.md", NOTE)
    again = await api.upload("badge.md", NOTE)
    changed = await api.upload("badge.md", NOTE + b"\nIt is out of order on Fridays.\n")

    assert (first.status_code, first.json()["outcome"]) == (201, "added")
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    assert (changed.status_code, changed.json()["outcome"]) == (200, "changed")
    document = changed.json()["document"]
    assert document["version"] == 2
    assert document["title"] == "Badge printer"
    assert document["source"] == "badge.md"
    assert document["department"] == "it-ops"
    assert document["passages"] >= 1
    [listed] = (await api.get("/v1/documents")).json()
    assert listed["id"] == document["id"]


async def test_what_cannot_be_read_is_kept_with_its_reason(api: Api) -> None:
    response = await api.upload("old.doc", b"\xd0\xcf\x11\xe0 binary")

    assert response.json()["outcome"] == "quarantined"
    assert ".docx" in response.json()["document"]["reason"]
    [quarantined] = (await api.get("/v1/documents?status=quarantined", by="ravi")).json()
    assert quarantined["source"] == "old.doc"
    assert (await api.get("/v1/documents?status=live", by="ravi")).json() == []
    assert (await api.get("/v1/documents?status=dead", by="ravi")).status_code == 422


async def test_what_is_in_quarantine_is_tried_again(api: Api) -> None:
    refused = (await api.upload("old.doc", b"\xd0\xcf\x11\xe0 binary")).json()["document"]["id"]
    again = await api.post(f"/v1/documents/{refused}/retry", by="ravi")
    assert (again.status_code, again.json()["outcome"]) == (200, "quarantined")
    assert (await api.post(f"/v1/documents/{refused}/retry")).status_code == 403
    assert (await api.post(f"/v1/documents/{refused}/retry", by="petra")).status_code == 404
    assert (await api.post(f"/v1/documents/{uuid4()}/retry", by="ravi")).status_code == 404


async def test_a_copy_says_whose_it_is(api: Api) -> None:
    first = (await api.upload("badge.md", NOTE)).json()["document"]
    copy = await api.upload("copy.md", NOTE)
    assert (copy.status_code, copy.json()["outcome"]) == (200, "linked")
    shown = copy.json()["document"]
    assert (shown["twin"], shown["linked"], shown["passages"]) == (first["id"], True, 0)
    assert shown["content_hash"] == first["content_hash"] == sha256(NOTE).hexdigest()


async def test_a_forgotten_document_is_gone(api: Api) -> None:
    document = (await api.upload("badge.md", NOTE)).json()["document"]["id"]

    assert (
        await api.http.delete(f"/v1/documents/{document}", headers=await api.by("amira"))
    ).status_code == 403
    assert (
        await api.http.delete(f"/v1/documents/{document}", headers=await api.by("petra"))
    ).status_code == 404
    removed = await api.http.delete(f"/v1/documents/{document}", headers=await api.by("ravi"))
    assert (removed.status_code, removed.content) == (204, b"")
    assert (await api.get("/v1/documents")).json() == []
    assert (
        await api.http.delete(f"/v1/documents/{document}", headers=await api.by("ravi"))
    ).status_code == 404


async def test_only_those_who_keep_a_department_add_to_it(api: Api) -> None:
    assert (await api.upload("badge.md", NOTE, by="amira")).status_code == 403
    assert (await api.upload("badge.md", NOTE, department="legal")).status_code == 404


async def test_a_closed_department_is_not_even_named(api: Api) -> None:
    assert (await api.upload("pay.md", NOTE, department="payroll", by="petra")).status_code == 201

    assert (await api.get("/v1/documents")).json() == []
    assert [one["slug"] for one in (await api.get("/v1/departments")).json()] == [
        "hr",
        "it-ops",
        "procurement",
    ]
    assert len((await api.get("/v1/documents", by="petra")).json()) == 1


@pytest.mark.parametrize(
    "form",
    [
        {"data": {"department": "it-ops"}},
        {"files": {"file": ("a.md", NOTE)}},
        {"files": {"file": ("a.md", NOTE)}, "data": {"department": ""}},
        {"files": {"file": ("a.md", NOTE)}, "data": {"department": "it-ops", "source": "a\x00b"}},
        {"files": {"file": ("a.md", NOTE)}, "data": {"department": "it-ops", "source": "x" * 1_001}},
        {"files": {"file": ("a.md", NOTE, "text/x" * 100)}, "data": {"department": "it-ops"}},
        {"json": {"department": "it-ops"}},
    ],
)
async def test_an_incomplete_form_is_refused(api: Api, form: dict[str, object]) -> None:
    response = await api.http.post("/v1/documents", headers=await api.by("ravi"), **form)  # type: ignore[arg-type]  # one argument of httpx each

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_broken_form_is_the_callers_fault(api: Api) -> None:
    headers = {**await api.by("ravi"), "Content-Type": "multipart/form-data; boundary=x"}
    response = await api.http.post("/v1/documents", content=b"not a form at all", headers=headers)

    assert response.status_code in {400, 422}
    assert response.headers["content-type"] == "application/problem+json"


async def test_too_large_a_document_is_refused_while_it_comes(api: Api) -> None:
    sent = 0

    async def form() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        while True:
            sent += 1024**2
            yield b"a" * 1024**2

    headers = {**await api.by("ravi"), "Content-Type": "multipart/form-data; boundary=x"}
    response = await api.http.post("/v1/documents", content=form(), headers=headers)

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"
    assert sent < DOCUMENT_BYTES + 5 * 1024**2


async def test_a_declared_length_that_is_too_large_is_refused_unread(api: Api) -> None:
    headers = {**await api.by("ravi"), "Content-Length": str(DOCUMENT_BYTES * 2)}
    assert (await api.http.post("/v1/documents", content=b"", headers=headers)).status_code == 413


async def test_a_document_one_byte_too_large_is_refused(api: Api) -> None:
    response = await api.upload("a.txt", b"a" * (DOCUMENT_BYTES + 1))

    assert response.status_code == 413
    assert "50 MB" in response.json()["detail"]


async def test_other_bodies_are_small(api: Api) -> None:
    response = await api.http.post(
        "/v1/questions", content=b'{"text": "' + b"a" * 1024**2 + b'"}', headers=await api.by("amira")
    )
    assert response.status_code == 413


async def test_an_unknown_article_is_missing(api: Api) -> None:
    assert (await api.get(f"/v1/articles/{uuid4()}")).status_code == 404
    assert (await api.get("/v1/articles")).json() == []
