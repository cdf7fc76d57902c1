"""The fake Slack as a whole: one server, the world behind it, and what tests and the demo hold it by."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

from aiohttp import web

from demo.fake_slack.delivery import Deliveries, Delivery
from demo.fake_slack.faults import Fault, Faults
from demo.fake_slack.hooks import Hooks
from demo.fake_slack.limits import Limits
from demo.fake_slack.methods import Published, tiers_of
from demo.fake_slack.people import Person, Stage
from demo.fake_slack.records import Channel, Json, Kind, Token, User, Workspace
from demo.fake_slack.sockets import Sockets
from demo.fake_slack.web_api import Call, Violation, WebApi
from demo.fake_slack.world import World

T = TypeVar("T")
_SIGN_IN = "<!doctype html><title>Sign in | Slack</title><p>Sign in to your workspace</p>"


class FakeSlack:
    """Use it with `async with`. `methods` and `tiers` are the vendor's lists, to check calls by as well."""

    def __init__(
        self,
        *,
        workspace: str = "Acme",
        methods: Path | None = None,
        tiers: Path | None = None,
        rate_limits: bool = False,
        port: int = 0,
    ) -> None:
        self.world = World()
        self.app = self.world.app
        self.faults = Faults()
        published = Published(methods) if methods else None
        # The two lists disagree here and there: that of the methods is the newer.
        known = (tiers_of(tiers) if tiers else {}) | (published.tiers() if published else {})
        self.limits = Limits(on=rate_limits, tiers=known)
        self.sockets = Sockets(self.app)
        self.deliveries = Deliveries(self.app, self.sockets)
        self.api = WebApi(self.world, self.faults, self.limits, published)
        self.hooks = Hooks(self.world, self.api, self.faults)
        self._stage = Stage(self.world, self.deliveries, self.hooks, self.api)
        self._port = port
        self._runner: web.AppRunner | None = None
        self.workspace = self.world.add_workspace(workspace)
        app_token = Token(self.app.app_token, self.workspace.id, ["connections:write"], kind="app")
        self.world.tokens[app_token.value] = app_token
        self.api.open_connection = self.sockets.new_url
        self.world.deliver = self._deliver_event
        self.world.on_twins(self.deliveries.deliver_twins)

    def _deliver_event(self, _kind: str, payload: Json) -> Delivery:
        return self.deliveries.deliver("events_api", payload)

    # ---- the server

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=16 * 2**20)
        application.router.add_route("*", "/api/{method}", self.api.handle)
        application.router.add_get("/link/", self.sockets.handle)
        application.router.add_post("/hooks/{path:.*}", self.hooks.handle)
        for folder in ("files-pri", "files-pri-download"):
            application.router.add_get(f"/{folder}/{{owner}}/{{name}}", self._file)
        application.router.add_get("/oauth/v2/authorize", self._authorize)
        # Calls that hang are let go when the server stops: waiting for them would be waiting for ourselves.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.world.base = self.sockets.base = self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        await self.deliveries.close()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_url(self) -> str:
        """What the SDK calls `base_url`."""
        return f"{self.url}/api/"

    @property
    def app_token(self) -> str:
        return self.app.app_token

    @property
    def bot_token(self) -> str:
        return self.workspace.token

    @property
    def signing_secret(self) -> str:
        return self.app.signing_secret

    @property
    def bot(self) -> User:
        return self.workspace.bot

    # ---- who and what there is

    def add_workspace(self, name: str) -> Workspace:
        return self.world.add_workspace(name)

    def add_person(
        self, real_name: str, *, email: str = "", home: Workspace | str | None = None, **traits: Any
    ) -> Person:
        """`home` is another workspace, or the id of one that has no such app: then it is a stranger.

        `traits` are the other fields of a user, such as is_restricted, is_bot, locale, tz.
        """
        team = home if isinstance(home, str) else (home or self.workspace).id
        handle = traits.pop("name", real_name.lower().replace(" ", "."))
        user = User(self.world.fresh("U"), team, handle, real_name, email=email, **traits)
        if user.is_bot:
            user.bot_id = user.bot_id or self.world.fresh("B")
        self.world.users[user.id] = user
        return Person(self._stage, user)

    def add_channel(
        self,
        name: str,
        members: Sequence[Person] = (),
        *,
        private: bool = False,
        bot: bool = True,
        home: Workspace | None = None,
    ) -> Channel:
        """It is shared with the workspaces of those members who are at home elsewhere."""
        workspace = home or self.workspace
        kind: Kind = "group" if private else "channel"
        prefix = "G" if private else "C"
        people = [one.id for one in members] + ([workspace.bot.id] if bot else [])
        channel = Channel(self.world.fresh(prefix), name, kind, workspace.id, people)
        others = dict.fromkeys(one.user.team for one in members if one.user.team != workspace.id)
        channel.shared_with = list(others)
        for other in others:
            if other in self.world.workspaces and bot:
                channel.members.append(self.world.workspaces[other].bot.id)
        self.world.channels[channel.id] = channel
        return channel

    # ---- what happens to the app

    def authorizes(self, workspace: Workspace | None = None) -> str:
        """Somebody installs the app: the code that their browser brings back."""
        code = self.world.fresh("code")
        self.world.codes[code] = (workspace or self.workspace).id
        return code

    async def _authorize(self, request: web.Request) -> web.Response:
        """The page where somebody says yes: here they always do."""
        back = urlencode({"code": self.authorizes(), "state": request.query.get("state", "")})
        return web.HTTPFound(f"{request.query['redirect_uri']}?{back}")

    def uninstalls(self, workspace: Workspace | None = None) -> None:
        team = workspace or self.workspace
        for event in (
            {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [team.bot.id]}},
            {"type": "app_uninstalled"},
        ):
            self.world.tell_workspace(team, {**event, "event_ts": self.world.ts()})
        for token in self.world.tokens.values():
            if token.team == team.id and token.kind == "bot":
                token.revoked = True

    async def verifies_url(self) -> bool:
        """Slack's own check of an address that it is given: it must say the challenge back."""
        sent = {"token": self.app.verification_token, "challenge": "3eZbrw1a", "type": "url_verification"}
        status, _, text = await self.deliveries.send("application/json", json.dumps(sent))
        return status == 200 and "3eZbrw1a" in text

    async def checks_ssl(self) -> bool:
        body = urlencode({"token": self.app.verification_token, "ssl_check": "1"})
        status, _, _ = await self.deliveries.send("application/x-www-form-urlencoded", body)
        return status == 200

    async def _file(self, request: web.Request) -> web.StreamResponse:
        """A file, for who may read it; anybody else is shown a page to sign in, with status 200."""
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        call = Call("files", dict(request.match_info), bearer, self.world.now(), status=200)
        self.api.calls.append(call)
        fault = self.faults.take("files")
        call.faulty = fault is not None
        await self.faults.before(fault)
        token = self.world.tokens.get(bearer)
        file = self.world.files.get(request.match_info["owner"].rpartition("-")[2])
        right: web.StreamResponse
        if token is None or token.revoked or "files:read" not in token.scopes:
            call.error = "not signed in"
            right = web.Response(text=_SIGN_IN, content_type="text/html")
        elif file is None or file.deleted:
            call.status = 404
            right = web.Response(status=404, text="not found")
        else:
            right = web.Response(body=file.content, content_type=file.media_type)
        return await self.faults.answer(fault, request, None if self.faults.prevents(fault) else right)

    # ---- misbehaviour

    def misbehave(self, method: str, fault: Fault, times: int = 1) -> None:
        """`method` may be `*`, and `hooks` and `files` too; `times` -1 stands for always."""
        self.faults.add(method, fault, times)

    def release(self) -> None:
        self.faults.release()

    # ---- what came of it

    @property
    def calls(self) -> list[Call]:
        return self.api.calls

    @property
    def violations(self) -> list[Violation]:
        return self.api.violations

    @property
    def log(self) -> list[Json]:
        """Everything that somebody could see: when, kind, who, where, from, what."""
        return self.world.log

    @property
    def on_event(self) -> list[Callable[[Json], None]]:
        """Called with each entry of the log."""
        return self.world.on_event

    def ack_times_s(self) -> list[float]:
        """How long each acknowledgement took."""
        return [one.ack_s for each in self.deliveries.all for one in each.attempts if not one.failure]

    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    async def settled(self) -> None:
        """When everything has been acknowledged, or given up."""
        await self.deliveries.idle()

    async def until(self, condition: Callable[[], T | None], timeout_s: float = 10.0) -> T:
        """What `condition` says once that is true. Raises TimeoutError with the end of the log."""
        return await self.world.until(condition, timeout_s)
