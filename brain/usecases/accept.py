"""Accept a question: once this returns, it will be answered, whatever dies next."""

from dataclasses import dataclass
from uuid import uuid4

from brain.domain.errors import Missing, Rejected
from brain.domain.events import QuestionAsked
from brain.domain.identity import Department, Principal, Visibility
from brain.domain.question import ConversationId, Question, QuestionId
from brain.ports import Store, Transaction

MAX_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class Asking:
    """`department` is a slug; for `waits_s` the caller answers it itself, before a worker takes it over."""

    text: str
    department: str | None = None
    conversation: ConversationId | None = None
    idempotency_key: str | None = None
    waits_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Accept:
    store: Store

    async def __call__(self, principal: Principal, asking: Asking) -> QuestionId:
        text = asking.text.replace("\x00", "").strip()
        if not text:
            raise Rejected("The question is empty.")
        if len(text) > MAX_CHARACTERS:
            raise Rejected(f"The question has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
        async with self.store.transaction(principal.tenant) as tx:
            department = await readable_department(tx, principal, asking.department)
            question = Question(
                id=QuestionId(uuid4()),
                conversation=asking.conversation or ConversationId(uuid4()),
                asker=principal.member.id,
                text=text,
                audience=principal.audience,
                department=department.id if department else None,
            )
            key = asking.idempotency_key or str(question.id)
            accepted = await tx.questions.accept(question, idempotency_key=key)
            if accepted == question.id:
                await tx.emit(QuestionAsked(accepted), after_s=asking.waits_s)
        return accepted


async def readable_department(tx: Transaction, principal: Principal, slug: str | None) -> Department | None:
    """The department of that name, where the principal may read what it knows."""
    if slug is None:
        return None
    departments = await tx.people.departments()
    for department in departments:
        readable = department.visibility is Visibility.TENANT or department.id in principal.member.departments
        if department.slug == slug and readable:
            return department
    raise Missing(f"There is no department {slug!r} that you may ask; see `expert departments`.")
