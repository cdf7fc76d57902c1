"""A server that speaks the HTTP API's contract: says what a test tells it to, and keeps what it got."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
CITATION = {
    "number": 1,
    "label": "Redis operations › Rotate the password (page 2)",
    "title": "Redis operations",
    "heading_path": ["Rotate the password"],
    "page": 2,
    "quote": "Generate a new\npassword.",
    "document": "d-1",
    "article": None,
}
ANSWER: dict[str, Any] = {
    "id": "q-1",
    "conversation": "c-1",
    "question": "How?",
    "status": "published",
    "text": "1. Generate a new password. [1]\n\n```\nredis-cli CONFIG SET requirepass new\n```",
    "citations": [CITATION],
    "confidence": 0.874,
    "reasons": ["Every key term is in the passage."],
    "review": None,
    "approved": None,
    "department": "it-ops",
    "model": "extractive",
    "asked_at": "2026-03-02T09:30:00Z",
    "timings_ms": {"total": 48.2},
}
REVIEW: dict[str, Any] = {
    "number": 12,
    "question": "Who feeds the fish?",
    "asked_by": "Amira Solberg",
    "department": "hr",
    "status": "open",
    "confidence": 0.4,
    "waiting": 2,
    "opened_at": "2026-03-02T09:30:00Z",
    "due_at": "2026-03-03T09:30:00Z",
    "draft": "The fish feed themselves. [1]",
    "citations": [CITATION],
    "reasons": ["Only one source."],
    "assignee": "Ravi Patel",
    "mine": False,
    "shown_hash": HASH,
    "shown_before": True,
    "history": [],
    "verdict": None,
}


@dataclass(frozen=True, slots=True)
class Seen:
    method: str
    path: str
    query: dict[str, str]
    key: str
    idempotency_key: str | None
    body: Any


@dataclass(slots=True)
class FakeApi:
    """`replies` maps "METHOD /path" to a body, or to (status, body)."""

    port: int = 0
    replies: dict[str, Any] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def refuse(self, request: str, status: int, detail: str) -> None:
        self.replies[request] = (
            status,
            {"type": "x", "title": "Refused", "status": status, "detail": detail},
        )

    async def answer(self, request: Request) -> Response:
        self.seen.append(
            Seen(
                request.method,
                request.url.path,
                dict(request.query_params),
                request.headers.get("authorization", "").removeprefix("Bearer "),
                request.headers.get("idempotency-key"),
                await _body(request),
            )
        )
        reply = self.replies.get(f"{request.method} {request.url.path}")
        if reply is None:
            reply = (
                404,
                {"title": "Not found", "status": 404, "detail": f"There is nothing at {request.url.path}."},
            )
        if callable(reply):
            reply = reply(self.seen[-1])
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        if isinstance(body, str):
            return Response(body, status, media_type="text/html")
        return Response(status_code=204) if body is None else JSONResponse(body, status)


async def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with request.form() as form:
            return {
                name: (value.filename, await value.read()) if isinstance(value, UploadFile) else value
                for name, value in form.items()
            }
    return await request.json() if await request.body() else None


@contextmanager
def serving() -> Iterator[FakeApi]:
    api = FakeApi()
    app = FastAPI(openapi_url=None)
    app.add_api_route("/{path:path}", api.answer, methods=["GET", "POST", "DELETE"])
    listener = socket.create_server(("127.0.0.1", 0))
    api.port = listener.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield api
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
