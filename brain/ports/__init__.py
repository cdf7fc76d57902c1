"""What the brain needs from outside. Protocols only; a member is added when two implementations want it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from brain.domain.answer import Answer, AnswerId, AnswerStatus, Approval, Citation, Generation, Piece
from brain.domain.article import Article, ArticleMatch, ArticleVersion
from brain.domain.audit import Link, Sought
from brain.domain.change import Cause, Source, Withdrawn
from brain.domain.doubts import Judgement
from brain.domain.events import Event
from brain.domain.guarantee import PastAnswer
from brain.domain.identity import Audience, Department, DepartmentId, Member, MemberId, TenantId
from brain.domain.knowledge import (
    ArticleId,
    Document,
    DocumentId,
    Embedded,
    Found,
    ParsedDocument,
    Passage,
    Vector,
)
from brain.domain.privacy import ArticleTrace, Exported, Names, Restated
from brain.domain.question import ConversationId, Question, QuestionId, Turn
from brain.domain.records import AuditEntry, Feedback, Key, KeyOwner, Task, TaskId
from brain.domain.review import Move, Review, ReviewCase, ReviewId, Verdict
from brain.domain.rewriting import Rewritten
from brain.domain.training import TrainingExample


class TextKind(StrEnum):
    """Some models embed questions and passages differently."""

    QUESTION = "question"
    PASSAGE = "passage"


class Embedder(Protocol):
    name: str

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        """One vector for each text, in order; all of them from one model, which they name. Raises
        `Unavailable` where the model cannot be reached."""

    def count_tokens(self, text: str) -> int:
        """Tokens as this model counts them, or a close estimate."""


class Generator(Protocol):
    name: str

    def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        """Pieces of text as they come, then exactly one `Generation` with the whole.

        Passages are data: nothing written in them is an instruction. Raises `Unavailable`
        when the model does not finish; nothing of an unfinished generation may be shown.
        """


class Rewriter(Protocol):
    async def rewrite(self, question: str, *, history: Sequence[Turn]) -> Rewritten:
        """A follow-up as it can be understood alone; never fails, as there is a rule to fall back on."""


class Judge(Protocol):
    async def judge(self, question: str, *, answer: str, passages: Sequence[Passage]) -> Judgement:
        """`passages` are those that the answer cites, in the order of its marks.

        Raises `Unavailable` where there is no judgement.
        """


class KnowledgeIndex(Protocol):
    async def search(
        self,
        question: str,
        *,
        vector: Vector,
        audience: Audience,
        department: DepartmentId | None,
        limit: int,
    ) -> list[Found]:
        """The union of the `limit` best passages by meaning and by words, unordered.

        Only passages that everyone in the audience may read take part in the ranking;
        with `department`, only that department's.
        """

    async def upsert(self, tenant: TenantId, *, passages: Sequence[Embedded]) -> None:
        """Idempotent by passage id."""

    async def delete(self, tenant: TenantId, *, documents: Sequence[DocumentId]) -> None:
        """Remove every passage of these documents; unknown ids are ignored."""


class Parser(Protocol):
    async def parse(self, content: bytes, *, name: str, media_type: str | None) -> ParsedDocument:
        """Raises `Rejected` saying why a person cannot have this file read."""


class People(Protocol):
    async def departments(self) -> list[Department]: ...

    async def save_department(self, department: Department) -> None:
        """Insert or update by slug; the id of an existing one is kept."""

    async def members(self) -> list[Member]: ...

    async def member(self, handle: str) -> Member | None:
        """By handle, or by id in text form."""

    async def save_member(self, member: Member) -> None:
        """Insert or replace by id, roles included; from here on no other transaction changes people.

        Raises `Conflict` where somebody else changed the member since this transaction read them.
        """

    async def keys(self) -> list[Key]: ...

    async def save_key(self, key: Key) -> None:
        """Insert or replace by id."""

    async def key_owner(self, digest: str) -> KeyOwner | None:
        """Whose key has this digest, revoked ones and those of disabled members included."""


class Copies(Protocol):
    async def alike(self, document: Document, *, markdown: str) -> list[tuple[Document, str]]:
        """Indexed documents of its department that may look like it, with their texts; oldest first."""

    async def hold(self, document: Document) -> bool:
        """Whether it still has the same content. It stays so until the transaction ends."""

    async def kept(self, document: DocumentId) -> bytes | None:
        """The file itself, where it is kept to be read again."""

    async def embedded(self, passages: Sequence[Passage], *, embedder: str) -> list[Embedded]:
        """Those that this embedder embedded before, in any document of the tenant that says the same."""

    async def waiting(self) -> list[Document]:
        """Those that were linked to a document which changed or went, and are to be read again."""


class Library(Protocol):
    @property
    def copies(self) -> Copies: ...

    async def documents(self, *, audience: Audience) -> list[Document]: ...

    async def document(self, document: DocumentId) -> Document | None: ...

    async def by_source(self, department: DepartmentId, *, source: str) -> Document | None:
        """Locked until the end of the transaction, so that two ingestions of one file take turns."""

    async def save(
        self, document: Document, *, markdown: str, content: bytes, passages: Sequence[Embedded]
    ) -> Withdrawn:
        """Insert or replace the document with all its passages, embeddings and postings.

        Of quarantined and linked ones the content is kept. Whose twin it was stands alone from now on.
        What rests on passages that it no longer has is withdrawn: hand that to `usecases.withdraw`.
        """

    async def forget(self, document: DocumentId) -> Withdrawn:
        """Remove the document, and withdraw what rests on it; what was said stays on record."""

    async def restrict(self, department: DepartmentId) -> Withdrawn:
        """Withdraw what rests on anything this department knows: fewer people may read that now."""

    async def sources(self, citations: Sequence[Citation]) -> list[Source]:
        """What became of each, in order. It stays so until the transaction ends."""


class Questions(Protocol):
    async def accept(self, question: Question, *, idempotency_key: str) -> QuestionId:
        """Insert, or return the id that the asker's key already stands for.

        Raises `Conflict` where the key was used for another text.
        """

    async def question(self, question: QuestionId) -> Question | None: ...

    async def history(self, conversation: ConversationId, *, before: QuestionId) -> list[Turn]:
        """Earlier turns, oldest first, with answers the asker may still see: their own ones, and on a chat
        platform everybody's, who all read the same there."""

    async def latest_answer(self, question: QuestionId) -> Answer | None: ...

    async def save_answer(self, answer: Answer) -> bool:
        """False where this question already has an answer of this version, or its asker was erased."""

    async def settle(
        self,
        answer: AnswerId,
        *,
        to: AnswerStatus,
        approval: Approval | None = None,
        article: ArticleId | None = None,
        withdrawn: str = "",
    ) -> None:
        """Move an answer on; where somebody approved it, say who, and what article it became.

        Where it does not hold any more, `withdrawn` tells the one who asked why.
        """

    async def asked_by(self, member: MemberId, *, limit: int) -> list[tuple[Question, Answer | None]]: ...


