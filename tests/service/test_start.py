"""`expert up` and `expert worker` with a PostgreSQL of one's own: what ends a start, and what does not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
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


async def _checks(product: Product) -> Mapping[str, str]:
    """What `/ready` says of each part."""
    assert product.alive
    async with httpx.AsyncClient(timeout=5) as client:
        try:
            checks = (await client.get(f"{product.url}/ready")).json()["checks"]
        except httpx.TransportError:
            return {}
    return {one["name"]: one["detail"] for one in checks}


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


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await true():  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.05)


async def test_a_database_that_is_away_or_goes_while_samples_are_read_is_waited_for(
    postgres: Postgres, tmp_path: Path
) -> None:
    product = _on(postgres, tmp_path, "up")

    async def whole() -> bool:
        return "embedder" in await _checks(product)

    async def waits() -> bool:
        return "not answering" in (await _checks(product)).get("database", "") and not await whole()

    await postgres.stop()
    product.start()
    try:
        await _until(waits)
        async with httpx.AsyncClient(base_url=product.url, timeout=5) as client:
            measured = (await client.get("/metrics")).text
        assert 'expert_process{role="up"} 1.0' in measured
        assert "expert_store_up 0.0" in measured
        await postgres.start()
        await _until(whole)
        await postgres.stop()
        await _until(waits)
        await postgres.start()
        await product.ready()
    finally:
        await product.stop()
    said = (tmp_path / "up.out").read_text()
    assert said.count("Waiting for PostgreSQL") == 2
    assert "Traceback" not in said
