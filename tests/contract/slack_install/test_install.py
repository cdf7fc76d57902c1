"""Other workspaces install the app: over Slack's own page, once, and for the tenant of the link."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from typer.testing import CliRunner

from bots.slack.installing import Granted
from bots.slack.scopes import needed
from brain.adapters.postgres.store import connect
from brain.client import Brain
from brain.domain.conversation import ChannelRules, Conversation, DeliveryId
from brain.domain.errors import Rejected
from brain.domain.events import DeliveryAccepted
from brain.domain.identity import TenantId
from brain.usecases.install import install, leave
from config import slack_check
from config.cli import app
from config.sealing import sealer
from config.slack import Slack
from config.slack_install import invitation
from config.slack_workspaces import InstalledWorkspaces
from demo.fake_slack import Workspace
from tests.conftest import PARSER, World, everywhere
from tests.contract.slack_install.conftest import Desk
from workers.tasks.hear import hear

URL = "https://expert.example.org"


@dataclass
class Browser:
    """Of an admin of the workspace `of`, who has got a link."""

    desk: Desk
    http: httpx.AsyncClient
    slack: Slack
    of: Workspace

    @property
    def installed(self) -> InstalledWorkspaces:
        assert self.slack.installing is not None
        return self.slack.installing.installed

    def link(self, *, by: str = "ravi", now: datetime | None = None, world: World | None = None) -> str:
        world = world or self.desk.world
        member = world.people[by].member.id
        sealing = sealer(self.desk.settings)
        return invitation(sealing, world.tenant, member, url=URL, now=now or datetime.now(UTC))

    async def opens(self, link: str) -> str:
        """The address on Slack that it leads to."""
        response = await self.http.get(link)
        assert response.status_code == 302, response.text
        assert response.headers["cache-control"] == "no-store"
        return str(response.headers["location"])

    async def comes_back(self, slack_page: str, **query: str) -> httpx.Response:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(slack_page).query).items()}
        answer = {"code": self.desk.slack.authorizes(self.of), "state": asked["state"]} | query
        back = asked["redirect_uri"]
        return await self.http.get(back, params={name: value for name, value in answer.items() if value})

    async def installs(self) -> httpx.Response:
        return await self.comes_back(await self.opens(self.link()))


@pytest.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    """With the app-level token, and no token of a workspace of ours."""
    desk.environment.delenv("EXPERT_SLACK_BOT_TOKEN")
    desk.environment.delenv("EXPERT_SLACK_TENANT")
    desk.set(
        slack_client_id=desk.slack.app.client_id,
        slack_client_secret=desk.slack.app.client_secret,
        slack_url=f"{URL}/",
    )
    await everywhere(desk.world, "ravi")
    async with desk.running() as slack, browsing(desk, slack) as one:
        yield one


@asynccontextmanager
async def browsing(desk: Desk, slack: Slack) -> AsyncIterator[Browser]:
    of = desk.slack.add_workspace("Beta")
    of.scopes[:] = needed()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(desk.app), base_url=URL) as http:
        yield Browser(desk, http, slack, of)


async def rows(desk: Desk, query: str, tenant: TenantId | None = None) -> list[tuple[object, ...]]:
    async with desk.world.store.transaction(tenant or desk.world.tenant) as tx:
        return [tuple(row) for row in await tx.connection.execute(text(query))]


async def test_slack_is_asked_for_what_is_needed(browser: Browser) -> None:
    asked = parse_qs(urlsplit(await browser.opens(browser.link())).query)
    assert asked["scope"] == [",".join(needed())]
    assert asked["client_id"] == [browser.desk.slack.app.client_id]
    assert asked["redirect_uri"] == [f"{URL}/slack/oauth"]


async def test_installed(browser: Browser) -> None:
    desk, of = browser.desk, browser.of
    assert await browser.slack.workspaces.find(of.id) is None
    response = await browser.installs()
    assert response.status_code == 200
    assert "The Expert is in Beta" in response.text
    assert response.headers["referrer-policy"] == "no-referrer"
    known = await browser.slack.workspaces.find(of.id)
    assert known is not None
    assert (known.bot_token, known.bot_user, known.bot_id) == (of.token, of.bot.id, of.bot.bot_id)
    assert await browser.slack.workspaces.tenant(of.id) == desk.world.tenant
    assert await browser.slack.workspaces.workspaces(desk.world.tenant) == [of.id]
    [(tokens, by)] = await rows(desk, "SELECT tokens, installed_by FROM installation")
    assert of.token not in str(tokens)
    assert by == desk.world.people["ravi"].member.id
    [(actor, subject)] = await rows(
        desk, "SELECT actor_id, subject FROM audit WHERE action = 'workspace.installed'"
    )
    assert (actor, subject) == (by, f"workspace {of.id}")


async def test_what_is_said_there_is_the_tenants(browser: Browser) -> None:
    await browser.installs()
    desk = browser.desk
    bea = desk.slack.add_person("Bea", home=browser.of)
    bea.says(bea.dm, "How do I rotate the password?")
    await desk.slack.settled()
    payloads = await rows(desk, "SELECT payload FROM inbox WHERE payload IS NOT NULL")
    assert len(payloads) == 1
    assert browser.of.id in str(payloads[0][0])


async def test_nobody_hears_a_workspace_that_is_not_installed(browser: Browser) -> None:
    bea = browser.desk.slack.add_person("Bea", home=browser.of)
    bea.says(bea.dm, "Hello?")
    await browser.desk.slack.settled()
    assert await rows(browser.desk, "SELECT 1 FROM inbox") == []


async def test_one_link_installs_one_workspace(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    assert (await browser.comes_back(page)).status_code == 200
    again = await browser.comes_back(page)
    assert again.status_code == 400
    assert "used already" in again.text


async def test_installing_again_takes_the_place_of_the_first(browser: Browser) -> None:
    await browser.installs()
    first = browser.of.token
    assert (await browser.installs()).status_code == 200
    known = await browser.slack.workspaces.find(browser.of.id)
    assert known is not None
    assert known.bot_token == browser.of.token != first
    assert len(await rows(browser.desk, "SELECT 1 FROM installation")) == 1


@pytest.mark.parametrize(
    ("spoil", "status", "said"),
    [
        ({"state": ""}, 400, "not one of ours"),
        ({"state": "gAAAAABforged"}, 400, "not one of ours"),
        ({"error": "access_denied", "code": ""}, 403, "said no"),
        ({"error": "<script>alert(1)</script>", "code": ""}, 400, "reports a mistake"),
        ({"code": ""}, 400, "reports a mistake"),
        ({"code": "unheard-of"}, 400, "invalid_code"),
    ],
    ids=lambda one: str(one)[:40],
)
async def test_what_comes_back_wrong_installs_nothing(
    browser: Browser, spoil: dict[str, str], status: int, said: str
) -> None:
    response = await browser.comes_back(await browser.opens(browser.link()), **spoil)
    assert response.status_code == status
    assert said in response.text
    assert "<script>" not in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert await rows(browser.desk, "SELECT 1 FROM installation") == []


async def test_denied_once_it_may_still_be_confirmed(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    assert (await browser.comes_back(page, error="access_denied")).status_code == 403
    assert (await browser.comes_back(page)).status_code == 200


async def test_a_link_that_is_too_old(browser: Browser) -> None:
    old = await browser.http.get(browser.link(now=datetime.now(UTC) - timedelta(minutes=61)))
    assert old.status_code == 400
    assert "too old" in old.text


async def test_a_link_is_no_state_and_a_state_is_no_link(browser: Browser) -> None:
    link = browser.link()
    page = await browser.opens(link)
    sealed = parse_qs(urlsplit(link).query)["link"][0]
    state = parse_qs(urlsplit(page).query)["state"][0]
    assert (await browser.comes_back(page, state=sealed)).status_code == 400
    assert (await browser.http.get("/slack/install", params={"link": state})).status_code == 400
    assert (await browser.http.get("/slack/install")).status_code == 400


async def test_a_state_that_is_too_old(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    browser.installed.now = lambda: datetime.now(UTC) + timedelta(minutes=16)
    assert "too old" in (await browser.comes_back(page)).text


async def test_another_browser(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    browser.http.cookies.clear()
    response = await browser.comes_back(page)
    assert response.status_code == 400
    assert "another browser" in response.text


async def test_slack_is_away(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    browser.installed.app = replace(browser.installed.app, api="http://127.0.0.1:9/api/")
    response = await browser.comes_back(page)
    assert response.status_code == 503
    assert "did not answer" in response.text


async def test_what_may_be_installed_is_not_denied(browser: Browser, desk: Desk) -> None:
    page = await browser.opens(browser.link())
    away = browser.installed.system = connect("postgresql+asyncpg://nobody@127.0.0.1:9/none", pool_size=1)
    response = await browser.comes_back(page)
    await away.dispose()
    assert response.status_code == 503
    assert "Nothing was installed" not in response.text
    assert "Ask for a new link" in response.text


async def test_a_wrong_secret_of_the_app(browser: Browser) -> None:
    browser.installed.app = replace(browser.installed.app, client_secret="wrong")
    response = await browser.installs()
    assert "bad_client_secret" in response.text


@pytest.mark.parametrize("handle", ["petra", "amira"])
async def test_only_for_admins_of_everything(browser: Browser, handle: str) -> None:
    response = await browser.comes_back(await browser.opens(browser.link(by=handle)))
    assert response.status_code == 403
    assert await rows(browser.desk, "SELECT 1 FROM installation") == []


async def test_an_admin_who_was_disabled_since(browser: Browser) -> None:
    page = await browser.opens(browser.link())
    world = browser.desk.world
    async with world.store.transaction(world.tenant) as tx:
        member = await tx.people.member("ravi")
        assert member is not None
        await tx.people.save_member(replace(member, disabled_at=tx.now))
    assert (await browser.comes_back(page)).status_code == 403


async def test_a_workspace_is_one_tenants(browser: Browser, other_world: World) -> None:
    await browser.installs()
    await everywhere(other_world, "ravi")
    page = await browser.opens(browser.link(world=other_world))
    response = await browser.comes_back(page)
    assert response.status_code == 409
    assert "another organisation" in response.text
    assert await browser.slack.workspaces.tenant(browser.of.id) == browser.desk.world.tenant
    assert await rows(browser.desk, "SELECT 1 FROM installation", other_world.tenant) == []


async def test_the_workspace_of_the_settings_is_its_tenants(desk: Desk, other_world: World) -> None:
    desk.set(
        slack_client_id=desk.slack.app.client_id,
        slack_client_secret=desk.slack.app.client_secret,
        slack_url=URL,
    )
    await everywhere(other_world, "ravi")
    async with desk.running() as slack, browsing(desk, slack) as browser:
        browser.of = desk.slack.workspace
        response = await browser.comes_back(await browser.opens(browser.link(world=other_world)))
        assert response.status_code == 409
        assert await slack.workspaces.tenant(browser.of.id) == desk.world.tenant
        assert await slack.workspaces.has(desk.world.tenant, browser.of.id)
        assert not await slack.workspaces.has(other_world.tenant, browser.of.id)
        assert not await slack.workspaces.has(desk.world.tenant, "T-UNHEARD")
    assert await rows(desk, "SELECT 1 FROM installation", other_world.tenant) == []


async def test_a_workspace_of_an_organisation_is_its_tenants(browser: Browser, other_world: World) -> None:
    world, installed = browser.desk.world, browser.installed
    by = world.people["ravi"].member.id
    given = Granted("E-GROUP", "", "Group", "UBOT", "xoxb-of-all")
    made = installed.sealed(world.tenant, given, by=by, bot_id="B1")
    await install(world.store, world.tenant, by, made)
    await installed.joins(browser.of.id, "E-GROUP")
    await everywhere(other_world, "ravi")
    response = await browser.comes_back(await browser.opens(browser.link(world=other_world)))
    assert response.status_code == 409
    # Should both be saved in the same moment.
    by = other_world.people["ravi"].member.id
    made = installed.sealed(other_world.tenant, replace(given, workspace=browser.of.id), by=by, bot_id="B1")
    await install(other_world.store, other_world.tenant, by, made)
    assert await installed.tenant(browser.of.id) == world.tenant


async def test_the_cookie_comes_back_under_a_path(browser: Browser) -> None:
    assert browser.slack.installing is not None
    under = replace(browser.slack.installing, url=f"{URL}/expert")
    app = FastAPI()
    under.receive_at(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=URL) as http:
        response = await http.get(browser.link())
    assert "Path=/expert/slack/oauth;" in response.headers["set-cookie"]


async def heard_that_it_is_gone(browser: Browser) -> None:
    browser.desk.slack.uninstalls(browser.of)
    await browser.desk.slack.settled()
    await heard(browser)


async def heard(browser: Browser) -> None:
    """What was kept until now."""
    desk, world = browser.desk, browser.desk.world
    brain = Brain(world.store, world.decide.embedder, world.accept, world.decide, PARSER)
    for (id_,) in await rows(desk, "SELECT id FROM inbox WHERE payload IS NOT NULL"):
        await hear(brain, [browser.slack.reach])(world.tenant, DeliveryAccepted(DeliveryId(UUID(str(id_)))))


async def test_removed_and_installed_again_before_we_hear_of_it(browser: Browser) -> None:
    await browser.installs()
    desk = browser.desk
    async with desk.world.store.transaction(desk.world.tenant) as tx:
        await tx.connection.execute(text("UPDATE installation SET installed_at = now() - interval '1 day'"))
        where = Conversation("slack", browser.of.id, "C1")
        rules = ChannelRules(desk.world.departments["hr"].id)
        await tx.talk.channels.save(where, rules, by=desk.world.people["ravi"].member.id)
    await browser.installs()
    desk.slack.pass_time(-300)
    await heard_that_it_is_gone(browser)
    assert len(await rows(desk, "SELECT 1 FROM installation")) == 1
    assert len(await rows(desk, "SELECT 1 FROM channel")) == 1


async def test_removed_everything_of_it_is_gone(browser: Browser) -> None:
    await browser.installs()
    desk = browser.desk
    world, of = desk.world, browser.of
    department = world.departments["hr"].id
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(
            text(
                "INSERT INTO channel (tenant_id, platform, workspace, channel, department_id, answers,"
                " may_ask, least_confidence, alerts, reviews) VALUES"
                " (:tenant, 'slack', :workspace, 'C1', :department, 'mentions', 'members', 0, false, false)"
            ),
            {"tenant": world.tenant, "workspace": of.id, "department": department},
        )
    await heard_that_it_is_gone(browser)
    assert await rows(desk, "SELECT 1 FROM installation") == []
    assert await rows(desk, "SELECT 1 FROM channel") == []
    assert await browser.slack.workspaces.find(of.id) is None
    # What Slack still sends is nobody's, and no reason to send it again.
    bea = desk.slack.add_person("Bea", home=of)
    bea.says(bea.dm, "Hello?")
    await desk.slack.settled()
    assert await rows(desk, "SELECT 1 FROM inbox WHERE payload IS NOT NULL") == []


async def test_what_was_said_there_before_is_not_answered_for_who_had_it(browser: Browser) -> None:
    await browser.installs()
    desk, of, tenant = browser.desk, browser.of, browser.desk.world.tenant
    bea = desk.slack.add_person("Bea", home=of)
    bea.says(bea.dm, "How do I rotate the Redis password?")
    await desk.slack.settled()
    assert len(await rows(desk, "SELECT 1 FROM inbox WHERE payload IS NOT NULL")) == 1
    assert await browser.slack.reach.has(tenant, of.id)

    await leave(desk.world.store, tenant, "slack", workspace=of.id)  # another process has heard of it
    assert await browser.slack.workspaces.tenant(of.id) == tenant, "this one has not"
    assert not await browser.slack.reach.has(tenant, of.id)
    await heard(browser)
    assert await rows(desk, "SELECT 1 FROM inbox WHERE payload IS NOT NULL") == []
    assert [one.text for one in bea.sees(bea.dm)] == ["How do I rotate the Redis password?"]


async def test_a_token_in_the_settings_and_installed_ones(desk: Desk) -> None:
    desk.set(
        slack_client_id=desk.slack.app.client_id,
        slack_client_secret=desk.slack.app.client_secret,
        slack_url=URL,
    )
    await everywhere(desk.world, "ravi")
    async with desk.running() as slack, browsing(desk, slack) as browser:
        await browser.installs()
        for workspace in (desk.slack.workspace, browser.of):
            known = await slack.workspaces.find(workspace.id)
            assert known is not None
            assert known.bot_token == workspace.token
        both = [browser.of.id, desk.slack.workspace.id]
        assert await slack.workspaces.workspaces(desk.world.tenant) == both
        assert await slack.workspaces.find("T-UNHEARD") is None


async def test_the_check_tells_of_each_workspace(browser: Browser) -> None:
    found = {one.check: one for one in await asyncio.to_thread(list, slack_check.examine())}
    assert "no other workspace" in found["workspaces"].detail
    await browser.installs()
    for person in browser.desk.people.values():
        person.user.team = browser.of.id
    found = {one.check: one for one in await asyncio.to_thread(list, slack_check.examine())}
    assert all(one.ok for one in found.values()), found
    assert browser.desk.slug in found["workspace Beta"].detail
    assert "all 3" in found["reviewers"].detail
    browser.of.scopes.remove("im:write")
    found = {one.check: one for one in await asyncio.to_thread(list, slack_check.examine())}
    assert "im:write missing" in found["workspace Beta"].detail
    browser.desk.slack.world.tokens[browser.of.token].revoked = True
    found = {one.check: one for one in await asyncio.to_thread(list, slack_check.examine())}
    assert found["workspace Beta"].detail == "Slack says account_inactive"
    assert "expert slack install" in found["workspace Beta"].advice


async def test_people_are_told_the_command_of_the_app(desk: Desk) -> None:
    desk.set(slack_command="/acme")
    async with desk.running() as slack:
        ravi = desk.people["ravi"]
        ravi.commands("/acme", "help", ravi.dm)
        await desk.slack.settled()
        world = desk.world
        brain = Brain(world.store, world.decide.embedder, world.accept, world.decide, PARSER)
        for (id_,) in await rows(desk, "SELECT id FROM inbox WHERE payload IS NOT NULL"):
            await hear(brain, [slack.reach])(world.tenant, DeliveryAccepted(DeliveryId(UUID(str(id_)))))
        seen = await ravi.hears("/acme why", ravi.dm)
    assert "/expert" not in seen.text


async def test_the_command_prints_a_link(browser: Browser) -> None:
    desk = browser.desk
    said = await asyncio.to_thread(
        CliRunner().invoke, app, ["slack", "install", "--tenant", desk.slug, "--admin", "ravi"]
    )
    assert said.exit_code == 0, said.output
    assert (await browser.comes_back(await browser.opens(said.stdout.strip()))).status_code == 200


@pytest.mark.parametrize("words", [["--tenant", "unheard-of"], ["--tenant", "*", "--admin", "amira"]])
async def test_the_command_says_what_is_missing(browser: Browser, words: list[str]) -> None:
    words = [browser.desk.slug if one == "*" else one for one in words]
    said = await asyncio.to_thread(CliRunner().invoke, app, ["slack", "install", *words])
    assert isinstance(said.exception, Rejected)
    browser.desk.environment.delenv("EXPERT_SLACK_CLIENT_ID")
    browser.desk.environment.delenv("EXPERT_SLACK_CLIENT_SECRET")
    browser.desk.environment.delenv("EXPERT_SLACK_URL")
    said = await asyncio.to_thread(CliRunner().invoke, app, ["slack", "install"])
    assert "EXPERT_SLACK_CLIENT_ID" in str(said.exception)
