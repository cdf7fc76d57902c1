"""The one file that knows Slack's SDK: what Bolt receives, and how the Web API is called."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.response import BoltResponse
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.chat_platform import Inbound, Unknown
from bots.slack import acks, inbound, signatures
from bots.slack.calls import AWAY_S, Later, Refused, Unreachable, encoded, retry_after_s, why
from bots.slack.pacing import Pace
from bots.texts import Texts, texts_for
from brain.domain.conversation import Kept
from brain.domain.errors import ExpertError, Rejected, Unavailable

Handle = Callable[[Inbound], Awaitable[Kept | None]]
EVERYTHING = re.compile(".*", re.DOTALL)
SLACK = "https://slack.com/api/"
_TIMEOUT_S = 15
_KEEP_S = 2.2  # Slack waits for 3
# What Bolt raises where a request has not the shape that it takes for granted.
_UNREADABLE = (AttributeError, LookupError, TypeError, ValueError, RecursionError)
# Notes in a request's context: whether its workspace has the bot, and that what goes wrong now is ours.
_KNOWN, _TAKEN = "expert_known", "expert_taken"
# Slack did nothing, and may do it later. https://docs.slack.dev/reference/methods/chat.postMessage#errors
_LATER = ("ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org")
_MAYBE = ("internal_error", "fatal_error")
# What is there twice when it is done twice.
_ONCE = ("chat.postMessage", "chat.startStream", "chat.appendStream", "views.open")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace that has the bot. `scopes` are those of its token, which with `everywhere` is one of every
    workspace of the `enterprise`."""

    id: str
    bot_token: str = field(repr=False)
    bot_user: str
    bot_id: str
    name: str = ""
    enterprise: str | None = None
    everywhere: bool = False
    scopes: tuple[str, ...] = ()


# Raises `Unavailable` where nobody can tell now; None where the workspace does not have the bot.
Find = Callable[[str], Awaitable[Workspace | None]]


@dataclass(slots=True)
class SlackCalls:
    """The Web API of every workspace. `api` ends in a slash."""

    find: Find
    api: str = SLACK
    pace: Pace = field(default_factory=Pace)
    timeout_s: float = _TIMEOUT_S
    _session: aiohttp.ClientSession | None = None

    async def call(self, workspace: str, method: str, **arguments: Any) -> dict[str, Any]:
        await self.pace.wait(workspace, method, channel=str(arguments.get("channel", "")))
        known = await self.find(workspace)
        if known is None:
            raise Rejected(f"The workspace {workspace} does not have the bot (any more).")
        client = client_for(known.bot_token, api=self.api, session=self._open())
        try:
            # Form bodies: not every method takes JSON.
            done = await client.api_call(method, data=encoded(arguments))
        except SlackApiError as error:
            raise self._failure(workspace, method, arguments, error) from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable("Slack cannot be reached.", AWAY_S) from error
        except (aiohttp.ClientError, TimeoutError, OSError, AttributeError, ValueError) as error:
            # The SDK takes every body for an object: text or a list from a proxy is an AttributeError.
            raise _lost(method, error) from error
        return dict(done.data) if isinstance(done.data, dict) else {}

    async def respond(self, address: str, body: dict[str, Any]) -> None:
        if not self._ours(address):
            raise Rejected("This is no address of Slack's.")
        try:
            async with self._open().post(address, json=body, allow_redirects=False) as response:
                status, after_s = response.status, retry_after_s(response.headers)
        except aiohttp.ClientConnectorError as error:
            raise Unreachable("Slack cannot be reached.", AWAY_S) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unknown(type(error).__name__) from error
        if status == 429:
            raise Later("Slack takes no more of this for the moment.", after_s)
        if status >= 500:
            raise Unknown(f"status {status}")
        if status >= 300:
            raise Rejected(f"Slack refused a private reply: {status}.")

    async def download(self, workspace: str, address: str, *, most: int) -> bytes:
        known = await self.find(workspace)
        if known is None or not self._ours(address):
            raise Rejected("This file is not one that Slack would give us.")
        longer = aiohttp.ClientTimeout(total=4 * self.timeout_s)
        asking: Any = {"headers": {"Authorization": f"Bearer {known.bot_token}"}, "timeout": longer}
        try:
            async with self._open().get(address, allow_redirects=False, **asking) as response:
                if response.status >= 500 or response.status == 429:
                    raise Unavailable("Slack cannot give the file just now.", retry_after_s(response.headers))
                if response.status != 200 or response.content_type == "text/html":
                    raise Rejected("Slack does not give this file: it is gone, or files:read is missing.")
                content = await response.content.read(most + 1)
                while len(content) <= most and (more := await response.content.read(most + 1)):
                    content += more
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable("Slack cannot be reached.", AWAY_S) from error
        if len(content) > most:
            raise Rejected(f"The file is larger than {most // 2**20} MB.")
        return content

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.timeout_s))
        return self._session

    def _ours(self, address: str) -> bool:
        """Of Slack itself, or of the server that stands in for it."""
        asked, api = urlsplit(address), urlsplit(self.api)
        if (asked.scheme, asked.netloc) == (api.scheme, api.netloc):
            return True
        host = asked.hostname or ""
        real = self.api == SLACK and asked.scheme == "https" and "@" not in asked.netloc
        return real and (host == "slack.com" or host.endswith(".slack.com")) and asked.port in (None, 443)

    def _failure(
        self, workspace: str, method: str, arguments: dict[str, Any], error: SlackApiError
    ) -> Exception:
        status = int(getattr(error.response, "status_code", 0) or getattr(error.response, "status", 0) or 0)
        code = why(error.response)
        if status == 429 or code in _LATER:
            after_s = retry_after_s(getattr(error.response, "headers", None))
            self.pace.close(workspace, method, channel=str(arguments.get("channel", "")), for_s=after_s)
            return Later("Slack takes no more of this for the moment.", after_s)
        if status >= 500 or code in _MAYBE or not code:
            return _lost(method, error)
        return Refused(code, method)


