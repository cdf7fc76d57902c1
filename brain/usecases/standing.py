"""What a message about a question, or a card about a review, has to say as things are now."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from brain.domain.answer import Answer
from brain.domain.article import Article
from brain.domain.attachment import parted
from brain.domain.conversation import Conversation, MessageRef
from brain.domain.errors import Missing, Unavailable
from brain.domain.identity import Audience, Department, Member, Principal, TenantId
from brain.domain.question import Question, QuestionId, standalone
from brain.domain.reply import Card, Standing
from brain.domain.review import ReviewCase, ReviewId, ReviewStatus
from brain.ports import Embedder, TextKind
from brain.ports.talk import TalkStore, TalkTransaction
from brain.usecases.read import reply_for

# From this cosine similarity on, an approved answer is worth a look, and how many of them are.
_NEAR = 0.6
_SIMILAR = 2


async def standing(store: TalkStore, tenant: TenantId, id_: QuestionId) -> Standing | None:
    """None where the question, or the one who asked it, is gone."""
    async with store.transaction(tenant) as tx:
        question = await tx.questions.question(id_)
        asker = await tx.people.member(str(question.asker)) if question else None
        if question is None or asker is None:
            return None
        departments = {one.id: one for one in await tx.people.departments()}
        readable = frozenset(one.id for one in departments.values() if question.audience.reads(one))
        answer = await tx.questions.latest_answer(id_)
        reply = await reply_for(tx, readable, question, answer)
        number, _ = await tx.reviews.for_question(id_)
        case = await tx.reviews.case(number, lock=False) if number else None
        waiting = case is not None and case.review.status is ReviewStatus.OPEN
        shown = case.review.department if case else answer.department if answer else question.department
        return Standing(
            reply=reply,
            conversation=await tx.talk.conversations.conversation(question.conversation),
            asker=asker,
            asker_reads_more=_reads_more(question, asker, departments.values()),
            department=departments[shown].name if shown in readable else "",
            open_review=number if waiting else None,
            was_reviewed=case is not None,
            reviewer=(case.assigned_to or "") if case and waiting else "",
            due_at=case.review.due_at if case and waiting else None,
            links=await _links(tx, reply.answer),
        )


def _reads_more(question: Question, asker: Member, departments: Iterable[Department]) -> bool:
    """Whoever has no role is a guest, for all we know here."""
    alone = Principal(question.audience.tenant, asker).audience
    return bool(asker.roles) and any(
        alone.reads(one) and not question.audience.reads(one) for one in departments
    )


async def seen(store: TalkStore, principal: Principal, id_: QuestionId, *, here: Conversation) -> Standing:
    """For the one who asked it, and for those who read it in the channel that they are in."""
    known = await standing(store, principal.tenant, id_)
    if known is not None and known.asker.id == principal.member.id:
        return known
    async with store.transaction(principal.tenant) as tx:
        shared = await tx.talk.messages.refs(shared_as(id_))
        departments = await tx.people.departments()
    if known is None or not (_is_in(known.conversation, here) or _was_shared(shared, here)):
        raise Missing("There is no such question here.")
    answer, asked_for = known.reply.answer, known.reply.question.audience
    readable = {one.id for one in departments if principal.audience.reads(one)}
    # Somebody came later: what is there for all to read may be none of what they may read elsewhere.
    if answer is None or not (asked_for.outsiders or answer.scope <= readable):
        raise Missing("There is no such question here.")
    return known


def shared_as(id_: QuestionId) -> str:
    """The key of the message in which what was private was shared."""
    return f"question/{id_}/shared"


def _is_in(asked: Conversation | None, here: Conversation) -> bool:
    return asked is not None and not asked.reader and asked.channel_id == here.channel_id


def _was_shared(refs: Sequence[MessageRef], here: Conversation) -> bool:
    return any((one.workspace, one.channel) == (here.workspace, here.channel) for one in refs)


async def restated(store: TalkStore, tenant: TenantId, id_: QuestionId) -> Question | None:
    """As it was meant where it was asked, for somebody who asks it elsewhere."""
    async with store.transaction(tenant) as tx:
        question = await tx.questions.question(id_)
        if question is None:
            return None
        history = await tx.questions.history(question.conversation, before=id_)
    meant, _ = parted(standalone(question.text, history))
    return replace(question, text=meant)


async def card(store: TalkStore, embedder: Embedder, tenant: TenantId, id_: ReviewId) -> Card | None:
    async with store.transaction(tenant) as tx:
        case = await tx.reviews.case(id_, lock=False)
        if case is None:
            return None
        question = await tx.questions.question(case.review.question)
        departments = {one.id: one for one in await tx.people.departments()}
        asked_in = await tx.talk.conversations.conversation(question.conversation) if question else None
        links = await _links(tx, case.answer)
    return Card(
        case=case,
        department=departments[case.review.department],
        asked_in=asked_in,
        similar=await _similar(store, embedder, tenant, case),
        links=links,
    )


async def _similar(
    store: TalkStore, embedder: Embedder, tenant: TenantId, case: ReviewCase
) -> tuple[Article, ...]:
    """What was approved to near questions, of the same department. A help, which the card can do without."""
    try:
        [vector] = await embedder.embed([case.question], kind=TextKind.QUESTION)
        async with store.transaction(tenant) as tx:
            audience = Audience(tenant, frozenset((case.review.department,)))
            found = await tx.articles.nearest(audience, to=vector, limit=2 * _SIMILAR)
    except Unavailable:
        return ()
    near = [one for one in found if one.similarity >= _NEAR and one.article.id != case.review.article]
    shown = case.answer.scope | {case.review.department}
    articles = {one.article.id: one.article for one in near if one.article.scope <= shown}
    return tuple(articles.values())[:_SIMILAR]


async def _links(tx: TalkTransaction, answer: Answer | None) -> dict[int, str]:
    """Of sources that have an address of their own."""
    links = {}
    for citation in answer.citations if answer else ():
        document = await tx.library.document(citation.document) if citation.document else None
        if document is not None and document.source.startswith(("https://", "http://")):
            links[citation.number] = document.source
    return links
