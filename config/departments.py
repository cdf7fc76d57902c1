"""Reads the departments' YAML files; a wrong one is refused with file, line and field."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from brain.domain.clock import Clock, Step, WorkingHours
from brain.domain.errors import Rejected
from brain.domain.identity import Department, DepartmentId, Thresholds, Visibility
from brain.usecases.load_departments import DepartmentFile

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Weekday, ...] = get_args(Weekday)


class _Thresholds(BaseModel):
    model_config = ConfigDict(extra="forbid")
    publish: float = Field(default=Thresholds().publish, ge=0, le=1)
    abstain: float = Field(default=Thresholds().abstain, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self) -> "_Thresholds":
        if self.abstain > self.publish:
            raise ValueError("abstain must not be above publish")
        return self


class _Clock(BaseModel):
    """Hours after the opening of a review."""

    model_config = ConfigDict(extra="forbid")
    remind: float | None = Field(default=None, gt=0)
    hand_on: float | None = Field(default=None, gt=0)
    owner: float | None = Field(default=None, gt=0)


class _WorkingHours(BaseModel):
    """Times of day are kept as minutes since midnight."""

    model_config = ConfigDict(extra="forbid")
    time_zone: str
    opens: int = Field(default=8 * 60, alias="from")
    closes: int = Field(default=17 * 60, alias="until")
    days: tuple[Weekday, ...] = Field(default=_DAYS[:5], min_length=1)

    def told(self) -> WorkingHours:
        days = frozenset(_DAYS.index(day) for day in self.days)
        return WorkingHours(self.time_zone, self.opens, self.closes, days)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}; write one such as Europe/Oslo") from error
        return name

    @field_validator("opens", "closes", mode="before")
    @classmethod
    def _minute(cls, told: object) -> object:
        """YAML reads 17:00 without quotes as a number in base 60, which is just the minute of the day."""
        hour, colon, minute = told.partition(":") if isinstance(told, str) else ("", "", "")
        if colon and hour.isdecimal() and minute.isdecimal() and int(minute) < 60:
            told = int(hour) * 60 + int(minute)
        if isinstance(told, bool) or not isinstance(told, int) or not 0 <= told <= 24 * 60:
            raise ValueError('write a time of day such as "08:30"')
        return told

    @field_validator("closes")
    @classmethod
    def _long_enough(cls, closes: int, others: ValidationInfo) -> int:
        if closes - others.data.get("opens", 0) < 60:
            raise ValueError("until must be at least an hour after from")
        return closes


class _Department(BaseModel):
    """What a file may say. The file's name is the department's slug."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=80)
    description: str = Field(default="", max_length=500)
    icon: str = Field(default="", max_length=16)
    visibility: Visibility = Visibility.TENANT
    thresholds: _Thresholds = _Thresholds()
    review_hours: int = Field(default=24, ge=1, le=24 * 30)
    article_days: int = Field(default=180, ge=1, le=3_650)
    clock: _Clock = _Clock()
    working_hours: _WorkingHours | None = None
    owner: str = Field(default="", max_length=64)
    reviewers: tuple[str, ...] = ()
    prompt: str = Field(default="", max_length=4_000)

    @field_validator("clock")
    @classmethod
    def _in_order(cls, told: _Clock, others: ValidationInfo) -> _Clock:
        clock = Clock(others.data.get("review_hours", 24), told.remind, told.hand_on, told.owner)
        marks = [(step.name.lower(), clock.mark_h(step)) for step in Step]
        for (earlier, before_h), (later, after_h) in pairwise(marks):
            if before_h >= after_h:
                name = "review_hours" if later == "expire" else later
                raise ValueError(f"{earlier} ({before_h:g} h) must come before {name} ({after_h:g} h)")
        return told

    def timed(self) -> Clock:
        hours = self.working_hours
        return Clock(
            self.review_hours,
            self.clock.remind,
            self.clock.hand_on,
            self.clock.owner,
            hours.told() if hours else None,
        )


@dataclass(frozen=True, slots=True)
class _Source:
    path: Path
    text: str


def read_departments(directory: Path) -> list[DepartmentFile]:
    """Every `*.yaml` in the directory, by name. Raises `Rejected` naming file, line and field."""
    if not directory.is_dir():
        raise Rejected(f"EXPERT_DEPARTMENTS: there is no directory {directory}.")
    files = sorted(directory.glob("*.yaml"))
    if not files:
        raise Rejected(f"EXPERT_DEPARTMENTS: {directory} has no *.yaml file; a department needs one.")
    return [_read(_Source(path, path.read_text(encoding="utf-8"))) for path in files]


def _read(source: _Source) -> DepartmentFile:
    slug = source.path.stem
    if not slug.replace("-", "").isalnum() or slug != slug.lower():
        raise Rejected(f"{source.path}: the name must be lower-case letters, digits and dashes.")
    try:
        content = yaml.safe_load(source.text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Rejected(f"{source.path}, line {line}: not valid YAML: {error.problem}.") from error
    if not isinstance(content, dict):
        raise Rejected(f"{source.path}, line 1: expected fields such as 'name: IT Operations'.")
    try:
        told = _Department.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{source.path}, line {_line(source.text, tuple(one['loc']))}, field"
            f" {'.'.join(map(str, one['loc'])) or 'file'}: {one['msg'].removeprefix('Value error, ')}."
            for one in error.errors(include_url=False, include_input=False)
        ]
        raise Rejected("\n".join(problems)) from error
    department = Department(
        id=DepartmentId(uuid4()),
        slug=slug,
        name=told.name,
        description=told.description,
        icon=told.icon,
        visibility=told.visibility,
        thresholds=Thresholds(told.thresholds.publish, told.thresholds.abstain),
        instructions=told.prompt,
        article_days=told.article_days,
        clock=told.timed(),
        owner=told.owner,
    )
    return DepartmentFile(department, told.reviewers)


def _line(text: str, place: Sequence[int | str]) -> int:
    """The line on which the field stands, or on which its parent does where it is missing."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next((pair for pair in node.value if pair[0].value == step), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = (node.value[step], node.value[step])
        else:
            found = None
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