def _lost(method: str, error: Exception) -> Exception:
    """Nobody knows whether it happened; where it may happen twice, that does not matter."""
    if method in _ONCE:
        return Unknown(type(error).__name__)
    return Unreachable("Slack did not answer properly.", AWAY_S)


def client_for(
    token: str, *, api: str = SLACK, session: aiohttp.ClientSession | None = None
) -> AsyncWebClient:
    # No retries of the SDK's own: it does not know what may be repeated.
    return AsyncWebClient(token=token, base_url=api, timeout=_TIMEOUT_S, session=session, retry_handlers=[])


async def call_once(
    token: str, method: str, *, api: str = SLACK, basic: str = "", **arguments: Any
) -> tuple[dict[str, Any], Mapping[str, str]]:
    """What Slack answers, with the headers, outside of any workspace. `basic` is how the app itself signs in.

    Raises `Unavailable` where nobody can tell, and `Refused` where Slack says no.
    """
    headers = {"Authorization": f"Basic {basic}"} if basic else {}
    try:
        done = await client_for(token, api=api).api_call(method, data=encoded(arguments), headers=headers)
    except SlackApiError as error:
        if not (code := why(error.response)) or code in (*_LATER, *_MAYBE):
            raise Unreachable("Slack did not answer properly.", AWAY_S) from error
        raise Refused(code, method) from error
    # The last two: the SDK takes every body for an object.
    except (aiohttp.ClientError, TimeoutError, OSError, AttributeError, ValueError) as error:
        raise Unreachable("Slack cannot be reached.", AWAY_S) from error
    return dict(done.data) if isinstance(done.data, dict) else {}, done.headers


async def identify(token: str, *, api: str = SLACK) -> Workspace:
    """Whose token this is: https://docs.slack.dev/reference/methods/auth.test"""
    found, headers = await call_once(token, "auth.test", api=api)
    return Workspace(
        id=str(found["team_id"]),
        bot_token=token,
        bot_user=str(found["user_id"]),
        bot_id=str(found.get("bot_id") or ""),
        name=str(found.get("team") or ""),
        enterprise=found.get("enterprise_id"),
        everywhere=found.get("is_enterprise_install") is True,
        scopes=tuple(filter(None, str(headers.get("x-oauth-scopes", "")).split(","))),
    )


