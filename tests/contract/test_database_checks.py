"""A database that row security does not protect is not served."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import connect
from brain.domain.errors import Rejected
from config.database_checks import APP_SETTING, role_below_row_security
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls, Settings
from config.wiring import assembled

ROLE = "check_me"


@pytest.fixture
def role(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], str]]:
    """Makes a role with these attributes; its URL comes back."""

    def made(statements: str) -> str:
        postgres.execute(
            f"CREATE ROLE {ROLE} LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE expert TO {ROLE};"
            f"\\connect expert\nGRANT USAGE, CREATE ON SCHEMA public TO {ROLE};\n{statements}"
        )
        return postgres.urls.app.replace(postgres.urls.app.split("//")[1].split("@")[0], f"{ROLE}:x")

    yield made
    postgres.execute(
        f"\\connect expert\nDROP OWNED BY {ROLE} CASCADE;\n\\connect postgres\n"
        f"DROP OWNED BY {ROLE} CASCADE; DROP ROLE {ROLE};"
    )


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (f"ALTER ROLE {ROLE} SUPERUSER;", "above row-level security"),
        (f"ALTER ROLE {ROLE} BYPASSRLS;", "above row-level security"),
        (f"SET ROLE {ROLE}; CREATE TABLE own_one (id int);", "owns tables"),
        (f"GRANT expert_owner TO {ROLE};", "owns tables"),
    ],
)
async def test_nothing_is_served_above_row_security(
    role: Callable[[str], str], urls: DatabaseUrls, tmp_path: Path, statements: str, reason: str
) -> None:
    url = role(statements)
    for setting, changed in (
        ("EXPERT_DATABASE_URL_APP", replace(urls, app=url)),
        ("EXPERT_DATABASE_URL_SYSTEM", replace(urls, system=url)),
    ):
        with pytest.raises(Rejected, match=f"{setting} connects as {ROLE}, which .*{reason}"):
            await _serve(tmp_path, changed)


async def _serve(home: Path, urls: DatabaseUrls) -> None:
    async with assembled(Settings(home=home), urls):
        pass


async def test_an_ordinary_role_is_served(app_engine: AsyncEngine) -> None:
    assert await role_below_row_security(app_engine, setting=APP_SETTING) == "expert_app"


async def test_the_owner_may_own(urls: DatabaseUrls) -> None:
    engine = connect(urls.owner, pool_size=1)
    try:
        assert await role_below_row_security(engine, setting="EXPERT_DATABASE_URL", may_own=True)
        with pytest.raises(Rejected, match="owns tables"):
            await role_below_row_security(engine, setting=APP_SETTING)
    finally:
        await engine.dispose()
