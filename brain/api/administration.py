"""Routes of admins: members, keys and tasks; and who am I."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from brain.api import present, schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.domain.conversation import Identity
from brain.domain.records import KeyId, TaskId
from brain.usecases import administer, be_away, link, read
from brain.usecases.replay import replay as replay_task

router = APIRouter(tags=["administration"])


class Shown(StrEnum):
    DEAD = "dead"
    ALL = "all"


@router.get("/v1/me", summary="Who this key speaks for")
async def me(principal: Speaker, shared: Shared) -> schemas.Me:
    known = present.slugs(await read.departments(shared.services.store, principal))
    return present.me(principal, known)


@router.get("/v1/members", summary="The members", responses=problems(403))
async def members(principal: Speaker, shared: Shared) -> list[schemas.MemberShown]:
    store = shared.services.store
    found = await read.members(store, principal)
    known = present.slugs(await read.departments(store, principal))
    return [present.member(one, known) for one in found]


@router.post(
    "/v1/members",
    summary="Add a member, or give an existing one other roles",
    description="Needs the role admin in every department that the member has or gets a role in.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def add_member(body: schemas.NewMemberBody, principal: Speaker, shared: Shared) -> schemas.MemberSaved:
    store = shared.services.store
    new = administer.NewMember(
        handle=body.handle,
        name=body.name,
        email=body.email,
        roles={department: frozenset(held) for department, held in body.roles.items()},
    )
    saved = await administer.add_member(store, principal, new)
    return present.saved(saved, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/disable",
    summary="Disable a member, and revoke their keys",
    responses=problems(403, 404, 409, 422),
)
async def disable_member(
    handle: Annotated[schemas.Handle, Path()], principal: Speaker, shared: Shared
) -> schemas.MemberShown:
    store = shared.services.store
    member = await administer.disable_member(store, principal, handle)
    return present.member(member, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/enable",
    summary="Enable a disabled member, with their roles and without their keys",
    responses=problems(403, 404, 409, 422),
)
async def enable_member(
    handle: Annotated[schemas.Handle, Path()], principal: Speaker, shared: Shared
) -> schemas.MemberShown:
    store = shared.services.store
    member = await administer.enable_member(store, principal, handle)
    return present.member(member, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/away",
    summary="Say that a member is away",
    description="Oneself, or as an admin of theirs. They get no reviews; those they have are handed on.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def away(
    handle: Annotated[schemas.Handle, Path()], body: schemas.NewAbsence, principal: Speaker, shared: Shared
) -> schemas.MemberAway:
    store = shared.services.store
    gone = await be_away.be_away(store, principal, handle, until=body.until)
    return present.away(gone, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/back",
    summary="Say that a member is back",
    responses=problems(403, 404, 409, 422),
)
async def back(
    handle: Annotated[schemas.Handle, Path()], principal: Speaker, shared: Shared
) -> schemas.MemberShown:
    store = shared.services.store
    member = await be_away.be_back(store, principal, handle)
    return present.member(member, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/link",
    summary="Say who on a chat platform a member is",
    description="They may do what the member may. Needs the role admin in all of the member's departments.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def link_member(
    handle: Annotated[schemas.Handle, Path()],
    body: schemas.PlatformIdentity,
    principal: Speaker,
    shared: Shared,
) -> schemas.MemberShown:
    store = shared.services.store
    member = await link.link(store, principal, handle, Identity(body.platform, body.workspace, body.id))
    return present.member(member, present.slugs(await read.departments(store, principal)))


@router.post(
    "/v1/members/{handle}/unlink",
    summary="Take that back",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def unlink_member(
    handle: Annotated[schemas.Handle, Path()],
    body: schemas.PlatformIdentity,
    principal: Speaker,
    shared: Shared,
) -> schemas.MemberShown:
    store = shared.services.store
    member = await link.unlink(store, principal, handle, Identity(body.platform, body.workspace, body.id))
    return present.member(member, present.slugs(await read.departments(store, principal)))


@router.get("/v1/keys", summary="The API keys, without their secrets", responses=problems(403))
async def keys(principal: Speaker, shared: Shared) -> list[schemas.KeyShown]:
    found = await read.keys(shared.services.store, principal)
    return [present.key(key, handle=owner.handle) for key, owner in found]


@router.post(
    "/v1/keys",
    status_code=201,
    summary="Make an API key; it is shown this once",
    responses=problems(400, 403, 404, 413, 422),
)
async def add_key(body: schemas.NewKeyBody, principal: Speaker, shared: Shared) -> schemas.KeyMade:
    key, secret = await administer.add_key(shared.services.store, principal, body.member, name=body.name)
    return schemas.KeyMade(id=key.id, key=secret, member=body.member, name=key.name)


@router.post("/v1/keys/{id}/revoke", summary="Revoke an API key, at once", responses=problems(403, 404, 422))
async def revoke_key(id: UUID, principal: Speaker, shared: Shared) -> schemas.KeyShown:  # noqa: A002  # the path's name
    store = shared.services.store
    key = await administer.revoke_key(store, principal, KeyId(id))
    owners = {member.id: member.handle for member in await read.members(store, principal)}
    return present.key(key, handle=owners[key.member])


@router.get("/v1/tasks", summary="Work in the background, newest first", responses=problems(403, 422))
async def tasks(
    principal: Speaker,
    shared: Shared,
    state: Annotated[Shown, Query()] = Shown.ALL,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[schemas.TaskShown]:
    found = await read.tasks(shared.services.store, principal, dead_only=state is Shown.DEAD, limit=limit)
    return [present.task(one) for one in found]


@router.post(
    "/v1/tasks/{id}/replay",
    status_code=204,
    summary="Try a dead task again",
    responses=problems(403, 404, 422),
)
async def replay(id: UUID, principal: Speaker, shared: Shared) -> None:  # noqa: A002  # the path's name
    await replay_task(shared.services.store, principal, TaskId(id))