async def connections(app_token: str, *, api: str = SLACK) -> int:
    """How many others the app has, once we had one: https://docs.slack.dev/apis/events-api/using-socket-mode

    What is delivered to it in that moment is delivered again to another.
    """
    found, _ = await call_once(app_token, "apps.connections.open", api=api)
    try:
        async with (
            asyncio.timeout(_TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.ws_connect(str(found["url"])) as socket,
        ):
            hello = await socket.receive_json()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError) as error:
        raise Unavailable("Slack's socket cannot be reached.", AWAY_S) from error
    return int(hello.get("num_connections") or 1) - 1


@dataclass(frozen=True, slots=True)
class Receiver:
    """Everything that Slack sends goes to `handle`, which keeps it; only then is Slack told that we have it.

    `changed` is told of a workspace, channel and person that are not what they were, `joins` of a workspace
    and the organisation that has the bot as a whole; `locale` tells that of a person. `gone` is
    said where `find` knows none. Both secrets of `signing_secrets` count while one is replaced by another.
    """

    handle: Handle
    find: Find
    signing_secrets: Sequence[str] = field(default=(), repr=False)
    changed: Callable[[str, str, str], None] | None = None
    locale: Callable[[str, str], str] | None = None
    joins: Callable[[str, str], Awaitable[None]] | None = None
    gone: str = "The Expert is not installed in this workspace (any more)."
    now_s: Callable[[], float] = time.time
    app: AsyncApp = field(init=False)

    def __post_init__(self) -> None:
        app = AsyncApp(
            name="expert",  # else Bolt reads the source of all that calls it, for a name of its own
            signing_secret="verified before",  # noqa: S106  # no secret: see `request`
            request_verification_enabled=False,
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,  # we have no steps of workflows
            attaching_conversation_kwargs_enabled=False,
            process_before_response=True,
            raise_error_for_unhandled_request=True,
            authorize=_authorize(self.find),
        )
        app.use(_Installed(self.gone, self.joins))
        app.event(EVERYTHING)(self._event)
        app.command(EVERYTHING)(self._command)
        app.action(EVERYTHING)(self._action)
        app.shortcut(EVERYTHING)(self._shortcut)
        app.view(EVERYTHING)(self._view)
        app.error(self._error)
        object.__setattr__(self, "app", app)

    async def request(self, body: bytes, headers: dict[str, str]) -> acks.Answered:
        """One request of Slack's over HTTP; 401 where it is not Slack's."""
        if signatures.ssl_check(body):
            return acks.Answered(200)
        if not signatures.signed(body, headers, self.signing_secrets, now_s=self.now_s()):
            return acks.Answered(401, "The signature is wrong, or too old.")
        # Nothing else of the headers: they are not signed, and Bolt obeys some of them.
        types = {name: value for name, value in headers.items() if name.lower() == "content-type"}
        try:
            done = await self.app.async_dispatch(AsyncBoltRequest(body=body.decode(), headers={**types}))
        except _UNREADABLE as error:
            log.warning("slack.unreadable", error=type(error).__name__)
            return acks.Answered(400, "This is nothing that Slack sends.")
        said_as = done.headers.get("content-type") or ["text/plain"]
        return acks.Answered(done.status, done.body or "", said_as[0])

    def sockets(self, app_token: str, *, api: str = SLACK) -> AsyncSocketModeHandler:
        """Listens where no request can come in; `connect_async` and `close_async`."""
        return AsyncSocketModeHandler(
            self.app, app_token, web_client=client_for(app_token, api=api), ping_interval=10
        )

    async def _event(self, body: dict[str, Any], context: dict[str, Any]) -> None:
        context[_TAKEN] = True
        heard = inbound.event(body, bot_user=str(context.get("bot_user_id") or ""))
        if self.changed is not None and (what := inbound.changed(body)):
            self.changed(*what)
        await self._keep(heard)

    async def _command(self, body: dict[str, Any], context: dict[str, Any], ack: AsyncAck) -> None:
        context[_TAKEN] = True
        typed = inbound.command(body)
        kept = await self._keep(typed)
        await ack(**acks.of_command(typed, self._texts(typed), kept))

    async def _action(self, body: dict[str, Any], context: dict[str, Any], ack: AsyncAck) -> None:
        context[_TAKEN] = True
        await self._keep(inbound.action(body))
        await ack()

    async def _shortcut(self, body: dict[str, Any], context: dict[str, Any], ack: AsyncAck) -> None:
        context[_TAKEN] = True
        await self._keep(inbound.shortcut(body))
        await ack()

    async def _view(self, body: dict[str, Any], context: dict[str, Any], ack: AsyncAck) -> None:
        context[_TAKEN] = True
        sent = inbound.submission(body)
        told = acks.of_form(sent, self._texts(sent))
        if not told:
            told = acks.of_sent_form(await self._keep(sent), self._texts(sent))
        await ack(**told)

    async def _keep(self, happened: Inbound | None) -> Kept | None:
        if happened is None:
            return None
        try:
            async with asyncio.timeout(_KEEP_S):
                return await self.handle(happened)
        except TimeoutError as error:
            raise Unavailable("It could not be kept in time.") from error

    async def _error(self, error: Exception, body: dict[str, Any], context: dict[str, Any]) -> BoltResponse:
        if isinstance(error, BoltUnhandledRequestError):
            return BoltResponse(status=200, body="")
        if isinstance(error, _UNREADABLE) and _TAKEN not in context:
            log.warning("slack.unreadable", error=type(error).__name__)
            return BoltResponse(status=400, body="")  # Bolt stumbled over it before we saw it
        log.warning("slack.not_kept", error=type(error).__name__, reason=_reason(error))
        texts = self._texts(inbound.command(body) or inbound.submission(body))
        told = acks.of_what_was_lost(body, texts) if isinstance(error, Unavailable) else {}
        # Slack sends events again. Nothing of ours may look like a refusal.
        return BoltResponse(status=200, body=told) if told else BoltResponse(status=503, body="")

    def _texts(self, happened: Inbound | None) -> Texts:
        if happened is None or self.locale is None:
            return texts_for("")
        return texts_for(self.locale(happened.conversation.workspace, happened.author))


