"""Everything known is embedded anew while people ask and write, by a process that may be killed."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.migrate import configuration, migrate
from brain.adapters.postgres.reembedding import owning, take_turn
from brain.adapters.postgres.store import SqlStore, connect, enter
from brain.domain.errors import Conflict, Rejected, Unavailable
from brain.domain.review import VerdictKind
from brain.ports import Embedder
from brain.usecases.decide import Judgement
from brain.usecases.read import review
from config.embedded_postgres import EmbeddedPostgres
from config.embedders import advice
from config.reindex import Plan, Reindexed, plan_of, reindex
from config.settings import DatabaseUrls, Settings
from config.wiring import assembled
from tests.conftest import World, new_world
from tests.contract.fake_embeddings import FakeEmbeddings, fake_embeddings

# LiteLLM looks at every attribute of pydantic's models; newer pydantic warns about two of them.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning"
)

NEW = "litellm:openai/new-model"
GATES = "# Gate 4\n\nGate 4 opens for drivers at 05:30.\n\n# Gate 5\n\nGate 5 is closed on Sundays.\n"
TERRACE = "Who looks after the roof terrace?"


@dataclass(frozen=True, slots=True)
class Place:
    """An installation of its own: reindexing is about all the tenants of a database."""

    settings: Settings
    urls: DatabaseUrls
    server: FakeEmbeddings

    async def reindex(self, *, patience_s: float = 0) -> Reindexed:
        return await reindex(
            self.settings, self.urls, NEW, report=lambda _done, _of: None, patience_s=patience_s
        )

    async def plan(self) -> Plan:
        return await plan_of(self.settings, self.urls, NEW)


@pytest.fixture
def place() -> Iterator[Place]:
    home = Path(tempfile.mkdtemp(prefix="expert-"))
    try:
        with fake_embeddings(FakeEmbeddings()) as server, EmbeddedPostgres(home) as postgres:
            urls = postgres.urls
            asyncio.run(migrate(urls.owner, app_role="expert_app", system_role="expert_system"))
            yield Place(
                Settings(home=home, embedder_api_base=server.base, allow_hosts=("127.0.0.1",)), urls, server
            )
    finally:
        shutil.rmtree(home)


@pytest.fixture
async def app(place: Place) -> AsyncIterator[AsyncEngine]:
    engine = connect(place.urls.app, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
async def system(place: Place) -> AsyncIterator[AsyncEngine]:
    engine = connect(place.urls.system, pool_size=3)
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(app: AsyncEngine, system: AsyncEngine, embedder: FastembedEmbedder) -> World:
    """With a document, a question that waits for a review, and one that a person answered."""
    world = await new_world(SqlStore(app), system, embedder)
    await world.reads("gates.md", GATES)
    await world.asks(TERRACE)
    await world.asks("What colour is the lobby piano?", by="omar")
    decided = await review(world.store, world.people["ravi"], 2)
    judgement = Judgement(2, VerdictKind.APPROVE, decided.review.shown_hash, text="It is white.")
    await world.decide(world.people["ravi"], judgement)
    return world


def speaking(world: World, embedder: Embedder) -> World:
    """The same people, in a process whose embedder is this one."""
    return replace(
        world,
        ask=replace(world.ask, embedder=embedder),
        decide=replace(world.decide, embedder=embedder),
        ingest=replace(world.ingest, embedder=embedder),
    )


async def kept(world: World) -> dict[str, list[tuple[int, int]]]:
    """How many vectors of how many dimensions, by what they are of; and passages without any."""
    queries = {
        "passages": "SELECT dimensions, count(*) FROM embedding WHERE start = -1 GROUP BY 1 ORDER BY 1",
        "wordings": "SELECT vector_dims(vector), count(*) FROM wording GROUP BY 1",
        "reviews": "SELECT vector_dims(vector), count(*) FROM review WHERE status = 'open' GROUP BY 1",
        "bare": "SELECT 0, count(*) FROM passage p WHERE NOT EXISTS"
        " (SELECT FROM embedding e WHERE e.passage_id = p.id AND e.start = -1)",
    }
    async with world.store.engine.connect() as connection:
        await enter(connection, world.tenant)
        return {
            name: [tuple(row) for row in await connection.execute(text(query))]
            for name, query in queries.items()
        }


async def in_force(world: World) -> str | None:
    async with world.store.engine.connect() as connection:
        await enter(connection, world.tenant)
        found: str | None = await connection.scalar(text("SELECT embedder FROM tenant"))
        return found


async def test_another_model_takes_over_in_one_step_while_people_work(
    place: Place, world: World, app: AsyncEngine, system: AsyncEngine, embedder: FastembedEmbedder
) -> None:
    other = await new_world(SqlStore(app), system, embedder)
    await other.reads("gates.md", GATES)
    place.server.pause_s = 0.2
    passages = (await kept(world))["passages"][0][1]
    running = asyncio.create_task(place.reindex())
    written = 0
    while not running.done():
        try:
            answer = await world.asks("When does gate 4 open for drivers?", by="omar")
            if written < 8:
                note = f"# Note {written}\n\nDock {written} has a ramp.\n"
                await world.reads(f"note-{written}.md", note)
                written += 1
        except Unavailable:
            assert await in_force(world) == NEW, "until the change, the former model serves"
            break
        assert answer.answer is not None
        assert "05:30" in answer.answer.text
    done = await running

    assert (await in_force(world), await in_force(other)) == (NEW, NEW)
    assert done.plan.former == {PACKAGED: sorted(done.plan.former[PACKAGED])}
    assert done.discarded > 0
    found = await kept(world)
    assert found["bare"] == [(0, 0)]
    assert found["passages"] == [(96, passages + written)]
    assert (found["wordings"], found["reviews"][0][0]) == ([(96, 1)], 96)


async def test_what_was_known_is_found_in_the_new_terms(place: Place, world: World) -> None:
    await place.reindex()
    async with assembled(place.settings, place.urls) as wiring:
        assert wiring.embedder.name == NEW
        anew = speaking(world, wiring.embedder)
        known = await anew.asks("When does gate 4 open for drivers?", by="omar")
        assert known.answer is not None
        assert "05:30" in known.answer.text
        approved = await anew.asks("What colour is the lobby piano?")
        assert approved.answer is not None
        assert (approved.answer.text, approved.answer.model) == ("It is white.", "approved")
        assert (await anew.asks(TERRACE, by="omar")).review == 1, "joins the review that was open before"


async def test_a_process_that_lags_behind_can_write_nothing_and_follows_by_itself(
    place: Place, world: World
) -> None:
    async with assembled(place.settings, place.urls) as wiring:
        assert wiring.embedder.name == PACKAGED
        assert advice(replace_embedder(place.settings, NEW), PACKAGED).startswith(f"EXPERT_EMBEDDER is {NEW}")
        await place.reindex()
        with pytest.raises(Unavailable, match="just taken the place of"):
            await world.reads("late.md", "# Late\n\nThe late shift starts at 22:00.\n")
        with pytest.raises(Unavailable, match="just taken the place of"):
            await world.asks("When does gate 4 open for drivers?", by="omar")
        async with asyncio.timeout(30):
            while wiring.embedder.name != NEW:  # noqa: ASYNC110  # another process would look no other way
                await asyncio.sleep(0.1)
        anew = speaking(world, wiring.embedder)
        await anew.reads("late.md", "# Late\n\nThe late shift starts at 22:00.\n")
        late = await anew.asks("When does the late shift start?")
        assert late.answer is not None
        assert "22:00" in late.answer.text
    assert (await kept(world))["bare"] == [(0, 0)]


def replace_embedder(settings: Settings, name: str) -> Settings:
    return settings.model_copy(update={"embedder": name})


async def test_a_plan_changes_nothing(place: Place, world: World) -> None:
    before = await kept(world)
    plan = await place.plan()
    assert (plan.dimensions, list(plan.former), plan.questions) == (96, [PACKAGED], 2)
    assert plan.passages == sum(count for _, count in before["passages"])
    assert await kept(world) == before
    assert await in_force(world) == PACKAGED
    await place.reindex()
    assert (await place.plan()).passages == 0


async def test_killed_it_goes_on_where_it_was(place: Place, world: World) -> None:
    """Whenever it is killed, everything is found in the terms that are in force."""
    for number in range(6):
        text_ = "".join(f"# Bay {number}.{ramp}\n\nRamp {ramp}.\n" for ramp in range(20))
        await world.reads(f"bay-{number}.md", text_)
    [(_, passages)] = (await kept(world))["passages"]
    place.server.pause_s = 0.15
    for share in (0.2, 0.6):
        with _running(place) as process:
            await _until_embedded(world, int(share * passages), process)
            process.send_signal(signal.SIGKILL)
        assert await in_force(world) == PACKAGED
        answer = await world.asks("When does gate 4 open for drivers?", by="omar")
        assert answer.answer is not None
        assert "05:30" in answer.answer.text
    place.server.bodies.clear()
    rest = dict((await kept(world))["passages"])[96]
    done = await place.reindex()
    assert done.embedded <= passages - rest + 2, "what was embedded before is not embedded again"
    found = await kept(world)
    assert (found["bare"], found["passages"]) == ([(0, 0)], [(96, passages)])


def _running(place: Place) -> "subprocess.Popen[bytes]":
    home, base = str(place.settings.home), place.server.base
    return subprocess.Popen(
        [sys.executable, "-c", "from config.cli import main; main()", "reindex", "--embedder", NEW, "--json"],
        env=os.environ
        | {"EXPERT_HOME": home, "EXPERT_EMBEDDER_API_BASE": base, "EXPERT_ALLOW_HOSTS": "127.0.0.1"},
        stdout=subprocess.DEVNULL,
    )


async def _until_embedded(world: World, wanted: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while dict((await kept(world))["passages"]).get(96, 0) < wanted:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_killed_after_the_change_the_former_vectors_still_go(place: Place, world: World) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(8):
            await place.reindex(patience_s=60)
    assert await in_force(world) == NEW
    assert len((await kept(world))["passages"]) == 2
    await place.reindex()
    assert [dimensions for dimensions, _ in (await kept(world))["passages"]] == [96]


async def test_one_at_a_time(place: Place, world: World) -> None:
    engine = owning(place.urls.owner)
    async with engine.connect() as connection:
        await take_turn(connection)
        with pytest.raises(Conflict, match="Another `expert reindex`"):
            await place.reindex()
    await engine.dispose()


async def test_vectors_that_no_index_takes_are_refused(place: Place, world: World) -> None:
    place.server.dimensions = 4_001
    with pytest.raises(Rejected, match="4000 at most"):
        await place.reindex()
    assert await in_force(world) == PACKAGED


async def test_the_index_of_the_new_vectors_is_used_and_mended(place: Place, world: World) -> None:
    await place.reindex()
    engine = owning(place.urls.owner)
    async with engine.connect() as connection:
        valid = await connection.scalar(
            text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'embedding_hnsw_96'::regclass")
        )
    await engine.dispose()
    assert valid


async def test_an_installation_that_is_there_already_keeps_its_embedder(
    place: Place, world: World, system: AsyncEngine
) -> None:
    """As `0009` finds it: vectors, and no word of which model is in force."""
    engine = connect(place.urls.owner, pool_size=1)

    def again(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE tenant DROP COLUMN embedder"))
        command.stamp(configuration(connection), "0008", purge=True)
        command.upgrade(configuration(connection), "0009")
        command.stamp(configuration(connection), "head", purge=True)

    async with engine.begin() as connection:
        await connection.run_sync(again)
    await engine.dispose()
    await migrate(place.urls.owner, app_role="expert_app", system_role="expert_system")
    assert await in_force(world) == PACKAGED
    answer = await world.asks("When does gate 4 open for drivers?")
    assert answer.answer is not None
    assert "05:30" in answer.answer.text
