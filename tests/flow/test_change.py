"""Sources change, go, or close: what rests on them is not served, and a person is asked again."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from brain.domain.answer import AnswerStatus
from brain.domain.article import Article, ArticleStatus
from brain.domain.change import SourceState
from brain.domain.errors import Conflict
from brain.domain.identity import Visibility
from brain.domain.reply import Reply
from brain.domain.review import Occasion, ReviewCase, VerdictKind
from brain.ports import TextKind
from brain.usecases.decide import Judgement
from brain.usecases.forget import forget
from brain.usecases.load_departments import DepartmentFile, load_departments
from brain.usecases.read import articles, reply, review, reviews
from brain.usecases.renew import renew
from tests.conftest import Travelling, World

COST = "What does a visitor badge cost?"
BADGES = (
    "# Badges\n\n## Visitor badge\n\nA visitor badge costs 15 euros and is returned at gate 4.\n\n"
    "## Colours\n\nStaff badges are blue.\n"
)


async def _approved(world: World, *, days: int | None = None) -> tuple[Reply, Article]:
    """An article that rests on the badges page, and the reply to the one who asked."""
    await world.reads("badges.md", BADGES, department="procurement")
    asked = await world.asks(COST)
    assert asked.review is not None
    case = await review(world.store, world.people["ravi"], asked.review)
    await world.decide(world.people["ravi"], replace(_approve(case), days=days))
    [article] = await articles(world.store, world.people["amira"])
    return asked, article


def _approve(case: ReviewCase, words: str = "") -> Judgement:
    return Judgement(case.review.number, VerdictKind.APPROVE, case.review.shown_hash, text=words)


async def _open(world: World) -> list[ReviewCase]:
    return [
        await review(world.store, world.people["ravi"], case.review.number)
        for case in await reviews(world.store, world.people["ravi"], open_only=True)
    ]


async def _again(world: World, asked: Reply, by: str = "amira") -> Reply:
    return await reply(world.store, world.people[by], asked.question.id)


async def _events(world: World, name: str) -> list[dict[str, str]]:
    async with world.store.transaction(world.tenant) as tx:
        rows = await tx.connection.execute(
            text("SELECT payload FROM outbox WHERE name = :name ORDER BY position"), {"name": name}
        )
        return list(rows.scalars().all())


async def _article(world: World) -> Article:
    [article] = await articles(world.store, world.people["ravi"])
    return article


async def test_a_changed_source_withdraws_what_was_said_and_asks_the_reviewer_with_a_diff(
    world: World,
) -> None:
    asked, article = await _approved(world)
    second = await world.asks(COST, by="omar")
    assert second.answer is not None
    assert second.answer.article == article.id

    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    await world.reads("badges.md", BADGES.replace("15 euros", "30 euros"), department="procurement")

    third = await world.asks(COST, by="omar")
    assert third.answer is not None
    assert "15 euros" not in third.answer.text
    for one, by in ((asked, "amira"), (second, "omar")):
        got = await _again(world, one, by)
        assert got.answer is not None
        assert got.answer.status is AnswerStatus.SUSPENDED
        assert "has changed" in got.note
        assert f"Review {got.review} is open" in got.note
    [case] = await _open(world)
    assert (case.review.occasion, case.review.article) == (Occasion.CHANGED, article.id)
    [source] = case.sources
    assert source.state is SourceState.CHANGED
    assert "-A visitor badge costs 15 euros and is returned at gate 4." in source.diff
    assert "+A visitor badge costs 30 euros and is returned at gate 4." in source.diff
    told = {(one["question"], one["answer"]) for one in await _events(world, "AnswerSuspended")}
    assert len(told) == len(await _events(world, "AnswerSuspended")) == 2
    assert {question for question, _ in told} == {str(asked.question.id), str(second.question.id)}


async def test_a_draft_that_its_changed_source_does_not_carry_is_not_approved_as_it_is(world: World) -> None:
    _, article = await _approved(world)
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    [case] = await _open(world)
    with pytest.raises(Conflict, match=r"\[1\] of the draft have changed"):
        await world.decide(world.people["ravi"], _approve(case))
    await world.decide(world.people["ravi"], replace(_approve(case), without_sources=True))

    present = await _article(world)
    assert (present.id, present.version, present.status) == (article.id, 2, ArticleStatus.LIVE)
    assert present.citations == ()
    assert "15 euros" in present.text
    assert "[1]" not in present.text


async def test_an_amendment_rests_on_the_source_as_it_is_now_and_reaches_all_who_were_told(
    world: World,
) -> None:
    asked, article = await _approved(world)
    second = await world.asks(COST, by="omar")
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    [case] = await _open(world)

    words = "A visitor badge costs 25 euros now. [1]"
    await world.decide(world.people["ravi"], _approve(case, words))

    present = await _article(world)
    assert (present.id, present.version) == (article.id, 2)
    assert "25 euros" in present.citations[0].quote
    for one, by in ((asked, "amira"), (second, "omar")):
        got = await _again(world, one, by)
        assert got.answer is not None
        assert (got.answer.status, got.answer.text) == (AnswerStatus.PUBLISHED, words)
    third = await world.asks(COST, by="omar")
    assert third.answer is not None
    assert third.answer.text == words

    await world.reads("badges.md", BADGES.replace("15 euros", "40 euros"), department="procurement")
    assert (await _article(world)).status is ArticleStatus.SUSPENDED
    assert len(await _open(world)) == 1


async def test_what_a_reworded_source_still_says_is_approved_as_it_is(world: World) -> None:
    asked, _ = await _approved(world)
    reworded = BADGES.replace("## Colours", "Ask at the front desk first.\n\n## Colours")
    await world.reads("badges.md", reworded, department="procurement")
    assert (await _article(world)).status is ArticleStatus.SUSPENDED
    [case] = await _open(world)

    await world.decide(world.people["ravi"], _approve(case))

    present = await _article(world)
    assert (present.version, present.status) == (2, ArticleStatus.LIVE)
    got = await _again(world, asked)
    assert got.answer is not None
    assert got.answer.text == case.answer.text
    async with world.store.transaction(world.tenant) as tx:
        assert all(source.stands for source in await tx.library.sources(present.citations))


async def test_a_source_that_changes_again_makes_the_verdict_look_again(world: World) -> None:
    await _approved(world)
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    [case] = await _open(world)
    await world.reads("badges.md", BADGES.replace("15 euros", "30 euros"), department="procurement")
    with pytest.raises(Conflict, match="look at it again"):
        await world.decide(world.people["ravi"], _approve(case, "25 euros. [1]"))


async def test_a_rejected_renewal_retracts_the_article(world: World) -> None:
    asked, _ = await _approved(world)
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    [case] = await _open(world)
    await world.decide(
        world.people["ravi"], replace(_approve(case), kind=VerdictKind.REJECT, reason="Ask the desk.")
    )
    assert (await _article(world)).status is ArticleStatus.RETRACTED
    got = await _again(world, asked)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.RETRACTED
    assert "Ask the desk." in got.note


async def test_a_forgotten_source_leaves_the_quoted_words_alone(world: World) -> None:
    await _approved(world)
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"), department="procurement")
    async with world.store.transaction(world.tenant) as tx:
        [page] = await tx.library.documents(audience=world.people["ravi"].audience)
    await forget(world.store, world.people["ravi"], page.id)
    [case] = await _open(world)
    [source] = case.sources
    assert (source.state, source.before) == (SourceState.GONE, source.citation.quote)


async def test_an_answer_that_nobody_checked_is_withdrawn_without_a_review(world: World) -> None:
    await world.reads("badges.md", BADGES)
    asked = await world.asks("What does a visitor badge cost?")
    assert asked.answer is not None
    assert asked.answer.status is AnswerStatus.PUBLISHED
    await world.reads("badges.md", BADGES.replace("15 euros", "25 euros"))
    got = await _again(world, asked)
    assert "has changed" in got.note
    assert "Ask again" in got.note
    assert await _open(world) == []
    assert len(await _events(world, "AnswerSuspended")) == 1


async def test_a_change_elsewhere_in_the_document_withdraws_nothing(world: World) -> None:
    asked, _ = await _approved(world)
    await world.reads("badges.md", BADGES.replace("blue", "green"), department="procurement")
    got = await _again(world, asked)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.PUBLISHED
    assert await _open(world) == []


async def test_a_department_that_closes_withdraws_what_was_said_on_its_strength(world: World) -> None:
    asked, article = await _approved(world)
    closed = replace(world.departments["procurement"], visibility=Visibility.DEPARTMENT)
    for _ in range(2):
        await load_departments(world.store, world.tenant, [DepartmentFile(closed, ())])

    got = await _again(world, asked)
    assert got.answer is not None
    assert (got.answer.status, got.answer.text) == (AnswerStatus.SUSPENDED, "")
    again = await world.asks(COST)
    assert again.answer is not None
    assert "15 euros" not in again.answer.text
    [case] = [one for one in await _open(world) if one.review.article]
    assert (case.review.occasion, case.review.article) == (Occasion.RESTRICTED, article.id)
    assert len(await _events(world, "AnswerSuspended")) == 1

    await world.decide(world.people["ravi"], _approve(case))
    inside = await world.asks(COST, by="ravi")
    assert inside.answer is not None
    assert "15 euros" in inside.answer.text
    outside = await world.asks(COST, by="omar")
    assert outside.answer is not None
    assert "15 euros" not in outside.answer.text


async def test_a_document_that_moves_to_a_closed_department_is_not_what_was_cited(world: World) -> None:
    asked, _ = await _approved(world)
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(
            text("UPDATE passage SET department_id = :closed"), {"closed": world.departments["payroll"].id}
        )
        [page] = await tx.library.documents(audience=world.people["ravi"].audience)
        moved = replace(page, department=world.departments["payroll"].id)
        withdrawn = await tx.library.save(moved, markdown="", content=b"", passages=())
    assert [one.question for one in withdrawn.answers] == [asked.question.id]


async def test_a_change_and_a_verdict_at_once_leave_nothing_stale(world: World) -> None:
    for price in range(20, 26):
        await world.reads(f"{price}.md", BADGES.replace("15", str(price)), department="procurement")
        asked = await world.asks(f"What does a visitor badge cost, if not {price} euros?")
        assert asked.review is not None
        case = await review(world.store, world.people["ravi"], asked.review)
        changed = BADGES.replace("15 euros", f"{price}.50 euros")
        _, outcome = await asyncio.gather(
            world.reads(f"{price}.md", changed, department="procurement"),
            world.decide(world.people["ravi"], _approve(case)),
            return_exceptions=True,
        )
        assert not isinstance(outcome, BaseException) or isinstance(outcome, Conflict)
    async with world.store.transaction(world.tenant) as tx:
        for article in await tx.articles.articles(audience=world.people["ravi"].audience):
            stands = all(source.stands for source in await tx.library.sources(article.citations))
            assert stands or article.status is not ArticleStatus.LIVE


async def test_an_article_is_confirmed_in_time_or_expires(world: World) -> None:
    asked, article = await _approved(world, days=30)
    assert article.expires_at - article.approval.at == timedelta(days=30)
    [due] = await _events(world, "ArticleFellDue")
    assert due == {"article": str(article.id)}

    await _at(world, article, days=10)
    assert await _open(world) == []
    await _at(world, article, days=17)
    await _at(world, article, days=18)
    [case] = await _open(world)
    assert case.review.occasion is Occasion.EXPIRING
    assert (await world.asks(COST, by="omar")).answer is not None
    assert (await _article(world)).status is ArticleStatus.LIVE

    await _at(world, article, days=30)
    assert (await _article(world)).status is ArticleStatus.SUSPENDED
    late = await world.asks(COST, by="omar")
    assert late.answer is not None
    assert late.answer.article is None
    [case] = await _open(world)
    assert case.review.occasion is Occasion.EXPIRED

    await world.decide(world.people["ravi"], _approve(case))
    renewed = await _article(world)
    assert (renewed.version, renewed.status) == (2, ArticleStatus.LIVE)
    assert renewed.expires_at - renewed.approval.at == timedelta(days=180)
    got = await _again(world, asked)
    assert got.answer is not None
    assert got.answer.status is AnswerStatus.PUBLISHED


async def _at(world: World, article: Article, *, days: int) -> None:
    now = article.approval.at + timedelta(days=days, seconds=1)
    await renew(Travelling(world.store.engine, moments=[now]), world.tenant, article.id)


async def test_an_article_past_its_time_is_not_served_even_before_the_clock_is_looked_at(
    world: World,
) -> None:
    await _approved(world)
    async with world.store.transaction(world.tenant) as tx:
        await tx.connection.execute(text("UPDATE article SET expires_at = now() - interval '1 minute'"))
    late = await world.asks(COST, by="omar")
    assert late.answer is not None
    assert late.answer.article is None
    assert {one.article for one in late.answer.citations} == {None}
    [vector] = await world.ask.embedder.embed([COST], kind=TextKind.QUESTION)
    found = await world.ask.index.search(
        COST, vector=vector, audience=world.people["omar"].audience, department=None, limit=30
    )
    assert [one.passage.article for one in found if one.passage.article] == []
