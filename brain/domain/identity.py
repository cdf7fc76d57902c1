"""Who people are: tenants, departments, members and what they may read or decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from brain.domain.clock import Clock

TenantId = NewType("TenantId", UUID)
DepartmentId = NewType("DepartmentId", UUID)
MemberId = NewType("MemberId", UUID)


class Role(StrEnum):
    ASKER = "asker"
    REVIEWER = "reviewer"
    ADMIN = "admin"


class Visibility(StrEnum):
    """Who may read what a department knows."""

    TENANT = "tenant"
    DEPARTMENT = "department"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """At or above `publish` an answer goes out unseen; below `abstain` no draft is offered at all.

    `filed` is what the department's file says of `publish`, where what its verdicts allow is in force.
    """

    publish: float = 0.72
    abstain: float = 0.25
    filed: float | None = None

    def calibrated(self, publish: float) -> "Thresholds":
        return Thresholds(publish, self.abstain, self.publish if self.filed is None else self.filed)

    def as_filed(self) -> "Thresholds":
        return self if self.filed is None else Thresholds(self.filed, self.abstain)


@dataclass(frozen=True, slots=True)
class Department:
    """`owner` is the handle of whom a review comes to that no reviewer decides; empty: an admin's."""

    id: DepartmentId
    slug: str
    name: str
    description: str = ""
    icon: str = ""
    visibility: Visibility = Visibility.TENANT
    thresholds: Thresholds = Thresholds()
    instructions: str = ""
    article_days: int = 180
    clock: Clock = field(default_factory=Clock)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    id: MemberId
    handle: str
    name: str
    email: str | None = None
    roles: Mapping[DepartmentId, frozenset[Role]] = field(default_factory=dict)
    disabled_at: datetime | None = None
    erased_at: datetime | None = None
    absent_until: datetime | None = None

    @property
    def departments(self) -> frozenset[DepartmentId]:
        return frozenset(self.roles)

    def may(self, role: Role, department: DepartmentId) -> bool:
        return self.disabled_at is None and role in self.roles.get(department, frozenset())

    def is_there(self, now: datetime) -> bool:
        return self.disabled_at is None and (self.absent_until is None or self.absent_until <= now)

    def is_admin(self) -> bool:
        return self.disabled_at is None and any(Role.ADMIN in roles for roles in self.roles.values())


@dataclass(frozen=True, slots=True)
class Audience:
    """The people who will see an answer: `departments` are those that every one of them belongs to.

    What a tenant-visible department knows is readable by every audience of the tenant, unless there are
    `outsiders` among them: people who are no members of it. They read what is in `departments`, and no more.
    """

    tenant: TenantId
    departments: frozenset[DepartmentId] = frozenset()
    outsiders: bool = False

    def reads(self, department: "Department") -> bool:
        opened = department.visibility is Visibility.TENANT and not self.outsiders
        return opened or department.id in self.departments


@dataclass(frozen=True, slots=True)
class Principal:
    """The member on whose behalf a request runs, proven by an API key or a platform signature.

    `outsider`: a guest of the platform whom only the rules of a channel let ask.
    """

    tenant: TenantId
    member: Member
    outsider: bool = False

    @property
    def audience(self) -> Audience:
        return Audience(self.tenant, self.member.departments, outsiders=self.outsider)
