"""The Expert on Slack: where requests come in, and who listens."""

import asyncio
import importlib.util
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import Route

from bots.chat_platform import Inbound, Removed
from bots.commands import may_concern
from bots.slack.acks import Answered
from bots.slack.calls import TracedCalls
from bots.slack.guarded import GuardedCalls
from bots.slack.manifest import EVENTS_PATH
from bots.slack.outage import Outage
from bots.slack.platform import SlackPlatform
from brain.domain import tracing
from brain.domain.circuit import Circuit
from brain.domain.conversation import Delivery, DeliveryId, Kept
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.overload import Entrance
from brain.usecases.take_in import TakeIn
from config.known_workspaces import KnownWorkspaces
from config.measures import Kept as Counted
from config.measures import Measures
from config.settings import Settings
from config.slack_install import Installing
from config.slack_workspaces import InstalledWorkspaces, Workspaces, workspaces_of
from workers.tasks.reach import Reach

if TYPE_CHECKING:
    from bots.slack.adapter import Receiver

# Slack's own requests are far smaller; a form holds some 3,000 characters an entry.
_LARGEST_REQUEST = 2**20
_AGAIN_S = 30.0
# Slack waits for 3 seconds, whatever it is that we wait for.
_HARD_STOP_S = 2.5
_RETRY_AFTER_S = 5

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def slack_circuit() -> Circuit:
    rng = random.Random()  # noqa: S311  # spreads attempts
    return Circuit("Slack", clock=time.monotonic, jitter=rng.random)


@dataclass(frozen=True, slots=True)
class Slack:
    platform: SlackPlatform
    receiver: "Receiver"
    known: KnownWorkspaces
    outage: Outage
    installing: Installing | None = None
    command: str = "/expert"
    entrance: Entrance = field(default_factory=lambda: Entrance(256))
    circuit: Circuit = field(default_factory=slack_circuit)

    @property
    def workspaces(self) -> Workspaces:
        return self.known.workspaces

    @property
    def reach(self) -> Reach:
        return Reach(self.platform, self.workspaces.workspaces, self.workspaces.has, self.command)

    def receive_at(self, app: FastAPI) -> None:
        self.take_in_at(app)
        if self.installing is not None:
            self.installing.receive_at(app)

    def take_in_at(self, app: FastAPI) -> None:
        """Where Slack sends to; without a signing secret nobody gets in."""

        async def receive(request: Request) -> Response:
            # Before the signature, which is work; whoever sends what is not signed holds nothing up for long.
            if self.entrance.full:
                later = {"Retry-After": str(_RETRY_AFTER_S)}
                return Response("Too much to do; try again shortly.", 503, headers=later)
            with self.entrance.passing():
                return await taken(request)

        async def taken(request: Request) -> Response:
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST_REQUEST:
                    return Response("This is larger than anything Slack sends.", 413)
            # A header that comes twice is none of Slack's; joined, it fits nothing.
            headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
            try:
                async with asyncio.timeout(_HARD_STOP_S):
                    done = await self.receiver.request(body, headers)
            except TimeoutError:
                log.warning("slack.not_in_time")
                done = Answered(503)
            # Metrics count them; a line for each thing that anybody says on Slack would bury all others.
            request.state.routine = done.status < 400
            later = {"Retry-After": str(_RETRY_AFTER_S)} if done.status == 503 else None
            return Response(done.body, done.status, headers=later, media_type=done.content_type)

        # The first to be looked at, and by nothing more than it needs: most of what comes in comes in here.
        app.router.routes.insert(0, Route(EVENTS_PATH, receive, methods=["POST"]))


