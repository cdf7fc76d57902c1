"""Tokens that end after twelve hours, of workspaces and of whole organisations."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from slack_bolt.async_app import AsyncBoltRequest

from bots.chat_platform import Inbound
from bots.slack.adapter import Receiver
from bots.slack.adapter import Workspace as Inside
from bots.slack.installing import Granted
from brain.adapters.postgres.tenants import tenant_of
from brain.domain.errors import Rejected, Unavailable
from brain.usecases.install import install, leave
from config.sealing import sealer
from config.slack_workspaces import InstalledWorkspaces, OneWorkspace, SlackApp
from demo.fake_slack import Workspace
from tests.conftest import World, everywhere
from tests.contract.slack_install.conftest import Desk


@dataclass
class Clock:
    """Slack's, and ours."""

    desk: Desk
    hours: float = 0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=self.hours)

    def passes(self, *, hours: float) -> None:
        self.hours += hours
        self.desk.slack.pass_time(hours * 3600)


@dataclass
class Renewing:
    desk: Desk
    clock: Clock
    of: Workspace

    def process(self) -> InstalledWorkspaces:
        """Another one, which knows nothing yet, and believes what it knows for no time."""
        desk, app = self.desk, self.desk.slack.app
        slack_app = SlackApp(app.client_id, app.client_secret, desk.slack.api_url)
        return InstalledWorkspaces(
            slack_app, desk.world.store, desk.system, sealer(desk.settings), now=self.clock, clock=lambda: 0.0
        )

    async def token(self, process: InstalledWorkspaces | None = None) -> str:
        process = process or self.process()
        process.forget(self.of.id)
        known = await process.find(self.of.id)
        assert known is not None
        return known.bot_token

    @property
    def exchanges(self) -> int:
        return sum(one.method == "oauth.v2.access" for one in self.desk.slack.calls)


@pytest.fixture
async def renewing(desk: Desk) -> Renewing:
    """The workspace is installed, and nothing was renewed yet."""
    world = desk.world
    desk.slack.app.rotation = True
    await everywhere(world, "ravi")
    one = Renewing(desk, Clock(desk), desk.slack.add_workspace("Beta"))
    process = one.process()
    given = await process.app.exchange(code=desk.slack.authorizes(one.of))
    by = world.people["ravi"].member.id
    made = process.sealed(world.tenant, given, by=by, bot_id=one.of.bot.bot_id)
    await install(world.store, world.tenant, by, made)
    return one


async def test_a_token_is_used_until_shortly_before_it_ends(renewing: Renewing) -> None:
    first = await renewing.token()
    assert first == renewing.of.token
    renewing.clock.passes(hours=9.5)
    assert await renewing.token() == first
    renewing.clock.passes(hours=1)
    second = await renewing.token()
    assert second == renewing.of.token != first
    assert await renewing.token() == second
    assert renewing.exchanges == 2


async def test_it_goes_on_for_days(renewing: Renewing) -> None:
    process = renewing.process()
    for _ in range(6):
        renewing.clock.passes(hours=20)  # longer than a token lasts
        assert await renewing.token(process) == renewing.of.token
    assert renewing.exchanges == 7


async def test_a_refresh_token_is_used_by_one_of_many(renewing: Renewing) -> None:
    """Good for one use, it would be lost by a second."""
    renewing.clock.passes(hours=11)
    found = await asyncio.gather(*(renewing.token() for _ in range(8)))
    assert renewing.exchanges == 2
    assert renewing.of.token in found
    assert await renewing.token() == renewing.of.token


async def test_ended_those_who_come_second_wait(renewing: Renewing) -> None:
    renewing.clock.passes(hours=13)
    found = await asyncio.gather(*(renewing.token() for _ in range(6)), return_exceptions=True)
    assert renewing.exchanges == 2
    assert renewing.of.token in found
    others = [one for one in found if one != renewing.of.token]
    assert all(isinstance(one, Unavailable) for one in others)


async def test_slack_is_away_while_there_is_time(renewing: Renewing) -> None:
    process = renewing.process()
    process.app = replace(process.app, api="http://127.0.0.1:9/api/")
    first = renewing.of.token
    renewing.clock.passes(hours=11)
    assert await renewing.token(process) == first
    renewing.clock.passes(hours=2)
    with pytest.raises(Unavailable):
        await renewing.token(process)


async def test_a_refresh_token_that_is_worth_nothing(renewing: Renewing) -> None:
    for token in renewing.desk.slack.world.tokens.values():
        token.refresh = ""
    first = renewing.of.token
    renewing.clock.passes(hours=11)
    assert await renewing.token() == first


async def test_a_refresh_token_that_is_worth_nothing_any_more(renewing: Renewing) -> None:
    for token in renewing.desk.slack.world.tokens.values():
        token.refresh = ""
    renewing.clock.passes(hours=13)
    with pytest.raises(Rejected, match="installed in Beta again"):
        await renewing.token()


