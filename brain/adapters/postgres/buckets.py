"""What tenants and members have left of their questions, in PostgreSQL: every process takes from the same."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.domain.identity import MemberId, TenantId
from brain.domain.rates import Rate

# As `rates.Bucket` counts, by the database's clock. Not now(): who began earlier may take later.
_TAKE = """
INSERT INTO bucket (tenant_id, whose, remaining, counted_at)
VALUES (:tenant, :whose, :burst - 1, clock_timestamp())
ON CONFLICT (tenant_id, whose) DO UPDATE SET counted_at = clock_timestamp(), remaining = least(:burst,
    bucket.remaining + :per_s * extract(epoch FROM clock_timestamp() - bucket.counted_at)) - 1
RETURNING remaining
"""


@dataclass(frozen=True, slots=True)
class SqlBuckets:
    connection: AsyncConnection
    tenant: TenantId

    async def take(self, whose: MemberId | None, rate: Rate) -> float:
        left: float = await self.connection.scalar(
            text(_TAKE),
            {
                "tenant": self.tenant,
                "whose": whose or self.tenant,
                "burst": float(rate.burst),
                "per_s": rate.per_s,
            },
        )
        return max(0.0, -left / rate.per_s)
