"""Documents that say the same answer once; none is lost when the one that answered changes or goes."""

from brain.domain.answer import AnswerStatus
from brain.domain.knowledge import Document
from brain.usecases.forget import forget
from brain.usecases.ingest import Outcome
from brain.usecases.read import documents
from brain.usecases.read_again import read_parted
from tests.conftest import RUNBOOKS, World

REDIS = (RUNBOOKS / "it-ops" / "redis-operations.md").read_text(encoding="utf-8")
QUESTION = "How do I rotate the Redis password?"
COPY = REDIS.lower().replace("the ", "this ", 2) + "\n\nPlease.\n"


async def known(world: World) -> dict[str, Document]:
    return {one.source: one for one in await documents(world.store, world.people["ravi"])}


async def later(world: World) -> None:
    """What the workers do once the transaction is over."""
    await read_parted(world.store, world.ingest, world.tenant)


async def test_a_copy_is_linked_and_found_once(world: World) -> None:
    first = await world.reads("redis.md", REDIS)
    same = await world.reads("wiki/redis.md", REDIS)
    copy = await world.reads("old/redis.txt", COPY)
    assert [one.outcome for one in (first, same, copy)] == [Outcome.ADDED, Outcome.LINKED, Outcome.LINKED]
    found = await known(world)
    assert found["wiki/redis.md"].linked
    assert found["wiki/redis.md"].twin == found["old/redis.txt"].twin == first.document.id
    assert found["redis.md"].passages
    answer = (await world.asks(QUESTION)).answer
    assert answer is not None
    assert {one.document for one in answer.citations} == {first.document.id}
    assert (await world.reads("wiki/redis.md", REDIS)).outcome is Outcome.UNCHANGED


async def test_what_differs_in_a_number_is_indexed_and_shown(world: World) -> None:
    await world.reads("redis.md", REDIS)
    other = await world.reads("redis-2.md", REDIS.replace("6379", "6380") + "\n\nPort 6380.\n")
    assert other.outcome is Outcome.ADDED
    shown = (await known(world))["redis-2.md"]
    assert shown.passages
    assert not shown.linked
    assert shown.twin == (await known(world))["redis.md"].id


async def test_forgetting_the_first_brings_the_next(world: World) -> None:
    first = await world.reads("a.md", REDIS)
    for source in ("b.md", "c.md"):
        await world.reads(source, REDIS)
    await forget(world.store, world.people["ravi"], first.document.id)
    await later(world)
    found = await known(world)
    assert list(found) == ["b.md", "c.md"]
    assert found["b.md"].passages
    assert found["c.md"].twin == found["b.md"].id
    answer = (await world.asks(QUESTION)).answer
    assert answer is not None
    assert answer.status is AnswerStatus.PUBLISHED
    assert {one.document for one in answer.citations} == {found["b.md"].id}


async def test_a_change_of_the_first_parts_them(world: World) -> None:
    await world.reads("a.md", REDIS)
    await world.reads("b.md", REDIS)
    await world.reads("a.md", "# Gateways\n\nRestart the gateway.\n")
    assert not (await known(world))["b.md"].linked
    await later(world)
    found = await known(world)
    assert found["a.md"].passages
    assert found["b.md"].passages
    assert found["b.md"].twin is None


async def test_a_small_change_of_the_first_leaves_them_together(world: World) -> None:
    await world.reads("a.md", REDIS)
    await world.reads("b.md", REDIS)
    await world.reads("a.md", REDIS + "\n\nPlease.\n")
    await later(world)
    found = await known(world)
    assert found["b.md"].linked
    assert found["b.md"].twin == found["a.md"].id


async def test_a_change_of_the_linked_one_brings_it_in(world: World) -> None:
    await world.reads("a.md", REDIS)
    await world.reads("b.md", REDIS)
    changed = await world.reads("b.md", REDIS + "\n\nThe new port is 6390.\n")
    assert changed.outcome is Outcome.CHANGED
    assert (await known(world))["b.md"].passages


async def test_what_is_indexed_stays_indexed(world: World) -> None:
    await world.reads("a.md", REDIS)
    await world.reads("b.md", "# Gateways\n\nRestart the gateway.\n")
    assert (await world.reads("b.md", REDIS)).outcome is Outcome.CHANGED
    found = await known(world)
    assert found["b.md"].passages
    assert found["b.md"].twin == found["a.md"].id


async def test_never_across_departments_or_tenants(world: World, other_world: World) -> None:
    petra = world.people["petra"]
    await world.reads("a.md", REDIS, department="payroll", by="petra")
    assert (await world.reads("a.md", REDIS)).outcome is Outcome.ADDED
    assert (await world.reads("a.md", REDIS, department="hr")).outcome is Outcome.ADDED
    assert (await other_world.reads("a.md", REDIS)).outcome is Outcome.ADDED
    assert all(one.twin is None for one in await documents(world.store, petra))


async def test_a_document_that_went_meanwhile_is_no_error(world: World) -> None:
    first = await world.reads("a.md", REDIS)
    linked = await world.reads("b.md", REDIS)
    await forget(world.store, world.people["ravi"], first.document.id)
    await forget(world.store, world.people["ravi"], linked.document.id)
    await later(world)
    assert await known(world) == {}
