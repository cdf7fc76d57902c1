"""Settings: where they come from, and what a person is told about a wrong one."""

from pathlib import Path

import pytest

from brain.domain.errors import Rejected
from config.location import locate
from config.settings import Index, LogLevel, load_settings

URLS = {
    "EXPERT_DATABASE_URL": "postgresql://owner:s3cret@db/expert",
    "EXPERT_DATABASE_URL_APP": "postgresql://app:s3cret@db/expert",
    "EXPERT_DATABASE_URL_SYSTEM": "postgresql+asyncpg://system:s3cret@db/expert",
}


@pytest.fixture(autouse=True)
def _installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_HOME", str(tmp_path))


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPERT_HOME")
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.home == tmp_path / ".expert"
    assert settings.location.url == "http://127.0.0.1:8000"
    assert settings.location == locate()
    assert settings.database_urls is None
    assert settings.model is None
    assert (settings.departments / "it-ops.yaml").is_file()


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "expert.toml").write_text('port = 8001\nlog_level = "warning"\n')
    assert (load_settings().port, locate().port, load_settings().log_level) == (8001, 8001, LogLevel.WARNING)
    monkeypatch.setenv("EXPERT_PORT", "8002")
    monkeypatch.setenv("EXPERT_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("EXPERT_MODEL", "")
    assert (load_settings().port, locate().port, load_settings().log_level) == (8002, 8002, LogLevel.DEBUG)
    assert load_settings().model is None, "an empty variable is an unset one"


@pytest.mark.parametrize(
    ("host", "url"),
    [(".".join("0000"), "http://127.0.0.1:8000"), ("::", "http://[::1]:8000"), ("box", "http://box:8000")],
)
def test_a_server_on_every_address_is_called_on_the_loopback(
    monkeypatch: pytest.MonkeyPatch, host: str, url: str
) -> None:
    monkeypatch.setenv("EXPERT_HOST", host)
    assert locate().url == url


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("EXPERT_PORT", "70000", "EXPERT_PORT should be less than or equal to 65535."),
        ("EXPERT_WORKERS", "many", "EXPERT_WORKERS should be a valid integer"),
        ("EXPERT_LOG_LEVEL", "loud", "EXPERT_LOG_LEVEL should be 'debug', 'info', 'warning' or 'error'."),
        (
            "EXPERT_DATABASE_URL",
            "postgresql://x/y",
            "EXPERT_DATABASE_URL_APP and EXPERT_DATABASE_URL_SYSTEM must be",
        ),
    ],
)
def test_a_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Rejected) as refused:
        load_settings()
    assert str(refused.value).startswith(told)
    assert len(str(refused.value).splitlines()) == 1


def test_every_wrong_value_gets_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_PORT", "x")
    monkeypatch.setenv("EXPERT_WORKERS", "0")
    with pytest.raises(Rejected) as refused:
        load_settings()
    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["EXPERT_PORT", "EXPERT_WORKERS"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("prot = 8001", r'"prot" in .*expert\.toml is not a setting'),
        ("port = ", r"expert\.toml cannot be read"),
        ("port = 0", r"EXPERT_PORT \(port in .*expert\.toml\) should be greater"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "expert.toml").write_text(content)
    with pytest.raises(Rejected, match=told):
        load_settings()


def test_an_own_postgresql_needs_its_three_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, url in URLS.items():
        monkeypatch.setenv(name, url)
    settings = load_settings()
    assert settings.database_urls is not None
    assert settings.database_urls.owner == "postgresql+asyncpg://owner:s3cret@db/expert"
    assert settings.database_urls.system == URLS["EXPERT_DATABASE_URL_SYSTEM"]
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in repr(settings.database_urls)
    monkeypatch.setenv("EXPERT_DATABASE_URL_APP", "mysql://app:s3cret@db/expert")
    with pytest.raises(Rejected, match="EXPERT_DATABASE_URL_APP must start with postgresql://") as refused:
        load_settings()
    assert "s3cret" not in str(refused.value)


def test_opened_hosts_are_a_list_in_the_environment_and_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().allow_hosts == ()
    (tmp_path / "expert.toml").write_text('allow_hosts = ["tei.internal", "10.0.0.0/8"]\n')
    assert load_settings().allow_hosts == ("tei.internal", "10.0.0.0/8")
    monkeypatch.setenv("EXPERT_ALLOW_HOSTS", " vllm.internal, 10.1.2.3 ,::1")
    assert load_settings().allow_hosts == ("vllm.internal", "10.1.2.3", "::1")


def test_weaviate_has_to_be_somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPERT_INDEX", "Weaviate")
    with pytest.raises(Rejected, match="EXPERT_WEAVIATE_URL must say where it is"):
        load_settings()
    monkeypatch.setenv("EXPERT_WEAVIATE_URL", "http://weaviate:8080")
    monkeypatch.setenv("EXPERT_WEAVIATE_API_KEY", "s3cret")
    settings = load_settings()
    assert settings.index is Index.WEAVIATE
    assert "s3cret" not in repr(settings)
    monkeypatch.setenv("EXPERT_INDEX", "elsewhere")
    with pytest.raises(Rejected, match="EXPERT_INDEX should be 'postgres' or 'weaviate'"):
        load_settings()
