"""Hand a question to a person that the machine failed to answer: nobody who asked gets silence."""

from dataclasses import dataclass
from uuid import uuid4

from brain.domain.answer import Answer, AnswerId, AnswerStatus
from brain.domain.errors import Unavailable
from brain.domain.identity import TenantId
from brain.domain.knowledge import Vector
from brain.domain.question import QuestionId, wording
from brain.ports import Embedder, Store, TextKind
from brain.usecases.request_review import readable_first, request_review


@dataclass(frozen=True, slots=True)
class GiveUp:
    store: Store
    embedder: Embedder

    async def __call__(self, tenant: TenantId, question: QuestionId) -> None:
        """Does nothing where the question was answered after all, or nobody asked us."""
        async with self.store.transaction(tenant) as tx:
            asked = await tx.questions.question(question)
            answered = asked is None or await tx.questions.latest_answer(question) is not None
            if asked is None or answered or asked.overheard is not None:
                return
            history = await tx.questions.history(asked.conversation, before=question)
        said = wording(asked, history)
        vector = await self._vector(said)
        async with self.store.transaction(tenant) as tx:
            departments = readable_first(await tx.people.departments(), asked.audience)
            wanted = next((one for one in departments if one.id == asked.department), departments[0])
            answer = Answer(
                id=AnswerId(uuid4()),
                question=question,
                department=wanted.id,
                status=AnswerStatus.ABSTAINED,
                text="",
                citations=(),
                confidence=0.0,
                reasons=("The machine failed at this question, so a person was asked.",),
                model="",
                prompt_hash="",
                scope=frozenset((wanted.id,)),
            )
            if await tx.questions.save_answer(answer):
                await request_review(tx, answer, wanted, wording=said, vector=vector)

    async def _vector(self, said: str) -> Vector | None:
        """Without one nobody can join the review; that is better than none at all."""
        try:
            [vector] = await self.embedder.embed([said], kind=TextKind.QUESTION)
        except Unavailable:
            return None
        return vector
