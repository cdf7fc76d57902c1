"""Looking after approved answers: taking them back, and putting an earlier version in force again."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from brain.domain.answer import AnswerStatus
from brain.domain.article import Article, ArticleStatus
from brain.domain.errors import Conflict, Denied, Missing, Rejected
from brain.domain.records import Key, KeyId
from brain.domain.reply import Reply
from brain.domain.review import ReviewStatus, VerdictKind
from brain.usecases.authenticate import authenticate, digest, new_key
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.read import article_versions, articles, documents, reply, review, reviews
from brain.usecases.retract import retract
from brain.usecases.roll_back import Return, RollBack
from brain.usecases.widen import Widening, widen
from tests.conftest import World

COST = "What does a visitor badge cost?"
PAGE = "# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n"


async def _approved(world: World) -> tuple[Reply, Article]:
    await world.reads("badges.md", PAGE, department="procurement")
    asked = await world.asks(COST)
    await _decides(world, asked.review)
    [article] = await articles(world.store, world.people["amira"])
    return asked, article


async def _decides(world: World, number: int | None, words: str = "") -> None:
    assert number is not None
    case = await review(world.store, world.people["ravi"], number)
    await world.decide(
        world.people["ravi"], Judgement(number, VerdictKind.APPROVE, case.review.shown_hash, text=words)
    )


async def _amended(world: World) -> tuple[Reply, Article]:
    """Version 1 says 15 euros; the page rose to 25 and back again, and version 2 says 25."""
    asked, article = await _approved(world)
    await world.reads("badges.md", PAGE.replace("15", "25"), department="procurement")
    [case] = await reviews(world.store, world.people["ravi"], open_only=True)
    await _decides(world, case.review.number, "A visitor badge costs 25 euros. [1]")
    return asked, article


def _roll_back(world: World) -> RollBack:
    return RollBack(world.store, world.decide.embedder)


async def _rows(world: World, statement: str) -> list[tuple[str, ...]]:
    async with world.store.transaction(world.tenant) as tx:
        return [tuple(map(str, row)) for row in await tx.connection.execute(text(statement))]


async def test_a_retracted_article_and_all_it_answered_are_taken_back(world: World) -> None:
    asked, article = await _approved(world)
    second = await world.asks(COST, by="omar")
    assert await _rows(world, "SELECT label FROM training_example") == [("positive",)]

    await retract(world.store, world.people["ravi"], article.id, reason="The desk was closed.")

    for one, by in ((asked, "amira"), (second, "omar")):
        got = await reply(world.store, world.people[by], one.question.id)
        assert got.answer is not None
        assert got.answer.status is AnswerStatus.RETRACTED
        assert "The desk was closed." in got.note
    assert await _rows(world, "SELECT label FROM training_example") == []
    third = await world.asks(COST, by="omar")
    assert third.answer is not None
    assert third.answer.article is None
    told = await _rows(world, "SELECT payload->>'question' FROM outbox WHERE name = 'AnswerRetracted'")
    assert sorted(told) == sorted([(str(asked.question.id),), (str(second.question.id),)])
    [entry] = await _rows(
        world, "SELECT actor_id, details->>'reason' FROM audit WHERE action = 'article.retracted'"
    )
    assert entry == (str(world.people["ravi"].member.id), "The desk was closed.")
    with pytest.raises(Conflict, match="before"):
        await retract(world.store, world.people["ravi"], article.id, reason="Again.")


async def test_who_does_not_look_after_an_article_cannot_take_it_back(
    world: World, other_world: World
) -> None:
    _, article = await _approved(world)
    with pytest.raises(Denied, match="reviewers and admins"):
        await retract(world.store, world.people["rosa"], article.id, reason="No.")
    with pytest.raises(Denied):
        await article_versions(world.store, world.people["amira"], article.id)
    with pytest.raises(Missing):
        await retract(world.store, other_world.people["ravi"], article.id, reason="No.")
    with pytest.raises(Rejected, match="why"):
        await retract(world.store, world.people["ravi"], article.id, reason=" ")
    assert (await articles(world.store, world.people["amira"]))[0].status is ArticleStatus.LIVE


async def test_retracting_a_suspended_article_ends_its_review(world: World) -> None:
    _, article = await _approved(world)
    await world.reads("badges.md", PAGE.replace("15", "25"), department="procurement")
    [case] = await reviews(world.store, world.people["ravi"], open_only=True)
    await retract(world.store, world.people["ravi"], article.id, reason="Gone for good.")
    assert await reviews(world.store, world.people["ravi"], open_only=True) == []
    with pytest.raises(Conflict, match="expired"):
        await _decides(world, case.review.number, "25 euros.")


async def test_an_earlier_version_comes_back_while_its_sources_say_it(world: World) -> None:
    asked, article = await _amended(world)
    second = await world.asks(COST, by="omar")
    with pytest.raises(Conflict, match="does not say"):
        await _roll_back(world)(world.people["ravi"], Return(article.id, 1, "A mistake."))

    await world.reads("badges.md", PAGE, department="procurement")
    [case] = await reviews(world.store, world.people["ravi"], open_only=True)
    back = await _roll_back(world)(world.people["ravi"], Return(article.id, 1, "A mistake."))

    assert (back.version, back.status) == (3, ArticleStatus.LIVE)
    assert "15 euros" in back.text
    ended = await review(world.store, world.people["ravi"], case.review.number)
    assert ended.review.status is ReviewStatus.EXPIRED
    third = await world.asks(COST, by="omar")
    assert third.answer is not None
    assert third.answer.text == back.text
    first = await reply(world.store, world.people["amira"], asked.question.id)
    assert first.answer is not None
    assert first.answer.text == back.text
    old = await reply(world.store, world.people["omar"], second.question.id)
    assert old.answer is not None
    assert old.answer.status is AnswerStatus.SUSPENDED
    _, versions = await article_versions(world.store, world.people["ravi"], article.id)
    assert [one.number for one in versions] == [3, 2, 1]
    assert versions[0].note == "Rolled back to version 1: A mistake."

    await world.reads("badges.md", PAGE.replace("15", "40"), department="procurement")
    assert (await articles(world.store, world.people["ravi"]))[0].status is ArticleStatus.SUSPENDED


async def test_what_cannot_be_rolled_back_to_is_refused(world: World) -> None:
    _, article = await _approved(world)
    roll_back = _roll_back(world)
    with pytest.raises(Rejected, match="in force"):
        await roll_back(world.people["ravi"], Return(article.id, 1, "Why not."))
    with pytest.raises(Missing, match="no version 7"):
        await roll_back(world.people["ravi"], Return(article.id, 7, "Why not."))
    with pytest.raises(Rejected, match="why"):
        await roll_back(world.people["ravi"], Return(article.id, 1, ""))
    with pytest.raises(Denied):
        await roll_back(world.people["amira"], Return(article.id, 1, "Why not."))


async def test_whoever_may_not_curate_is_refused_and_seen(world: World) -> None:
    _, article = await _approved(world)
    petra, amira = world.people["petra"], world.people["amira"]
    with pytest.raises(Denied):
        await retract(world.store, amira, article.id, reason="I do not like it.")
    with pytest.raises(Denied):
        await _roll_back(world)(amira, Return(article.id, 1, "I liked that."))
    with pytest.raises(Denied):
        await widen(world.store, petra, Widening(article.id, "everyone", "All should know."))
    [page] = await documents(world.store, world.people["ravi"])
    with pytest.raises(Missing):
        await forget(world.store, amira, page.id)
    refused = await _rows(
        world,
        "SELECT action, subject, actor_id FROM audit WHERE action LIKE '%.refused' ORDER BY sequence",
    )
    it, her = f"article {article.id}", str(amira.member.id)
    assert refused == [
        ("article.retract.refused", it, her),
        ("article.roll_back.refused", it, her),
        ("article.widen.refused", it, str(petra.member.id)),
        ("document.forget.refused", f"document {page.id}", her),
    ]
    assert (await articles(world.store, amira))[0].status is ArticleStatus.LIVE


async def test_who_left_and_tries_an_old_key_is_seen(world: World) -> None:
    key, rosa = new_key(world.tenant), world.people["rosa"].member
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_key(Key(KeyId(uuid4()), rosa.id, "laptop", digest(key), tx.now))
    assert (await authenticate(world.store, key)).member.id == rosa.id
    async with world.store.transaction(world.tenant) as tx:
        await tx.people.save_member(replace(rosa, disabled_at=tx.now))
    for tried in (key, new_key(world.tenant)):
        with pytest.raises(Denied, match="unknown or revoked"):
            await authenticate(world.store, tried)
    refused = await _rows(world, "SELECT actor_id, subject FROM audit WHERE action = 'key.refused'")
    assert refused == [(str(rosa.id), f"member {rosa.id}")]
