"""Nothing of an erased person is left in any table, and what others rest on stands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bots.chat_platform import Heard, Inbound, Pressed, Said
from brain.adapters.extractive_generator import ExtractiveGenerator
from brain.adapters.postgres.audit import verify
from brain.adapters.postgres.store import connect
from brain.adapters.postgres.tables import metadata
from brain.domain.answer import Generation, Piece
from brain.domain.audit import Sought
from brain.domain.conversation import Conversation, Delivery, DeliveryId
from brain.domain.errors import Conflict, Denied, Missing, Rejected, Unavailable
from brain.domain.identity import Member, MemberId, Principal, Role
from brain.domain.knowledge import Found
from brain.domain.question import Turn
from brain.domain.records import AuditEntry, Key, KeyId
from brain.domain.review import VerdictKind
from brain.usecases.accept import Asking
from brain.usecases.administer import disable_member, enable_member
from brain.usecases.authenticate import digest, new_key
from brain.usecases.be_away import be_away, be_back
from brain.usecases.decide import Judgement
from brain.usecases.erase import Erase
from brain.usecases.give_feedback import give_feedback
from brain.usecases.hand_on import pass_on
from brain.usecases.ingest import Upload
from brain.usecases.read import articles, review, reviews, trail
from brain.usecases.renew import renew
from config.embedded_postgres import EmbeddedPostgres
from tests.conftest import Travelling, World, everywhere

GATES = "# Gates\n\n## Gate 4\n\nGate 4 opens at 06:30 for drivers.\n"


@pytest.fixture
async def zelda(world: World) -> World:
    """A member who asks, and reviews what others ask in procurement; ravi is admin of everything."""
    await everywhere(world, "ravi")
    it_ops, procurement = (world.departments[slug].id for slug in ("it-ops", "procurement"))
    roles = {it_ops: frozenset({Role.ASKER}), procurement: frozenset({Role.ASKER, Role.REVIEWER})}
    member = Member(MemberId(uuid4()), "zquorn", "Zelda Quorn-Ivanov", "z.quorn@canary.example", roles)
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(member)
        await tx.people.save_key(
            Key(KeyId(uuid4()), member.id, "canary-laptop", digest(new_key(world.tenant)), tx.now)
        )
        await tx.connection.execute(
            text(
                "INSERT INTO identity (tenant_id, platform, external_id, member_id)"
                " VALUES (:t, 'slack', :x, :m)"
            ),
            {"t": world.tenant, "x": "T0ACME/U0CANARY7", "m": member.id},
        )
    world.people["zelda"] = Principal(world.tenant, member)
    return world


@pytest.fixture
def erase(world: World) -> Erase:
    return Erase(world.store, world.ask.embedder)


@pytest.fixture
async def root(postgres: EmbeddedPostgres) -> AsyncIterator[AsyncEngine]:
    engine = connect(postgres.superuser_url, pool_size=1)
    yield engine
    await engine.dispose()


async def _judge(
    world: World, number: int | None, by: str, kind: VerdictKind, *, text: str = "", reason: str = ""
) -> None:
    assert number is not None
    case = await review(world.store, world.people[by], number)
    judgement = Judgement(number, kind, case.review.shown_hash, text=text, reason=reason)
    await world.decide(world.people[by], judgement)


async def _left(root: AsyncEngine, world: World, canaries: Sequence[str]) -> list[str]:
    """Where a canary is found in any column of any row of the tenant, bytes included."""
    found = []
    async with root.connect() as connection:
        for table in metadata.sorted_tables:
            key = "id" if table.name == "tenant" else "tenant_id"
            for column in table.columns:
                shown = f'"{column.name}"::text'
                if str(column.type) in ("BYTEA", "BLOB"):
                    shown = f"encode(\"{column.name}\", 'escape')"
                rows = await connection.execute(
                    text(
                        f"SELECT c FROM {table.name}, unnest(CAST(:canaries AS text[])) c"
                        f" WHERE {table.name}.{key} = :tenant AND strpos(lower({shown}), lower(c)) > 0"
                    ),
                    {"canaries": list(canaries), "tenant": world.tenant},
                )
                found += [f"{row.c} in {table.name}.{column.name}" for row in rows]
    return sorted(set(found))


CANARIES = {
    "name": "Zelda Quorn-Ivanov",
    "e-mail": "z.quorn@canary.example",
    "handle": "zquorn",
    "external id": "U0CANARY7",
    "key": "canary-laptop",
    "question": "xanthippe",
    "approved question": "brobdingnag",
    "follow-up": "kumquatsauce",
    "shared question": "wobblegong",
    "joined question": "flibberty",
    "unanswered question": "snickerdoodle",
    "idempotency key": "idem-canary-9",
    "feedback": "tatterdemalion",
    "reason about them": "gobbledegook",
    "reason of theirs": "lollygagging",
    "edit of theirs": "skedaddler",
    "reason to pass on": "hullabaloo",
    "refusal": "cattywampus",
    "task error": "bumfuzzled",
    "quarantined file": "collywobbles",
    "thread": "dm-canary-thread",
    "offer on a platform": "rigmarole",
    "reason for handing on": "hullabaloo",
}


async def _passes_on(world: World, reason: str) -> None:
    """Zelda, who owns procurement, says of a review that it is not for her, and goes away."""
    me = world.people["zelda"]
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_department(replace(world.departments["procurement"], owner=me.member.handle))
    passed = await world.asks("Which glue do we buy?", by="amira", department="procurement")
    assert passed.review is not None
    case = await review(world.store, me, passed.review)
    if case.review.assignee != me.member.id:
        await pass_on(world.store, world.people["ravi"], passed.review, reason="")
    await pass_on(world.store, me, passed.review, reason=reason)
    async with world.store.transaction(world.tenant) as tx:
        later = tx.now + timedelta(days=7)
    await be_away(world.store, me, me.member.handle, until=later)
    await be_back(world.store, me, me.member.handle)


async def _talks(world: World) -> None:
    """On Slack, where what was not dealt with yet is kept, and so is where only she could read it."""
    c, me = CANARIES, world.people["zelda"]
    where = Conversation("slack", "T0ACME", "C0DESK", "1.2")
    said = Said(f"Rather the {c['offer on a platform']}.", Heard.OVERHEARD, "1.3")
    pressed = Pressed("approve", "1:abc", "1.2")
    async with world.store.transaction(world.tenant) as tx:
        for delivery, what in (
            ("event/Ev1", said),
            (f"action/T0ACME/C0DESK/1.2/a/{c['external id']}", pressed),
        ):
            payload = Inbound(delivery, where, c["external id"], what).to_json()
            kept = Delivery(DeliveryId(uuid4()), "slack", delivery, "", payload)
            assert await tx.talk.inbox.accept(kept)
        others = Inbound("event/Ev2", where, "U0AMIRA", replace(said, text="Hello.")).to_json()
        await tx.talk.inbox.accept(Delivery(DeliveryId(uuid4()), "slack", "event/Ev2", "", others))
        place = await tx.talk.conversations.open(replace(where, reader=c["external id"]))
        await tx.talk.messages.claim("delivery/1", to=place, for_s=1, pace_s=0)
        await tx.talk.messages.claim(f"review/{uuid4()}/{me.member.id}", to=place, for_s=1, pace_s=0)


async def _lives(world: World) -> None:
    """Zelda leaves each canary somewhere."""
    c, me = CANARIES, world.people["zelda"]
    await world.reads("gates.md", GATES)
    asked = await world.asks(f"When does gate 4 open for drivers, {c['question']}?", by="zelda")
    await world.asks(f"And for {c['follow-up']}?", by="zelda", after=asked)
    comment = f"{c['feedback']} {c['name']}"
    await give_feedback(world.store, me, asked.question.id, helpful=False, comment=comment)
    alone = await world.asks(f"Who feeds the {c['approved question']} of {c['name']}?", by="zelda")
    await _judge(world, alone.review, "rosa", VerdictKind.APPROVE, text=f"Ask {c['handle']} at the desk.")
    rejected = await world.asks(f"Where is the {c['unanswered question']} kept?", by="zelda")
    await _judge(world, rejected.review, "rosa", VerdictKind.REJECT, reason=c["reason about them"])
    await world.asks(f"Who paints the {c['shared question']} fence?", by="zelda")
    await world.asks(f"{c['shared question']}?", by="zelda")
    theirs = await world.asks("Which pen do we buy?", by="amira", department="procurement")
    await _judge(world, theirs.review, "zelda", VerdictKind.REJECT, reason=c["reason of theirs"])
    amended = await world.asks("Which ink do we buy?", by="amira", department="procurement")
    text_ = f"Ask me, {c['name']}, {c['e-mail']}: the {c['edit of theirs']}."
    await _judge(world, amended.review, "zelda", VerdictKind.APPROVE, text=text_)
    await _passes_on(world, c["reason to pass on"])
    await _talks(world)
    waiting = await world.asks("Who cleans the bicycle cellar?", by="amira")
    asking = Asking(f"{c['joined question']}?", idempotency_key=c["idempotency key"])
    question = await world.accept(me, asking)
    await world.ingest(me, Upload("procurement", "x.bin", b"\x00" + c["quarantined file"].encode()))
    async with world.store.transaction(world.tenant) as tx:
        case = await tx.reviews.case(waiting.review or 0, lock=False)
        assert case is not None
        await tx.reviews.join(case.review.id, question=question, wording=f"the {c['joined question']}")
        why = (("why", c["refusal"]), ("shown_hash", "0" * 64))
        await tx.records.audit(AuditEntry(me.member.id, "verdict.refused", "review 99", why))
        for statement in (
            "UPDATE department SET owner = :handle WHERE slug = 'procurement'",
            "INSERT INTO review_move (tenant_id, review_id, ordinal, kind, by_id, reason)"
            " SELECT tenant_id, id, 99, 'passed', :member, :passed FROM review"
            f" WHERE id = '{case.review.id}'",
            "UPDATE conversation SET platform = 'slack', channel = :thread"
            " WHERE id IN (SELECT conversation_id FROM question WHERE asker_id = :member)",
            "INSERT INTO task (tenant_id, id, event_id, handler, state, attempts, crashes, error)"
            " SELECT tenant_id, gen_random_uuid(), id, 'answer', 'ready', 1, 0, :error FROM outbox"
            f" WHERE name = 'QuestionAsked' AND payload ->> 'question' = '{question}'",
        ):
            known = {
                "passed": c["reason for handing on"],
                "handle": c["handle"],
                "thread": c["thread"],
                "member": me.member.id,
                "error": c["task error"],
            }
            bound = {name: value for name, value in known.items() if f":{name}" in statement}
            await tx.connection.execute(text(statement), bound)


async def test_no_byte_of_twenty_one_canaries_is_left(zelda: World, erase: Erase, root: AsyncEngine) -> None:
    world, canaries = zelda, list(CANARIES.values())
    await _lives(world)
    before = await _left(root, world, canaries)
    assert {one.split(" in ")[0] for one in before} == set(canaries), "each is somewhere"

    also = (CANARIES["edit of theirs"],)
    looked = await erase(world.people["ravi"], "zquorn", also=also, dry_run=True)
    assert await _left(root, world, canaries) == before, "a dry run changes nothing"
    done = await erase(world.people["ravi"], "zquorn", also=also, dry_run=False)

    assert await _left(root, world, canaries) == []
    assert (done.counts, done.handle) == (looked.counts, looked.handle)
    assert done.counts["questions"] == 7
    assert (
        await verify(world.store.engine, world.tenant, keyring=world.store.keyring, known=())
    ).findings == []
    entries = await trail(world.store, world.people["ravi"], Sought(), actor=None)
    assert [link.entry.action for link, _ in entries[:2]] == ["audit.erased", "member.erased"]
    assert {link.entry.actor for link, member in entries if member and member.handle == done.handle} == {
        done.member
    }


async def test_what_others_rest_on_stands(zelda: World, erase: Erase) -> None:
    world = zelda
    await _lives(world)
    await erase(world.people["ravi"], "zquorn", dry_run=False)

    known = {one.question: one for one in await articles(world.store, world.people["amira"])}
    assert known["Which ink do we buy?"].text == (
        "Ask me, a former member, a former member: the skedaddler."
    ), "approved knowledge stays, without who wrote it"
    assert known["Which ink do we buy?"].approval.name == "a former member"
    assert known["Ask a former member at the desk."].text == "Ask a former member at the desk."
    again = await world.asks("Which ink do we buy?", by="amira")
    assert again.answer is not None
    assert again.answer.text == known["Which ink do we buy?"].text
    found = await world.asks("Whom do I ask at the desk?", by="amira")
    assert found.answer is not None
    [waiting] = await reviews(world.store, world.people["rosa"], open_only=True)
    assert (waiting.question, waiting.waiting) == ("Who cleans the bicycle cellar?", 2)
    await _judge(world, waiting.review.number, "rosa", VerdictKind.APPROVE, text="Facilities do.")
    wordings = {one.question for one in await articles(world.store, world.people["amira"])}
    assert "Who cleans the bicycle cellar?" in wordings


async def test_who_waits_with_them_goes_on_waiting(zelda: World, erase: Erase) -> None:
    world = zelda
    first = await world.asks("Who waters the xanthippe?", by="zelda")
    second = await world.accept(world.people["amira"], Asking("Who waters the tall plant?"))
    async with world.store.transaction(world.tenant) as tx:
        case = await tx.reviews.case(first.review or 0, lock=False)
        assert case is not None
        await tx.reviews.join(case.review.id, question=second, wording="Who waters the tall plant?")
    await erase(world.people["ravi"], "zquorn", dry_run=False)
    [waiting] = await reviews(world.store, world.people["rosa"], open_only=True)
    assert (waiting.question, waiting.asked_by) == ("Who waters the tall plant?", "a former member")
    await _judge(world, waiting.review.number, "rosa", VerdictKind.APPROVE, text="Facilities do.")
    [article] = await articles(world.store, world.people["amira"])
    assert article.question == "Who waters the tall plant?"


async def test_an_article_found_by_their_question_is_renewed_without_them(zelda: World, erase: Erase) -> None:
    world = zelda
    asked = await world.asks("Who waters the xanthippe?", by="zelda")
    await _judge(world, asked.review, "rosa", VerdictKind.APPROVE, text="Facilities do.")
    [article] = await articles(world.store, world.people["amira"])
    soon = article.notice_at
    await renew(Travelling(world.store.engine, moments=[soon]), world.tenant, article.id)
    await erase(world.people["ravi"], "zquorn", dry_run=False)
    [renewal] = await reviews(world.store, world.people["rosa"], open_only=True)
    assert renewal.question == "Facilities do."
    await _judge(world, renewal.review.number, "rosa", VerdictKind.APPROVE)
    late = article.notice_at + timedelta(days=400)
    await renew(Travelling(world.store.engine, moments=[late]), world.tenant, article.id)
    [renewal] = await reviews(world.store, world.people["rosa"], open_only=True)
    await _judge(world, renewal.review.number, "rosa", VerdictKind.APPROVE, text="Nobody does.")
    [renewed] = await articles(world.store, world.people["amira"])
    assert (renewed.id, renewed.question, renewed.text) == (article.id, "Facilities do.", "Nobody does.")


async def test_erasing_twice_changes_nothing_more(zelda: World, erase: Erase) -> None:
    world, ravi = zelda, zelda.people["ravi"]
    await _lives(world)
    done = await erase(ravi, "zquorn", dry_run=False)
    with pytest.raises(Missing):
        await erase(ravi, "zquorn", dry_run=False)
    again = await erase(ravi, done.handle, dry_run=False)
    assert {what: n for what, n in again.counts.items() if n} == {}
    with pytest.raises(Rejected, match="was erased"):
        await enable_member(world.store, ravi, done.handle)


async def test_the_last_admin_cannot_be_erased(zelda: World, erase: Erase) -> None:
    with pytest.raises(Rejected, match="ravi is the last admin of HR"):
        await erase(zelda.people["ravi"], "ravi", dry_run=False)
    with pytest.raises(Denied):
        await erase(zelda.people["petra"], "zquorn", dry_run=True)
    with pytest.raises(Rejected, match="too short"):
        await erase(zelda.people["ravi"], "zquorn", also=("x",), dry_run=True)


async def test_a_disabled_member_can_be_erased(zelda: World, erase: Erase) -> None:
    await disable_member(zelda.store, zelda.people["ravi"], "zquorn")
    erased = await erase(zelda.people["ravi"], "zquorn", dry_run=False)
    assert erased.counts["API keys"] == 1


async def test_a_document_that_names_them_is_told_and_left(zelda: World, erase: Erase) -> None:
    await zelda.reads("contacts.md", "# Contacts\n\nCall Zelda Quorn-Ivanov for pallets.\n")
    erased = await erase(zelda.people["ravi"], "zquorn", dry_run=False)
    assert erased.documents == ("contacts.md",)


class _Meanwhile(ExtractiveGenerator):
    """Something happens while the answer is being written."""

    def __init__(self, meanwhile: Awaitable[object]) -> None:
        self.meanwhile = meanwhile

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        async for piece in super().generate(
            question, passages=passages, history=history, instructions=instructions
        ):
            yield piece
        await self.meanwhile


async def test_a_question_that_is_being_answered_leaves_nothing(
    zelda: World, erase: Erase, root: AsyncEngine
) -> None:
    world, me = zelda, zelda.people["zelda"]
    question = await world.accept(me, Asking("Who waters the xanthippe?"))
    generator = _Meanwhile(erase(world.people["ravi"], "zquorn", dry_run=False))
    await replace(world.ask, generator=generator)(world.tenant, question)
    assert await _left(root, world, ["xanthippe", "zquorn"]) == []
    await world.ask(world.tenant, question)
    assert await reviews(world.store, world.people["ravi"], open_only=False) == []
    with pytest.raises(Denied, match="erased"):
        await world.accept(me, Asking("And the xanthippe again?"))


async def test_erasing_among_many_at_work_leaves_nothing(
    zelda: World, erase: Erase, root: AsyncEngine
) -> None:
    """Questions, answers, verdicts and feedback of the person and of others, all at once."""
    world = zelda
    await world.reads("gates.md", GATES)

    async def asks(by: str, n: int) -> None:
        with suppress(Denied, Unavailable, Missing):
            got = await world.asks(f"Who waters the {by} plant {n} xanthippe?", by=by)
            await give_feedback(
                world.store, world.people[by], got.question.id, helpful=True, comment="xanthippe"
            )

    async def judges(number: int) -> None:
        with suppress(Denied, Unavailable, Missing, Conflict):
            await _judge(world, number, "rosa", VerdictKind.APPROVE, text=f"Number {number}.")

    async def erases() -> None:
        await asyncio.sleep(0.2)
        for _ in range(5):
            with suppress(Unavailable):
                await erase(world.people["ravi"], "zquorn", dry_run=False)
                break

    await asyncio.gather(erases(), *(asks("zelda", n) for n in range(15)), *(judges(n) for n in range(1, 10)))
    assert await _left(root, world, ["zelda plant", "zquorn", "xanthippe"]) == []
