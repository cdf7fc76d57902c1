"""The knowledge index that asks Weaviate what might fit, and PostgreSQL what this audience may read of it.

Weaviate finds candidates; scores, ranks, rights and texts are PostgreSQL's. So both indexes feed the same
fusion, and a copy that lags behind costs finds, but never shows what is gone or closed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from brain.adapters.postgres.index import Candidates, PostgresIndex
from brain.adapters.postgres.replica import ReplicaSource
from brain.adapters.weaviate_replica import BATCH, Place, WeaviateReplica
from brain.domain.errors import Conflict, ExpertError, Missing, Unavailable
from brain.domain.identity import Audience, DepartmentId, TenantId
from brain.domain.knowledge import DocumentId, Embedded, Found, PassageId, Vector
from brain.domain.ranking import terms

# Of each ranking, how many times what is wanted: some may be gone, and BM25 weighs words there by how rare
# they are in all passages of the tenant, here in those that this audience may read.
MORE = 2
# A source that changes while it is copied is copied again.
_ROUNDS = 5

# Called with how many passages are done, and how many there are.
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Of a tenant's passages: `missing` are not in the copy as they are; `surplus` are there alone."""

    passages: int
    missing: frozenset[PassageId] = frozenset()
    surplus: frozenset[PassageId] = frozenset()
    whole: bool = True

    @property
    def agrees(self) -> bool:
        return self.whole and not (self.missing or self.surplus)


@dataclass(frozen=True, slots=True)
class WeaviateIndex:
    postgres: PostgresIndex
    source: ReplicaSource
    replica: WeaviateReplica

    async def search(
        self,
        question: str,
        *,
        vector: Vector,
        audience: Audience,
        department: DepartmentId | None,
        limit: int,
    ) -> list[Found]:
        """By PostgreSQL alone while there is no whole copy, and where Weaviate cannot be asked."""
        candidates = await self._candidates(
            question, vector=vector, audience=audience, department=department, limit=limit * MORE
        )
        return await self.postgres.search(
            question,
            vector=vector,
            audience=audience,
            department=department,
            limit=limit,
            candidates=candidates,
        )

    async def _candidates(
        self,
        question: str,
        *,
        vector: Vector,
        audience: Audience,
        department: DepartmentId | None,
        limit: int,
    ) -> Candidates | None:
        place = Place(self.replica.collection(vector.embedder), audience.tenant)
        scopes = await self.source.readable(audience, department, replica=place.collection)
        if scopes is None:
            return None
        if not scopes:
            return Candidates((), ())
        try:
            near, worded = await asyncio.gather(
                self.replica.near(place, vector, scopes=scopes, limit=limit),
                self.replica.worded(place, sorted(set(terms(question))), scopes=scopes, limit=limit),
            )
        except Missing:
            await self.source.end(audience.tenant, place.collection)
            return None
        except ExpertError:  # its circuit knows why, and tells those who run it
            return None
        return Candidates(near, worded)

    async def upsert(self, tenant: TenantId, *, passages: Sequence[Embedded]) -> None:
        await self.postgres.upsert(tenant, passages=passages)
        for one in {one.passage.document or one.passage.article for one in passages}:
            if one is not None:
                await self.follow(tenant, one)

    async def delete(self, tenant: TenantId, *, documents: Sequence[DocumentId]) -> None:
        await self.postgres.delete(tenant, documents=documents)
        for one in documents:
            await self.follow(tenant, one)

    async def follow(self, tenant: TenantId, source: UUID) -> None:
        """Make the copy of one document or article what PostgreSQL has of it. Idempotent, in any order.

        Does nothing for a tenant without a copy. Raises `Unavailable` where it has to be tried again.
        """
        state = await self.source.state(tenant)
        if state.embedder is None or state.replica is None:
            return
        if state.replica != self.replica.collection(state.embedder):
            # Nobody else is told of this change, so that copy would never have it.
            await self.source.end(tenant, state.replica)
            return
        place = Place(state.replica, tenant)
        try:
            for _ in range(_ROUNDS):
                wanted = await self.source.marks(tenant, state.embedder, source=source)
                held = await self.replica.marks(place, source=source)
                if held == wanted:
                    return
                await self._copy(place, state.embedder, _missing(wanted, held))
                await self.replica.remove(place, [one for one in held if one not in wanted])
        except Missing:
            await self.source.end(tenant, place.collection)
            return
        raise Unavailable("A document changed again and again while it was copied to Weaviate.")

    async def is_whole(self, tenant: TenantId, embedder: str) -> bool:
        """Whether search asks the copy."""
        state = await self.source.state(tenant)
        return state.whole and state.replica == self.replica.collection(embedder)

    async def rebuild(self, tenant: TenantId, embedder: str, *, report: Report) -> int:
        """Make the whole copy what PostgreSQL has; search asks it from then on. Returns how much was copied.

        What is there as it should be stays, so that one that was killed goes on where it was.
        """
        place = Place(self.replica.collection(embedder), tenant)
        # First a place: until there is one, nobody needs to be told, nor to wait for those who write.
        await self.replica.open(place)
        await self.source.begin(tenant, place.collection)
        copied = 0
        for _ in range(_ROUNDS):
            difference = await self.compare(tenant, embedder)
            if not (difference.missing or difference.surplus):
                await self.source.complete(tenant, place.collection)
                await self.replica.clear(tenant, but=place.collection)
                return copied
            missing = sorted(difference.missing)
            for start in range(0, len(missing), BATCH):
                some = missing[start : start + BATCH]
                await self._copy(place, embedder, some)
                copied += len(some)
                report(copied, max(copied, difference.passages))
            await self.replica.remove(place, sorted(difference.surplus))
        raise Conflict(
            "Passages changed faster than they could be copied to Weaviate. What was copied is kept: run it"
            " again when less is being ingested."
        )

    async def compare(self, tenant: TenantId, embedder: str) -> Difference:
        """What the copy holds beside what PostgreSQL has, passage by passage. Raises as `everything` does."""
        place = Place(self.replica.collection(embedder), tenant)
        state = await self.source.state(tenant)
        # First what is held: what is added meanwhile is missing then, and not taken for surplus and removed.
        held = {id_: mark async for id_, _, mark in self.replica.everything(place)}
        wanted = await self.source.marks(tenant, embedder, source=None)
        return Difference(
            passages=len(wanted),
            missing=frozenset(_missing(wanted, held)),
            surplus=frozenset(held.keys() - wanted.keys()),
            whole=state.whole and state.replica == place.collection,
        )

    async def _copy(self, place: Place, embedder: str, passages: Sequence[PassageId]) -> None:
        await self.replica.write(place, await self.source.entries(place.tenant, embedder, passages=passages))


def _missing(wanted: Mapping[PassageId, str], held: Mapping[PassageId, str]) -> list[PassageId]:
    return [one for one, mark in wanted.items() if held.get(one) != mark]
