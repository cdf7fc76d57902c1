"""Choose from which confidence on a department's answers go out unseen, on what people said of past ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.confidence import Calibration
from brain.domain.errors import Rejected
from brain.domain.guarantee import Chosen, Past, PastAnswer, Promise, choose
from brain.domain.identity import Department, Principal, Role, Thresholds
from brain.domain.records import AuditEntry
from brain.ports import Store, Transaction
from brain.usecases.permission import department_for

# Older ones tell about older documents.
LATEST = 5_000


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What the department's verdicts allow; `department` is as it is now."""

    department: Department
    promise: Promise
    chosen: Chosen


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Every act needs an admin of the department."""

    store: Store
    calibration: Calibration

    async def propose(self, principal: Principal, slug: str, promise: Promise) -> Calibrated:
        async with self.store.transaction(principal.tenant) as tx:
            department = await department_for(tx, principal, slug, Role.ADMIN)
            return Calibrated(department, promise, await self._chosen(tx, department, promise))

    async def apply(self, principal: Principal, slug: str, promise: Promise) -> Calibrated:
        """Refused where no threshold keeps the promise: what is in force stays so."""
        async with self.store.transaction(principal.tenant) as tx:
            department = await department_for(tx, principal, slug, Role.ADMIN)
            chosen = await self._chosen(tx, department, promise)
            if chosen.publish is None:
                raise Rejected("No threshold was shown to keep this promise; nothing was changed.")
            calibrated = await _save(
                tx, principal, department, department.thresholds.calibrated(chosen.publish)
            )
            return Calibrated(calibrated, promise, chosen)

    async def reset(self, principal: Principal, slug: str) -> Department:
        """What the department's file says is in force again."""
        async with self.store.transaction(principal.tenant) as tx:
            department = await department_for(tx, principal, slug, Role.ADMIN)
            return await _save(tx, principal, department, department.thresholds.as_filed())

    async def _chosen(self, tx: Transaction, department: Department, promise: Promise) -> Chosen:
        past = await tx.records.past_answers(department.id, limit=LATEST)
        return choose(_comparable(past, self.calibration), promise, least=department.thresholds.abstain)


def _comparable(past: Sequence[PastAnswer], calibration: Calibration) -> list[Past]:
    """Weighed as they would be today; without those of which too little is known for that."""
    weighed = ((calibration.again(one.confidence, one.signals), one.right) for one in past)
    return [Past(confidence, right) for confidence, right in weighed if confidence is not None]


async def _save(
    tx: Transaction, principal: Principal, department: Department, thresholds: Thresholds
) -> Department:
    saved = replace(department, thresholds=thresholds)
    await tx.people.save_department(saved)
    details = (
        ("department", str(department.id)),
        ("publish", f"{department.thresholds.publish:g} to {thresholds.publish:g}"),
    )
    entry = AuditEntry(principal.member.id, "department.calibrated", f"department {department.id}", details)
    await tx.records.audit(entry)
    return saved
