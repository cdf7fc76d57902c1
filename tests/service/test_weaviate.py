"""An installation whose index is Weaviate: its copies are made, kept, compared and given up."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.tenants import tenants
from brain.adapters.weaviate_index import WeaviateIndex
from brain.domain.errors import Rejected
from config.indexes import compare_all, counted, rebuild_all, replicating
from config.settings import DatabaseUrls, Index, Settings
from config.wiring import Wiring, assembled, executor
from tests.conftest import World, new_world, own_postgres
from tests.contract.fake_weaviate import FakeWeaviate, fake_weaviate
from workers.executor import working

GATES = "# Gate 4\n\nGate 4 opens for drivers at 05:30.\n\n# Gate 5\n\nGate 5 is closed on Sundays.\n"
WHEN = "When does gate 4 open for drivers?"


@dataclass(frozen=True, slots=True)
class Place:
    settings: Settings
    urls: DatabaseUrls
    server: FakeWeaviate

    @asynccontextmanager
    async def wired(self) -> AsyncIterator[Wiring]:
        async with assembled(self.settings, self.urls) as wiring:
            yield wiring

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Wiring]:
        """As `expert up` does it, without the API."""
        async with (
            self.wired() as wiring,
            replicating(wiring.index, wiring.system_engine, wanted=None),
            working(executor(self.settings, wiring, report=lambda _question: lambda _step: None)),
        ):
            yield wiring

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        url = {name: value.replace("+asyncpg", "") for name, value in (
            ("EXPERT_DATABASE_URL", self.urls.owner), ("EXPERT_DATABASE_URL_APP", self.urls.app),
            ("EXPERT_DATABASE_URL_SYSTEM", self.urls.system),
        )}  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from config.cli import main; main()", "reindex", *arguments),
            env=os.environ
            | url
            | {
                "EXPERT_HOME": str(self.settings.home),
                "EXPERT_INDEX": str(self.settings.index),
                "EXPERT_WEAVIATE_URL": self.server.url,
                "EXPERT_WEAVIATE_GRPC_URL": self.server.grpc_url,
                "EXPERT_ALLOW_HOSTS": "127.0.0.1",
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told, complained = await process.communicate()
        assert process.returncode is not None
        return process.returncode, told.decode(), complained.decode()


@pytest.fixture
def own_urls() -> Iterator[DatabaseUrls]:
    with own_postgres() as postgres:
        yield postgres.urls


@pytest.fixture
async def place(own_urls: DatabaseUrls, tmp_path: Path) -> AsyncIterator[Place]:
    async with fake_weaviate(FakeWeaviate()) as server:
        settings = Settings(
            home=tmp_path,
            index=Index.WEAVIATE,
            weaviate_url=server.url,
            weaviate_grpc_url=server.grpc_url,
            allow_hosts=("127.0.0.1",),
        )
        yield Place(settings, own_urls, server)


async def _known(wiring: Wiring, embedder: FastembedEmbedder) -> World:
    """A tenant that has read something."""
    world = await new_world(wiring.store, wiring.system_engine, embedder)
    await world.reads("gates.md", GATES)
    return replace(world, ask=replace(world.ask, index=wiring.index))


async def _until_agreed(index: WeaviateIndex, world: World) -> None:
    async with asyncio.timeout(60):
        while not await index.is_whole(world.tenant, PACKAGED):  # noqa: ASYNC110  # the database alone knows
            await asyncio.sleep(0.1)
        while not (await index.compare(world.tenant, PACKAGED)).agrees:  # noqa: ASYNC110  # as above
            await asyncio.sleep(0.1)


async def test_what_is_read_while_it_serves_is_copied_and_asked(
    place: Place, embedder: FastembedEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("config.indexes.LOOK_EVERY_S", 0.2)
    async with place.serving() as wiring:
        world = await _known(wiring, embedder)
        index = wiring.index
        assert isinstance(index, WeaviateIndex)
        await _until_agreed(index, world)
        await world.reads("gates.md", GATES.replace("05:30", "06:15"))
        await _until_agreed(index, world)
        searches = place.server.calls["Search"]
        first = await world.asks(WHEN)
        assert first.answer is not None
        assert "06:15" in first.answer.text
        assert place.server.calls["Search"] > searches
        place.server.collections.clear()
        again = await world.asks(f"{WHEN} Say it again.", by="omar")
        assert again.answer is not None
        assert "06:15" in again.answer.text
        await _until_agreed(index, world)


async def test_the_command_makes_copies_whole_and_compares_them(
    place: Place, embedder: FastembedEmbedder
) -> None:
    async with place.wired() as wiring:
        world = await _known(wiring, embedder)
        slug = next(
            slug for slug, id_ in (await tenants(wiring.system_engine)).items() if id_ == world.tenant
        )
        code, told, complained = await place.command("--check")
        assert (code, complained) == (1, "Make it agree: expert reindex\n")
        assert f"{slug}: Weaviate has no copy of it." in told
        with pytest.raises(Rejected, match="no whole copy"):
            await counted(place.settings, place.urls)

        code, told, _ = await place.command("--json")
        assert (code, json.loads(told)["copied"][slug]) == (0, 2)
        code, told, _ = await place.command("--check")
        assert (code, f"{slug}: Weaviate has its 2 passages as they are." in told) == (0, True)
        assert "passages of" in await counted(place.settings, place.urls)

        [held] = [one.tenants[str(world.tenant)] for one in place.server.collections.values()]
        held.popitem()
        with pytest.raises(Rejected, match="has 2 passages, its copy 1"):
            await counted(place.settings, place.urls)
        code, told, _ = await place.command("--check", "--json")
        assert code == 1
        assert len(json.loads(told)[slug]["missing"]) == 1
        assert (await rebuild_all(place.settings, place.urls, report=lambda _done, _of: None))[slug] == 1


async def test_where_postgresql_is_the_index_again_copies_are_given_up(
    place: Place, embedder: FastembedEmbedder
) -> None:
    async with place.wired() as wiring:
        world = await _known(wiring, embedder)
        index = wiring.index
        assert isinstance(index, WeaviateIndex)
        await rebuild_all(place.settings, place.urls, report=lambda _done, _of: None)
        assert (await index.source.state(world.tenant)).whole
        back = replace(place, settings=place.settings.model_copy(update={"index": Index.POSTGRES}))
        async with back.serving():
            state = await index.source.state(world.tenant)
        assert (state.replica, state.whole) == (None, False)
        with pytest.raises(Rejected, match="EXPERT_INDEX=weaviate"):
            await compare_all(back.settings, back.urls)
        code, _, complained = await back.command()
        assert code != 0
        assert "PostgreSQL is the index itself" in complained
