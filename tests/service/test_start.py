"""`expert up` and `expert worker` with a PostgreSQL of one's own: what ends a start, and what does not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from benchmarks.running import Postgres, Product
from brain.adapters.postgres.migrate import migrate

PATIENCE_S = 120


@pytest.fixture
async def postgres() -> AsyncIterator[Postgres]:
    # Not pytest's tmp_path: a socket's path must be short.
    with TemporaryDirectory(prefix="expert-") as home:
        running = Postgres.at(Path(home) / "database")
        await running.start()
        try:
            yield running
        finally:
            await running.stop()


def _on(postgres: Postgres, home: Path, *words: str, **more: str) -> Product:
    urls = postgres.urls
    given = {
        "EXPERT_DATABASE_URL": urls.owner,
        "EXPERT_DATABASE_URL_APP": urls.app,
        "EXPERT_DATABASE_URL_SYSTEM": urls.system,
    }
    return Product(home, given | more, words)


async def _ended(product: Product) -> tuple[int, str]:
    product.start()
    assert product.process is not None
    try:
        status = await asyncio.to_thread(product.process.wait, PATIENCE_S)
    finally:
        await product.kill()
    return status, (product.home / f"{product.words[0]}.out").read_text()


@pytest.mark.parametrize("words", [("up", "--no-demo"), ("worker",)])
async def test_a_model_that_cannot_be_loaded_is_not_waited_for(
    postgres: Postgres, tmp_path: Path, words: tuple[str, ...]
) -> None:
    await migrate(postgres.urls.owner, app_role="expert_app", system_role="expert_system")
    status, said = await _ended(_on(postgres, tmp_path, *words, EXPERT_EMBEDDER="all-MiniLM-misspelt"))
    assert status == 1
    assert "'all-MiniLM-misspelt' cannot be loaded" in said
    assert "Waiting for PostgreSQL" not in said
    assert "Traceback" not in said
