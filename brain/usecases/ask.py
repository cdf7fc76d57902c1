"""Answer an accepted question: reuse what was approved, else retrieve, generate, check, weigh and decide."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from time import monotonic, perf_counter
from uuid import uuid4

from brain.domain import tracing
from brain.domain.answer import Answer, AnswerId, AnswerStatus, Citation, Generation
from brain.domain.article import Article, undisputed
from brain.domain.attachment import with_attached
from brain.domain.clarity import Unclear, unclear
from brain.domain.confidence import Calibration, Confidence, confidence, numeric, signals
from brain.domain.crash_points import reached
from brain.domain.deadline import LEAST_S, Patience, sharing, within
from brain.domain.doubts import another_number, beside_the_question, judged, lowered, not_judged, taken_out
from brain.domain.errors import ExpertError, Unavailable
from brain.domain.events import AnswerPublished, AskedBack, ReviewJoined
from brain.domain.evidence import Checked, check, quotable_sentences, requoted
from brain.domain.identity import Department, DepartmentId, TenantId
from brain.domain.knowledge import Found, Vector
from brain.domain.ladder import Level, Seen
from brain.domain.orders import gives_orders
from brain.domain.policy import Decision, decide
from brain.domain.question import Question, QuestionId, Turn, wording
from brain.domain.ranking import fuse
from brain.domain.review import ReviewId
from brain.domain.sameness import same_question
from brain.domain.spent import NOTHING_SPENT, Spent
from brain.domain.whose import working_for
from brain.ports import (
    Embedder,
    Generator,
    Judge,
    KnowledgeIndex,
    Rewriter,
    Store,
    TextKind,
    Transaction,
)
from brain.usecases.ask_back import rather_ask_back
from brain.usecases.request_review import readable_first, request_review
from brain.usecases.searching import Searching

Progress = Callable[[str], None]

# How many of the fused candidates a generator reads.
READ = 8
# How often an answer is made anew because a source changed meanwhile.
ATTEMPTS = 3

_STATUS = {
    Decision.PUBLISH: AnswerStatus.PUBLISHED,
    Decision.REVIEW: AnswerStatus.IN_REVIEW,
    Decision.ABSTAIN: AnswerStatus.ABSTAINED,
}


def silent(step: str) -> None:
    """Nobody is watching."""


@dataclass(slots=True)
class _Asked:
    """One question on its way: what was read at the start, how it can be understood alone, and what each
    step took."""

    question: Question
    history: Sequence[Turn]
    departments: Sequence[Department]
    progress: Progress
    wording: str
    searching: Searching
    level: Level = Level.FULL
    unclear: Unclear | None = None
    spent: Spent = NOTHING_SPENT
    timings_ms: dict[str, float] = field(default_factory=dict)
    mark: float = field(default_factory=perf_counter)

    def department(self, id_: DepartmentId | None) -> Department:
        return next((one for one in self.departments if one.id == id_), self.departments[0])

    def done(self, step: str) -> None:
        now = perf_counter()
        tracing.past(step, seconds=now - self.mark)
        self.timings_ms[step], self.mark = round((now - self.mark) * 1000, 2), now


@dataclass(frozen=True, slots=True)
class Ask:
    store: Store
    index: KnowledgeIndex
    embedder: Embedder
    generator: Generator
    calibration: Calibration
    rewriter: Rewriter | None = None
    judge: Judge | None = None
    patience: Patience = field(default_factory=Patience)
    search_seen: Seen = field(default_factory=Seen)

    async def __call__(self, tenant: TenantId, question: QuestionId, *, progress: Progress = silent) -> None:
        """Does nothing where the question is answered already; safe to repeat after a crash."""
        if (asked := await self._read(tenant, question, progress)) is None:
            return
        with within(self.patience, monotonic), working_for(tenant):
            await self._answer(asked)
        asked.searching.tell()

    async def _answer(self, asked: _Asked) -> None:
        await self._reword(asked)
        vector = await asked.searching.vector(asked.wording)
        asked.done("embed")
        for _ in range(ATTEMPTS):
            answer = await self._approved(asked, vector)
            if answer is None:
                draft = await self._draft(asked, vector)
                answer = rather_ask_back(draft, asked.question, asked.history, asked.unclear)
            if await self._save(asked, answer, vector):
                return
        raise Unavailable("The documents are being changed just now.")

    async def _read(self, tenant: TenantId, id_: QuestionId, progress: Progress) -> _Asked | None:
        async with self.store.transaction(tenant) as tx:
            question = await tx.questions.question(id_)
            if question is None or await tx.questions.latest_answer(id_) is not None:
                return None
            history = await tx.questions.history(question.conversation, before=id_)
            departments = readable_first(await tx.people.departments(), question.audience)
        searching = Searching(self.index, self.embedder, self.search_seen)
        return _Asked(question, history, departments, progress, wording(question, history), searching)

    async def _reword(self, asked: _Asked) -> None:
        """A follow-up by a model, where one is set for it."""
        if self.rewriter is None or not asked.history:
            return
        with sharing(2):  # with whoever writes the answer
            rewritten = await self.rewriter.rewrite(asked.question.text, history=asked.history)
        if rewritten.by_rule:
            asked.level = Level.STAND_IN
        asked.wording = with_attached(rewritten.text, asked.question.attachments)
        asked.spent += rewritten.spent
        asked.done("rewrite")

    async def _approved(self, asked: _Asked, vector: Vector | None) -> Answer | None:
        """The answer that a person approved to the same question, if this audience may read it."""
        async with self.store.transaction(asked.question.audience.tenant) as tx:
            article = await self._same_article(tx, asked, vector)
        asked.done("match")
        if article is None:
            return None
        answer = from_article(article, asked.question.id, timings_ms=asked.timings_ms)
        return replace(answer, level=asked.level if vector else Level.NO_SEARCH)

    async def _draft(self, asked: _Asked, vector: Vector | None) -> Answer:
        question = asked.question
        asked.progress("searching")
        candidates = await asked.searching.passages(asked.wording, question) if vector else None
        if vector is None or candidates is None:
            return _unsearched(asked)
        ranked = fuse(asked.wording, candidates)
        found = _readable(ranked)
        asked.unclear = unclear(with_attached(question.text, question.attachments), asked.history, found)
        asked.done("retrieve")
        reached("passages retrieved")
        department = asked.department(question.department or (found[0].passage.department if found else None))
        asked.progress("writing")
        generation = await self._generate(asked, found, department)
        asked.done("generate")
        asked.progress("checking")
        checked = check(generation.text, found, asked.wording)
        if checked.citations:
            department = asked.department(checked.citations[0][1].passage.department)
        weighed = self._weigh(asked, found, checked)
        weighed = lowered(weighed, another_number(asked.wording, checked, department.thresholds))
        if not generation.quoted:
            weighed = lowered(weighed, beside_the_question(asked.wording, checked, department.thresholds))
            weighed = await self._judged(asked, checked, weighed, department)
        decision = decide(weighed.value, department.thresholds, has_draft=bool(checked.text))
        offered = decision is not Decision.ABSTAIN
        if offered:
            checked = await self._requoted(asked.wording, checked, vector)
        asked.done("check")
        return Answer(
            id=AnswerId(uuid4()),
            question=question.id,
            department=department.id,
            status=_STATUS[decision],
            text=checked.text if offered else "",
            citations=_citations(checked) if offered else (),
            confidence=weighed.value,
            reasons=(*generation.notes, *_left_out(ranked, found), *weighed.reasons),
            model=generation.model,
            prompt_hash=generation.prompt_hash,
            scope=_scope(checked, department),
            signals=numeric(weighed.signals),
            timings_ms=asked.timings_ms,
            spent=asked.spent,
            level=max(asked.level, generation.level),
        )

    async def _generate(self, asked: _Asked, found: Sequence[Found], department: Department) -> Generation:
        generation = None
        async for piece in self.generator.generate(
            asked.wording, passages=found, history=asked.history, instructions=department.instructions
        ):
            reached("answer being written")
            if isinstance(piece, Generation):
                generation = piece
        if generation is None:
            raise Unavailable("The model stopped before its answer was complete.")
        asked.spent += generation.spent
        return generation

    def _weigh(self, asked: _Asked, found: Sequence[Found], checked: Checked) -> Confidence:
        weighed = confidence(signals(asked.wording, found, checked), self.calibration)
        return lowered(weighed, taken_out(checked))

    async def _judged(
        self, asked: _Asked, checked: Checked, weighed: Confidence, department: Department
    ) -> Confidence:
        """A judge can only lower, so what would not be published anyway needs none."""
        decision = decide(weighed.value, department.thresholds, has_draft=bool(checked.text))
        if self.judge is None or decision is not Decision.PUBLISH:
            return weighed
        cited = [one.passage for _, one, _ in checked.citations]
        try:
            with sharing(1, least_s=LEAST_S):
                judgement = await self.judge.judge(asked.wording, answer=checked.text, passages=cited)
        except ExpertError:  # a judgement that is missing lowers, too
            return lowered(weighed, not_judged(department.thresholds))
        asked.spent += judgement.spent
        return lowered(weighed, judged(judgement, weighed))

    async def _requoted(self, question: str, checked: Checked, vector: Vector) -> Checked:
        """With the sentence quoted that is nearest to the question, of the few worth reading for it."""
        sentences = quotable_sentences(question, checked)
        texts = [text for _, text in sentences]
        try:
            vectors = await self.embedder.embed(texts, kind=TextKind.PASSAGE) if texts else []
        except Unavailable:  # the sentence that is quoted otherwise is the source's, too
            return checked
        if any(one.embedder != vector.embedder for one in vectors):
            return checked
        near = {
            span: sum(a * b for a, b in zip(vector, one, strict=True))
            for (span, _), one in zip(sentences, vectors, strict=True)
        }
        return requoted(question, checked, near)

    async def _save(self, asked: _Asked, answer: Answer, vector: Vector | None) -> bool:
        """One transaction: the answer, the review it needs, and the event that says so.

        False where a source has changed since it was read: then nothing is saved.
        """
        question = asked.question
        if question.overheard is not None:
            return await self._say_if_sure(question, question.overheard, answer)
        async with self.store.transaction(question.audience.tenant) as tx:
            review = None
            if answer.status is not AnswerStatus.PUBLISHED and not answer.asks_back:
                review = await self._same_review(tx, asked, vector)
                if review is None and (article := await self._same_article(tx, asked, vector)):
                    # Somebody approved it while this was being written.
                    answer = from_article(article, question.id, timings_ms=asked.timings_ms)
            if not await _stands(tx, answer):
                return False
            if not await tx.questions.save_answer(answer):
                return True
            if answer.status is AnswerStatus.PUBLISHED:
                await tx.emit(AnswerPublished(question.id, answer.id))
            elif answer.asks_back:
                # Nobody else is asked while the asker can still say what is meant.
                await tx.emit(AskedBack(question.id, answer.id))
            elif review is not None:
                # Wait with those who asked the same, rather than ask a reviewer twice.
                await tx.reviews.join(review, question=question.id, wording=asked.wording)
                await tx.emit(ReviewJoined(review, question.id))
            else:
                department = asked.department(answer.department)
                await request_review(tx, answer, department, wording=asked.wording, vector=vector)
            reached("answer saved")
        reached("answer committed")
        return True

    async def _say_if_sure(self, question: Question, least: float, answer: Answer) -> bool:
        """Nobody asked us: below what is wanted there we keep silent, and no person is troubled."""
        sure = answer.status is AnswerStatus.PUBLISHED and answer.certainty >= least
        kept = answer if sure else replace(answer, status=AnswerStatus.ABSTAINED, text="", citations=())
        async with self.store.transaction(question.audience.tenant) as tx:
            if not await _stands(tx, kept):
                return False
            if await tx.questions.save_answer(kept) and sure:
                await tx.emit(AnswerPublished(question.id, kept.id))
        return True

    async def _same_article(self, tx: Transaction, asked: _Asked, vector: Vector | None) -> Article | None:
        """Without a vector nothing is alike: then the words have to be the very same."""
        question = asked.question
        to = vector or asked.wording
        same = [
            match.article
            for match in await tx.articles.nearest(question.audience, to=to, limit=5)
            if question.department in (None, match.article.department)
            and same_question(asked.wording, match.wording, match.similarity)
        ]
        article = undisputed(same, among=question.audience.departments)
        return article.as_read_by(frozenset(one.id for one in asked.departments)) if article else None

    async def _same_review(self, tx: Transaction, asked: _Asked, vector: Vector | None) -> ReviewId | None:
        question = asked.question
        to = vector or asked.wording
        for case, similarity in await tx.reviews.open_like(question.audience, to=to, limit=5):
            wanted = question.department in (None, case.review.department)
            if wanted and same_question(asked.wording, case.question, similarity):
                return case.review.id
        return None


async def _stands(tx: Transaction, answer: Answer) -> bool:
    """Whether everything that it rests on is still as it was read; it stays so until it is saved."""
    if answer.article and not await tx.articles.in_force(answer.article, says=answer.text):
        return False
    return all(source.stands for source in await tx.library.sources(answer.citations))


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


def _unsearched(asked: _Asked) -> Answer:
    """For a person to answer, in the department that was asked."""
    department = asked.department(asked.question.department)
    return Answer(
        id=AnswerId(uuid4()),
        question=asked.question.id,
        department=department.id,
        status=AnswerStatus.ABSTAINED,
        text="",
        citations=(),
        confidence=0.0,
        reasons=("The documents could not be searched.",),
        model="",
        prompt_hash="",
        scope=frozenset((department.id,)),
        timings_ms=asked.timings_ms,
        spent=asked.spent,
        level=Level.NO_SEARCH,
    )


def _readable(ranked: Sequence[Found]) -> list[Found]:
    """The best passages, but for those that tell a machine what to say: they are neither read nor cited."""
    readable = (one for one in ranked if not gives_orders(one.passage.indexed_text))
    return list(islice(readable, READ))


def _left_out(ranked: Sequence[Found], found: Sequence[Found]) -> tuple[str, ...]:
    if list(ranked[:READ]) == list(found):
        return ()
    return ("A passage was left out, because it tells a machine what to say.",)


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
    if not checked.citations:
        return frozenset((department.id,))
    return frozenset().union(*(found.scope for _, found, _ in checked.citations))
