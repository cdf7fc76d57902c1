"""What was asked, by whom, where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from brain.domain.attachment import Attachment, parted, with_attached
from brain.domain.identity import Audience, DepartmentId, MemberId

QuestionId = NewType("QuestionId", UUID)
ConversationId = NewType("ConversationId", UUID)


@dataclass(frozen=True, slots=True)
class Question:
    """`overheard` is the confidence that an answer needs which nobody asked us for; None: somebody did."""

    id: QuestionId
    conversation: ConversationId
    asker: MemberId
    text: str
    audience: Audience
    department: DepartmentId | None = None
    asked_at: datetime | None = None
    overheard: float | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same conversation, with what its attachments told, and what its asker saw:
    an answer, or a question back."""

    question: str
    answer: str
    asked_back: bool = False


# A reply that is a whole question of so many words says what it is about, whatever was asked back.
_WHOLE = 6
_CONTINUING = frozenset({"and", "but", "or", "then", "so", "also"})
_POINTING = frozenset({"it", "its", "that", "this", "those", "these", "they", "them", "there", "instead"})


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question as somebody who missed the conversation could understand it.

    A follow-up that leans on what was said ("and for replicas?", "how long does that take?") is read together
    with the question before it, and so is what says which of several things was meant; one that names its
    subject stands alone.
    """
    if not history:
        return question
    *earlier, last = history
    if last.asked_back and not _is_whole(question):
        before = standalone(last.question, earlier)
        return before if insists(question, history) else _followed(before, question)
    return _followed(last.question, question) if _leans(question) else question


def wording(question: Question, history: Sequence[Turn]) -> str:
    """Standing alone, and with what its attachments tell."""
    return with_attached(standalone(question.text, history), question.attachments)


def _followed(before: str, question: str) -> str:
    asked, told = parted(before)
    return f"{asked} {question}{told}"


def insists(question: str, history: Sequence[Turn]) -> bool:
    """Who was asked back and says the same again cannot say it better: a person has to understand it."""
    return (
        bool(history)
        and history[-1].asked_back
        and _words(question) == _words(parted(history[-1].question)[0])
    )


def _is_whole(question: str) -> bool:
    asked, _ = parted(question)
    return asked.rstrip().endswith("?") and len(_words(asked)) >= _WHOLE and not _leans(asked)


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def _leans(question: str) -> bool:
    words = re.findall(r"[a-z']+", parted(question)[0].lower())
    return len(words) <= 4 or words[0] in _CONTINUING or any(word in _POINTING for word in words)
