"""How long people's questions have been waiting, and what that means for those who ask now. The age of what
waits is looked at, and not how much there is: many short tasks are no trouble."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from brain.domain.identity import TenantId

# Whoever asks is told that it takes longer.
QUEUED_S = 10.0
# Answers are quoted from the sources, without a model, until less waits.
SHORT_S = 60.0


@dataclass(slots=True)
class Backlog:
    """`ages_s`: of each tenant, how long the oldest task has been due that somebody waits for, as it was seen
    last. Each tenant has its own: what one of them has waiting is no reason to serve the others worse."""

    ages_s: Mapping[TenantId, float] = field(default_factory=dict)

    @property
    def oldest_s(self) -> float:
        return max(self.ages_s.values(), default=0.0)

    @property
    def too_long(self) -> str:
        """Why some get answers without a model; empty where nobody does."""
        oldest_s = self.oldest_s
        return f"somebody has been waiting for {oldest_s:.0f} s" if oldest_s > SHORT_S else ""

    def queued(self, tenant: TenantId) -> bool:
        return self.ages_s.get(tenant, 0.0) > QUEUED_S

    def short(self, tenant: TenantId) -> bool:
        return self.ages_s.get(tenant, 0.0) > SHORT_S


@dataclass(slots=True)
class Entrance:
    """How many requests of platforms are being taken in by this process; more are refused before any work."""

    most: int
    under_way: int = 0

    @property
    def full(self) -> bool:
        return self.under_way >= self.most

    @contextmanager
    def passing(self) -> Iterator[None]:
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1