def slack(
    settings: Settings, take_in: TakeIn, system: AsyncEngine, stack: AsyncExitStack, *, measures: Measures
) -> Slack | None:
    """None where neither a token is set, nor what other workspaces install it by."""
    if settings.slack_bot_token is None and settings.slack_client_id is None:
        return None
    if importlib.util.find_spec("slack_bolt") is None:
        raise Rejected("Slack is set up, but the extra slack is not installed: make setup-slack.")
    from bots.slack.adapter import Receiver, SlackCalls

    workspaces, installed = workspaces_of(settings, take_in.store, system, circuit=take_in.circuit)
    known = KnownWorkspaces(settings.home, workspaces)

    calls = SlackCalls(workspaces.find, settings.slack_api_url)
    stack.push_async_callback(calls.close)
    circuit = slack_circuit()
    guarded = GuardedCalls(TracedCalls(calls), circuit)
    platform = SlackPlatform(guarded)
    outage = Outage(guarded, platform.people)
    stack.push_async_callback(outage.close)

    def changed(workspace: str, channel: str, user: str) -> None:
        platform.people.forget(workspace, channel=channel, user=user)

    receiver = Receiver(
        _Keeping(take_in, known, installed, outage, measures),
        known.recognise,
        signing_secrets(settings),
        changed=changed,
        locale=platform.people.locale,
        joins=installed.joins if installed else None,
    )
    installing = Installing.of(settings, known, installed) if installed else None
    entrance = Entrance(settings.deliveries_at_once)
    return Slack(platform, receiver, known, outage, installing, settings.slack_command, entrance, circuit)


@dataclass(frozen=True, slots=True)
class _Keeping:
    """What could be nothing for us is not kept."""

    take_in: TakeIn
    known: KnownWorkspaces
    installed: InstalledWorkspaces | None
    outage: Outage
    measures: Measures

    async def __call__(self, inbound: Inbound) -> Kept | None:
        if not may_concern(inbound):
            return None
        with self.measures.acknowledging("slack") as keeping, _received():
            where = await self._keep(inbound)
            if where is not None:
                keeping.kept = Counted(where.value)
        if where is Kept.JOURNAL:
            self.outage.kept(inbound)
        return where

    async def _keep(self, inbound: Inbound) -> Kept | None:
        workspace = inbound.conversation.workspace
        tenant = await self.known.tenant(workspace)
        if tenant is None:  # it was removed a moment ago
            log.warning("slack.of_nobody", workspace=workspace)
            return None
        delivery = Delivery(
            id=DeliveryId(uuid4()),
            source="slack",
            external_id=inbound.delivery,
            twin=inbound.twin,
            payload=inbound.to_json(),
        )
        where = await self.take_in(tenant, delivery)
        if self.installed is not None and isinstance(inbound.what, Removed):
            self.installed.forget(workspace)
            self.known.forget(workspace)
        return where


def _received() -> AbstractContextManager[None]:
    facts = {"messaging.system": "slack", "messaging.operation.type": "receive"}
    return tracing.span("receive slack", kind=tracing.Kind.CONSUMER, facts=facts)


def signing_secrets(settings: Settings) -> tuple[str, ...]:
    given = settings.slack_signing_secret
    return tuple(filter(None, (one.strip() for one in given.get_secret_value().split(",")))) if given else ()


@asynccontextmanager
async def listening(settings: Settings, known: Slack | None, measures: Measures) -> AsyncIterator[None]:
    """Through Socket Mode, where there is an app-level token for it; for as long as the block lasts."""
    if known is None:
        yield
        return
    token, connect = settings.slack_app_token, _nothing
    async with AsyncExitStack() as stack:
        if token is not None:
            handler = known.receiver.sockets(token.get_secret_value(), api=settings.slack_api_url)
            stack.push_async_callback(handler.client.close)
            connect = handler.client.connect

            def stands() -> bool:
                session = handler.client.current_session
                return session is not None and not session.closed

            measures.connection("slack", stands)
        starting = asyncio.create_task(_started(known.known, connect))
        try:
            yield
        finally:
            starting.cancel()
            await asyncio.wait({starting})


async def _nothing() -> None:
    """Slack comes to us."""


async def _started(workspaces: KnownWorkspaces, connect: Callable[[], Awaitable[None]]) -> None:
    """Whose token we have is found out before anything is delivered, which then waits for nothing. The SDK
    keeps a connection, once there was one."""
    said = ""
    while True:
        try:
            own = await workspaces.recognise("")
            await workspaces.tenant(own.id if own else "")
            await connect()
        except Exception as error:  # noqa: BLE001  # a platform's listen loop: whatever it is, try again
            reason = str(error) if isinstance(error, ExpertError) else ""
            if (told := f"{type(error).__name__} {reason}") != said:  # once, and not each second of an outage
                log.warning("slack.unconnected", error=type(error).__name__, reason=reason)
            said = told
            await asyncio.sleep(error.retry_after_s if isinstance(error, Unavailable) else _AGAIN_S)
        else:
            log.info("slack.listening")
            return
