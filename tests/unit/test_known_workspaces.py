"""What is known of workspaces outlives a process, and stands in for a database that is away."""

import json
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("slack_bolt", reason="the extra `slack` is not installed")

from bots.slack.adapter import Workspace
from bots.slack.calls import Refused
from bots.slack.installing import Granted
from brain.adapters.postgres.tenants import Installed
from brain.domain.errors import Unavailable
from brain.domain.identity import TenantId
from config.known_workspaces import Known, KnownWorkspaces

NORTH, SOUTH = TenantId(UUID(int=1)), TenantId(UUID(int=2))
FILE = "slack-workspaces.json"


@dataclass
class Asked:
    """The database and Slack; `away` is the one or both of them, and `refused` the token in the settings."""

    tenants: dict[str, TenantId] = field(default_factory=lambda: {"T1": NORTH})
    away: bool = False
    refused: bool = False

    async def find(self, workspace: str) -> Workspace | None:
        if self.away:
            raise Unavailable
        found = Workspace(workspace, "xoxb-secret", "U1", "B1", enterprise="E1")
        return found if workspace in self.tenants else None

    async def tenant(self, workspace: str) -> TenantId | None:
        if self.away:
            raise Unavailable
        if self.refused:
            raise Refused("token_revoked", "auth.test")
        return self.tenants.get(workspace)

    async def owner(self, given: Granted) -> TenantId | None:
        raise NotImplementedError

    async def workspaces(self, tenant: TenantId) -> Sequence[str]:
        raise NotImplementedError

    async def has(self, tenant: TenantId, workspace: str) -> bool:
        raise NotImplementedError


async def _heard_of(known: KnownWorkspaces, workspace: str) -> TenantId | None:
    """As a delivery does it."""
    return await known.tenant(workspace) if await known.recognise(workspace) else None


async def test_a_process_that_starts_without_a_database_knows_whose_a_workspace_is(tmp_path: Path) -> None:
    asked = Asked()
    assert await _heard_of(KnownWorkspaces(tmp_path, asked), "T1") == NORTH
    asked.away = True
    again = KnownWorkspaces(tmp_path, asked)
    assert await _heard_of(again, "T1") == NORTH
    found = await again.recognise("T1")
    assert found is not None
    assert (found.id, found.bot_user, found.enterprise, found.bot_token) == ("T1", "U1", "E1", "")
    with pytest.raises(Unavailable):
        await again.recognise("T2")
    with pytest.raises(Unavailable):
        await again.tenant("T2")


async def test_the_file_is_for_its_owner_alone_and_has_no_tokens(tmp_path: Path) -> None:
    await _heard_of(KnownWorkspaces(tmp_path, Asked()), "T1")
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert "xoxb" not in (tmp_path / FILE).read_text()


async def test_it_is_written_when_something_changes_and_not_otherwise(tmp_path: Path) -> None:
    asked = Asked()
    known = KnownWorkspaces(tmp_path, asked)
    await _heard_of(known, "T1")
    (tmp_path / FILE).unlink()
    await _heard_of(known, "T1")
    assert not (tmp_path / FILE).exists()
    asked.tenants["T1"] = SOUTH
    await _heard_of(known, "T1")
    assert json.loads((tmp_path / FILE).read_text())["T1"]["tenant"] == str(SOUTH)


@pytest.mark.parametrize("forgets", ["told", "asked", "compared"])
async def test_a_workspace_that_is_removed_is_forgotten(tmp_path: Path, forgets: str) -> None:
    asked = Asked()
    known = KnownWorkspaces(tmp_path, asked)
    await _heard_of(known, "T1")
    del asked.tenants["T1"]
    if forgets == "told":
        known.forget("T1")
    elif forgets == "asked":
        assert await known.tenant("T1") is None
    else:
        await known.checked([])
    asked.away = True
    for one in (known, KnownWorkspaces(tmp_path, asked)):
        with pytest.raises(Unavailable):
            await one.tenant("T1")


async def test_it_is_compared_with_all_that_installed_the_app(tmp_path: Path) -> None:
    asked = Asked({"T1": NORTH, "E2": SOUTH, "T2": SOUTH})
    known = KnownWorkspaces(tmp_path, asked)
    await _heard_of(known, "T1")  # that of the token in the settings
    everywhere = Installed(SOUTH, ("E2", "T2"), "U2", "B2", "E2")
    await known.checked([everywhere])
    asked.away = True
    again = KnownWorkspaces(tmp_path, asked)
    assert [await again.tenant(place) for place in ("T1", "E2", "T2")] == [NORTH, SOUTH, SOUTH]


async def test_a_token_that_is_refused_keeps_nothing_else_from_being_noted(tmp_path: Path) -> None:
    asked = Asked()
    known = KnownWorkspaces(tmp_path, asked)
    await _heard_of(known, "T1")
    asked.refused = True
    await known.checked([Installed(SOUTH, ("T2",), "U2", "B2", "")])
    asked.away = True
    again = KnownWorkspaces(tmp_path, asked)
    assert [await again.tenant(place) for place in ("T1", "T2")] == [NORTH, SOUTH]


async def test_processes_of_one_installation_do_not_undo_each_other(tmp_path: Path) -> None:
    asked = Asked({"T1": NORTH, "T2": SOUTH})
    one, other = KnownWorkspaces(tmp_path, asked), KnownWorkspaces(tmp_path, asked)
    await _heard_of(one, "T1")
    await _heard_of(other, "T2")
    assert json.loads((tmp_path / FILE).read_text()).keys() == {"T1", "T2"}
    one.forget("T1")
    other.learn("T3", Known(SOUTH, "U3"))
    assert json.loads((tmp_path / FILE).read_text()).keys() == {"T2", "T3"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{",
        '{"T1": 7}',
        '{"T1": {}}',
        '{"T1": {"tenant": "nobody"}}',
        json.dumps({"T1": {"tenant": str(NORTH), "bot_user": 7}}),
        json.dumps({"../T1": {"tenant": str(NORTH)}}),
    ],
)
async def test_what_has_another_shape_is_left_out(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    known = KnownWorkspaces(tmp_path, Asked(away=True))
    with pytest.raises(Unavailable):
        await known.tenant("T1")


async def test_a_disk_that_cannot_be_written_to_keeps_nobody_from_being_heard(tmp_path: Path) -> None:
    known = KnownWorkspaces(tmp_path / "missing", Asked())
    assert await _heard_of(known, "T1") == NORTH
