"""Documents come, change and go; nothing is read twice, half, or by those who may not."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import text

from brain.adapters.postgres.index import PostgresIndex
from brain.adapters.postgres.statistics import Statistics
from brain.domain.answer import AnswerStatus
from brain.domain.errors import Conflict, Denied, Missing
from brain.domain.identity import Visibility
from brain.domain.knowledge import DocumentStatus
from brain.ports import TextKind
from brain.usecases.forget import forget
from brain.usecases.ingest import Outcome, Upload
from brain.usecases.read import documents
from tests.conftest import RUNBOOKS, World

BADGES = (
    "# Badges\n\n## Lost badge\n\nReport a lost badge on extension 4242.\n\n"
    "## Colours\n\nStaff badges are blue.\n"
)


async def _rows(world: World, table: str) -> int:
    async with world.store.transaction(world.tenant) as tx:
        return int(await tx.connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)


async def test_an_unchanged_file_costs_nothing_and_a_changed_one_replaces_its_passages(world: World) -> None:
    added = await world.reads("badges.md", BADGES)
    again = await world.reads("badges.md", BADGES)
    changed = await world.reads("badges.md", BADGES.replace("4242", "5151"))

    assert [one.outcome for one in (added, again, changed)] == [
        Outcome.ADDED,
        Outcome.UNCHANGED,
        Outcome.CHANGED,
    ]
    assert (changed.document.id, changed.document.version) == (added.document.id, 2)
    got = await world.asks("On which extension do I report a lost badge?")
    assert got.answer is not None
    assert "4242" not in got.answer.text
    async with world.store.transaction(world.tenant) as tx:
        texts = (await tx.connection.execute(text("SELECT text FROM passage"))).scalars().all()
    assert not any("4242" in one for one in texts)
    assert any("5151" in one for one in texts)


async def test_passages_a_change_leaves_alone_stay_the_same_passages(world: World) -> None:
    async def ids() -> set[str]:
        async with world.store.transaction(world.tenant) as tx:
            rows = await tx.connection.execute(text("SELECT id, heading_path FROM passage"))
            return {str(row.id) for row in rows if row.heading_path[-1] == "Colours"}

    await world.reads("badges.md", BADGES)
    before = await ids()
    await world.reads("badges.md", BADGES.replace("4242", "5151"))
    assert before
    assert await ids() == before


async def test_forgetting_leaves_no_row_behind(world: World) -> None:
    added = await world.reads("badges.md", BADGES)
    await forget(world.store, world.people["ravi"], added.document.id)
    for table in ("document", "passage", "posting", "embedding"):
        assert await _rows(world, table) == 0, table


async def test_an_unreadable_file_is_kept_in_quarantine_with_its_reason(world: World) -> None:
    good = await world.reads("badges.pdf", "not a PDF at all")
    assert good.outcome is Outcome.QUARANTINED
    assert good.document.reason
    [kept] = await documents(world.store, world.people["ravi"])
    assert kept.status is DocumentStatus.QUARANTINED
    async with world.store.transaction(world.tenant) as tx:
        assert await tx.connection.scalar(text("SELECT content FROM document")) == b"not a PDF at all"


async def test_every_format_of_the_samples_is_read_with_its_place(world: World) -> None:
    for name, department in (
        ("hr/travel-and-expenses.pdf", "hr"),
        ("hr/parental-leave.docx", "hr"),
        ("security/vulnerability-management.html", "it-ops"),
    ):
        content = (RUNBOOKS / name).read_bytes()
        ingested = await world.ingest(world.people["ravi"], Upload(department, name, content))
        assert ingested.outcome is Outcome.ADDED
        assert ingested.document.passages > 3
    async with world.store.transaction(world.tenant) as tx:
        pages = await tx.connection.execute(
            text("SELECT max(page) FROM passage WHERE title ILIKE '%travel%'")
        )
        assert pages.scalar_one() >= 3


async def test_only_reviewers_and_admins_of_the_department_write(world: World) -> None:
    with pytest.raises(Denied, match="reviewer or admin"):
        await world.reads("x.md", BADGES, by="amira")
    with pytest.raises(Denied):
        await world.reads("x.md", BADGES, department="payroll", by="ravi")
    with pytest.raises(Missing, match="it-ops"):
        await world.reads("x.md", BADGES, department="kitchen")
    secret = await world.reads("x.md", BADGES, department="payroll", by="petra")
    with pytest.raises(Missing):
        await forget(world.store, world.people["ravi"], secret.document.id)


async def test_two_ingestions_of_one_file_take_turns(world: World) -> None:
    texts = [BADGES.replace("4242", str(number)) for number in range(1000, 1008)]
    outcomes = await asyncio.gather(*(world.reads("badges.md", one) for one in texts), return_exceptions=True)
    assert all(isinstance(one, Conflict) for one in outcomes if isinstance(one, BaseException))
    [only] = await documents(world.store, world.people["ravi"])
    assert only.passages == await _rows(world, "passage")


async def test_a_closed_departments_passages_take_no_part_in_others_ranking(world: World) -> None:
    await world.reads("bank.md", "# Bank\n\nThe payroll bank is Kestrel.", department="payroll", by="petra")
    await world.reads("vpn.md", "# VPN\n\nThe VPN runs on port 51820.")
    index = PostgresIndex(world.store.engine)
    [vector] = await world.ask.embedder.embed(["The payroll bank is Kestrel."], kind=TextKind.QUESTION)

    async def titles(by: str) -> set[str]:
        found = await index.search(
            "The payroll bank is Kestrel.",
            vector=vector,
            audience=world.people[by].audience,
            department=None,
            limit=10,
        )
        return {one.passage.title for one in found}

    assert "Bank" in await titles("petra")
    assert "Bank" not in await titles("amira")
    leaked = await world.asks("Which bank does payroll use?", by="amira")
    assert leaked.answer is not None
    assert "Kestrel" not in leaked.answer.text


async def test_a_follow_up_is_read_in_its_conversation_and_no_other(world: World) -> None:
    redis = (RUNBOOKS / "it-ops" / "redis-operations.md").read_text()
    await world.reads("redis.md", redis)
    first = await world.asks("How do I rotate the Redis password?")
    assert first.answer is not None
    assert first.answer.status is AnswerStatus.PUBLISHED
    follow_up = await world.asks("And how do I check that it worked?", after=first)
    assert follow_up.question.conversation == first.question.conversation
    assert follow_up.answer is not None

    async with world.store.transaction(world.tenant) as tx:
        turns = await tx.questions.history(first.question.conversation, before=follow_up.question.id)
    assert [turn.question for turn in turns] == ["How do I rotate the Redis password?"]

    stranger = await world.asks("And how do I check that it worked?", by="omar", after=first)
    async with world.store.transaction(world.tenant) as tx:
        assert await tx.questions.history(first.question.conversation, before=stranger.question.id) == []


async def test_the_size_of_a_scope_is_remembered_and_nothing_else_of_it(world: World) -> None:
    index = PostgresIndex(world.store.engine, statistics=Statistics(large=1))
    [vector] = await world.ask.embedder.embed(["Which port does the VPN use?"], kind=TextKind.QUESTION)

    async def titles(by: str) -> set[str]:
        audience = world.people[by].audience
        found = await index.search("VPN port", vector=vector, audience=audience, department=None, limit=10)
        return {one.passage.title for one in found}

    await world.reads("vpn.md", "# VPN\n\nThe VPN runs on port 51820.")
    bank = await world.reads("bank.md", "# Bank\n\nThe bank is Kestrel.", department="payroll", by="petra")
    assert (await titles("petra"), await titles("amira")) == ({"VPN", "Bank"}, {"VPN"})
    await world.reads("more.md", "# More\n\nA second VPN runs on port 51821.")
    assert await titles("amira") == {"VPN", "More"}
    async with world.store.transaction(world.tenant) as tx:
        payroll = replace(world.departments["payroll"], visibility=Visibility.TENANT)
        await tx.people.save_department(payroll)
    assert await titles("amira") == {"VPN", "More", "Bank"}
    await forget(world.store, world.people["petra"], bank.document.id)
    assert await titles("petra") == {"VPN", "More"}


async def test_what_a_document_repeats_word_for_word_is_one_passage(world: World) -> None:
    notice = "This page is owned by the platform team and reviewed every quarter."
    page = (
        "# Pages\n\n"
        + "\n\n".join(f"## Notice\n\n{notice}" for _ in range(5))
        + "\n\n## Port\n\nIt is 51820."
    )
    await world.reads("pages.md", page)
    [only] = await documents(world.store, world.people["ravi"])
    assert only.passages == await _rows(world, "passage") == 2
