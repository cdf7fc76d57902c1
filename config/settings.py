"""Every setting of an installation, from the environment and `$EXPERT_HOME/expert.toml`, checked at once."""

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from brain.domain.errors import Rejected
from config.location import (
    DEFAULT_HOME,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Location,
    home_directory,
    installation_file,
)

_PACKAGE = Path(__file__).parent
_DATABASE_VARIABLES = ("EXPERT_DATABASE_URL", "EXPERT_DATABASE_URL_APP", "EXPERT_DATABASE_URL_SYSTEM")


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """`owner` migrates, `app` serves people, `system` relays and sweeps; none bypasses row security."""

    owner: str = field(repr=False)
    app: str = field(repr=False)
    system: str = field(repr=False)


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Index(StrEnum):
    POSTGRES = "postgres"
    WEAVIATE = "weaviate"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="EXPERT_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    home: Path = Field(
        default=DEFAULT_HOME, description="Directory of this installation's data, keys and logs."
    )
    host: str = Field(default=DEFAULT_HOST, description="Address to listen on.")
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65535, description="Port of the HTTP API.")
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL as the owner, which migrates. Unset: the embedded one."
    )
    database_url_app: SecretStr | None = Field(default=None, description="PostgreSQL as the serving role.")
    database_url_system: SecretStr | None = Field(default=None, description="PostgreSQL as the relay's role.")
    model: str | None = Field(
        default=None,
        description="LiteLLM name of the model that writes. Unset: the sources' own sentences.",
    )
    model_api_base: str | None = Field(default=None, description="Address of the model's API.")
    model_api_key: SecretStr | None = Field(default=None, description="Key of the model's API.")
    allow_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts, addresses and networks beyond the public internet that may be connected to,"
        " separated by commas: where your own model server is.",
    )
    model_fallbacks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Models to ask when EXPERT_MODEL is away, separated by commas."
    )
    model_rewrite: str | None = Field(
        default=None, description="Model that makes follow-up questions stand alone. Unset: a rule does."
    )
    model_judge: str | None = Field(
        default=None, description="Model that may lower the confidence in an answer. Unset: nobody does."
    )
    model_timeout_s: float = Field(
        default=60.0, ge=1, le=600, description="Seconds that the models may take for one answer."
    )
    model_silence_s: float | None = Field(
        default=None,
        ge=1,
        le=600,
        description="Seconds that a question waits, over all models, while nothing comes; then the sources"
        " are quoted. Unset: 4, and 20 with a model that thinks before it writes.",
    )
    model_context_tokens: int | None = Field(
        default=None, ge=1024, description="Tokens the models can read and write. Unset: what LiteLLM knows."
    )
    model_max_tokens: int = Field(default=1024, ge=64, description="Longest answer of a model, in tokens.")
    embedder: str | None = Field(
        default=None,
        description="Embedding model: a fastembed name, or litellm:service/model. Unset: the one in force,"
        " which is the packaged MiniLM at first.",
    )
    embedder_api_base: str | None = Field(
        default=None, description="Address of the embedding model's API, e.g. of a TEI or vLLM server."
    )
    embedder_api_key: SecretStr | None = Field(default=None, description="Key of the embedding model's API.")
    index: Index = Field(
        default=Index.POSTGRES, description="What finds passages: postgres, or a copy of them in weaviate."
    )
    weaviate_url: str | None = Field(
        default=None, description="Address of Weaviate, such as https://host:8080."
    )
    weaviate_grpc_url: str | None = Field(
        default=None, description="Address of Weaviate's gRPC. Unset: port 50051 of the same host."
    )
    weaviate_api_key: SecretStr | None = Field(default=None, description="Key of Weaviate.")
    departments: Path = Field(
        default=_PACKAGE / "departments", description="Directory of the departments' YAML."
    )
    questions_per_s: float = Field(
        default=5.0, gt=0, le=1e6, description="Questions a second that one key may ask."
    )
    questions_burst: int = Field(default=20, ge=1, le=10**6, description="Questions of one key at a time.")
    requests_per_s: float = Field(
        default=50.0, gt=0, le=1e6, description="Requests of any kind a second that one key may send."
    )
    requests_burst: int = Field(default=200, ge=1, le=10**6, description="Requests of one key at a time.")
    tenant_questions_per_s: float = Field(
        default=5.0,
        gt=0,
        le=1e6,
        description="Questions a second of one tenant from chat platforms; faster ones wait their turn.",
    )
    tenant_questions_burst: int = Field(
        default=20, ge=1, le=10**6, description="Questions of one tenant that are taken up at a time."
    )
    member_questions_per_s: float = Field(
        default=0.5,
        gt=0,
        le=1e6,
        description="Questions a second of one person from chat platforms; faster ones wait their turn.",
    )
    member_questions_burst: int = Field(
        default=10, ge=1, le=10**6, description="Questions of one person that are taken up at a time."
    )
    model_at_once: int = Field(
        default=8, ge=1, le=1000, description="Answers that one process has models write at a time."
    )
    deliveries_at_once: int = Field(
        default=256, ge=1, le=10**5, description="Requests of chat platforms taken at a time; more get a 503."
    )
    wrong_keys: int = Field(
        default=20, ge=1, le=10**6, description="Wrong keys from one address before it has to wait."
    )
    slack_bot_token: SecretStr | None = Field(
        default=None, description="Bot token (xoxb-…) of your Slack app. Unset: not on Slack."
    )
    slack_app_token: SecretStr | None = Field(
        default=None, description="App-level token (xapp-…): Slack is listened to without a public address."
    )
    slack_signing_secret: SecretStr | None = Field(
        default=None,
        description="Signing secrets of your Slack app, comma between while one replaces another: Slack sends"
        " to /slack/events.",
    )
    slack_client_id: str | None = Field(
        default=None, description="Client id of your Slack app: other workspaces may install it."
    )
    slack_client_secret: SecretStr | None = Field(
        default=None, description="Client secret of your Slack app."
    )
    slack_url: str | None = Field(
        default=None, description="Where people's browsers and Slack reach this server: https://…"
    )
    slack_command: str = Field(
        default="/expert",
        pattern=r"^/[a-z0-9_-]{1,31}$",
        description="The slash command of your Slack app, where it is another one.",
    )
    slack_tenant: str | None = Field(
        default=None, description="Slug of the tenant that is on Slack. Unset: the only one there is."
    )
    slack_api_url: str = Field(
        default="https://slack.com/api/", description="Address of Slack's Web API; another one for tests."
    )
    otlp_endpoint: str | None = Field(
        default=None,
        description="Address that takes traces over OTLP/HTTP, such as https://host:4318. Unset: no traces.",
    )
    workers: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Questions and messages one process works on at a time; other work has its own places.",
    )
    worker_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on which an `expert worker` shows /health and /metrics. Unset: on none.",
    )
    broker_url: SecretStr | None = Field(
        default=None,
        description="Redis that tells `expert worker` of work: redis://… or rediss://…. Unset: `up` works.",
    )
    audit_key: SecretStr | None = Field(
        default=None,
        description="Secrets that sign the audit trail, oldest first, comma between. Unset: in audit.key.",
    )
    secrets_key: SecretStr | None = Field(
        default=None,
        description="Secrets that seal the tokens of workspaces, oldest first, comma between. Unset: in"
        " secrets.key.",
    )
    journal_mb: int = Field(
        default=1024,
        ge=1,
        le=2**20,
        description="Megabytes of what platforms deliver that are kept on disk while the database is away.",
    )
    retention_days: int = Field(
        default=30, ge=1, le=3650, description="How long finished background work stays on record."
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error.")

    @field_validator("home", "departments", mode="after")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("allow_hosts", "model_fallbacks", mode="before")
    @classmethod
    def _list(cls, names: object) -> object:
        return tuple(filter(None, re.split(r"[,\s]+", names))) if isinstance(names, str) else names

    @field_validator("log_level", "index", mode="before")
    @classmethod
    def _any_case(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level

    @field_validator("broker_url", mode="after")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not re.fullmatch(r"rediss?://[^\s/]+(/\d*)?(\?\S*)?", url.get_secret_value()):
            raise ValueError("must look like redis://host:6379/0, or rediss:// for an encrypted connection")
        return url

    @model_validator(mode="after")
    def _fallbacks_of_something(self) -> Self:
        if self.model_fallbacks and self.model is None:
            raise ValueError("EXPERT_MODEL_FALLBACKS stand in for EXPERT_MODEL, which is not set")
        return self

    @model_validator(mode="after")
    def _weaviate_somewhere(self) -> Self:
        if self.index is Index.WEAVIATE and self.weaviate_url is None:
            raise ValueError("EXPERT_INDEX is weaviate, so EXPERT_WEAVIATE_URL must say where it is")
        return self

    @model_validator(mode="after")
    def _slack_for_others(self) -> Self:
        given = {
            "EXPERT_SLACK_CLIENT_ID": self.slack_client_id,
            "EXPERT_SLACK_CLIENT_SECRET": self.slack_client_secret,
            "EXPERT_SLACK_URL": self.slack_url,
        }
        missing = [name for name, value in given.items() if value is None]
        if 0 < len(missing) < len(given):
            raise ValueError(
                f"{' and '.join(missing)} must be set too, for other workspaces to install the app"
            )
        if self.slack_url is not None and not re.fullmatch(r"https://[^\s/?#@]+(/[^\s?#]*)?", self.slack_url):
            raise ValueError("EXPERT_SLACK_URL must look like https://expert.example.org")
        return self

    @model_validator(mode="after")
    def _all_three_urls(self) -> Self:
        given = (self.database_url, self.database_url_app, self.database_url_system)
        missing = [name for name, url in zip(_DATABASE_VARIABLES, given, strict=True) if url is None]
        if 0 < len(missing) < 3:
            raise ValueError(
                f"{' and '.join(missing)} must be set too: an own PostgreSQL needs its three roles"
                " (owner, app, system). Unset all three to use the embedded PostgreSQL"
            )
        for name, url in zip(_DATABASE_VARIABLES, given, strict=True):
            if url is not None and not url.get_secret_value().startswith(
                ("postgresql://", "postgresql+asyncpg://")
            ):
                raise ValueError(
                    f"{name} must start with postgresql:// (user, password, host and database follow)"
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic names the parameters
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = [_PACKAGE / "expert.toml", installation_file(home_directory())]
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=files)

    @property
    def location(self) -> Location:
        return Location(self.home, self.host, self.port)

    @property
    def database_urls(self) -> DatabaseUrls | None:
        """None: the embedded PostgreSQL in `home` serves this installation."""
        if self.database_url is None or self.database_url_app is None or self.database_url_system is None:
            return None
        return DatabaseUrls(
            *map(_asyncpg, (self.database_url, self.database_url_app, self.database_url_system))
        )


def load_settings() -> Settings:
    """Raises `Rejected` with one line for each wrong value."""
    try:
        return Settings(home=home_directory())
    except ValidationError as error:
        lines = [
            _explain(tuple(problem["loc"]), problem["msg"]) for problem in error.errors(include_input=False)
        ]
        raise Rejected("\n".join(lines)) from error
    except (OSError, ValueError) as error:  # unreadable or malformed TOML
        raise Rejected(f"{installation_file(home_directory())} cannot be read: {error}.") from error


def _explain(place: tuple[int | str, ...], message: str) -> str:
    """Names the variable, or the line of the file where the variable is not set."""
    reason = message.removeprefix("Value error, ").removeprefix("Input ")
    if not place:
        return f"{reason}."
    name = str(place[0])
    variable = f"EXPERT_{name.upper()}"
    if message.startswith("Extra inputs"):
        return f'"{name}" in {installation_file(home_directory())} is not a setting of The Expert.'
    where = (
        variable
        if variable in os.environ
        else f"{variable} ({name} in {installation_file(home_directory())})"
    )
    return f"{where} {reason}."


def _asyncpg(url: SecretStr) -> str:
    return url.get_secret_value().replace("postgresql://", "postgresql+asyncpg://", 1)
