"""Approved answers over HTTP: the diff of a changed source, their history, taking them back."""

from typing import Any
from uuid import uuid4

from brain.domain.identity import Member, MemberId, Principal, Role
from tests.contract.conftest import Api

PAGE = b"# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n"
COST = {"text": "What does a visitor badge cost?"}


async def approved(api: Api, **more: object) -> dict[str, Any]:
    await api.upload("badges.md", PAGE, department="procurement")
    asked = (await api.post("/v1/questions", COST)).json()
    await decided(api, asked["review"], **more)
    [article] = (await api.get("/v1/articles")).json()
    return dict(article)


async def decided(api: Api, number: int, **more: object) -> None:
    shown = (await api.get(f"/v1/reviews/{number}", by="ravi")).json()
    body = {"kind": "approve", "shown_hash": shown["shown_hash"], **more}
    response = await api.post(f"/v1/reviews/{number}/verdict", body, by="ravi")
    assert response.status_code == 200, response.text


async def test_a_renewal_shows_the_difference_and_takes_the_reviewers_word(api: Api) -> None:
    article = await approved(api, days=30)
    await api.upload("badges.md", PAGE.replace(b"15", b"25"), department="procurement")

    [summary] = (await api.get("/v1/reviews", by="ravi")).json()
    shown = (await api.get(f"/v1/reviews/{summary['number']}", by="ravi")).json()
    assert (shown["occasion"], shown["article"]) == ("changed", article["id"])
    [change] = shown["changes"]
    assert (change["number"], change["state"]) == (1, "changed")
    assert "15 euros" in change["before"]
    assert "25 euros" in change["now"]
    assert "-A visitor badge costs 15 euros" in change["diff"]

    body = {"kind": "approve", "shown_hash": shown["shown_hash"]}
    path = f"/v1/reviews/{summary['number']}/verdict"
    refused = await api.post(path, body, by="ravi")
    assert refused.status_code == 409
    assert "vouch" in refused.json()["detail"]
    assert (await api.post(path, {**body, "without_sources": True}, by="ravi")).status_code == 200
    renewed = (await api.get(f"/v1/articles/{article['id']}")).json()
    assert (renewed["version"], renewed["citations"]) == (2, [])
    assert renewed["expires_at"] > article["expires_at"]


async def test_versions_roll_back_and_retract(api: Api) -> None:
    article = await approved(api)
    path = f"/v1/articles/{article['id']}"
    await api.upload("badges.md", PAGE.replace(b"15", b"25"), department="procurement")
    [summary] = (await api.get("/v1/reviews", by="ravi")).json()
    await decided(api, summary["number"], text="25 euros. [1]")
    await api.upload("badges.md", PAGE, department="procurement")

    back = await api.post(f"{path}/roll-back", {"to": 1, "reason": "A mistake."}, by="ravi")
    assert back.status_code == 200, back.text
    assert (back.json()["version"], back.json()["note"]) == (3, "Rolled back to version 1: A mistake.")
    versions = (await api.get(f"{path}/versions", by="ravi")).json()
    assert [(one["number"], one["in_force"]) for one in versions] == [(3, True), (2, False), (1, False)]

    gone = await api.post(f"{path}/retract", {"reason": "The desk was closed."}, by="ravi")
    assert (gone.status_code, gone.json()["status"]) == (200, "retracted")
    assert (await api.get(path)).status_code == 404
    [asked] = (await api.get("/v1/questions")).json()
    assert asked["status"] == "retracted"
    assert "The desk was closed." in asked["text"]


async def test_only_those_who_look_after_an_article_may_change_it(api: Api) -> None:
    article = await approved(api)
    path = f"/v1/articles/{article['id']}"
    reason = {"reason": "No."}
    assert (await api.post(f"{path}/retract", reason, by="amira")).status_code == 403
    assert (await api.post(f"{path}/roll-back", {"to": 1, **reason}, by="rosa")).status_code == 403
    assert (await api.get(f"{path}/versions")).status_code == 403
    assert (await api.post(f"/v1/articles/{uuid4()}/retract", reason, by="ravi")).status_code == 404
    assert (await api.post(f"{path}/retract", {"reason": ""}, by="ravi")).status_code == 422
    assert (await api.post(f"{path}/roll-back", {"to": 0, **reason}, by="ravi")).status_code == 422


async def test_widening_needs_an_admin_of_every_source(api: Api) -> None:
    await api.upload("bank.md", b"# Bank\n\nThe payroll bank is Kestrel.\n", department="payroll", by="petra")
    await join(api, "cleo", "payroll")
    question = {"text": "Who signs the secret bonus list in March?"}
    asked = (await api.post("/v1/questions", {**question, "department": "payroll"}, by="cleo")).json()
    shown = (await api.get(f"/v1/reviews/{asked['review']}", by="petra")).json()
    body = {"kind": "approve", "text": "The CFO.", "shown_hash": shown["shown_hash"]}
    await api.post(f"/v1/reviews/{asked['review']}/verdict", body, by="petra")
    [article] = (await api.get("/v1/articles", by="petra")).json()
    path = f"/v1/articles/{article['id']}"
    assert (await api.get(path)).status_code == 404

    widening = {"to": "everyone", "reason": "It is in the report."}
    assert (await api.post(f"{path}/widen", widening, by="ravi")).status_code == 404
    assert (await api.post(f"{path}/widen", {**widening, "to": "kitchen"}, by="petra")).status_code == 404
    widened = await api.post(f"{path}/widen", widening, by="petra")
    assert widened.status_code == 200, widened.text
    assert widened.json()["note"] == "Widened to everyone: It is in the report."
    got = (await api.post("/v1/questions", question)).json()
    assert (got["status"], got["text"], got["citations"]) == ("published", "The CFO.", [])


async def join(api: Api, handle: str, department: str) -> None:
    world = api.world
    held = {world.departments[department].id: frozenset({Role.ASKER})}
    member = Member(MemberId(uuid4()), handle, handle.title(), roles=held)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(member)
    world.people[handle] = Principal(world.tenant, member)
