"""keys.toml: who may read it, and whose key is used."""

from pathlib import Path

import pytest

from brain.domain.errors import Missing, Rejected
from config.keys import StoredKey, choose_key, keys_file, read_keys, save_key

MIA = StoredKey("mia", "expk_1")
RAJ = StoredKey("raj", "expk_2")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    save_key(home, "asker", MIA)
    assert keys_file(home).stat().st_mode & 0o777 == 0o600
    assert home.stat().st_mode & 0o777 == 0o700
    keys_file(home).chmod(0o644)
    save_key(home, "reviewer", RAJ)
    assert keys_file(home).stat().st_mode & 0o777 == 0o600
    assert list(home.iterdir()) == [keys_file(home)]


def test_keeps_what_it_was_given(tmp_path: Path) -> None:
    strange = StoredKey('qu"ote\\ \n\x7f ü', "[key]\n= 'x'")
    save_key(tmp_path, "asker", MIA)
    save_key(tmp_path, "strange-1_", strange)
    save_key(tmp_path, "asker", RAJ)
    assert read_keys(tmp_path) == {"asker": RAJ, "strange-1_": strange}


def test_a_key_is_not_in_its_representation() -> None:
    assert "expk_1" not in repr(MIA)


@pytest.mark.parametrize("name", ["", "a b", "a.b", "]", "ü"])
def test_refuses_names_that_would_need_quotes(tmp_path: Path, name: str) -> None:
    with pytest.raises(Rejected, match="cannot name a key"):
        save_key(tmp_path, name, MIA)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[asker", "is not TOML"),
        ("[asker]\nkey = 'x'", r"\[asker\] in .* needs a member"),
        ("asker = 1", "needs a member"),
    ],
)
def test_says_what_is_wrong_with_the_file(tmp_path: Path, content: str, told: str) -> None:
    keys_file(tmp_path).write_text(content)
    with pytest.raises(Rejected, match=told):
        read_keys(tmp_path)


def test_chooses_the_usual_key_or_the_one_asked_for(tmp_path: Path) -> None:
    save_key(tmp_path, "mine", MIA)
    assert choose_key(tmp_path, wanted=None, usual=("asker",)) == MIA, "the only one there is"
    save_key(tmp_path, "admin", RAJ)
    assert choose_key(tmp_path, wanted=None, usual=("reviewer", "admin")) == RAJ
    assert choose_key(tmp_path, wanted="mine", usual=("admin",)) == MIA
    with pytest.raises(Missing, match="choose with --as: mine, admin"):
        choose_key(tmp_path, wanted=None, usual=("asker",))
    with pytest.raises(Missing, match="no key named other"):
        choose_key(tmp_path, wanted="other", usual=("asker",))


def test_says_how_to_get_keys(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="`make up` makes the demo's"):
        choose_key(tmp_path, wanted=None, usual=("asker",))
