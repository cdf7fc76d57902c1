"""Who gets in: keys, tenants, roles; and how refusals look."""

from uuid import UUID, uuid4

import pytest

from brain.domain.identity import TenantId
from brain.usecases.authenticate import new_key
from tests.conftest import World
from tests.contract.conftest import Api, mint

MEMBER = {
    "handle": "nina",
    "name": "Nina",
    "email": "nina@northlight.example",
    "roles": {"it-ops": ["asker"]},
}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer nonsense",
        "Bearer ké",
        # Its own words would be a new name in each process, and tests are shared out by their names.
        pytest.param(f"Bearer {new_key(TenantId(uuid4()))}", id="Bearer expk_of-nobody"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/me", "/v1/questions", "/v1/no-such-thing"])
async def test_without_a_good_key_nothing_opens(api: Api, header: str | None, path: str) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    response = await api.http.get(path, headers=headers)  # type: ignore[arg-type]  # bytes are fine for httpx

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:expert:unauthorized"


async def test_a_key_is_needed_before_the_body_is_read(api: Api) -> None:
    async def body() -> object:
        raise AssertionError("the body was read")
        yield b""

    response = await api.http.post("/v1/documents", content=body())  # type: ignore[arg-type]  # never iterated

    assert response.status_code == 401


async def test_a_revoked_key_and_a_disabled_member_are_out_at_once(api: Api, world: World) -> None:
    revoked = await mint(world, world.people["amira"].member.id, revoked=True)
    response = await api.http.get("/v1/me", headers={"Authorization": f"Bearer {revoked}"})
    assert response.status_code == 401

    assert (await api.get("/v1/me")).status_code == 200
    [key] = [
        one
        for one in (await api.get("/v1/keys", by="ravi")).json()
        if one["revoked_at"] is None and one["member"] == "amira"
    ]
    assert (await api.post(f"/v1/keys/{key['id']}/revoke", by="ravi")).json()["revoked_at"]
    assert (await api.get("/v1/me")).status_code == 401

    api.keys.clear()
    assert (await api.get("/v1/me")).status_code == 200
    assert (await api.post("/v1/members/amira/disable", by="ravi")).json()["disabled_at"]
    assert (await api.get("/v1/me")).status_code == 401

    refused = await api.post("/v1/members", MEMBER | {"handle": "amira"}, by="ravi")
    assert refused.status_code == 422
    assert (await api.post("/v1/members/amira/enable", by="ravi")).json()["disabled_at"] is None
    assert (await api.get("/v1/me")).status_code == 401, "the key was revoked with the member"


async def test_one_tenant_never_sees_the_other(api: Api, other_world: World) -> None:
    taken = await other_world.reads("secret.md", "# Vault\n\nThe vault code of the company is 4711.")
    theirs = await other_world.asks("What is the vault code of the company?")
    assert theirs.answer is not None

    for handle in ("amira", "ravi"):
        assert (await api.get("/v1/documents", by=handle)).json() == []
        for path in (f"questions/{theirs.question.id}", "reviews/1", f"articles/{uuid4()}"):
            assert (await api.get(f"/v1/{path}", by=handle)).status_code == 404
    path = f"/v1/documents/{taken.document.id}"
    assert (await api.http.delete(path, headers=await api.by("ravi"))).status_code == 404
    mine = await api.post("/v1/questions", {"text": "What is the vault code of the company?"})
    assert mine.json()["status"] == "abstained"
    assert "4711" not in mine.text


async def test_me_says_who_the_key_speaks_for(api: Api, world: World) -> None:
    me = (await api.get("/v1/me")).json()

    assert me["handle"] == "amira"
    assert me["tenant"] == str(world.tenant)
    assert me["roles"] == {"it-ops": ["asker"]}


async def test_an_admin_adds_a_member_and_a_key_that_works(api: Api) -> None:
    added = await api.post("/v1/members", MEMBER, by="ravi")
    assert added.status_code == 200
    assert added.json()["roles"] == {"it-ops": ["asker"]}
    assert added.json()["replaced"] is None
    promoted = await api.post("/v1/members", MEMBER | {"roles": {"it-ops": ["reviewer"]}}, by="ravi")
    assert promoted.json()["replaced"] == {"it-ops": ["asker"]}

    made = await api.post("/v1/keys", {"member": "nina", "name": "laptop"}, by="ravi")
    assert made.status_code == 201
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    assert (await api.http.get("/v1/me", headers=headers)).json()["handle"] == "nina"
    listed = await api.get("/v1/keys", by="ravi")
    assert made.json()["key"] not in listed.text
    assert "nina" in [one["handle"] for one in (await api.get("/v1/members", by="ravi")).json()]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/members", None),
        ("POST", "/v1/members", MEMBER),
        ("POST", "/v1/members/omar/disable", None),
        ("POST", "/v1/members/omar/enable", None),
        ("GET", "/v1/keys", None),
        ("POST", "/v1/keys", {"member": "ravi", "name": "mine now"}),
        ("GET", "/v1/tasks", None),
        ("GET", "/v1/feedback", None),
        ("POST", f"/v1/tasks/{UUID(int=1)}/replay", None),
    ],
)
async def test_administration_is_for_admins(api: Api, method: str, path: str, body: object) -> None:
    response = await api.http.request(method, path, json=body, headers=await api.by("amira"))

    assert response.status_code == 403
    assert response.json()["type"] == "urn:expert:denied"
    assert response.json()["detail"]


async def test_what_is_missing_is_named(api: Api) -> None:
    for path, body in (
        ("/v1/members/nobody/disable", None),
        ("/v1/members/nobody/enable", None),
        (f"/v1/keys/{uuid4()}/revoke", None),
        (f"/v1/tasks/{uuid4()}/replay", None),
        ("/v1/keys", {"member": "nobody"}),
        ("/v1/members", {**MEMBER, "roles": {"legal": ["asker"]}}),
    ):
        response = await api.post(path, body, by="ravi")
        assert (path, response.status_code) == (path, 404)
        assert "There is no" in response.json()["detail"]


async def test_unknown_paths_and_methods_are_problems_too(api: Api) -> None:
    nowhere = await api.get("/v1/no-such-thing")
    wrong = await api.http.put("/v1/questions", headers=await api.by("amira"))
    outside = await api.http.get("/no-such-thing")

    assert (nowhere.status_code, wrong.status_code, outside.status_code) == (404, 405, 404)
    assert wrong.headers["allow"] == "GET, POST"
    for response in (nowhere, wrong, outside):
        assert response.headers["content-type"] == "application/problem+json"
        assert set(response.json()) == {"type", "title", "status", "detail"}


async def test_tasks_are_listed_for_admins(api: Api) -> None:
    assert (await api.get("/v1/tasks?state=dead", by="ravi")).json() == []
    assert (await api.get("/v1/tasks?state=all&limit=5", by="ravi")).status_code == 200
    assert (await api.get("/v1/tasks?limit=0", by="ravi")).status_code == 422
