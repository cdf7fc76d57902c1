"""What was embedded before is not embedded again, wherever in the tenant it stands."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import text

from brain.adapters.fastembed_embedder import PACKAGED
from brain.domain.knowledge import Vector
from brain.ports import Embedder, TextKind
from brain.usecases.ingest import Ingest, Upload
from tests.conftest import World

BADGES = (
    "# Badges\n\n## Lost badge\n\nReport a lost badge on extension 4242.\n\n"
    "## Colours\n\nStaff badges are blue.\n\nVisitor badges are red.\n"
)


@dataclass(slots=True)
class NotingEmbedder:
    """The real one, or one that calls itself otherwise; keeps what it was asked for."""

    inner: Embedder
    name: str
    asked: list[str] = field(default_factory=list)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        self.asked += texts
        return [Vector(one, embedder=self.name) for one in await self.inner.embed(texts, kind=kind)]

    def count_tokens(self, text: str) -> int:
        return self.inner.count_tokens(text)


def _noting(world: World, name: str | None = None) -> tuple[NotingEmbedder, Ingest]:
    inner = world.ingest.embedder
    embedder = NotingEmbedder(inner, name or inner.name)
    return embedder, replace(world.ingest, embedder=embedder)


async def _vectors(world: World, document: object) -> dict[tuple[str, int], str]:
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text(
                "SELECT p.content_hash, e.start, e.vector::text AS vector FROM embedding e"
                " JOIN passage p ON p.id = e.passage_id WHERE p.document_id = :document"
            ),
            {"document": document},
        )
        return {(row.content_hash, row.start): row.vector for row in rows}


async def test_of_a_changed_document_only_what_changed_is_embedded(world: World) -> None:
    embedder, ingest = _noting(world)
    first = await ingest(world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))
    before = await _vectors(world, first.document.id)
    embedder.asked.clear()

    changed = BADGES.replace("4242", "5151")
    await ingest(world.people["ravi"], Upload("hr", "b.md", changed.encode()))

    assert embedder.asked
    assert all("5151" in one for one in embedder.asked)
    after = await _vectors(world, first.document.id)
    kept = before.keys() & after.keys()
    assert kept
    assert {key: before[key] for key in kept} == {key: after[key] for key in kept}
    # What was taken over is searched like anything else.
    got = await world.asks("Which colour are visitor badges?", department="hr")
    assert got.answer is not None


async def test_a_copy_in_another_department_is_not_embedded(world: World) -> None:
    embedder, ingest = _noting(world)
    first = await ingest(world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))
    embedder.asked.clear()

    copy = await ingest(world.people["ravi"], Upload("it-ops", "copy.md", BADGES.encode()))

    assert embedder.asked == []
    assert await _vectors(world, copy.document.id) == await _vectors(world, first.document.id)


async def test_another_tenant_shares_nothing(world: World, other_world: World) -> None:
    await world.ingest(world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))
    embedder, ingest = _noting(other_world)

    await ingest(other_world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))

    assert any("4242" in one for one in embedder.asked)
    assert any("blue" in one for one in embedder.asked)


async def test_what_another_embedder_made_is_of_no_use(world: World) -> None:
    await world.ingest(world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(text("UPDATE tenant SET embedder = 'another'"))
    embedder, ingest = _noting(world, "another")

    changed = BADGES.replace("4242", "5151")
    await ingest(world.people["ravi"], Upload("hr", "b.md", changed.encode()))
    async with world.store.transaction(world.tenant) as tx:  # other tests use the database, too
        await tx.connection.execute(text("UPDATE tenant SET embedder = :name"), {"name": PACKAGED})

    assert any("blue" in one for one in embedder.asked)
