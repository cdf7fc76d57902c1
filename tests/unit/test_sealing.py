"""What is sealed opens with the same key, as the same thing, and in no other way."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from brain.domain.errors import Rejected
from config.sealing import sealer, secrets_key_file
from config.settings import Settings

OLD, NEW = "old key of more than 32 characters", "new key of more than 32 characters"


def settings(home: Path, key: str | None = None) -> Settings:
    return Settings(home=home, secrets_key=SecretStr(key) if key else None)


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    sealed = sealer(settings(tmp_path)).seal({"access": "xoxb-1"}, about="tokens")
    assert secrets_key_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert sealer(settings(tmp_path)).unseal(sealed, about="tokens") == {"access": "xoxb-1"}
    assert "xoxb" not in sealed
    assert [one.name for one in tmp_path.iterdir()] == ["secrets.key"]


def test_processes_that_start_together_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: sealer(settings(tmp_path)), range(8)))
    sealed = [one.seal({}, about="x") for one in made]
    assert all(one.unseal(text, about="x") == {} for one in made for text in sealed)


def test_a_new_key_opens_what_the_old_one_sealed(tmp_path: Path) -> None:
    sealed = sealer(settings(tmp_path, OLD)).seal({"a": 1}, about="x")
    assert sealer(settings(tmp_path, f"{OLD},{NEW}")).unseal(sealed, about="x") == {"a": 1}
    newly = sealer(settings(tmp_path, f"{OLD},{NEW}")).seal({"a": 2}, about="x")
    assert sealer(settings(tmp_path, NEW)).unseal(newly, about="x") == {"a": 2}
    with pytest.raises(Rejected):
        sealer(settings(tmp_path, NEW)).unseal(sealed, about="x")


@pytest.mark.parametrize("spoilt", ["", "é", "gAAAAA", "x" * 4000])
def test_what_was_not_sealed_does_not_open(tmp_path: Path, spoilt: str) -> None:
    with pytest.raises(Rejected):
        sealer(settings(tmp_path)).unseal(spoilt, about="x")


def test_what_was_altered_or_sealed_as_something_else_does_not_open(tmp_path: Path) -> None:
    one = sealer(settings(tmp_path))
    sealed = one.seal({"a": 1}, about="x")
    with pytest.raises(Rejected):
        one.unseal(sealed, about="y")
    with pytest.raises(Rejected):
        one.unseal(f"{sealed[:40]}{'A' if sealed[40] != 'A' else 'B'}{sealed[41:]}", about="x")


@pytest.mark.parametrize("key", ["short", f"{OLD},short", " , "])
def test_a_key_that_is_too_short_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(Rejected, match="32 characters"):
        sealer(settings(tmp_path, key))
