"""`expert slack check`: whatever is wrong between Slack and us is named, with what to do about it."""

import asyncio
import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from bots.slack.scopes import needed
from brain.domain.conversation import ChannelRules, Conversation
from config import slack_check
from config.cli import app
from config.findings import Finding
from demo.fake_slack.faults import rate_limited
from tests.contract.slack_install.conftest import Desk

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"


async def examined(desk: Desk) -> dict[str, Finding]:
    found = await asyncio.to_thread(list, slack_check.examine())
    for one in found:
        assert one.ok or one.advice, one
        for secret in (desk.slack.bot_token, desk.slack.app_token, desk.slack.signing_secret):
            assert secret not in f"{one.detail} {one.advice}"
    return {one.check: one for one in found if not one.ok} | {one.check: one for one in found if one.ok}


def wrong(found: dict[str, Finding]) -> list[str]:
    return [name for name, one in found.items() if not one.ok]


async def test_all_is_well_in_socket_mode(desk: Desk) -> None:
    async with desk.running():
        found = await examined(desk)
    assert wrong(found) == []
    assert "Acme" in found["bot token"].detail
    assert found["tenant"].detail == desk.slug
    assert found["reviewers"].detail == "all 3 are on Slack"
    assert "none for hr" in found["review channels"].detail
    assert "setup" in found["review channels"].advice


async def test_all_is_well_over_http(desk: Desk) -> None:
    desk.environment.delenv("EXPERT_SLACK_APP_TOKEN")
    desk.set(slack_signing_secret=f"{'0' * 32}, {desk.slack.signing_secret}")
    async with desk.running():
        found = await examined(desk)
    assert wrong(found) == []
    assert found["signing secret 1"].ok
    assert found["signing secret 2"].ok


async def test_a_review_channel_for_every_department(desk: Desk) -> None:
    world = desk.world
    async with desk.running():
        async with world.store.transaction(world.tenant) as tx:
            for number, department in enumerate(world.departments.values()):
                where = Conversation("slack", desk.slack.workspace.id, f"C{number}")
                rules = ChannelRules(department.id, reviews=True)
                await tx.talk.channels.save(where, rules, by=world.people["ravi"].member.id)
        found = await examined(desk)
    assert found["review channels"].detail == "every department has one"


async def test_nothing_is_set(desk: Desk) -> None:
    for name in ("BOT_TOKEN", "APP_TOKEN"):
        desk.environment.delenv(f"EXPERT_SLACK_{name}")
    found = await examined(desk)
    assert wrong(found) == ["bot token", "way in"]
    assert set(found) == {"extra", "bot token", "way in"}


@pytest.mark.parametrize(
    ("check", "settings", "said"),
    [
        ("bot token", {"slack_bot_token": "xapp-1-A-1-b"}, "does not look like xoxb"),
        ("bot token", {"slack_bot_token": "xoxe.xoxb-1-2"}, "expires"),
        ("app token", {"slack_app_token": "xoxb-1-2"}, "does not look like xapp"),
        ("signing secret", {"slack_signing_secret": "xoxb-1-2-34567890123456789012"}, "is a token"),
        ("signing secret", {"slack_signing_secret": "short"}, "too short"),
    ],
)
async def test_tokens_taken_for_one_another(
    desk: Desk, check: str, settings: dict[str, str], said: str
) -> None:
    desk.set(**settings)
    found = await examined(desk)
    assert wrong(found) == [check]
    assert said in found[check].detail


async def test_no_way_in(desk: Desk) -> None:
    desk.environment.delenv("EXPERT_SLACK_APP_TOKEN")
    found = await examined(desk)
    assert "nothing gets in" in found["way in"].detail


async def test_a_token_that_is_worth_nothing(desk: Desk) -> None:
    desk.set(slack_bot_token="xoxb-wrong", slack_app_token="xapp-wrong")
    found = await examined(desk)
    assert found["bot token"].detail == "Slack says invalid_auth"
    assert found["socket"].detail == "Slack says invalid_auth"
    assert not found["bot token"].ok
    assert not found["socket"].ok
    assert found["reviewers"].ok  # nobody can tell


async def test_a_scope_is_missing(desk: Desk) -> None:
    desk.slack.workspace.scopes[:] = [one for one in needed() if not one.startswith("im:")]
    found = await examined(desk)
    assert found["scopes"].detail.startswith("im:history, im:read, im:write missing")
    assert "message.im" in found["scopes"].detail
    assert "install the app again" in found["scopes"].advice


async def test_nothing_runs(desk: Desk) -> None:
    desk.set(slack_signing_secret=desk.slack.signing_secret)
    found = await examined(desk)
    assert wrong(found) == ["socket", "signing secret"]
    assert "does not listen" in found["socket"].detail


async def test_slack_is_away(desk: Desk) -> None:
    desk.set(slack_api_url="http://127.0.0.1:9/api/")
    found = await examined(desk)
    assert wrong(found) == ["bot token", "socket"]
    assert "cannot be reached" in found["bot token"].detail


async def test_what_runs_has_another_secret(desk: Desk) -> None:
    desk.set(slack_signing_secret=SECRET)
    async with desk.running():
        desk.set(slack_signing_secret="f" * 32)
        found = await examined(desk)
    assert wrong(found) == ["signing secret"]
    assert "401" in found["signing secret"].detail


async def test_a_tenant_that_is_none(desk: Desk) -> None:
    desk.set(slack_tenant="unheard-of")
    found = await examined(desk)
    assert "EXPERT_SLACK_TENANT" in found["tenant"].detail


async def test_reviewers_who_are_not_there(desk: Desk) -> None:
    """By no address, by one that Slack does not know, and as a guest; one who is linked is there."""
    world = desk.world
    async with world.store.transaction(world.tenant) as tx:
        for handle, email in (("ravi", None), ("rosa", "rosa@elsewhere.example")):
            member = await tx.people.member(handle)
            assert member is not None
            await tx.people.save_member(replace(member, email=email))
    desk.people["petra"].user.is_restricted = True
    found = await examined(desk)
    assert not found["reviewers"].ok
    for said in ("ravi (no e-mail address)", "rosa (rosa@elsewhere.example)", "petra ("):
        assert said in found["reviewers"].detail


async def test_it_makes_no_key_and_goes_on_where_slack_says_nothing(desk: Desk) -> None:
    """Slack says nothing of the reviewers; the other findings stay."""
    desk.set(slack_client_id="1.2", slack_client_secret="s" * 32, slack_url="https://expert.example.org")
    desk.slack.faults.add("users.lookupByEmail", rate_limited(), times=3)
    found = await examined(desk)
    assert "does not say" in found["reviewers"].detail
    assert found["review channels"].ok
    assert not (desk.settings.home / "secrets.key").exists()


async def test_the_command(desk: Desk) -> None:
    desk.set(slack_bot_token="xoxb-wrong")
    said = await asyncio.to_thread(CliRunner().invoke, app, ["slack", "check"])
    assert said.exit_code == 1
    assert "✗ bot token: Slack says invalid_auth" in said.stdout
    assert "✓ extra" in said.stdout
    said = await asyncio.to_thread(CliRunner().invoke, app, ["slack", "check", "--json"])
    assert {
        name: value
        for name, value in next(one for one in json.loads(said.stdout) if one["check"] == "bot token").items()
        if name in ("check", "ok")
    } == {"check": "bot token", "ok": False}
