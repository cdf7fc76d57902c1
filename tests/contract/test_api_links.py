"""Members and who they are on chat platforms, by an admin's word."""

import pytest
from sqlalchemy import text

from brain.domain.conversation import Identity
from brain.usecases.recognise import recognise, welcome
from tests.conftest import World
from tests.contract.conftest import Api

HER = {"platform": "slack", "workspace": "T012AB3C4", "id": "U061F7AUR"}
SLACK = Identity("slack", "T012AB3C4", "U061F7AUR", guest=True)


async def test_who_is_linked_is_recognised_until_unlinked(api: Api, world: World) -> None:
    assert await recognise(world.store, world.tenant, SLACK) is None
    assert (await api.post("/v1/members/amira/link", HER, by="ravi")).json()["handle"] == "amira"
    known = await recognise(world.store, world.tenant, SLACK)
    assert known is not None
    assert known.member.handle == "amira"
    assert (await api.post("/v1/members/amira/link", HER, by="ravi")).status_code == 200
    assert (await api.post("/v1/members/amira/unlink", HER, by="ravi")).status_code == 200
    assert await recognise(world.store, world.tenant, SLACK) is None
    assert (await api.post("/v1/members/amira/unlink", HER, by="ravi")).status_code == 404
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT action, details FROM audit WHERE action LIKE 'member.%link%' ORDER BY at, action")
        )
        noted = [(row.action, dict(row.details)["identity"]) for row in rows]
    assert noted == [("member.linked", "T012AB3C4/U061F7AUR"), ("member.unlinked", "T012AB3C4/U061F7AUR")]


async def test_nobody_is_two_people(api: Api, world: World) -> None:
    await api.post("/v1/members/amira/link", HER, by="ravi")
    nina = {"handle": "nina", "name": "Nina", "roles": {"it-ops": ["asker"]}}
    await api.post("/v1/members", nina, by="ravi")
    assert (await api.post("/v1/members/nina/unlink", HER, by="ravi")).status_code == 404
    assert (await api.post("/v1/members/nina/link", HER, by="ravi")).status_code == 409
    known = await recognise(world.store, world.tenant, SLACK)
    assert known is not None
    assert known.member.handle == "amira"


async def test_a_guest_who_asked_may_turn_out_to_be_a_member(api: Api, world: World) -> None:
    await welcome(world.store, world.tenant, SLACK)
    assert (await api.post("/v1/members/amira/link", HER, by="ravi")).status_code == 200
    known = await recognise(world.store, world.tenant, SLACK)
    assert known is not None
    assert known.member.handle == "amira"


@pytest.mark.parametrize(
    ("by", "handle", "status"),
    [("amira", "amira", 403), ("ravi", "petra", 403), ("ravi", "omar", 403), ("ravi", "nobody", 404)],
)
async def test_only_admins_of_all_of_their_departments(api: Api, by: str, handle: str, status: int) -> None:
    """Who is linked may do what the member may: nobody links themselves to more than they may give."""
    assert (await api.post(f"/v1/members/{handle}/link", HER, by=by)).status_code == status
    assert (await api.post(f"/v1/members/{handle}/unlink", HER, by=by)).status_code == status


async def test_a_disabled_member_is_nobody(api: Api) -> None:
    await api.post("/v1/members/amira/disable", by="ravi")
    assert (await api.post("/v1/members/amira/link", HER, by="ravi")).status_code == 422


@pytest.mark.parametrize("wrong", [{"platform": "irc"}, {"workspace": ""}, {"id": "U/1"}, {"id": "U%"}])
async def test_ids_look_like_ids(api: Api, wrong: dict[str, str]) -> None:
    assert (await api.post("/v1/members/amira/link", HER | wrong, by="ravi")).status_code == 422
