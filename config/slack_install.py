"""Other workspaces install the app: the link for their admin, Slack's page in between, and what comes of it.

https://docs.slack.dev/authentication/installing-with-oauth
"""

import asyncio
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

import structlog
from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response

from bots.slack.calls import Refused
from bots.slack.installing import asked_at
from bots.slack.manifest import INSTALL_PATH, OAUTH_PATH
from bots.slack.scopes import needed
from brain.adapters.postgres.store import SqlStore, connect
from brain.adapters.postgres.tenants import tenants
from brain.api.pages import page
from brain.domain.conversation import Delivery, DeliveryId
from brain.domain.errors import Conflict, Denied, Rejected, Unavailable
from brain.domain.identity import MemberId, Role, TenantId
from brain.usecases.install import install, leave
from config.audit_key import audit_keyring
from config.database import existing
from config.known_workspaces import Known, KnownWorkspaces
from config.sealing import Sealer, sealer
from config.settings import DatabaseUrls, Settings
from config.slack_workspaces import PLATFORM, InstalledWorkspaces

LINK_LASTS = timedelta(hours=1)
_STATE_LASTS = timedelta(minutes=15)
_COOKIE = "expert-slack-install"
_LINK, _STATE = "slack install link", "slack install state"
_AGAIN = "Ask for a new link: expert slack install"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Failed(Exception):
    """The installation ends here. `title` and `what` are for a person, `status` for their browser."""

    def __init__(self, title: str, what: str, *, status: int = 400) -> None:
        super().__init__(title)
        self.title, self.what, self.status = title, what, status


@dataclass(frozen=True, slots=True)
class Invitation:
    """Says who may install the app for whom, and until when. Good for one installation: that of `nonce`."""

    tenant: TenantId
    member: MemberId
    nonce: str
    until: datetime
    browser: str = ""

    def sealed(self, sealer: Sealer, *, about: str) -> str:
        value = {
            "tenant": str(self.tenant),
            "member": str(self.member),
            "nonce": self.nonce,
            "until": self.until.isoformat(),
            "browser": self.browser,
        }
        return sealer.seal(value, about=about)

    @staticmethod
    def unsealed(sealer: Sealer, sealed: str, *, about: str, now: datetime) -> "Invitation":
        try:
            value = sealer.unseal(sealed, about=about)
        except Rejected as error:
            raise Failed("This link is not one of ours", f"It may be incomplete. {_AGAIN}") from error
        until = datetime.fromisoformat(value["until"])
        if until < now:
            raise Failed("This link is too old", f"It was good until {until:%H:%M} UTC. {_AGAIN}")
        return Invitation(
            TenantId(UUID(value["tenant"])),
            MemberId(UUID(value["member"])),
            value["nonce"],
            until,
            value["browser"],
        )


def invitation(sealer: Sealer, tenant: TenantId, member: MemberId, *, url: str, now: datetime) -> str:
    """The link for an admin of the workspace, made for an admin of the tenant."""
    made = Invitation(tenant, member, secrets.token_urlsafe(16), now + LINK_LASTS)
    return f"{url}{INSTALL_PATH}?{urlencode({'link': made.sealed(sealer, about=_LINK)})}"


