"""Who may see and change what: checked where the act happens, and kept when things change meanwhile."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import SqlStore
from brain.adapters.postgres.tenants import tenants
from brain.domain.answer import AnswerStatus
from brain.domain.article import Article, ArticleStatus
from brain.domain.errors import Conflict, Denied, ExpertError, Missing, Rejected
from brain.domain.identity import (
    Department,
    DepartmentId,
    Member,
    MemberId,
    Principal,
    Role,
    Visibility,
)
from brain.domain.records import TaskId
from brain.domain.review import VerdictKind
from brain.usecases import read
from brain.usecases.accept import Asking
from brain.usecases.administer import (
    NewMember,
    add_key,
    add_member,
    disable_member,
    enable_member,
    revoke_key,
)
from brain.usecases.authenticate import authenticate
from brain.usecases.decide import Judgement
from brain.usecases.give_feedback import give_feedback
from brain.usecases.load_departments import DepartmentFile, load_departments
from brain.usecases.replay import replay
from config.founding import Founder, found
from config.settings import DatabaseUrls, Settings
from config.wiring import assembled
from tests.conftest import World

BADGES = "# Badges\n\n## Lost badge\n\nReport a lost badge on extension 4242.\n"
LOST = "On which extension do I report a lost badge?"


async def _member(world: World, handle: str) -> Member:
    async with world.store.transaction(world.tenant) as tx:
        member = await tx.people.member(handle)
    assert member is not None
    return member


async def _joins(world: World, handle: str, roles: dict[str, set[Role]]) -> Principal:
    held = {world.departments[slug].id: frozenset(some) for slug, some in roles.items()}
    member = Member(MemberId(uuid4()), handle, handle.title(), roles=held)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(member)
    return Principal(world.tenant, member)


async def _audited(world: World, action: str) -> list[tuple[str, dict[str, str]]]:
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT subject, details FROM audit WHERE action = :action ORDER BY at, subject"),
            {"action": action},
        )
        return [(row.subject, row.details) for row in rows]


async def _close(world: World, slug: str) -> None:
    async with world.store.transaction(world.tenant) as tx:
        closed = replace(world.departments[slug], visibility=Visibility.DEPARTMENT)
        await tx.people.save_department(closed)


def _file(slug: str, *reviewers: str, owner: str = "") -> DepartmentFile:
    return DepartmentFile(Department(DepartmentId(uuid4()), slug, slug.upper(), owner=owner), reviewers)


async def _meanwhile(world: World, change: Member, act: Awaitable[object]) -> ExpertError | None:
    """Runs `act` beside a change of a member that commits only once `act` waits for it, or is through."""
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(change)
        task = asyncio.ensure_future(act)
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not task.done() and not await tx.connection.scalar(waits):
            await asyncio.wait({task}, timeout=0.01)
    try:
        await task
    except ExpertError as refusal:
        return refusal
    return None


# Departments that come later


async def test_an_owner_who_could_not_see_to_a_review_is_told_of(world: World) -> None:
    files = [_file("it-ops", owner="rosa"), _file("hr", owner="amira"), _file("procurement", owner="nobody")]
    for _ in range(2):
        assert await load_departments(world.store, world.tenant, files) == [
            "amira (owner of hr: needs the role reviewer or admin there)",
            "nobody (owner of procurement: needs the role reviewer or admin there)",
        ]
    async with world.store.transaction(world.tenant) as tx:
        owners = {one.slug: one.owner for one in await tx.people.departments()}
    assert owners == {"hr": "amira", "it-ops": "rosa", "payroll": "", "procurement": "nobody"}


async def test_whoever_is_admin_everywhere_is_admin_of_a_new_department_too(world: World) -> None:
    mia = await _joins(world, "mia", {slug: {Role.ADMIN} for slug in world.departments})
    await _joins(world, "gone", {slug: {Role.ADMIN} for slug in world.departments})
    await disable_member(world.store, mia, "gone")

    assert await load_departments(world.store, world.tenant, [_file("legal", "rosa")]) == []

    async with world.store.transaction(world.tenant) as tx:
        legal = {one.slug: one.id for one in await tx.people.departments()}["legal"]
    assert (await _member(world, "mia")).roles[legal] == {Role.ADMIN}
    assert (await _member(world, "rosa")).roles[legal] == {Role.REVIEWER}
    for handle in ("ravi", "petra", "gone"):
        assert legal not in (await _member(world, handle)).roles, handle
    granted = await _audited(world, "member.granted")
    assert {subject for subject, _ in granted} == {
        f"member {mia.member.id}",
        f"member {world.people['rosa'].member.id}",
    }
    assert {details["department"] for _, details in granted} == {str(legal)}
    # What was locked before: giving roles there, and managing those who hold one.
    nina = NewMember("nina", "Nina", None, {"legal": frozenset({Role.ASKER})})
    assert (await add_member(world.store, mia, nina)).former is None
    assert (await disable_member(world.store, mia, "rosa")).disabled_at


async def test_a_file_gives_a_role_once_and_never_to_the_disabled(world: World) -> None:
    mia = await _joins(world, "mia", {slug: {Role.ADMIN} for slug in world.departments})
    await disable_member(world.store, mia, "omar")
    files = [_file("legal", "rosa", "omar", "nobody"), _file("it-ops", "amira")]
    assert await load_departments(world.store, world.tenant, files) == ["nobody (legal)"]
    assert (await _member(world, "omar")).roles == world.people["omar"].member.roles
    assert (await _member(world, "amira")).roles == world.people["amira"].member.roles

    demoted = NewMember("rosa", "Rosa", None, {"legal": frozenset({Role.ASKER})})
    await add_member(world.store, mia, demoted)
    before = await _member(world, "rosa")
    await load_departments(world.store, world.tenant, files)
    assert await _member(world, "rosa") == before
    assert len(await _audited(world, "member.granted")) == 2


async def test_a_founder_named_in_a_file_reviews_there_too(
    urls: DatabaseUrls, system_engine: AsyncEngine, store: SqlStore, tmp_path: Path
) -> None:
    slug = f"t-{uuid4().hex[:12]}"
    founders = [
        Founder("mia", "Mia", frozenset({Role.ADMIN})),
        Founder("amira", "Amira", frozenset({Role.ASKER}), only_in=frozenset({"hr"})),
    ]
    files = [_file("hr", "amira"), _file("legal", "mia")]
    async with assembled(Settings(home=tmp_path), urls) as wiring:
        await found(wiring, slug=slug, name="Acme", founders=founders, files=files)
    tenant = (await tenants(system_engine))[slug]
    async with store.transaction(tenant) as tx:
        ids = {one.slug: one.id for one in await tx.people.departments()}
        held = {one.handle: one.roles for one in await tx.people.members()}
        audited = await tx.connection.scalar(text("SELECT count(*) FROM audit WHERE action = 'member.saved'"))
    assert held["amira"] == {ids["hr"]: {Role.ASKER, Role.REVIEWER}}
    assert held["mia"] == {ids["hr"]: {Role.ADMIN}, ids["legal"]: {Role.ADMIN, Role.REVIEWER}}
    assert audited == 2


# Members


async def test_a_disabled_member_comes_back_only_by_being_enabled_and_without_keys(world: World) -> None:
    ravi = world.people["ravi"]
    _, secret = await add_key(world.store, ravi, "amira", name="laptop")
    assert (await authenticate(world.store, secret)).member.handle == "amira"
    await disable_member(world.store, ravi, "amira")
    assert len(await _audited(world, "key.revoked")) == 1

    again = NewMember("amira", "Amira", None, {"it-ops": frozenset({Role.REVIEWER})})
    with pytest.raises(Rejected, match="expert member enable amira"):
        await add_member(world.store, ravi, again)
    with pytest.raises(Rejected, match="expert member enable amira"):
        await add_key(world.store, ravi, "amira", name="laptop")
    assert (await _member(world, "amira")).disabled_at

    with pytest.raises(Denied):
        await enable_member(world.store, world.people["petra"], "amira")
    enabled = await enable_member(world.store, ravi, "amira")
    assert enabled == await _member(world, "amira") == world.people["amira"].member
    assert len(await _audited(world, "member.enabled")) == 1
    with pytest.raises(Denied):
        await authenticate(world.store, secret)
    _, fresh = await add_key(world.store, ravi, "amira", name="laptop")
    assert (await authenticate(world.store, fresh)).member.handle == "amira"


async def test_adding_somebody_again_says_who_they_were(world: World) -> None:
    again = NewMember("amira", "Amira", None, {"it-ops": frozenset({Role.REVIEWER})})
    saved = await add_member(world.store, world.people["ravi"], again)
    assert saved.former == world.people["amira"].member
    assert saved.member.roles == {world.departments["it-ops"].id: {Role.REVIEWER}}


async def test_nobody_takes_away_the_last_admin_not_even_themselves(world: World) -> None:
    petra = world.people["petra"]
    resigned = NewMember("petra", "Petra", None, {"payroll": frozenset({Role.REVIEWER})})
    with pytest.raises(Rejected, match="last admin of PAYROLL"):
        await add_member(world.store, petra, resigned)
    assert (await _member(world, "petra")).roles == petra.member.roles

    await _joins(world, "paul", {"payroll": {Role.ADMIN}})
    await add_member(world.store, petra, resigned)
    with pytest.raises(Denied):
        await add_member(world.store, petra, resigned)


async def test_two_admins_who_disable_each_other_leave_one(world: World) -> None:
    petra, paul = world.people["petra"], await _joins(world, "paul", {"payroll": {Role.ADMIN}})
    async with world.store.transaction(world.tenant) as tx:
        now = tx.now
    refusal = await _meanwhile(
        world, replace(paul.member, disabled_at=now), disable_member(world.store, paul, "petra")
    )
    assert isinstance(refusal, Denied)
    assert (await _member(world, "petra")).is_admin()
    assert petra.member.is_admin()


async def test_the_last_admin_may_not_resign_while_the_other_does(world: World) -> None:
    petra, paul = world.people["petra"], await _joins(world, "paul", {"payroll": {Role.ADMIN}})
    resigned = NewMember("petra", "Petra", None, {"payroll": frozenset({Role.REVIEWER})})
    asker = {world.departments["payroll"].id: frozenset({Role.ASKER})}
    refusal = await _meanwhile(
        world, replace(paul.member, roles=asker), add_member(world.store, petra, resigned)
    )
    assert isinstance(refusal, Rejected)
    assert "last admin" in str(refusal)
    assert (await _member(world, "petra")).is_admin()


async def test_a_change_does_not_undo_one_made_at_the_same_time(world: World) -> None:
    demoted = replace(
        world.people["rosa"].member, roles={world.departments["it-ops"].id: frozenset({Role.ASKER})}
    )
    mia = await _joins(world, "mia", {slug: {Role.ADMIN} for slug in world.departments})
    refusal = await _meanwhile(world, demoted, disable_member(world.store, mia, "rosa"))
    assert isinstance(refusal, Conflict)
    assert (await _member(world, "rosa")).roles == demoted.roles


async def test_one_departments_admin_does_not_manage_members_of_another(world: World) -> None:
    """`ravi` is admin of it-ops only."""
    ravi = world.people["ravi"]
    mia = await _joins(world, "mia", {slug: {Role.ADMIN} for slug in world.departments})
    key, secret = await add_key(world.store, mia, "rosa", name="laptop")
    for handle in ("rosa", "omar", "petra", "mia"):
        with pytest.raises(Denied):
            await add_key(world.store, ravi, handle, name="mine now")
        with pytest.raises(Denied):
            await disable_member(world.store, ravi, handle)
        with pytest.raises(Denied):
            await add_member(
                world.store, ravi, NewMember(handle, "", None, {"it-ops": frozenset({Role.ASKER})})
            )
    with pytest.raises(Denied):
        await revoke_key(world.store, ravi, key.id)
    with pytest.raises(Denied):
        await add_member(world.store, ravi, NewMember("new", "", None, {"hr": frozenset({Role.ASKER})}))
    assert (await authenticate(world.store, secret)).member.handle == "rosa"
    assert (await _member(world, "rosa")).roles == world.people["rosa"].member.roles


# What people see


async def test_a_review_with_sources_one_may_not_read_is_neither_listed_nor_shown(world: World) -> None:
    await world.reads("badges.md", BADGES)
    asked = await world.asks("How do I book the roof terrace for a party?")
    assert asked.review is not None
    assert asked.answer is not None
    rosa = world.people["rosa"]
    assert [one.review.number for one in await read.reviews(world.store, rosa, open_only=True)] == [
        asked.review
    ]
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(
            text("UPDATE answer SET scope = CAST(:scope AS uuid[]) WHERE id = :id"),
            {"scope": [world.departments["payroll"].id], "id": asked.answer.id},
        )
    assert await read.reviews(world.store, rosa, open_only=True) == []
    with pytest.raises(Missing):
        await read.review(world.store, rosa, asked.review)


async def _article(world: World, department: str = "procurement") -> Article:
    await world.reads("badges.md", BADGES, department=department)
    asked = await world.asks(LOST, department=department)
    assert asked.review is not None
    case = await read.review(world.store, world.people["ravi"], asked.review)
    judgement = Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash)
    await world.decide(world.people["ravi"], judgement)
    [article] = await read.articles(world.store, world.people["amira"])
    return article


async def test_an_article_is_for_those_who_may_read_its_sources(world: World) -> None:
    article = await _article(world)
    assert (await read.article(world.store, world.people["omar"], article.id)).text == article.text
    await _close(world, "procurement")
    with pytest.raises(Missing):
        await read.article(world.store, world.people["omar"], article.id)
    assert await read.articles(world.store, world.people["omar"]) == []
    assert (await read.article(world.store, world.people["ravi"], article.id)).text == article.text


async def test_what_no_longer_holds_is_not_served(world: World) -> None:
    article = await _article(world)
    assert article.citations
    await world.reads("badges.md", BADGES.replace("4242", "5151"), department="procurement")

    for handle in ("amira", "rosa", "petra"):
        assert await read.articles(world.store, world.people[handle]) == [], handle
        with pytest.raises(Missing):
            await read.article(world.store, world.people[handle], article.id)
    [listed] = await read.articles(world.store, world.people["ravi"])
    assert listed == await read.article(world.store, world.people["ravi"], article.id)
    assert (listed.status, listed.text, listed.citations) == (ArticleStatus.SUSPENDED, "", ())


async def test_an_answer_one_may_no_longer_read_tells_nothing(world: World) -> None:
    await world.reads("badges.md", BADGES, department="hr")
    asked = await world.asks(LOST)
    assert asked.answer is not None
    assert (asked.answer.status, asked.department) == (AnswerStatus.PUBLISHED, "hr")
    assert asked.answer.grounds

    await _close(world, "hr")
    now = await read.reply(world.store, world.people["amira"], asked.question.id)
    assert now.answer is not None
    assert now.department is None
    assert (now.answer.status, now.answer.text, now.answer.citations) == (AnswerStatus.SUSPENDED, "", ())
    assert (now.answer.certainty, now.answer.grounds) == (0.0, ())
    assert [one.department for one in await read.replies(world.store, world.people["amira"], limit=5)] == [
        None
    ]


async def test_feedback_is_for_the_departments_own_admins_and_names_the_question(world: World) -> None:
    await world.reads("badges.md", BADGES)
    asked = await world.asks(LOST)
    await give_feedback(world.store, world.people["amira"], asked.question.id, helpful=True)

    assert await read.feedback(world.store, world.people["petra"], limit=5) == []
    [given] = await read.feedback(world.store, world.people["ravi"], limit=5)
    assert (given.question, given.asked) == (asked.question.id, LOST)
    with pytest.raises(Denied):
        await read.feedback(world.store, world.people["rosa"], limit=5)


async def test_a_replay_is_audited(world: World, system_engine: AsyncEngine) -> None:
    task = TaskId(uuid4())
    await world.accept(world.people["amira"], Asking(LOST))
    async with world.store.transaction(world.tenant) as tx:
        event = await tx.connection.scalar(text("SELECT id FROM outbox"))
    async with system_engine.begin() as system:
        await system.execute(
            text(
                "INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, error)"
                " VALUES (:tenant, :id, :event, 'answer', 'ready', 2, 3, '')"
            ),
            {"tenant": world.tenant, "id": task, "event": event},
        )
        for move in ("state = 'leased', attempts = 3", "state = 'dead'"):
            await system.execute(text(f"UPDATE task SET {move} WHERE id = :id"), {"id": task})
    with pytest.raises(Denied):
        await replay(world.store, world.people["rosa"], task)
    await replay(world.store, world.people["ravi"], task)
    assert await _audited(world, "task.replayed") == [(f"task {task}", {})]
    with pytest.raises(Missing):
        await replay(world.store, world.people["ravi"], task)
