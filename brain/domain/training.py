"""What people decided, kept as training data for the company's own model."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.identity import DepartmentId
from brain.domain.review import VerdictId

ExampleId = NewType("ExampleId", UUID)


class Label(StrEnum):
    POSITIVE = "positive"
    NEGATIVE = "negative"


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """`answer` is what was approved, or in a negative one what was rejected; `draft` what a model wrote."""

    id: ExampleId
    department: DepartmentId
    verdict: VerdictId
    label: Label
    question: str
    answer: str
    draft: str = ""
