"""Acts that were refused are in the audit trail, too: whoever tries doors is seen."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from brain.domain.errors import Conflict, Denied, Missing
from brain.domain.identity import Principal
from brain.domain.records import AuditEntry
from brain.ports import Store


@asynccontextmanager
async def refusals_audited(
    store: Store,
    principal: Principal,
    act: str,
    subject: str,
    *,
    details: Sequence[tuple[str, str]] = (),
    nameless: bool = False,
) -> AsyncIterator[None]:
    """To be entered before the transaction of the act, which a refusal rolls back: the entry stays.

    `act` is the action that would have been audited, as `verdict`; the entry's is `verdict.refused`. The
    reason is left out where `nameless`: it may name a person who was erased.
    """
    try:
        yield
    except (Denied, Missing, Conflict) as refusal:
        why = () if nameless else (("why", str(refusal)),)
        async with store.transaction(principal.tenant) as tx:
            await tx.records.audit(
                AuditEntry(principal.member.id, f"{act}.refused", subject, (*details, *why))
            )
        raise