async def test_what_was_installed_again_meanwhile_is_left_alone(renewing: Renewing) -> None:
    world = renewing.desk.world
    async with world.store.transaction(world.tenant) as tx:
        [old] = await tx.talk.installations.of("slack")
        assert await tx.talk.installations.claim(old, for_s=60)
        assert not await tx.talk.installations.claim(old, for_s=60)
        await tx.talk.installations.save(replace(old, tokens="newer"))
        assert not await tx.talk.installations.renew(old, replace(old, tokens="stale"))
        [known] = await tx.talk.installations.of("slack")
    assert known.tokens == "newer"


async def test_a_workspace_that_joined_an_organisation_since(renewing: Renewing) -> None:
    world = renewing.desk.world
    async with world.store.transaction(world.tenant) as tx:
        [old] = await tx.talk.installations.of("slack")
        await tx.talk.installations.save(replace(old, enterprise="E1", tokens="newer"))
        [known] = await tx.talk.installations.of("slack")
    assert (known.enterprise, known.tokens) == ("E1", "newer")


@dataclass(frozen=True, slots=True)
class Overtaken(SlackApp):
    """While Slack is asked, the organisation installs it again."""

    again: Callable[[], Awaitable[object]] = field(kw_only=True)

    async def exchange(self, **arguments: str) -> Granted:
        await self.again()
        return Granted("", "", "Group", "UBOT", "xoxb-stale", "refresh", 43_200)


async def test_an_organisation_that_installed_it_again_meanwhile(
    renewing: Renewing, ids: tuple[str, str, str]
) -> None:
    enterprise, world, process = ids[0], renewing.desk.world, renewing.process()
    by = world.people["ravi"].member.id

    async def installs(organisation: str, token: str) -> None:
        given = Granted(organisation, "", "Group", "UBOT", token, "refresh", 43_200)
        made = process.sealed(world.tenant, given, by=by, bot_id="B1")
        await install(world.store, world.tenant, by, made)

    await installs(f"{enterprise}0", "xoxb-of-the-other")
    await installs(enterprise, "xoxb-first")
    renewing.clock.passes(hours=11)
    process.app = Overtaken("", "", "", again=lambda: installs(enterprise, "xoxb-again"))
    known = await process.find(enterprise)
    assert known is not None
    assert known.bot_token == "xoxb-again"


async def test_who_only_looks_renews_nothing(renewing: Renewing) -> None:
    renewing.clock.passes(hours=13)
    process = renewing.process()
    process.renews = False
    assert await process.find(renewing.of.id) is not None
    assert renewing.exchanges == 1


async def test_tokens_sealed_with_another_key(renewing: Renewing) -> None:
    renewing.desk.set(secrets_key="k" * 32)
    with pytest.raises(Rejected, match="not sealed with a key"):
        await renewing.token()


# Whole organisations. Tests share a database: each has ids of its own.


@pytest.fixture
def ids() -> tuple[str, str, str]:
    """Of an organisation, and two workspaces of it."""
    own = uuid4().hex[:8].upper()
    return f"E{own}", f"T{own}1", f"T{own}2"


async def organisation(renewing: Renewing, enterprise: str) -> InstalledWorkspaces:
    world, process = renewing.desk.world, renewing.process()
    given = Granted(enterprise, "", "Beta Group", "UBOT", "xoxb-of-all")
    by = world.people["ravi"].member.id
    made = process.sealed(world.tenant, given, by=by, bot_id="B1")
    await install(world.store, world.tenant, by, made)
    return process


async def test_a_workspace_of_an_organisation_is_known_once_heard_of(
    renewing: Renewing, ids: tuple[str, str, str]
) -> None:
    enterprise, first, second = ids
    process, world = await organisation(renewing, enterprise), renewing.desk.world
    assert await process.find(first) is None
    await process.joins(first, enterprise)
    await process.joins(first, enterprise)
    await process.joins(second, "E-other")
    known = await process.find(first)
    assert known is not None
    assert (known.id, known.bot_token, known.enterprise) == (first, "xoxb-of-all", enterprise)
    assert await process.find(second) is None
    assert (await process.workspaces(world.tenant)) == [renewing.of.id, first]
    # One that was installed by itself comes first.
    await process.joins(renewing.of.id, enterprise)
    assert await renewing.token() == renewing.of.token


async def test_bolt_tells_of_workspaces_of_an_organisation(
    renewing: Renewing, ids: tuple[str, str, str]
) -> None:
    enterprise, first, _ = ids
    process = await organisation(renewing, enterprise)
    heard = []

    async def keep(inbound: object) -> None:
        heard.append(await process.find(first))

    receiver = Receiver(keep, process.find, joins=process.joins)
    body = {
        "type": "event_callback",
        "event_id": "Ev1",
        "team_id": first,
        "enterprise_id": enterprise,
        "authorizations": [
            {"enterprise_id": enterprise, "team_id": None, "user_id": "UBOT", "is_enterprise_install": True}
        ],
        "event": {
            "type": "message",
            "channel": "D1",
            "channel_type": "im",
            "user": "U1",
            "ts": "1.1",
            "text": "?",
        },
    }
    done = await receiver.app.async_dispatch(AsyncBoltRequest(body=body, mode="socket_mode"))
    assert done.status == 200
    assert heard[0] is not None
    assert heard[0].bot_token == "xoxb-of-all"


