"""A version that cannot be read destroys nothing, and what is in quarantine can come out of it."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text

from brain.domain.errors import Denied, Missing, Rejected
from brain.domain.knowledge import DocumentStatus, ParsedDocument, Vector
from brain.ports import Embedder, TextKind
from brain.usecases.forget import forget
from brain.usecases.ingest import Ingested, Outcome, Upload
from brain.usecases.read import documents
from brain.usecases.read_again import retry
from tests.conftest import World

RUNBOOKS = Path(__file__).parents[2] / "demo" / "runbooks"
TRAVEL = (RUNBOOKS / "hr" / "travel-and-expenses.pdf").read_bytes()
BADGES = "# Badges\n\nA lost badge is reported to extension 4242.\n"


async def sends(
    world: World, content: bytes, *, media_type: str | None = None, source: str = "badges.pdf"
) -> Ingested:
    return await world.ingest(world.people["ravi"], Upload("hr", source, content, media_type))


async def states(world: World) -> dict[str, tuple[DocumentStatus, int]]:
    return {
        one.source: (one.status, one.passages) for one in await documents(world.store, world.people["ravi"])
    }


async def actions(world: World) -> list[str]:
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(text("SELECT action FROM audit ORDER BY at, action"))
        return list(rows.scalars())


async def test_an_unreadable_version_leaves_the_one_that_can_be_read(world: World) -> None:
    added = await sends(world, TRAVEL)
    refused = await sends(world, TRAVEL[:-9_000])
    assert (added.outcome, refused.outcome) == (Outcome.ADDED, Outcome.QUARANTINED)
    assert "cut off" in (refused.document.reason or "")
    assert await states(world) == {
        "badges.pdf": (DocumentStatus.LIVE, added.document.passages),
        "badges.pdf (unreadable version)": (DocumentStatus.QUARANTINED, 0),
    }
    assert await actions(world) == ["document.added", "document.quarantined"]
    await sends(world, TRAVEL[:-9_000])
    assert await actions(world) == ["document.added", "document.quarantined"], "the same again is no news"
    await sends(world, TRAVEL[:-8_000])
    assert len(await states(world)) == 2, "only the newest is kept"
    assert (await sends(world, TRAVEL)).outcome is Outcome.UNCHANGED
    assert list(await states(world)) == ["badges.pdf"]


async def test_a_readable_version_replaces_both(world: World) -> None:
    await sends(world, BADGES.encode(), source="badges.md")
    await sends(world, b"\x00\x01", source="badges.md")
    changed = await sends(world, BADGES.replace("4242", "4343").encode(), source="badges.md")
    assert (changed.outcome, changed.document.version) == (Outcome.CHANGED, 2)
    assert list(await states(world)) == ["badges.md"]


async def test_what_is_in_quarantine_is_read_again(world: World) -> None:
    first = await sends(world, BADGES.encode(), source="badges")
    assert first.outcome is Outcome.QUARANTINED
    assert (await sends(world, BADGES.encode(), source="badges")).document.version == 1
    again = await sends(world, BADGES.encode(), media_type="text/markdown", source="badges")
    assert (again.outcome, again.document.status) == (Outcome.CHANGED, DocumentStatus.LIVE)
    assert await states(world) == {"badges": (DocumentStatus.LIVE, 1)}


async def test_forgetting_takes_the_unreadable_version_along(world: World) -> None:
    added = await sends(world, TRAVEL)
    await sends(world, TRAVEL[:-9_000])
    await forget(world.store, world.people["ravi"], added.document.id)
    assert await states(world) == {}
    assert (await actions(world)).count("document.forgotten") == 2


async def test_what_is_in_quarantine_can_be_tried_again(world: World) -> None:
    """As after an upgrade, or on a machine that was too busy."""
    ravi = world.people["ravi"]
    busy = replace(world.ingest, parser=RefusingParser())
    refused = await busy(ravi, Upload("hr", "badges.md", BADGES.encode()))
    still = await retry(world.store, busy, ravi, refused.document.id)
    assert (still.outcome, still.document.version) == (Outcome.QUARANTINED, 1)
    read = await retry(world.store, world.ingest, ravi, refused.document.id)
    assert (read.outcome, read.document.id) == (Outcome.CHANGED, refused.document.id)
    assert await states(world) == {"badges.md": (DocumentStatus.LIVE, 1)}
    nothing = await retry(world.store, world.ingest, ravi, refused.document.id)
    assert nothing.outcome is Outcome.UNCHANGED


async def test_an_unreadable_version_that_can_be_read_by_now_replaces_the_old(world: World) -> None:
    ravi = world.people["ravi"]
    first = await sends(world, BADGES.encode(), source="badges.md")
    newer = BADGES.replace("4242", "4343").encode()
    busy = replace(world.ingest, parser=RefusingParser())
    refused = await busy(ravi, Upload("hr", "badges.md", newer))
    read = await retry(world.store, world.ingest, ravi, refused.document.id)
    assert (read.outcome, read.document.id, read.document.version) == (Outcome.CHANGED, first.document.id, 2)
    assert await states(world) == {"badges.md": (DocumentStatus.LIVE, 1)}


async def test_only_who_looks_after_the_department_may_try_again(world: World) -> None:
    refused = await sends(world, b"\x00\x01", source="badges.md")
    for handle, error in (("omar", Denied), ("petra", Missing)):
        with pytest.raises(error):
            await retry(world.store, world.ingest, world.people[handle], refused.document.id)


class RefusingParser:
    async def parse(self, content: bytes, *, name: str, media_type: str | None) -> ParsedDocument:
        raise Rejected(f"{name} takes more than 20 s to be read.")


@dataclass(slots=True)
class WatchedEmbedder:
    """The real one, which notes the threads that count tokens."""

    inner: Embedder
    name: str
    threads: set[int]

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        return await self.inner.embed(texts, kind=kind)

    def count_tokens(self, text: str) -> int:
        self.threads.add(threading.get_ident())
        return self.inner.count_tokens(text)


async def test_the_event_loop_goes_on_while_a_document_is_cut_up(world: World) -> None:
    inner = world.ingest.embedder
    watched = WatchedEmbedder(inner, inner.name, set())
    ingest = replace(world.ingest, embedder=watched)
    assert (
        await ingest(world.people["ravi"], Upload("hr", "b.md", BADGES.encode()))
    ).outcome is Outcome.ADDED
    assert watched.threads
    assert threading.get_ident() not in watched.threads
