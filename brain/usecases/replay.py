"""Give a task that was given up another try."""

from brain.domain.errors import Missing
from brain.domain.identity import Principal
from brain.domain.records import AuditEntry, TaskId
from brain.ports import Store
from brain.usecases.administer import require_any_admin


async def replay(store: Store, principal: Principal, task: TaskId) -> None:
    async with store.transaction(principal.tenant) as tx:
        await require_any_admin(tx, principal)
        if not await tx.records.replay(task):
            raise Missing(f"There is no dead task {task}.")
        await tx.records.audit(AuditEntry(principal.member.id, "task.replayed", f"task {task}"))