async def test_what_people_do_first_in_a_workspace_of_an_organisation(
    renewing: Renewing, ids: tuple[str, str, str]
) -> None:
    enterprise, first, second = ids
    process = await organisation(renewing, enterprise)
    heard: list[object] = []

    async def keep(inbound: Inbound) -> None:
        heard.append(await process.tenant(inbound.conversation.workspace))

    receiver = Receiver(keep, process.find, joins=process.joins)
    body = {"team_id": first, "enterprise_id": enterprise, "is_enterprise_install": "true"}
    body |= {"command": "/expert", "text": "help", "trigger_id": "1.2", "user_id": "U1", "channel_id": "C1"}
    for team in (first, second):
        done = await receiver.app.async_dispatch(
            AsyncBoltRequest(body=urlencode(body | {"team_id": team}), mode="http")
        )
        assert "not installed" not in str(done.body)
    assert heard == [renewing.desk.world.tenant] * 2
    other = urlencode(body | {"team_id": f"{first}9", "is_enterprise_install": "false"})
    done = await receiver.app.async_dispatch(AsyncBoltRequest(body=other, mode="http"))
    assert "not installed" in str(done.body)


async def test_an_organisation_takes_no_workspace_of_another_tenant(
    renewing: Renewing, other_world: World, ids: tuple[str, str, str]
) -> None:
    enterprise, process = ids[0], renewing.process()
    await everywhere(other_world, "ravi")
    by = other_world.people["ravi"].member.id
    given = Granted(enterprise, "", "Beta Group", "UBOT", "xoxb-of-all")
    made = process.sealed(other_world.tenant, given, by=by, bot_id="B1")
    await install(other_world.store, other_world.tenant, by, made)
    await process.joins(renewing.of.id, enterprise)
    assert await process.workspaces(other_world.tenant) == []
    async with other_world.store.transaction(other_world.tenant) as tx:
        [known] = await tx.talk.installations.of("slack")
    assert known.teams == ()


@pytest.mark.parametrize("everywhere", [True, False])
async def test_a_token_of_one_workspace_is_of_no_other(desk: Desk, *, everywhere: bool) -> None:
    """Every workspace of an organisation has its id; the token is of all of them where Slack says so."""
    own = OneWorkspace("xoxb-own", desk.slack.api_url, desk.slug, desk.system)
    own._workspace = Inside("T1", "xoxb-own", "UBOT", "B1", enterprise="E1", everywhere=everywhere)
    assert (await own.tenant("T2") is not None) == everywhere
    assert await own.tenant("T1") == desk.world.tenant
    others = (Granted("E1", "", "All", "U", "x"), Granted("", "T1", "One", "U", "x"))
    assert [await own.owner(one) for one in others] == [desk.world.tenant] * 2
    assert (await own.owner(Granted("E1", "T2", "Two", "U", "x")) is not None) == everywhere
    assert await own.owner(Granted("E2", "T9", "Nine", "U", "x")) is None


async def test_a_token_that_slack_takes_no_more_stands_in_nobodys_way(desk: Desk) -> None:
    own = OneWorkspace("xoxb-revoked", desk.slack.api_url, desk.slug, desk.system)
    assert await own.owner(Granted("", "T1", "One", "U", "x")) is None
    assert await own.workspaces(desk.world.tenant) == []


async def test_an_organisation_leaves_as_a_whole_or_by_workspace(
    renewing: Renewing, ids: tuple[str, str, str]
) -> None:
    enterprise, first, second = ids
    process, world = await organisation(renewing, enterprise), renewing.desk.world
    for id_ in (first, second):
        await process.joins(id_, enterprise)
    await leave(world.store, world.tenant, "slack", workspace=first)
    assert await tenant_of(renewing.desk.system, "slack", first) is None
    assert await tenant_of(renewing.desk.system, "slack", second) == world.tenant
    await leave(world.store, world.tenant, "slack", workspace=enterprise)
    assert await tenant_of(renewing.desk.system, "slack", second) is None
    assert await process.workspaces(world.tenant) == [renewing.of.id]


async def test_of_two_tenants_the_first_has_it(renewing: Renewing, other_world: World) -> None:
    """Should both be saved in the same moment."""
    process = renewing.process()
    await everywhere(other_world, "ravi")
    by = other_world.people["ravi"].member.id
    given = Granted("", renewing.of.id, "Beta", "UBOT", "xoxb-second")
    made = process.sealed(other_world.tenant, given, by=by, bot_id="B1")
    await install(other_world.store, other_world.tenant, by, made)
    assert await process.tenant(renewing.of.id) == renewing.desk.world.tenant
    assert await process.workspaces(other_world.tenant) == []
