"""What was asked, by whom, where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType
from uuid import UUID

from brain.domain.identity import Audience, DepartmentId, MemberId

QuestionId = NewType("QuestionId", UUID)
ConversationId = NewType("ConversationId", UUID)


@dataclass(frozen=True, slots=True)
class Question:
    id: QuestionId
    conversation: ConversationId
    asker: MemberId
    text: str
    audience: Audience
    department: DepartmentId | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question of the same conversation with the answer its asker saw."""

    question: str
    answer: str


_CONTINUING = frozenset({"and", "but", "or", "then", "so", "also"})
_POINTING = frozenset({"it", "its", "that", "this", "those", "these", "they", "them", "there", "instead"})


def standalone(question: str, history: Sequence[Turn]) -> str:
    """The question as somebody who missed the conversation could understand it.

    A follow-up that leans on what was said ("and for replicas?", "how long does that take?") is read together
    with the question before it; one that names its subject stands alone.
    """
    if not history or not _leans(question):
        return question
    return f"{history[-1].question} {question}"


def _leans(question: str) -> bool:
    words = re.findall(r"[a-z']+", question.lower())
    return len(words) <= 4 or words[0] in _CONTINUING or any(word in _POINTING for word in words)
