"""Erasing and exporting over HTTP: who may, and what is said and handed out."""

import json
from typing import Any

from brain.adapters.postgres.everything import OF_A_MEMBER
from brain.adapters.postgres.tables import metadata
from brain.usecases.authenticate import digest
from tests.conftest import World, everywhere
from tests.contract.conftest import Api


async def test_erasing_is_for_admins_of_every_department(api: Api) -> None:
    for by in ("amira", "ravi"):
        refused = await api.post("/v1/members/omar/erase", {}, by=by)
        assert refused.status_code == 403


async def test_a_member_is_looked_at_and_then_erased(api: Api) -> None:
    await everywhere(api.world, "ravi")
    await api.by("omar")
    await api.world.asks("Who feeds the fish?", by="omar")
    looked = (await api.post("/v1/members/omar/erase", {"also": ["Omar the Great"]}, by="ravi")).json()
    assert (looked["erased"], looked["counts"]["questions"], looked["counts"]["API keys"]) == (False, 1, 1)
    assert looked["names"] == ["Omar", "Omar the Great"]
    assert (await api.get("/v1/me", by="omar")).status_code == 200
    done = (await api.post("/v1/members/omar/erase", {"dry_run": False}, by="ravi")).json()
    assert done["erased"]
    assert (await api.get("/v1/me", by="omar")).status_code == 401
    listed = (await api.get("/v1/members", by="ravi")).json()
    assert {one["handle"]: one["name"] for one in listed}[done["handle"]] == "a former member"
    assert "omar" not in (await api.get("/v1/audit", by="ravi")).text.lower()
    again = await api.post("/v1/members/omar/erase", {"dry_run": False}, by="ravi")
    assert again.status_code == 404


async def test_what_cannot_be_searched_for_is_refused(api: Api) -> None:
    await everywhere(api.world, "ravi")
    assert (await api.post("/v1/members/omar/erase", {"also": ["x"]}, by="ravi")).status_code == 422
    last = await api.post("/v1/members/ravi/erase", {"dry_run": False}, by="ravi")
    assert (last.status_code, "last admin" in last.json()["detail"]) == (422, True)


async def _exported(api: Api, path: str) -> tuple[dict[str, list[dict[str, Any]]], str]:
    reply = await api.get(path, by="ravi")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/x-ndjson")
    *lines, end = map(json.loads, reply.text.splitlines())
    assert end == {"end": len(lines)}
    rows: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        rows.setdefault(line["kind"], []).append(line["row"])
    return rows, reply.text


async def test_everything_is_exported_without_secrets(api: Api, other_world: World) -> None:
    await everywhere(api.world, "ravi")
    await api.world.reads("gates.md", "# Gates\n\nGate 4 opens at 06:30.\n")
    await other_world.asks("A question of another organisation?", by="amira")
    await api.world.asks("When does gate 4 open?")
    rows, written = await _exported(api, "/v1/export")
    assert {"member", "question", "answer", "citation", "document", "audit", "api_key"} <= rows.keys()
    assert [one["text"] for one in rows["question"]] == ["When does gate 4 open?"]
    assert "Gate 4 opens at 06:30." in rows["document"][0]["markdown"]
    for secret in ("digest", "salts", "vector", "tenant_id"):
        assert not any(secret in one for some in rows.values() for one in some)
    for key in api.keys.values():
        assert key not in written
        assert digest(key) not in written
    [entry] = [one for one in rows["audit"] if one["action"] == "tenant.exported"]
    assert entry["actor_id"] == str(api.world.people["ravi"].member.id)


async def test_one_persons_export_is_theirs_alone(api: Api) -> None:
    await everywhere(api.world, "ravi")
    await api.world.asks("Who feeds the fish?", by="omar")
    await api.world.asks("Who waters the plants?", by="amira")
    rows, written = await _exported(api, "/v1/export?member=omar")
    assert [one["handle"] for one in rows["member"]] == ["omar"]
    assert [one["text"] for one in rows["question"]] == ["Who feeds the fish?"]
    assert "plants" not in written
    assert "amira" not in written.lower()
    assert (await api.get("/v1/export?member=nobody", by="ravi")).status_code == 404
    assert (await api.get("/v1/export", by="amira")).status_code == 403
    erased = (await api.post("/v1/members/omar/erase", {"dry_run": False}, by="ravi")).json()
    rows, written = await _exported(api, f"/v1/export?member={erased['handle']}")
    assert "omar" not in written.lower()
    assert "fish" not in written


def test_every_table_with_somebody_in_it_is_part_of_their_export() -> None:
    """Whoever adds a table that refers to members, or to questions, says here what of it is a person's."""
    for table in metadata.sorted_tables:
        refers = {key.column.table.name for column in table.columns for key in column.foreign_keys}
        if refers & {"member", "question"}:
            assert table.name in OF_A_MEMBER, table.name
