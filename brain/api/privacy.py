"""Routes about what is kept of people: the audit trail."""

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from brain.api import privacy_schemas, schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.domain.audit import Link, Sought
from brain.domain.identity import Member
from brain.usecases import read

router = APIRouter(tags=["privacy"])
_LINES = "application/x-ndjson"
_EXAMPLE = '{"kind": "question", "row": {"text": "How do I rotate the Redis password?"}}\n{"end": 1}\n'


@router.get(
    "/v1/audit",
    summary="Who did what, newest first",
    description="Needs the role admin in every department.",
    responses=problems(403, 404, 422),
)
async def audit(
    principal: Speaker, shared: Shared, query: Annotated[privacy_schemas.AuditQuery, Query()]
) -> list[privacy_schemas.AuditShown]:
    since = query.since
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    sought = Sought(action=query.action, since=since, before=query.before, limit=query.limit)
    found = await read.trail(shared.services.store, principal, sought, actor=query.actor)
    return [_shown(link, member) for link, member in found]


def _shown(link: Link, member: Member | None) -> privacy_schemas.AuditShown:
    return privacy_schemas.AuditShown(
        sequence=link.sequence,
        at=link.at,
        actor=member.handle if member else None,
        actor_id=link.entry.actor,
        action=link.entry.action,
        subject=link.entry.subject,
        details=dict(link.entry.details),
        hash=link.hash,
    )


@router.post(
    "/v1/members/{handle}/erase",
    summary="Erase a member, or see what that would do",
    description="Needs the role admin in every department. Cannot be taken back.",
    responses=problems(400, 403, 404, 409, 413, 422),
)
async def erase(
    handle: Annotated[schemas.Handle, Path()],
    body: privacy_schemas.ErasureBody,
    principal: Speaker,
    shared: Shared,
) -> privacy_schemas.ErasureShown:
    erased = await shared.services.erase(principal, handle, also=body.also, dry_run=body.dry_run)
    return privacy_schemas.ErasureShown(
        erased=not body.dry_run,
        handle=erased.handle,
        names=list(erased.names),
        counts={what: count for what, count in erased.counts.items() if count},
        articles=list(erased.articles),
        documents=list(erased.documents),
    )


@router.get(
    "/v1/export",
    summary="Everything that is kept of a member, or of the organisation",
    description="Needs the role admin in every department. One JSON object a line: `kind` and `row`. The last"
    " line has `end` with the number of rows; without it, the export is not whole.",
    response_class=StreamingResponse,
    responses={
        **problems(403, 404, 422),
        200: {"content": {_LINES: {"schema": {"type": "string"}, "example": _EXAMPLE}}},
    },
)
async def export(
    principal: Speaker, shared: Shared, member: Annotated[schemas.Handle | None, Query()] = None
) -> StreamingResponse:
    whose = await shared.services.export.begin(principal, member)

    async def lines() -> AsyncIterator[str]:
        count = 0
        async for one in shared.services.export.rows(principal, whose):
            count += 1
            yield f'{{"kind": "{one.kind}", "row": {one.line}}}\n'
        yield f'{{"end": {count}}}\n'

    return StreamingResponse(lines(), media_type=_LINES)