def _reason(error: Exception) -> str:
    """Of a bug, no words: they may quote what was said."""
    return str(error) if isinstance(error, ExpertError) else ""


@dataclass(frozen=True)
class _Installed(AsyncMiddleware):
    """Bolt, asked to refuse by itself, would first send a message somewhere."""

    gone: str
    joins: Callable[[str, str], Awaitable[None]] | None

    async def async_process(
        self, *, req: AsyncBoltRequest, resp: BoltResponse, **bolt: Callable[[], Awaitable[BoltResponse]]
    ) -> BoltResponse | None:
        if not req.context.get(_KNOWN, True):
            told = {"response_type": "ephemeral", "text": self.gone} if "command" in req.body else ""
            return BoltResponse(status=200, body=told)
        if self.joins is not None and req.context.get("is_enterprise_install"):
            await self.joins(inbound.team(req.body), req.context.get("enterprise_id") or "")
        await bolt["next"]()
        return resp


def _authorize(find: Find) -> Callable[..., Awaitable[AuthorizeResult]]:
    # A function, not a method: Bolt passes what the parameters are named after, and knows no `self` here.
    async def authorize(
        context: dict[str, Any],
        team_id: str | None,
        enterprise_id: str | None,
        is_enterprise_install: bool | None,
    ) -> AuthorizeResult:
        # Installed for a whole organisation, Slack may name no workspace, or one that is not known yet.
        known = await find(team_id or enterprise_id or "")
        if known is None and is_enterprise_install and enterprise_id:
            known = await find(enterprise_id)
        context[_KNOWN] = known is not None
        if known is None:
            return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id)
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=known.id,
            bot_token=known.bot_token,
            bot_id=known.bot_id,
            bot_user_id=known.bot_user,
        )

    return authorize
