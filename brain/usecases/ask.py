"""Answer an accepted question: reuse what was approved, else retrieve, generate, check, weigh and decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from uuid import uuid4

from brain.domain.answer import Answer, AnswerId, AnswerStatus, Citation, Generation
from brain.domain.article import Article
from brain.domain.confidence import Calibration, confidence, numeric, said, signals
from brain.domain.errors import Unavailable
from brain.domain.events import AnswerPublished, ReviewJoined, ReviewRequested
from brain.domain.evidence import Checked, check
from brain.domain.identity import Department, DepartmentId, TenantId
from brain.domain.knowledge import Found
from brain.domain.policy import Decision, decide
from brain.domain.question import Question, QuestionId, Turn, standalone
from brain.domain.ranking import fuse
from brain.domain.review import Review, ReviewId, ReviewStatus
from brain.domain.sameness import same_question
from brain.ports import Embedder, Generator, KnowledgeIndex, Store, TextKind, Transaction, Vector

Progress = Callable[[str], None]

# Candidates of each ranking, and how many of the fused ones a generator reads.
CANDIDATES = 30
READ = 8

_STATUS = {
    Decision.PUBLISH: AnswerStatus.PUBLISHED,
    Decision.REVIEW: AnswerStatus.IN_REVIEW,
    Decision.ABSTAIN: AnswerStatus.ABSTAINED,
}


def silent(step: str) -> None:
    """Nobody is watching."""


@dataclass(slots=True)
class _Asked:
    """One question on its way: what was read at the start, and how long each step took."""

    question: Question
    history: Sequence[Turn]
    departments: Sequence[Department]
    progress: Progress
    timings_ms: dict[str, float] = field(default_factory=dict)
    mark: float = field(default_factory=perf_counter)

    @property
    def wording(self) -> str:
        return standalone(self.question.text, self.history)

    def department(self, id_: DepartmentId | None) -> Department:
        return next((one for one in self.departments if one.id == id_), self.departments[0])

    def done(self, step: str) -> None:
        now = perf_counter()
        self.timings_ms[step] = round((now - self.mark) * 1000, 2)
        self.mark = now


@dataclass(frozen=True, slots=True)
class Ask:
    store: Store
    index: KnowledgeIndex
    embedder: Embedder
    generator: Generator
    calibration: Calibration

    async def __call__(self, tenant: TenantId, question: QuestionId, *, progress: Progress = silent) -> None:
        """Does nothing where the question is answered already; safe to repeat after a crash."""
        asked = await self._read(tenant, question, progress)
        if asked is None:
            return
        [vector] = await self.embedder.embed([asked.wording], kind=TextKind.QUESTION)
        asked.done("embed")
        answer = await self._approved(asked, vector) or await self._draft(asked, vector)
        await self._save(asked, answer, vector)

    async def _read(self, tenant: TenantId, id_: QuestionId, progress: Progress) -> _Asked | None:
        async with self.store.transaction(tenant) as tx:
            question = await tx.questions.question(id_)
            if question is None or await tx.questions.latest_answer(id_) is not None:
                return None
            history = await tx.questions.history(question.conversation, before=id_)
            departments = await tx.people.departments()
        if not departments:
            raise Unavailable("No department is configured yet; run `expert init` or add one.")
        return _Asked(question, history, departments, progress)

    async def _approved(self, asked: _Asked, vector: Vector) -> Answer | None:
        """The answer that a person approved to the same question, if this audience may read it."""
        question = asked.question
        async with self.store.transaction(question.audience.tenant) as tx:
            matches = await tx.articles.nearest(question.audience, vector=vector, limit=5)
        asked.done("match")
        for match in matches:
            wanted = question.department in (None, match.article.department)
            if wanted and same_question(asked.wording, match.wording, match.similarity):
                return from_article(match.article, question.id, timings_ms=asked.timings_ms)
        return None

    async def _draft(self, asked: _Asked, vector: Vector) -> Answer:
        question = asked.question
        asked.progress("searching")
        candidates = await self.index.search(
            asked.wording,
            vector=vector,
            audience=question.audience,
            department=question.department,
            limit=CANDIDATES,
        )
        found = fuse(candidates)[:READ]
        asked.done("retrieve")
        department = asked.department(question.department or (found[0].passage.department if found else None))
        asked.progress("writing")
        generation = await self._generate(asked, found, department)
        asked.done("generate")
        asked.progress("checking")
        checked = check(generation.text, found)
        if checked.citations:
            department = asked.department(checked.citations[0][1].passage.department)
        likeness = await self._likeness(checked, vector)
        weighed = confidence(signals(asked.wording, found, checked, likeness), self.calibration)
        decision = decide(weighed.value, department.thresholds, has_draft=bool(checked.text))
        asked.done("check")
        offered = decision is not Decision.ABSTAIN
        return Answer(
            id=AnswerId(uuid4()),
            question=question.id,
            department=department.id,
            status=_STATUS[decision],
            text=checked.text if offered else "",
            citations=_citations(checked) if offered else (),
            confidence=weighed.value,
            reasons=weighed.reasons,
            model=generation.model,
            prompt_hash=generation.prompt_hash,
            scope=_scope(checked, department),
            signals=numeric(weighed.signals),
            timings_ms=asked.timings_ms,
        )

    async def _generate(self, asked: _Asked, found: Sequence[Found], department: Department) -> Generation:
        generation = None
        async for piece in self.generator.generate(
            asked.wording, passages=found, history=asked.history, instructions=department.instructions
        ):
            if isinstance(piece, Generation):
                generation = piece
        if generation is None:
            raise Unavailable("The model stopped before its answer was complete.")
        return generation

    async def _likeness(self, checked: Checked, vector: Vector) -> float:
        """Cosine of the question and what is said in answer."""
        if not checked.text:
            return 0.0
        [answer] = await self.embedder.embed([said(checked)], kind=TextKind.PASSAGE)
        return sum(one * other for one, other in zip(vector, answer, strict=True))

    async def _save(self, asked: _Asked, answer: Answer, vector: Vector) -> None:
        """One transaction: the answer, the review it needs, and the event that says so."""
        question = asked.question
        async with self.store.transaction(question.audience.tenant) as tx:
            if not await tx.questions.save_answer(answer):
                return
            if answer.status is AnswerStatus.PUBLISHED:
                await tx.emit(AnswerPublished(question.id, answer.id))
            elif not await self._join(tx, asked, vector):
                await self._open(tx, answer, vector, asked.department(answer.department))

    async def _join(self, tx: Transaction, asked: _Asked, vector: Vector) -> bool:
        """Wait with those who asked the same, rather than ask a reviewer twice."""
        question = asked.question
        for case, similarity in await tx.reviews.open_like(question.audience, vector=vector, limit=5):
            wanted = question.department in (None, case.review.department)
            if wanted and same_question(asked.wording, case.question, similarity):
                await tx.reviews.join(case.review.id, question=question.id)
                await tx.emit(ReviewJoined(case.review.id, question.id))
                return True
        return False

    async def _open(self, tx: Transaction, answer: Answer, vector: Vector, department: Department) -> None:
        review = Review(
            id=ReviewId(uuid4()),
            number=0,
            question=answer.question,
            answer=answer.id,
            department=department.id,
            status=ReviewStatus.OPEN,
            shown_hash=answer.shown_hash,
            opened_at=tx.now,
            due_at=tx.now + timedelta(hours=department.review_hours),
        )
        await tx.reviews.open(review, vector=vector)
        await tx.emit(ReviewRequested(review.id, answer.question))


def from_article(article: Article, question: QuestionId, *, timings_ms: dict[str, float]) -> Answer:
    return Answer(
        id=AnswerId(uuid4()),
        question=question,
        department=article.department,
        status=AnswerStatus.PUBLISHED,
        text=article.text,
        citations=article.citations,
        confidence=1.0,
        reasons=(),
        model="approved",
        prompt_hash="",
        scope=article.scope,
        article=article.id,
        approval=article.approval,
        timings_ms=timings_ms,
    )


def _citations(checked: Checked) -> tuple[Citation, ...]:
    return tuple(
        Citation(
            number=number,
            passage=found.passage.id,
            passage_hash=found.passage.content_hash,
            title=found.passage.title,
            heading_path=found.passage.heading_path,
            page=found.passage.page,
            quote=quote,
            document=found.passage.document,
            article=found.passage.article,
        )
        for number, found, quote in checked.citations
    )


def _scope(checked: Checked, department: Department) -> frozenset[DepartmentId]:
    """Whoever may read all the sources may read the answer; without sources, the department's readers."""
    cited = frozenset(found.passage.department for _, found, _ in checked.citations)
    return cited or frozenset((department.id,))
