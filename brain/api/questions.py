"""Routes of those who ask: questions, their answers as they come, and what was thought of them."""

from collections.abc import AsyncIterator
from time import monotonic, perf_counter
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from brain.api import present, schemas
from brain.api.access import Shared, Speaker
from brain.api.errors import problems
from brain.domain import tracing
from brain.domain.errors import Unavailable
from brain.domain.question import ConversationId, QuestionId
from brain.domain.reply import Reply
from brain.usecases import read
from brain.usecases.accept import Asking
from brain.usecases.give_feedback import give_feedback

router = APIRouter(tags=["questions"])

_POLL_S = 0.5
# A watcher of a question that stays open longer connects again.
_WATCHED_S = 600

Limit = Annotated[int, Query(ge=1, le=100, description="The newest so many.")]


@router.post(
    "/v1/questions",
    summary="Ask, and wait for the answer",
    description="The answer with its citations; or, with status 202, where to read it once it is there.",
    responses={
        202: {"model": schemas.AskResult, "description": "Accepted; not answered within `wait_s`."},
        **problems(400, 404, 409, 413, 422),
    },
)
async def ask(
    *,
    request: Request,
    response: Response,
    body: schemas.NewQuestion,
    principal: Speaker,
    shared: Shared,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            pattern=r"^[\x20-\x7e]+$",
            description="Sent again with the same question, the first one's answer comes back.",
        ),
    ] = None,
) -> schemas.AskResult:
    started = perf_counter()
    asking = Asking(
        text=body.text,
        department=body.department,
        conversation=ConversationId(body.conversation) if body.conversation else None,
        idempotency_key=idempotency_key,
        waits_s=body.wait_s,
    )
    facts = {"http.request.method": "POST", "http.route": "/v1/questions"}
    traceparent = request.headers.get("traceparent", "")
    with tracing.span("POST /v1/questions", kind=tracing.Kind.SERVER, facts=facts, parent=traceparent):
        question = await shared.services.accept(principal, asking)
        request.state.question = question
        note = ""
        try:
            reply = await shared.answering.reply(principal, question, within_s=body.wait_s)
        except Unavailable as error:
            # It is accepted: from here on it will be answered, only later.
            note = f"{error} The question is kept and will be answered as soon as that is possible."
            reply = await read.reply(shared.services.store, principal, question)
    if reply.answer is None:
        response.status_code = 202
        response.headers["Location"] = f"/v1/questions/{question}"
    shared.metrics.answered(reply)
    return present.ask_result(reply, note=note, total_ms=(perf_counter() - started) * 1000)


@router.get("/v1/questions", summary="Your questions, newest first", responses=problems(422))
async def questions(principal: Speaker, shared: Shared, limit: Limit = 20) -> list[schemas.AskResult]:
    replies = await read.replies(shared.services.store, principal, limit=limit)
    return [present.ask_result(reply) for reply in replies]


async def own_reply(request: Request, id: UUID, principal: Speaker, shared: Shared) -> Reply:  # noqa: A002  # the path's name
    question = QuestionId(id)
    request.state.question = question
    return await read.reply(shared.services.store, principal, question)


OwnReply = Annotated[Reply, Depends(own_reply)]


@router.get("/v1/questions/{id}", summary="What became of a question of yours", responses=problems(404, 422))
async def question(reply: OwnReply) -> schemas.AskResult:
    return present.ask_result(reply)


@router.get(
    "/v1/questions/{id}/events",
    summary="Watch a question being answered",
    description=(
        "Server-sent events: `progress` with the step (searching, writing, checking) while it is worked on,"
        " then one `answer` with the same body as GET /v1/questions/{id}, then the stream ends. What a model"
        " writes is not sent before it is checked and published."
    ),
    response_class=EventSourceResponse,
    responses={
        200: {"description": "The events, the last of them `answer`."},
        **problems(404, 422),
    },
)
async def events(reply: OwnReply, principal: Speaker, shared: Shared) -> AsyncIterator[ServerSentEvent]:
    board, question = shared.services.board, reply.question.id
    seen, until = 0, monotonic() + _WATCHED_S
    while reply.answer is None and monotonic() < until:
        for step in board.steps(question, after=seen):
            seen += 1
            yield ServerSentEvent(event="progress", data=schemas.Step(step=step))
        await board.changed(question, within_s=_POLL_S)
        # Another process may be answering: the store knows, the board does not.
        reply = await read.reply(shared.services.store, principal, question)
    yield ServerSentEvent(event="answer", data=present.ask_result(reply))


@router.post(
    "/v1/feedback",
    tags=["feedback"],
    summary="Say whether an answer helped",
    description="About the newest answer to a question of yours; the last word counts.",
    responses=problems(400, 404, 413, 422),
)
async def say(body: schemas.NewFeedback, principal: Speaker, shared: Shared) -> schemas.FeedbackShown:
    given = await give_feedback(
        shared.services.store,
        principal,
        QuestionId(body.question),
        helpful=body.helpful,
        reason=body.reason,
        comment=body.comment,
    )
    return present.feedback(given, handle=principal.member.handle)


@router.get(
    "/v1/feedback",
    tags=["feedback"],
    summary="What people thought of answers (admins)",
    responses=problems(403, 422),
)
async def feedback(principal: Speaker, shared: Shared, limit: Limit = 50) -> list[schemas.FeedbackShown]:
    store = shared.services.store
    given = await read.feedback(store, principal, limit=limit)
    handles = {member.id: member.handle for member in await read.members(store, principal)}
    return [present.feedback(one, handle=handles.get(one.member)) for one in given]
