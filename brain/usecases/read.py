"""What people may look at: their questions, their departments' reviews, and the knowledge they may read."""

from dataclasses import replace

from brain.domain.answer import Answer, AnswerStatus
from brain.domain.article import Article, ArticleStatus, ArticleVersion
from brain.domain.assignment import who_to_ask
from brain.domain.audit import Link, Sought
from brain.domain.errors import Missing
from brain.domain.identity import Department, DepartmentId, Member, MemberId, Principal, Role, Visibility
from brain.domain.knowledge import ArticleId, Document
from brain.domain.ladder import Level
from brain.domain.question import Question, QuestionId
from brain.domain.records import Feedback, Key, Task
from brain.domain.reply import Reply
from brain.domain.review import ReviewCase, ReviewStatus, looks_after
from brain.ports import Store, Transaction
from brain.usecases.administer import require_admin_everywhere, require_any_admin
from brain.usecases.permission import article_kept_by


async def reply(store: Store, principal: Principal, question: QuestionId) -> Reply:
    """The asker's own question; nobody else's, since an answer is for its audience."""
    async with store.transaction(principal.tenant) as tx:
        asked = await tx.questions.question(question)
        if asked is None or asked.asker != principal.member.id:
            raise Missing(f"There is no question {question} of yours.")
        answer = await tx.questions.latest_answer(question)
        return await reply_for(tx, await _readable(tx, principal), asked, answer)


async def replies(store: Store, principal: Principal, *, limit: int) -> list[Reply]:
    async with store.transaction(principal.tenant) as tx:
        asked = await tx.questions.asked_by(principal.member.id, limit=limit)
        readable = await _readable(tx, principal)
        return [await reply_for(tx, readable, question, answer) for question, answer in asked]


async def reviews(store: Store, principal: Principal, *, open_only: bool) -> list[ReviewCase]:
    """Those the principal looks after, where every source is theirs to read."""
    member = principal.member
    async with store.transaction(principal.tenant) as tx:
        departments = _held(member, Role.REVIEWER) | _held(member, Role.ADMIN)
        readable = await _readable(tx, principal)
        found = await tx.reviews.cases(departments=departments, open_only=open_only)
        return [case for case in found if looks_after(case.review, member) and case.answer.scope <= readable]


async def review(store: Store, principal: Principal, number: int) -> ReviewCase:
    """That it was shown is remembered: a verdict is on what its author has seen."""
    async with store.transaction(principal.tenant) as tx:
        case = await tx.reviews.case(number, lock=False)
        if case is None or not looks_after(case.review, principal.member):
            raise Missing(f"There is no review {number} that you may see.")
        if not case.answer.scope <= await _readable(tx, principal):
            raise Missing(f"There is no review {number} that you may see.")
        await tx.reviews.assignments.show(case.review, principal.member.id)
        return case


async def departments(store: Store, principal: Principal) -> list[Department]:
    """Those the principal may ask."""
    async with store.transaction(principal.tenant) as tx:
        return [
            department
            for department in await tx.people.departments()
            if department.visibility is Visibility.TENANT or department.id in principal.member.departments
        ]


async def documents(store: Store, principal: Principal) -> list[Document]:
    async with store.transaction(principal.tenant) as tx:
        return await tx.library.documents(audience=principal.audience)


async def articles(store: Store, principal: Principal) -> list[Article]:
    async with store.transaction(principal.tenant) as tx:
        found = await tx.articles.articles(audience=principal.audience)
        readable = await _readable(tx, principal)
        return [_shown(one.as_read_by(readable)) for one in found if _may_see(one, principal.member)]


async def article(store: Store, principal: Principal, id_: ArticleId) -> Article:
    async with store.transaction(principal.tenant) as tx:
        found = await tx.articles.article(id_, lock=False)
        readable = await _readable(tx, principal)
        if found is None or not found.readable_by(readable) or not _may_see(found, principal.member):
            raise Missing(f"There is no article {id_} that you may read.")
        return _shown(found.as_read_by(readable))


async def article_versions(
    store: Store, principal: Principal, id_: ArticleId
) -> tuple[Article, list[ArticleVersion]]:
    """Also what it said before, which is for those who look after it."""
    async with store.transaction(principal.tenant) as tx:
        found = await article_kept_by(tx, principal, id_)
        readable = await _readable(tx, principal)
        return found, [one for one in await tx.articles.versions(id_) if one.scope <= readable]


async def members(store: Store, principal: Principal) -> list[Member]:
    async with store.transaction(principal.tenant) as tx:
        await require_any_admin(tx, principal)
        return await tx.people.members()


async def keys(store: Store, principal: Principal) -> list[tuple[Key, Member]]:
    async with store.transaction(principal.tenant) as tx:
        await require_any_admin(tx, principal)
        owners = {member.id: member for member in await tx.people.members()}
        return [(key, owners[key.member]) for key in await tx.people.keys()]


async def feedback(store: Store, principal: Principal, *, limit: int) -> list[Feedback]:
    async with store.transaction(principal.tenant) as tx:
        admin = await require_any_admin(tx, principal)
        return await tx.records.feedback(departments=_held(admin, Role.ADMIN), limit=limit)