@dataclass(frozen=True, slots=True)
class Installing:
    """`url` is where browsers reach us."""

    known: KnownWorkspaces
    installed: InstalledWorkspaces
    url: str

    @staticmethod
    def of(settings: Settings, known: KnownWorkspaces, installed: InstalledWorkspaces) -> "Installing":
        return Installing(known, installed, (settings.slack_url or "").rstrip("/"))

    def receive_at(self, app: FastAPI) -> None:
        async def begin(request: Request) -> Response:
            return await self._answered(self._begin(request.query_params.get("link", "")))

        async def finish(request: Request) -> Response:
            cookie = request.cookies.get(_COOKIE, "")
            return await self._answered(self._finish(request.query_params, cookie))

        app.add_api_route(INSTALL_PATH, begin, methods=["GET"], include_in_schema=False)
        app.add_api_route(OAUTH_PATH, finish, methods=["GET"], include_in_schema=False)

    async def _answered(self, done: Any) -> Response:
        """What went wrong, a person reads in their browser."""
        try:
            response: Response = await done
        except Failed as failure:
            log.warning("slack.not_installed", reason=failure.title)
            response = _shown(failure.title, failure.what, status=failure.status)
        except Unavailable as error:
            log.warning("slack.not_installed", reason=str(error))
            what = f"{error} Nothing was installed; the link can be opened again in a minute."
            response = _shown("That did not work", what, status=503)
        # The address holds what nobody else should get: neither caches nor the next page.
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    async def _begin(self, link: str) -> Response:
        installed, now = self.installed, self.installed.now()
        invited = Invitation.unsealed(installed.sealer, link, about=_LINK, now=now)
        browser = secrets.token_urlsafe(16)
        state = Invitation(invited.tenant, invited.member, invited.nonce, now + _STATE_LASTS, browser)
        to = asked_at(
            installed.app.api,
            client_id=installed.app.client_id,
            scopes=needed(),
            redirect=self.url + OAUTH_PATH,
            state=state.sealed(installed.sealer, about=_STATE),
        )
        response = RedirectResponse(to, 302)
        # Whoever comes back is who set out: https://datatracker.ietf.org/doc/html/rfc6749#section-10.12
        response.set_cookie(
            _COOKIE,
            browser,
            max_age=int(_STATE_LASTS.total_seconds()),
            path=urlsplit(self.url).path + OAUTH_PATH,
            secure=True,
            httponly=True,
            samesite="lax",
        )
        return response

    async def _finish(self, query: Mapping[str, str], cookie: str) -> Response:
        sealer, now = self.installed.sealer, self.installed.now()
        invited = Invitation.unsealed(sealer, query.get("state", ""), about=_STATE, now=now)
        if not hmac.compare_digest(cookie.encode(), invited.browser.encode()):
            what = f"The link has to be opened in the browser that you then confirm it in. {_AGAIN}"
            raise Failed("This began in another browser", what)
        if query.get("error") == "access_denied":
            what = "Nothing was installed. The link can be opened again until it is too old."
            raise Failed("You, or your workspace, said no", what, status=403)
        if query.get("error") or not query.get("code"):
            raise Failed("Slack reports a mistake", f"Nothing was installed. {_AGAIN}")
        await self._used_once(invited)
        name = await self._install(invited, query["code"])
        return _shown(
            f"The Expert is in {name}",
            "Invite it to a channel with /invite, and type /expert setup there to say which department the"
            " channel is for. This page can be closed.",
        )

    async def _used_once(self, invited: Invitation) -> None:
        used = Delivery(DeliveryId(uuid4()), PLATFORM, f"install/{invited.nonce}", "", "")
        async with self.installed.store.transaction(invited.tenant) as tx:
            new = await tx.talk.inbox.accept(used)
            await tx.talk.inbox.dealt_with(used.id, question=None)
        if not new:
            raise Failed("This link was used already", _AGAIN)

    async def _install(self, invited: Invitation, code: str) -> str:
        """Returns the name of the workspace."""
        from bots.slack.adapter import identify

        installed, tenant = self.installed, invited.tenant
        try:
            given = await installed.app.exchange(code=code, redirect_uri=self.url + OAUTH_PATH)
            bot = await identify(given.access_token, api=installed.app.api)
        except Refused as error:
            raise Failed("Slack did not accept it", f"It says {error.code}. {_AGAIN}") from error
        except Rejected as error:
            raise Failed("Slack did not accept it", f"{error} {_AGAIN}") from error
        except Unavailable as error:
            raise Failed("Slack did not answer", f"Nothing was installed. {_AGAIN}", status=503) from error
        workspace = given.workspace or given.enterprise
        try:
            if await self.known.workspaces.owner(given) not in (None, tenant):
                raise Conflict
            made = installed.sealed(tenant, given, by=invited.member, bot_id=bot.bot_id)
            await install(installed.store, tenant, invited.member, made)
            if await installed.tenant(workspace) != tenant:  # another's, saved in the same moment
                await leave(installed.store, tenant, PLATFORM, workspace=workspace)
                raise Conflict
        except Denied as error:
            raise Failed("This link is not good any more", str(error), status=403) from error
        except Conflict as error:
            what = f"{given.name} asks another organisation's Expert here. It has to be removed there first."
            raise Failed("This is the wrong workspace", what, status=409) from error
        except Unavailable as error:
            what = f"{error} It may be installed all the same, and the link is used. {_AGAIN}"
            raise Failed("That did not work", what, status=503) from error
        installed.forget(workspace)
        self.known.learn(workspace, Known(tenant, given.bot_user, bot.bot_id, given.enterprise))
        log.info("slack.installed", workspace=workspace)
        return given.name


def invite(settings: Settings, *, tenant: str | None, admin: str | None) -> str:
    """The link. Needs no key, but the installation itself."""
    if settings.slack_client_id is None or settings.slack_url is None:
        raise Rejected(
            "Other workspaces install the app once EXPERT_SLACK_CLIENT_ID, EXPERT_SLACK_CLIENT_SECRET and"
            " EXPERT_SLACK_URL are set; the first two are at api.slack.com/apps → Basic Information."
        )
    with existing(settings) as urls:
        return asyncio.run(_invite(settings, urls, tenant, admin))


async def _invite(settings: Settings, urls: DatabaseUrls, slug: str | None, handle: str | None) -> str:
    app, system = connect(urls.app, pool_size=1), connect(urls.system, pool_size=1)
    try:
        known = await tenants(system)
        slug = slug or (next(iter(known)) if len(known) == 1 else "")
        if slug not in known:
            raise Rejected(f"Name the tenant with --tenant: {', '.join(known) or 'there is none yet'}.")
        async with SqlStore(app, audit_keyring(settings)).transaction(known[slug]) as tx:
            departments, members = await tx.people.departments(), await tx.people.members()
    finally:
        await app.dispose()
        await system.dispose()
    able = [one for one in members if all(one.may(Role.ADMIN, department.id) for department in departments)]
    chosen = [one for one in able if handle in (None, one.handle)]
    if len(chosen) != 1:
        names = ", ".join(one.handle for one in able) or "nobody yet"
        raise Rejected(f"Name who answers for it with --admin; admin of every department: {names}.")
    url = (settings.slack_url or "").rstrip("/")
    return invitation(sealer(settings), known[slug], chosen[0].id, url=url, now=datetime.now(UTC))


def _shown(title: str, what: str, *, status: int = 200) -> Response:
    response = page("The Expert on Slack", f"<h1>{escape(title)}</h1>\n<p>{escape(what)}</p>")
    response.status_code = status
    return response