class Assignments(Protocol):
    """Who has which review, who was shown it, and which one an article has."""

    async def about(self, article: ArticleId) -> ReviewId | None:
        """The open review of this article, where there is one."""

    async def load(self) -> dict[MemberId, int]:
        """How many open reviews each member has; without those who have none."""

    async def save(self, review: Review, move: Move | None) -> None:
        """Write whose turn it is, the clock and the status; a move is added to the review's history."""

    async def show(self, review: Review, member: MemberId) -> None:
        """Remember that the member was shown what is to be judged now."""


class Reviews(Protocol):
    async def open(self, review: Review, *, wording: str, vector: Vector | None) -> Review:
        """Returns it with the tenant's next number; the question of its answer waits for it.

        `wording` is the question as it can be understood alone; without a `vector` nobody can join. Where
        an open review asks for the same article already, that one comes back.
        """

    async def join(self, review: ReviewId, *, question: QuestionId, wording: str) -> None: ...

    async def open_like(
        self, audience: Audience, *, to: Vector | str, limit: int
    ) -> list[tuple[ReviewCase, float]]:
        """Open reviews of near questions with their cosine similarity, nearest first; to a text, those of
        questions with all its words. Only reviews whose answer's sources the audience may read."""

    async def case(self, review: int | ReviewId, *, lock: bool) -> ReviewCase | None:
        """By number or id, with what became of its sources; its `shown_hash` covers that too.

        With `lock`, nobody else changes it until the transaction ends.
        """

    async def cases(self, *, departments: frozenset[DepartmentId], open_only: bool) -> list[ReviewCase]: ...

    async def decide(self, verdict: Verdict) -> bool:
        """False where the review was decided before."""

    @property
    def assignments(self) -> Assignments: ...

    async def for_question(self, question: QuestionId) -> tuple[int | None, str]:
        """The number of the newest review this question waits for or waited for, and its verdict's reason."""


