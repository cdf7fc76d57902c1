"""Erase a person: everything of theirs goes or becomes nobody's, and the audit trail keeps a pseudonym."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from brain.domain.audit import ERASED, collapsed
from brain.domain.errors import Missing, Unavailable
from brain.domain.identity import Member, Principal
from brain.domain.privacy import (
    ArticleTrace,
    Erased,
    Names,
    Restated,
    names_of,
    pseudonym,
    pseudonymous,
    restated_passages,
    restated_title,
)
from brain.domain.records import AuditEntry
from brain.ports import Embedder, PrivacyStore, PrivacyTransaction, TextKind
from brain.usecases.administer import require_admin_everywhere, save_keeping_admins
from brain.usecases.embedding import embed_passages
from brain.usecases.refusals import refusals_audited

# How often articles are prepared anew because one of them changed meanwhile.
ATTEMPTS = 3


class _OnlyLooking(Exception):
    """Ends a transaction that was to change nothing."""


@dataclass(frozen=True, slots=True)
class Erase:
    store: PrivacyStore
    embedder: Embedder

    async def __call__(
        self, principal: Principal, handle: str, *, also: Sequence[str] = (), dry_run: bool
    ) -> Erased:
        """A dry run does everything and takes it back: what it counts is what would go."""
        async with refusals_audited(self.store, principal, "member.erase", "a member", nameless=True):
            return await self._prepare_and_erase(principal, handle, also, dry_run=dry_run)

    async def _prepare_and_erase(
        self, principal: Principal, handle: str, also: Sequence[str], *, dry_run: bool
    ) -> Erased:
        for _ in range(ATTEMPTS):
            async with self.store.transaction(principal.tenant) as tx:
                member, names = await _sought(tx, principal, handle, also)
                traces = await tx.personal.articles(member.id, names=names)
            restated = [await self._restate(trace, names) for trace in traces]
            erased = await self._erase(principal, member, names, restated, dry_run=dry_run)
            if erased is not None:
                return erased
        raise Unavailable("The articles are being changed just now.")

    async def _restate(self, trace: ArticleTrace, names: Names) -> Restated:
        """Embedded before the transaction, which must not wait for a model."""
        title = restated_title(trace, names)
        wordings = list(dict.fromkeys([title, *map(names.removed, trace.titles)]))
        vectors = await self.embedder.embed(wordings, kind=TextKind.QUESTION)
        passages = await embed_passages(self.embedder, restated_passages(trace, title, names))
        return Restated(trace, title, tuple(zip(wordings, vectors, strict=True)), passages)

    async def _erase(
        self,
        principal: Principal,
        member: Member,
        names: Names,
        restated: Sequence[Restated],
        *,
        dry_run: bool,
    ) -> Erased | None:
        """None where an article changed since it was prepared."""
        erased = None
        try:
            async with self.store.transaction(principal.tenant) as tx:
                await require_admin_everywhere(tx, principal)
                await tx.personal.wait_for_reviews(member.id)
                gone = replace(pseudonymous(member), disabled_at=member.disabled_at or tx.now)
                await save_keeping_admins(tx, principal, gone)
                if await tx.personal.articles(member.id, names=names) != [one.trace for one in restated]:
                    raise _OnlyLooking
                erased = await _remove(tx, principal, member, names, restated)
                if dry_run:
                    raise _OnlyLooking
        except _OnlyLooking:
            pass
        return erased


async def _sought(
    tx: PrivacyTransaction, principal: Principal, handle: str, also: Sequence[str]
) -> tuple[Member, Names]:
    await require_admin_everywhere(tx, principal)
    member = await tx.people.member(handle)
    if member is None:
        raise Missing(f"There is no member {handle!r}.")
    return member, names_of(member, external=await tx.personal.external_ids(member.id), also=also)


async def _remove(
    tx: PrivacyTransaction,
    principal: Principal,
    member: Member,
    names: Names,
    restated: Sequence[Restated],
) -> Erased:
    counts = await tx.personal.anonymise(member, names=names, restated=restated)
    unsealed = await tx.personal.erase_audit_details(member.id, names=names)
    documents = await tx.personal.documents_naming(names)
    actor, subject = principal.member.id, f"member {member.id}"
    await tx.records.audit(AuditEntry(actor, "member.erased", subject))
    if unsealed:
        entries = ("entries", collapsed(unsealed))
        await tx.records.audit(AuditEntry(actor, ERASED, subject, (entries,)))
    return Erased(
        member=member.id,
        handle=pseudonym(member.id),
        names=names.words,
        counts={**counts, "details of audit entries": len(unsealed)},
        articles=tuple(one.question for one in restated),
        documents=tuple(documents),
    )
