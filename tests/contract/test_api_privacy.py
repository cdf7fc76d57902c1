"""Erasing over HTTP: who may, what is said before and after."""

from tests.conftest import everywhere
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