async def tasks(store: Store, principal: Principal, *, dead_only: bool, limit: int) -> list[Task]:
    async with store.transaction(principal.tenant) as tx:
        await require_any_admin(tx, principal)
        return await tx.records.tasks(dead_only=dead_only, limit=limit)


async def trail(
    store: Store, principal: Principal, sought: Sought, *, actor: str | None
) -> list[tuple[Link, Member | None]]:
    """With who did it, where it was a member. `actor` is a handle or an id."""
    async with store.transaction(principal.tenant) as tx:
        await require_admin_everywhere(tx, principal)
        if actor is not None:
            sought = replace(sought, actor=await _actor(tx, actor))
        members = {member.id: member for member in await tx.people.members()}
        return [
            (link, members.get(link.entry.actor) if link.entry.actor else None)
            for link in await tx.records.trail(sought)
        ]


async def _actor(tx: Transaction, handle: str) -> MemberId:
    if (member := await tx.people.member(handle)) is not None:
        return member.id
    raise Missing(f"There is no member {handle!r}.")


def _held(member: Member, role: Role) -> frozenset[DepartmentId]:
    return frozenset(department for department in member.roles if member.may(role, department))


async def _readable(tx: Transaction, principal: Principal) -> frozenset[DepartmentId]:
    public = {one.id for one in await tx.people.departments() if one.visibility is Visibility.TENANT}
    return principal.member.departments | public


def _may_see(article: Article, member: Member) -> bool:
    """What no longer holds is for those who look after the department, who can have it renewed."""
    if article.status is ArticleStatus.LIVE:
        return True
    return any(member.may(role, article.department) for role in (Role.REVIEWER, Role.ADMIN))


def _shown(article: Article) -> Article:
    return article if article.status is ArticleStatus.LIVE else replace(article, text="", citations=())


async def reply_for(
    tx: Transaction, readable: frozenset[DepartmentId], question: Question, answer: Answer | None
) -> Reply:
    """For those who may read what these departments know."""
    if answer is None:
        return Reply(question, None)
    if not answer.scope <= readable:
        return Reply(question, _hidden(answer), note="You may no longer read what this answer rests on.")
    slugs = {one.id: one.slug for one in await tx.people.departments() if one.id in readable}
    slug = slugs.get(answer.department)
    if answer.status is AnswerStatus.PUBLISHED or answer.asks_back:
        return Reply(question, answer, department=slug)
    number, reason = await tx.reviews.for_question(question.id)
    if answer.status is AnswerStatus.SUSPENDED and number is not None:
        case = await tx.reviews.case(number, lock=False)
        number = number if case and case.review.status is ReviewStatus.OPEN else None
    if answer.status is AnswerStatus.EXPIRED:
        note = await _whom_to_ask(tx, question, answer, number, readable)
        return Reply(question, answer, review=number, department=slug, note=note)
    return Reply(question, answer, review=number, department=slug, note=_note(answer, number, reason))


async def _whom_to_ask(
    tx: Transaction,
    question: Question,
    answer: Answer,
    number: int | None,
    readable: frozenset[DepartmentId],
) -> str:
    """Those who could have decided the review: who joined one may have asked in another department."""
    case = await tx.reviews.case(number, lock=False) if number else None
    asked = case.review.department if case and case.review.department in readable else answer.department
    department = next(one for one in await tx.people.departments() if one.id == asked)
    people = who_to_ask(department, await tx.people.members(), asker=question.asker, now=tx.now)
    names = ", ".join(one.name for one in people)
    if not names:
        return f"Nobody could check this in time. Please ask {department.name} directly."
    return f"Nobody could check this in time. Here is who to ask: {names} ({department.name})."


def _hidden(answer: Answer) -> Answer:
    """That there was one, and nothing that tells what was in it."""
    return replace(
        answer,
        status=AnswerStatus.SUSPENDED,
        text="",
        citations=(),
        confidence=0.0,
        reasons=(),
        approval=None,
    )


def _note(answer: Answer, number: int | None, reason: str) -> str:
    """What an answer that is not published means for the one who asked."""
    waiting = f"Review {number} is open; the answer will be here once a person has checked it."
    match answer.status:
        case AnswerStatus.ABSTAINED if number is None:
            return "Nobody asked me, and I was not sure enough to speak."
        case AnswerStatus.ABSTAINED if answer.level is Level.NO_SEARCH:
            return f"I cannot search the documents just now. {waiting}"
        case AnswerStatus.ABSTAINED:
            return f"I don't know: I found nothing that answers this well enough. {waiting}"
        case AnswerStatus.IN_REVIEW:
            return f"I am not sure enough to answer. {waiting}"
        case AnswerStatus.REJECTED:
            return f"A reviewer rejected the draft: {reason}"
        case AnswerStatus.SUSPENDED:
            return f"{answer.withdrawn} {waiting if number else 'Ask again.'}"
        case AnswerStatus.RETRACTED:
            return answer.withdrawn
        case _:
            return "This answer is no longer available; ask again."
