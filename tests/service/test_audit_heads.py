"""`expert audit verify` and its noted heads, with an installation of its own and a superuser in it."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from brain.domain.errors import Missing, Rejected
from config.audit import TenantHead, heads, heads_file, verify
from config.audit_key import audit_key_file, audit_keyring
from config.backup import back_up, restore
from config.database import database
from config.embedded_postgres import DATABASE, attach_or_start
from config.serve import NewTenant, init_tenant, migrate, recover_key
from config.settings import Settings


@pytest.fixture
def settings() -> Iterator[Settings]:
    """An installation as `expert init` leaves it."""
    place = Path(tempfile.mkdtemp(prefix="expert-test-"))
    place.chmod(0o755)
    settings = Settings(home=place / "home")
    init_tenant(settings, NewTenant("acme", "Acme", "mia", "Mia Weber"))
    yield settings
    shutil.rmtree(place)


def _manipulate(settings: Settings, statement: str) -> None:
    with attach_or_start(settings.home) as postgres:
        postgres.execute(f"\\connect {DATABASE}\n{statement};")


def _findings(settings: Settings, *known: TenantHead) -> list[str]:
    return [what for one in verify(settings, known=known) for what in one.findings]


def test_the_end_cannot_be_cut_off_after_a_verification(settings: Settings) -> None:
    assert _findings(settings) == []
    noted = json.loads(heads_file(settings.home).read_text())
    [kept] = heads(settings)
    assert [(one["sequence"], one["hash"]) for one in noted.values()] == [
        (kept.head.sequence, kept.head.hash)
    ]
    recover_key(settings, tenant="acme", member="mia", name="admin")
    _manipulate(settings, f"DELETE FROM audit WHERE sequence >= {kept.head.sequence}")
    cut = f"entry {kept.head.sequence} is missing at the end"
    assert _findings(settings) == [cut]
    assert json.loads(heads_file(settings.home).read_text()) == noted, "the evidence stays"
    heads_file(settings.home).unlink()
    assert _findings(settings) == [], "with the file gone, too, nothing here can tell"
    assert _findings(settings, kept) == [cut], "but a head that was kept elsewhere does"


def test_an_emptied_trail_does_not_begin_anew(settings: Settings) -> None:
    [kept] = heads(settings)
    assert _findings(settings) == []
    _manipulate(settings, "DELETE FROM audit")
    migrate(settings)
    assert _findings(settings) == [f"entries 1 to {kept.head.sequence} are missing at the end"]
    _manipulate(settings, "TRUNCATE tenant CASCADE")
    assert _findings(settings) == ["the whole tenant is missing"]


def test_a_backup_can_be_verified_where_it_is_restored(settings: Settings, tmp_path: Path) -> None:
    assert _findings(settings) == []
    [kept] = heads(settings)
    back_up(settings.home, tmp_path / "backup.tar")
    recover_key(settings, tenant="acme", member="mia", name="admin")
    assert _findings(settings) == []
    restore(settings.home, tmp_path / "backup.tar", replace=True)
    assert _findings(settings) == [], "what came after the backup is gone on purpose"
    assert heads(settings) == [kept]
    new = Settings(home=settings.home.parent / "new")
    restore(new.home, tmp_path / "backup.tar", replace=False)
    assert _findings(new, kept) == []
    assert audit_keyring(new) == audit_keyring(settings)


def test_a_key_is_replaced_by_a_further_line(settings: Settings) -> None:
    path = audit_key_file(settings.home)
    assert path.stat().st_mode & 0o777 == 0o600
    former = path.read_text()
    path.write_text(f"{former}{'n' * 64}\n")
    recover_key(settings, tenant="acme", member="mia", name="admin")
    assert _findings(settings) == []
    path.write_text(f"{'n' * 64}\n")
    assert "signed with a key that is not this installation's" in _findings(settings)[0]
    path.write_text("short\n")
    with pytest.raises(Rejected, match="at least 32 characters"):
        verify(settings, known=())


def test_what_is_asked_for_has_to_be_there(settings: Settings) -> None:
    [kept] = heads(settings)
    with pytest.raises(Missing, match="no tenant 'none'; there is acme"):
        verify(settings, known=[TenantHead("none", kept.head)])
    heads_file(settings.home).write_text("[1]")
    with pytest.raises(Rejected, match=r"audit-heads\.json cannot be read"):
        verify(settings, known=())


def test_the_database_is_migrated_from_a_version_without_chains(settings: Settings) -> None:
    [kept] = heads(settings)
    _manipulate(settings, "UPDATE audit SET sequence = NULL, salts = '{}', seals = '{}', key = '', hash = ''")
    heads_file(settings.home).unlink(missing_ok=True)
    migrate(settings)
    assert _findings(settings) == []
    [again] = heads(settings)
    assert again.head.sequence == kept.head.sequence


def test_a_running_database_is_used_as_it_is(settings: Settings) -> None:
    with database(settings, keep=True):
        assert _findings(settings) == []
        assert len(heads(settings)) == 1
