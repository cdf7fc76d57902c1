"""The audit trail holds against those who own the database: each manipulation by a superuser is found."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.audit import chain_earlier, head_after, verify
from brain.adapters.postgres.store import connect, enter
from brain.domain.audit import START, Head, Keyring, Sought, Verification, key_name
from brain.domain.errors import Denied, Rejected
from brain.domain.records import AuditEntry
from brain.usecases.read import trail
from config.embedded_postgres import EmbeddedPostgres
from config.settings import DatabaseUrls
from tests.conftest import World, everywhere
from tests.contract.conftest import Api

KEYS = Keyring((b"an old key of this installation", b"the key that it signs with today"))


@pytest.fixture
async def root(postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    engine = connect(postgres.superuser_url, pool_size=1)
    yield engine
    await engine.dispose()


@pytest.fixture
async def audited(world: World) -> World:
    """Ten entries, each with a reason."""
    signing = replace(world, store=replace(world.store, keyring=KEYS))
    for number in range(1, 11):
        await _act(signing, number)
    return signing


async def _act(world: World, number: int) -> None:
    actor = world.people["ravi"].member.id
    async with world.store.transaction(world.tenant) as tx:
        await tx.records.audit(
            AuditEntry(actor, "verdict.reject", f"review {number}", (("reason", f"outdated {number}"),))
        )


async def _verify(world: World, *known: Head, keyring: Keyring = KEYS) -> Verification:
    return await verify(world.store.engine, world.tenant, keyring=keyring, known=known)


async def _manipulate(root: AsyncEngine, world: World, *statements: str) -> None:
    async with root.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement), {"tenant": world.tenant})


async def test_an_untouched_trail_is_whole(audited: World) -> None:
    found = await _verify(audited)
    assert (found.head.sequence, found.findings) == (10, [])
    assert await head_after(audited.store.engine, audited.tenant, known=found.head) == found.head


@pytest.mark.parametrize(
    "change",
    [
        "actor_id = gen_random_uuid()",
        "actor_id = NULL",
        "action = 'verdict.approve'",
        "subject = 'review 5'",
        "at = at + interval '1 microsecond'",
        "hash = repeat('0', 64)",
        "seals = '{}', details = '{}', salts = '{}'",
    ],
)
async def test_an_edited_entry_is_found(audited: World, root: AsyncEngine, change: str) -> None:
    await _manipulate(root, audited, f"UPDATE audit SET {change} WHERE tenant_id = :tenant AND sequence = 4")
    assert "entry 4 is not what was written, or does not follow the one before it" in (
        (await _verify(audited)).findings
    )


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("""details = '{"reason": "I agree"}'""", "detail 'reason' of entry 4 is not what was written"),
        ("details = '[1, 2]'", "detail '' of entry 4 is not what was written"),
        ("""details = details || '{"more": "x"}'""", "detail 'more' of entry 4 is not what was written"),
        ("details = '{}', salts = '{}'", "details of entry 4 are missing, and no erasure says so"),
    ],
)
async def test_an_edited_detail_is_found(
    audited: World, root: AsyncEngine, change: str, finding: str
) -> None:
    await _manipulate(root, audited, f"UPDATE audit SET {change} WHERE tenant_id = :tenant AND sequence = 4")
    assert finding in (await _verify(audited)).findings


async def test_a_deleted_entry_is_found(audited: World, root: AsyncEngine) -> None:
    await _manipulate(root, audited, "DELETE FROM audit WHERE tenant_id = :tenant AND sequence IN (4, 5)")
    assert "entries 4 to 5 are missing" in (await _verify(audited)).findings


async def test_closing_the_gap_does_not_hide_it(audited: World, root: AsyncEngine) -> None:
    await _manipulate(
        root,
        audited,
        "DELETE FROM audit WHERE tenant_id = :tenant AND sequence = 4",
        "UPDATE audit SET sequence = sequence + 90 WHERE tenant_id = :tenant AND sequence > 4",
        "UPDATE audit SET sequence = sequence - 91 WHERE tenant_id = :tenant AND sequence > 90",
    )
    assert "entry 4 is not what was written, or does not follow the one before it" in (
        (await _verify(audited)).findings
    )


async def test_an_inserted_entry_is_found(audited: World, root: AsyncEngine) -> None:
    copied = "INSERT INTO audit (tenant_id, actor_id, action, subject, sequence, seals, key, hash)"
    fields = "SELECT tenant_id, actor_id, action, 'review 99'"
    where = "FROM audit WHERE tenant_id = :tenant AND sequence = 10"
    await _manipulate(root, audited, f"{copied} {fields}, NULL, seals, key, hash {where}")
    assert (await _verify(audited)).findings == ["1 entry stands outside the chain"]
    await _manipulate(root, audited, f"{copied} {fields}, 11, '{{}}', key, hash {where}")
    assert "entry 11 is not what was written, or does not follow the one before it" in (
        (await _verify(audited)).findings
    )


async def test_reordered_entries_are_found(audited: World, root: AsyncEngine) -> None:
    await _manipulate(
        root,
        audited,
        "UPDATE audit SET sequence = -1 WHERE tenant_id = :tenant AND sequence = 4",
        "UPDATE audit SET sequence = 4 WHERE tenant_id = :tenant AND sequence = 7",
        "UPDATE audit SET sequence = 7 WHERE tenant_id = :tenant AND sequence = -1",
    )
    findings = (await _verify(audited)).findings
    assert {finding.split(" is ")[0] for finding in findings} == {f"entry {n}" for n in (4, 5, 7, 8)}


async def test_a_truncated_trail_is_found_by_a_head_that_was_kept(audited: World, root: AsyncEngine) -> None:
    kept = (await _verify(audited)).head
    await _manipulate(root, audited, "DELETE FROM audit WHERE tenant_id = :tenant AND sequence > 7")
    assert (await _verify(audited)).findings == [], "a chain alone cannot tell"
    assert (await _verify(audited, kept)).findings == ["entries 8 to 10 are missing at the end"]
    assert await head_after(audited.store.engine, audited.tenant, known=kept) is None
    for number in range(8, 12):
        await _act(audited, number)
    assert (await _verify(audited, kept)).findings == ["entry 10 is another than when its hash was noted"]


async def test_without_the_key_nobody_can_sign_it_anew(audited: World, root: AsyncEngine) -> None:
    """Everything a superuser can know, and our own code to sign with: only the key is missing."""
    forger = replace(audited.store, keyring=Keyring((b"some other key",)))
    await _manipulate(root, audited, "DELETE FROM audit WHERE tenant_id = :tenant")
    await _act(replace(audited, store=forger), 1)
    name = key_name(b"some other key")
    assert (await _verify(audited)).findings == [
        f"entry 1 is signed with a key that is not this installation's ({name})"
    ]
    await _manipulate(root, audited, f"UPDATE audit SET key = '{KEYS.newest}' WHERE tenant_id = :tenant")
    assert (await _verify(audited)).findings == [
        "entry 1 is not what was written, or does not follow the one before it"
    ]


async def test_a_key_can_be_replaced_and_does_not_come_back(world: World) -> None:
    former = Keyring(KEYS.keys[:1])
    for number, keyring in enumerate((former, KEYS, former), start=1):
        await _act(replace(world, store=replace(world.store, keyring=keyring)), number)
        found = await _verify(world)
        assert found.findings == (
            []
            if number < 3
            else [f"entry 3 is signed with a key that was already replaced ({former.newest})"]
        )


async def test_one_tenants_trail_cannot_stand_in_for_anothers(
    audited: World, other_world: World, root: AsyncEngine
) -> None:
    await _act(replace(other_world, store=audited.store), 1)
    await _manipulate(
        root,
        audited,
        f"UPDATE audit SET tenant_id = '{other_world.tenant}', sequence = 2"
        " WHERE tenant_id = :tenant AND sequence = 2",
    )
    assert (await _verify(replace(other_world, store=audited.store))).findings == [
        "entry 2 is not what was written, or does not follow the one before it"
    ]


async def test_a_hundred_at_once_make_one_chain(audited: World) -> None:
    await asyncio.gather(*(_act(audited, number) for number in range(11, 111)))
    found = await _verify(audited)
    assert (found.head.sequence, found.findings) == (110, [])


async def test_what_fails_leaves_no_entry(audited: World) -> None:
    async def refused() -> None:
        async with audited.store.transaction(audited.tenant) as tx:
            await tx.records.audit(AuditEntry(None, "nothing", "nobody"))
            raise Rejected("not today")

    with pytest.raises(Rejected):
        await refused()
    assert (await _verify(audited)).head.sequence == 10


async def test_the_serving_role_can_add_entries_only(audited: World, app_engine: AsyncEngine) -> None:
    for statement in (
        "UPDATE audit SET action = 'x'",
        "UPDATE audit SET hash = ''",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ):
        async with app_engine.connect() as connection:
            await enter(connection, audited.tenant)
            with pytest.raises(DBAPIError, match="permission denied"):
                await connection.execute(text(statement))


async def test_entries_of_a_version_without_chains_become_its_beginning(
    world: World, root: AsyncEngine, urls: DatabaseUrls
) -> None:
    await _manipulate(
        root,
        world,
        "INSERT INTO audit (tenant_id, action, subject, details) SELECT :tenant, 'tenant.founded',"
        """ 'tenant ' || n, '{"reason": "why"}' FROM generate_series(1, 3) n""",
    )
    assert (await _verify(world)).findings == ["3 entries stand outside the chain"]
    for _ in range(2):
        await chain_earlier(urls.owner, [world.tenant], KEYS)
    found = await _verify(world)
    assert (found.head.sequence, found.findings) == (3, [])
    await _act(replace(world, store=replace(world.store, keyring=KEYS)), 4)
    assert (await _verify(world, found.head)).findings == []


async def test_admins_of_every_department_read_it(api: Api) -> None:
    ravi = api.world.people["ravi"]
    with pytest.raises(Denied, match="admin in"):
        await trail(api.world.store, ravi, Sought(), actor=None)
    await everywhere(api.world, "ravi")
    for number in range(1, 4):
        await _act(api.world, number)
    newest, *_ = listed = (await api.get("/v1/audit?action=verdict&actor=ravi", by="ravi")).json()
    assert [one["sequence"] for one in listed] == [3, 2, 1]
    assert (newest["actor"], newest["action"]) == ("ravi", "verdict.reject")
    assert (newest["subject"], newest["details"]) == ("review 3", {"reason": "outdated 3"})
    older = await api.get("/v1/audit?before=2&since=2026-01-01&limit=5", by="ravi")
    assert [one["sequence"] for one in older.json()] == [1]
    assert (await api.get("/v1/audit?since=2099-01-01T00:00:00Z", by="ravi")).json() == []
    assert (await api.get("/v1/audit?action=verd", by="ravi")).json() == [], "whole words only"
    assert (await api.get("/v1/audit?actor=nobody", by="ravi")).status_code == 404
    assert (await api.get("/v1/audit", by="amira")).status_code == 403


async def test_an_empty_trail_is_whole(world: World) -> None:
    found = await _verify(world)
    assert (found.head, found.findings) == (START, [])
