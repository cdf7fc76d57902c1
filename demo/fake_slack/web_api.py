"""The Web API over HTTP: reads a call, checks it in every respect, has it done, and keeps a record of it."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from demo.fake_slack import chat_api, directory_api, oauth_api, views_api
from demo.fake_slack.caller import Caller
from demo.fake_slack.faults import Fault, Faults
from demo.fake_slack.limits import Limits
from demo.fake_slack.methods import METHODS, Method, Published
from demo.fake_slack.records import Json, Token, Workspace
from demo.fake_slack.refusal import Refused, gone
from demo.fake_slack.world import World

HANDLERS = chat_api.HANDLERS | directory_api.HANDLERS | oauth_api.HANDLERS | views_api.HANDLERS
_STRUCTURED = frozenset("attachments blocks chunks file_ids loading_messages metadata prompts view".split())
_MAY_BE_EMPTY = frozenset({"status"})


@dataclass
class Call:
    """`at` is the fake's time; `error` is Slack's word for what was wrong, empty where it was well."""

    method: str
    arguments: Json
    token: str
    at: float
    status: int = 0
    error: str = ""
    faulty: bool = False


@dataclass(frozen=True)
class Violation:
    """A call that no careful caller would have made."""

    method: str
    problem: str
    arguments: str

    def __str__(self) -> str:
        return f"{self.method}: {self.problem} — {self.arguments}"


async def arguments_of(request: web.Request) -> tuple[Json, str]:
    """The arguments, from wherever they came, and the token."""
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        given |= json.loads(body) if body else {}
    else:
        given |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        name, _, secret = base64.b64decode(token).decode().partition(":")
        given = {"client_id": name, "client_secret": secret} | given
        token = ""
    token = token or given.pop("token", "") or ""
    return {name: _structured(name, value) for name, value in given.items() if value is not None}, token


def _structured(name: str, value: Any) -> Any:
    if name in _STRUCTURED and isinstance(value, str) and value:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


class WebApi:
    def __init__(self, world: World, faults: Faults, limits: Limits, published: Published | None) -> None:
        self._world = world
        self._faults = faults
        self._limits = limits
        self._published = published
        self.open_connection: Callable[[], str] = lambda: ""
        self.calls: list[Call] = []
        self.violations: list[Violation] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            arguments, token = await arguments_of(request)
        except ValueError:
            self.violate(method, "body is no JSON", {})
            return web.json_response({"ok": False, "error": "invalid_json"})
        call = Call(method, arguments, token, self._world.now())
        self.calls.append(call)
        fault = self._faults.take(method)
        call.faulty = fault is not None
        self._patience(call, fault)
        await self._faults.before(fault)
        right = None if self._faults.prevents(fault) else self._respond(call)
        self._world.touched()
        return await self._faults.answer(fault, request, right)

    def _patience(self, call: Call, fault: Fault | None) -> None:
        token = self._world.tokens.get(call.token)
        team = token.team if token else ""
        self._limits.came(call.method, team, call.arguments, call.at)
        if fault is not None and (seconds := fault.retry_after_s(call.at)):
            self._limits.told(call.method, team, call.arguments, call.at + seconds)

    def violate(self, method: str, problem: str, arguments: Json) -> None:
        self.violations.append(Violation(method, problem, json.dumps(arguments, default=str)[:600]))

    def _respond(self, call: Call) -> web.Response:
        token = self._world.tokens.get(call.token)
        try:
            answer, status, headers = self._perform(call, token), 200, {}
            if isinstance(answer, int):
                headers = {"Retry-After": str(answer)}
                answer, status = {"ok": False, "error": "ratelimited"}, 429
        except Refused as refused:
            answer, status, headers = refused.answer, 200, {}
            if refused.wrong:
                self.violate(call.method, " ".join([refused.error, *refused.problems]), call.arguments)
        call.status, call.error = status, answer.get("error", "")
        if token is not None:
            headers |= {"x-oauth-scopes": ",".join(token.scopes)}
        return web.json_response(answer, status=status, headers=headers)

    def _perform(self, call: Call, token: Token | None) -> Json | int:
        """The answer, or for how many seconds not to ask again."""
        method = METHODS.get(call.method)
        if method is None:
            raise Refused("unknown_method", req_method=call.method)
        workspace = self._workspace(method, token, call.token)
        if wait := self._limits.wait_s(
            call.method, workspace.id if workspace else "", call.arguments, call.at
        ):
            return wait
        self._check_arguments(call, method)
        if workspace is None or token is None:
            return {"ok": True, **oauth_api.access(self._world, call.arguments)}
        caller = Caller(self._world, workspace, token, method.scope)
        if method.scope and not method.scope.startswith(":"):
            caller.needs(method.scope)
        try:
            if call.method == "apps.connections.open":
                answer: Json = {"url": self.open_connection()}
            else:
                answer = HANDLERS[call.method](caller, call.arguments)
        except (ValueError, TypeError, AttributeError, KeyError) as wrong:
            # A value of a type that the method cannot do anything with.
            raise Refused("invalid_arguments", f"{type(wrong).__name__}: {wrong}") from wrong
        for remark in caller.remarks:
            self.violate(call.method, remark, call.arguments)
        return {"ok": True, **answer}

    def _workspace(self, method: Method, token: Token | None, given: str) -> Workspace | None:
        if method.caller == "none":
            return None
        if token is None:
            raise Refused("invalid_auth" if given else "not_authed")
        if token.revoked:
            raise gone("account_inactive")
        if token.expires_at is not None and self._world.now() > token.expires_at:
            raise gone("token_expired")
        if method.caller not in {"any", token.kind}:
            raise Refused("not_allowed_token_type")
        return self._world.workspaces[token.team]

    def _check_arguments(self, call: Call, method: Method) -> None:
        problems = self._published.problems(call.method, call.arguments) if self._published else ()
        for problem in problems:
            self.violate(call.method, problem, call.arguments)
        for name in sorted(call.arguments.keys() - {*method.required, *method.optional}):
            # Slack itself takes no notice of these.
            self.violate(call.method, f"unknown argument {name}", call.arguments)
        missing = [
            name
            for name in method.required
            if name not in call.arguments or (call.arguments[name] == "" and name not in _MAY_BE_EMPTY)
        ]
        if missing:
            raise Refused("invalid_arguments", *(f"missing required field: {name}" for name in missing))
        for name, value in call.arguments.items():
            if name not in _STRUCTURED and not isinstance(value, str | int | float | bool):
                raise Refused("invalid_arguments", f"{name} must be a single value")
