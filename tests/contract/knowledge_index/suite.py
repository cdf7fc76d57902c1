"""What every knowledge index has to do, whatever it keeps its passages in. Inherit it, and give a `shelf`."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.adapters.postgres.index import PostgresIndex
from brain.domain.identity import Member, MemberId, Principal, Role, Thresholds, Visibility
from brain.domain.knowledge import Found
from brain.domain.ranking import K1, B, rarity, terms
from brain.domain.review import VerdictKind
from brain.usecases.decide import Judgement
from brain.usecases.embedding import embed_passages
from brain.usecases.forget import forget
from brain.usecases.read import articles, documents, review
from brain.usecases.retract import retract
from brain.usecases.widen import Widening, widen
from tests.conftest import RUNBOOKS
from tests.contract.knowledge_index.shelf import Shelf, cosine

BADGES = "# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n"
VPN = "# VPN\n\n## Port\n\nThe VPN runs on port 51820.\n\n## Reset\n\nA token is reset on extension 4242.\n"
BANK = "# Bank\n\nThe payroll bank is Kestrel, account team 7, on extension 5150.\n"
WHICH = "Which bank is the payroll bank?"


def _own_rank(ranks: list[int | None]) -> list[int]:
    return sorted(one for one in ranks if one is not None)


async def _joins(shelf: Shelf, handle: str, *departments: str) -> None:
    roles = {shelf.world.departments[one].id: frozenset({Role.ASKER}) for one in departments}
    member = Member(MemberId(uuid4()), handle, handle.title(), roles=roles)
    async with shelf.world.store.transaction(shelf.world.tenant) as tx:
        await tx.people.save_member(member)
    shelf.world.people[handle] = Principal(shelf.world.tenant, member)


async def _sees(shelf: Shelf, department: str, visibility: Visibility) -> None:
    async with shelf.world.store.transaction(shelf.world.tenant) as tx:
        await tx.people.save_department(replace(shelf.world.departments[department], visibility=visibility))


class Searching:
    async def test_nothing_is_found_where_nothing_is_known(self, shelf: Shelf) -> None:
        assert await shelf.finds("Which port does the VPN use?") == []

    async def test_both_rankings_are_told_from_one_on(self, shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        await shelf.reads("badges.md", BADGES)
        found = await shelf.finds("Which port does the VPN use?")
        assert "51820" in found[0].passage.text
        assert (found[0].dense_rank, found[0].lexical_rank) == (1, 1)
        for ranks in ([one.dense_rank for one in found], [one.lexical_rank for one in found]):
            assert _own_rank(ranks) == list(range(1, len(_own_rank(ranks)) + 1))
        unworded = [one for one in found if one.lexical_rank is None]
        assert [one.lexical_score for one in unworded] == [0.0] * len(unworded)
        assert any("15 euros" in one.passage.text for one in unworded)

    async def test_scores_are_the_cosine_and_bm25_of_what_the_audience_may_read(self, shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        await shelf.reads("badges.md", BADGES)
        closed = f"{BANK}\nThe VPN port is nobody's business.\n"
        await shelf.reads("bank.md", closed, department="payroll", by="petra")
        question = "Which port does the VPN use, and what does a visitor badge cost?"
        found = await shelf.finds(question)
        vector = await shelf.vector(question)
        counts = {one.passage.id: Counter(terms(one.passage.indexed_text)) for one in found}
        mean = sum(one.total() for one in counts.values()) / len(counts)
        assert len(found) == 3
        for one in found:
            [embedded] = await embed_passages(shelf.world.ask.embedder, [one.passage])
            assert one.dense_score == pytest.approx(cosine(vector, embedded.vector), abs=2e-3)
            assert one.lexical_score == pytest.approx(
                sum(
                    rarity(sum(term in other for other in counts.values()), len(counts))
                    * (count := counts[one.passage.id][term])
                    * (K1 + 1)
                    / (count + K1 * (1 - B + B * counts[one.passage.id].total() / mean))
                    for term in set(terms(question))
                ),
                rel=1e-4,
            )

    async def test_pieces_are_compared_with_the_question(self, shelf: Shelf) -> None:
        await shelf.reads("badges.md", BADGES)
        question = "What does a visitor badge cost?"
        [found] = await shelf.finds(question)
        [embedded] = await embed_passages(shelf.world.ask.embedder, [found.passage])
        vector = await shelf.vector(question)
        assert [start for start, _ in found.pieces] == [start for start, _ in embedded.pieces]
        assert [similarity for _, similarity in found.pieces] == pytest.approx(
            [cosine(vector, one) for _, one in embedded.pieces], abs=2e-3
        )

    async def test_a_limit_holds_for_each_ranking(self, shelf: Shelf) -> None:
        sections = "".join(
            f"## Gate {n}\n\nGate {n} opens for drivers at {n}:30 every day.\n\n" for n in range(12)
        )
        await shelf.reads("gates.md", f"# Gates\n\n{sections}")
        found = await shelf.finds("When does gate 7 open for drivers?", limit=3)
        assert _own_rank([one.dense_rank for one in found]) == [1, 2, 3]
        assert _own_rank([one.lexical_rank for one in found]) == [1, 2, 3]
        assert "7:30" in found[0].passage.text

    @pytest.mark.parametrize(
        ("question", "answer"),
        [
            ("QS-4107", "upstream"),
            ("what is 4107", "upstream"),
            ("--force-renew", "certificate"),
            ("/var/lib/docker", "disk"),
            ("runbook for KubePodCrashLooping", "crash"),
            ("release 4.16", "rollback"),
            ("Zażółć gęślą jaźń", "Łódź"),
            ("数据库在哪里", "PostgreSQL"),
        ],
    )
    async def test_operational_tokens_and_every_script_are_words(
        self, shelf: Shelf, question: str, answer: str
    ) -> None:
        page = {
            "QS-4107": "Error QS-4107 means that the upstream is slow.",
            "Renewal": "Run certtool --force-renew to renew the certificate.",
            "Cleaning": "Prune /var/lib/docker when the disk is full.",
            "KubePodCrashLooping": "A pod that starts and ends in a crash.",
            "Release": "After 4.16.2 the rollback is by hand.",
            "Ćwiczenie": "Zażółć gęślą jaźń, says the sign in Łódź 🚪.",
            "数据库": "数据库在哪里 PostgreSQL.",
        }
        sections = "".join(f"## {heading}\n\n{body}\n\n" for heading, body in page.items())
        await shelf.reads("runbook.md", f"# Runbook\n\n{sections}")
        found = await shelf.finds(question)
        [first] = [one for one in found if one.lexical_rank == 1]
        assert answer in first.passage.text

    @pytest.mark.parametrize("question", ["the of and", "🚪", "\N{ZERO WIDTH SPACE}", "x" * 5_000])
    async def test_a_question_without_a_known_word_is_answered_by_meaning(
        self, shelf: Shelf, question: str
    ) -> None:
        await shelf.reads("vpn.md", VPN)
        found = await shelf.finds(question)
        assert {one.lexical_rank for one in found} == {None}
        assert _own_rank([one.dense_rank for one in found]) == [1, 2]

    async def test_a_real_library_is_ranked_as_by_postgresql(self, shelf: Shelf) -> None:
        for path in sorted(RUNBOOKS.glob("it-ops/[k-r]*.md")):
            await shelf.reads(path.name, path.read_text())
        plain = Shelf(shelf.world, PostgresIndex(shelf.world.store.engine), shelf.settle)
        for question in (
            "How do I rotate the Redis password?",
            "restart a stuck RabbitMQ consumer on the waybill queue",
            "Kafka consumer lag threshold Gdansk",
            "QS-4107 upstream timeout customer portal",
            "restore a PostgreSQL backup to a point in time",
        ):
            ours, theirs = await shelf.finds(question), await plain.finds(question)
            assert [one.passage.id for one in ours[:3]] == [one.passage.id for one in theirs[:3]], question
            scores = {one.passage.id: one for one in theirs}
            same = [one for one in ours if one.passage.id in scores]
            assert len(same) >= 0.8 * len(theirs)
            for one in same:
                assert _scores(one) == pytest.approx(_scores(scores[one.passage.id]), abs=1e-6)


def _scores(found: Found) -> list[float]:
    return [found.dense_score, found.lexical_score, found.piece_score]


class Rights:
    async def test_another_tenants_passages_are_not_there(self, shelf: Shelf, other_shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        await other_shelf.reads("badges.md", BADGES)
        assert await shelf.titles("visitor badge port") == {"VPN"}
        assert await other_shelf.titles("visitor badge port") == {"Badges"}

    async def test_a_closed_department_is_found_by_its_own_people(self, shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        await shelf.reads("bank.md", BANK, department="payroll", by="petra")
        assert await shelf.titles(WHICH, by="petra") == {"VPN", "Bank"}
        found = await shelf.finds(WHICH, by="amira")
        assert {one.passage.title for one in found} == {"VPN"}
        assert _own_rank([one.dense_rank for one in found]) == [1, 2]

    async def test_what_is_shown_to_several_is_what_each_may_read(self, shelf: Shelf) -> None:
        await _sees(shelf, "hr", Visibility.DEPARTMENT)
        await shelf.reads("bank.md", BANK, department="payroll", by="petra")
        await shelf.reads("leave.md", "# Leave\n\nLeave is 26 days.\n", department="hr")
        await _joins(shelf, "cleo", "payroll", "hr")
        assert await shelf.titles(WHICH, by="cleo") == {"Bank", "Leave"}
        assert await shelf.titles(WHICH, by=["cleo", "petra"]) == {"Bank"}
        assert await shelf.titles(WHICH, by=["cleo", "omar"]) == {"Leave"}
        assert await shelf.titles(WHICH, by=["cleo", "omar", "petra"]) == set()

    async def test_one_department_is_asked_alone(self, shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        await shelf.reads("leave.md", "# Leave\n\nLeave is 26 days.\n", department="hr")
        found = await shelf.finds("How many days of leave, and which VPN port?", department="hr")
        assert {one.passage.title for one in found} == {"Leave"}
        assert await shelf.finds("Which VPN port?", department="procurement") == []

    async def test_closing_and_opening_a_department_takes_effect_at_once(self, shelf: Shelf) -> None:
        await shelf.reads("bank.md", BANK, department="payroll", by="petra")
        assert await shelf.titles(WHICH) == set()
        await _sees(shelf, "payroll", Visibility.TENANT)
        assert await shelf.titles(WHICH) == {"Bank"}
        await _sees(shelf, "payroll", Visibility.DEPARTMENT)
        assert await shelf.titles(WHICH) == set()

    async def test_an_article_is_found_by_whom_it_was_widened_to(self, shelf: Shelf) -> None:
        world = shelf.world
        await _sees(shelf, "hr", Visibility.DEPARTMENT)
        payroll = replace(world.departments["payroll"], thresholds=Thresholds(publish=1.0))
        async with world.store.transaction(world.tenant) as tx:
            await tx.people.save_department(payroll)
        await shelf.reads("bank.md", BANK, department="payroll", by="petra")
        await _joins(shelf, "cleo", "payroll")
        await _decided(shelf, WHICH, "The payroll bank is Kestrel. [1]", asker="cleo", by="petra")
        [article] = await articles(world.store, world.people["petra"])

        def kept(found: list[Found]) -> list[Found]:
            return [one for one in found if one.passage.article == article.id]

        [own] = kept(await shelf.finds(WHICH, by="petra"))
        assert own.scope == {world.departments["payroll"].id}
        assert await shelf.finds(WHICH, by="omar") == []
        await widen(world.store, world.people["petra"], Widening(article.id, "hr", "Leavers ask them."))
        await shelf.settle()
        [widened] = await shelf.finds(WHICH, by="omar")
        assert widened.passage.article == article.id
        assert widened.scope == {world.departments["hr"].id}
        assert await shelf.finds(WHICH, by="amira") == []


class Changing:
    async def test_a_new_version_takes_the_place_of_the_former_one(self, shelf: Shelf) -> None:
        await shelf.reads("badges.md", BADGES)
        await shelf.reads("badges.md", BADGES.replace("15", "25").replace("gate 4", "gate 5"))
        [found] = await shelf.finds("What does a visitor badge cost?")
        assert "25 euros" in found.passage.text

    async def test_a_forgotten_document_is_not_found(self, shelf: Shelf) -> None:
        world = shelf.world
        await shelf.reads("vpn.md", VPN)
        await shelf.reads("badges.md", BADGES)
        [badges] = [
            one for one in await documents(world.store, world.people["ravi"]) if one.source == "badges.md"
        ]
        await forget(world.store, world.people["ravi"], badges.id)
        assert await shelf.titles("visitor badge port") == {"VPN"}
        await shelf.settle()
        assert await shelf.titles("visitor badge port") == {"VPN"}

    async def test_writing_twice_and_deleting_twice_is_as_once(self, shelf: Shelf) -> None:
        await shelf.reads("vpn.md", VPN)
        before = await shelf.finds("Which port does the VPN use?")
        embedded = await embed_passages(shelf.world.ask.embedder, [one.passage for one in before])
        for _ in range(2):
            await shelf.index.upsert(shelf.world.tenant, passages=embedded)
            await shelf.settle()
            assert await shelf.finds("Which port does the VPN use?") == before
        document = before[0].passage.document
        assert document is not None
        for _ in range(2):
            await shelf.index.delete(shelf.world.tenant, documents=[document])
            await shelf.settle()
            assert await shelf.finds("Which port does the VPN use?") == []

    async def test_a_changed_passage_keeps_its_place_and_not_its_words(self, shelf: Shelf) -> None:
        await shelf.reads("badges.md", BADGES)
        [found] = await shelf.finds("What does a visitor badge cost?")
        changed = replace(found.passage, text="A parking disc costs 3 euros.", content_hash="changed")
        embedded = await embed_passages(shelf.world.ask.embedder, [changed])
        await shelf.index.upsert(shelf.world.tenant, passages=embedded)
        await shelf.settle()
        [disc] = await shelf.finds("parking disc")
        assert (disc.passage.text, disc.lexical_rank) == (changed.text, 1)
        [gone] = await shelf.finds("returned at a gate")
        assert gone.lexical_rank is None

    async def test_an_article_is_found_until_its_time_is_over(self, shelf: Shelf) -> None:
        world = shelf.world
        await shelf.reads("bank.md", BANK)
        await _decided(shelf, "Who waters the plants?", "Facilities water the plants.", by="ravi")
        assert "Facilities" in (await shelf.finds("Who waters the plants?"))[0].passage.text
        async with world.store.transaction(world.tenant) as tx:
            await tx.connection.execute(text("UPDATE article SET expires_at = now() - interval '1 minute'"))
        assert await shelf.titles("Who waters the plants?") == {"Bank"}

    async def test_an_article_that_was_taken_back_is_not_found(self, shelf: Shelf) -> None:
        world = shelf.world
        await shelf.reads("bank.md", BANK)
        await _decided(shelf, "Who waters the plants?", "Facilities water the plants.", by="ravi")
        [article] = await articles(world.store, world.people["ravi"])
        await retract(world.store, world.people["ravi"], article.id, reason="They do not.")
        await shelf.settle()
        assert await shelf.titles("Who waters the plants?") == {"Bank"}


async def _decided(shelf: Shelf, question: str, words: str, *, by: str, asker: str = "amira") -> None:
    """An article, by the way that articles come about."""
    world = shelf.world
    asked = await world.asks(question, by=asker)
    assert asked.review is not None
    case = await review(world.store, world.people[by], asked.review)
    await world.decide(
        world.people[by], Judgement(asked.review, VerdictKind.APPROVE, case.review.shown_hash, text=words)
    )
    await shelf.settle()


class KnowledgeIndexSuite(Searching, Rights, Changing):
    """All of it."""
