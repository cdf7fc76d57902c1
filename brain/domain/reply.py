"""What an asker gets back: the present state of their question."""

from dataclasses import dataclass

from brain.domain.answer import Answer
from brain.domain.question import Question


@dataclass(frozen=True, slots=True)
class Reply:
    """`answer` is None while the question is being worked on; `review` numbers what was opened for it.

    `department` is the slug of the one that answers for the answer; `note` says what an empty or held
    answer means for the asker.
    """

    question: Question
    answer: Answer | None
    review: int | None = None
    department: str | None = None
    note: str = ""