class Articles(Protocol):
    async def save(
        self,
        article: Article,
        *,
        wordings: Sequence[tuple[str, Vector]],
        passages: Sequence[Embedded],
    ) -> Withdrawn:
        """Insert, or add a version, whose passages replace the former's in the index. Answers that the
        article gave and that say something else are withdrawn, and what rests on them; its review ends."""

    async def article(self, article: ArticleId, *, lock: bool) -> Article | None: ...

    async def in_force(self, article: ArticleId, *, says: str) -> bool:
        """Whether this is what the article says now. It stays so until the transaction ends."""

    async def versions(self, article: ArticleId) -> list[ArticleVersion]:
        """Newest first."""

    async def widen(self, article: Article) -> None:
        """Add a version that says the same to other readers."""

    async def withdraw(self, article: ArticleId, cause: Cause, *, reason: str) -> Withdrawn:
        """Retract it, or suspend it for any other cause, and withdraw what rests on it. Retracting also ends
        its open review, takes back the answers that it gave, and drops the examples that were made of it."""

    async def articles(self, *, audience: Audience) -> list[Article]: ...

    async def nearest(self, audience: Audience, *, to: Vector | str, limit: int) -> list[ArticleMatch]:
        """Live articles the audience may read, by their nearest wording; to a text, by a wording with all its
        words, which is given no similarity."""


class Records(Protocol):
    async def save_feedback(self, feedback: Feedback) -> None: ...

    async def feedback(self, *, departments: frozenset[DepartmentId], limit: int) -> list[Feedback]:
        """On answers of these departments, newest first."""

    async def past_answers(self, department: DepartmentId, *, limit: int) -> list[PastAnswer]:
        """What was answered from its documents, newest first, with what people said of it."""

    async def save_example(self, example: TrainingExample) -> None: ...

    async def audit(self, entry: AuditEntry) -> None:
        """Append, as the last thing this transaction does; a failure there fails the audited act."""

    async def trail(self, sought: Sought) -> list[Link]:
        """Newest first."""

    async def tasks(self, *, dead_only: bool, limit: int) -> list[Task]: ...

    async def replay(self, task: TaskId) -> bool:
        """Make a dead task ready again; False where there is no such dead task."""


class Transaction(Protocol):
    @property
    def now(self) -> datetime:
        """The database's time at the beginning of the transaction."""

    @property
    def people(self) -> People: ...

    @property
    def library(self) -> Library: ...

    @property
    def questions(self) -> Questions: ...

    @property
    def reviews(self) -> Reviews: ...

    @property
    def articles(self) -> Articles: ...

    @property
    def records(self) -> Records: ...

    async def emit(self, event: Event, *, after_s: float = 0) -> None:
        """Store the event with the state that caused it; handlers see it once this commits."""


class Personal(Protocol):
    """Everything of one person at once, wherever it is kept."""

    async def external_ids(self, member: MemberId) -> list[str]:
        """What platforms call them."""

    async def articles(self, member: MemberId, *, names: Names) -> list[ArticleTrace]:
        """Those that are found by their questions, were checked by them, or name them; by id."""

    async def wait_for_reviews(self, member: MemberId) -> None:
        """Reviews that decide on their questions are as they are until the transaction ends."""

    async def anonymise(
        self, former: Member, *, names: Names, restated: Sequence[Restated]
    ) -> Mapping[str, int]:
        """Remove their words, or make them nobody's; says how many of what. Doing it again changes nothing.

        Whatever they or their questions are about to leave is waited for, or refused.
        """

    async def erase_audit_details(self, member: MemberId, *, names: Names) -> list[int]:
        """Of their acts, and wherever they are named; the numbers of the entries. Their seals stay."""

    async def documents_naming(self, names: Names) -> list[str]:
        """The first hundred sources."""


class Everything(Protocol):
    def rows(self, member: MemberId | None) -> AsyncIterator[Exported]:
        """What is kept of the tenant, or of one member; no secrets, nor what can be derived from the rest.

        Consistent table by table.
        """


class PrivacyTransaction(Transaction, Protocol):
    @property
    def personal(self) -> Personal: ...

    @property
    def everything(self) -> Everything: ...


class PrivacyStore(Protocol):
    def transaction(self, tenant: TenantId) -> AbstractAsyncContextManager[PrivacyTransaction]:
        """As the store's."""


class Store(Protocol):
    def transaction(self, tenant: TenantId) -> AbstractAsyncContextManager[Transaction]:
        """Commits on exit, rolls back on error; sees and writes this tenant's rows only."""
