"""What BM25 has to know of all passages: how many there are, how long, and how many have a term."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Large counts change slowly, and take longer to take than a search may take. They are remembered for a while;
# who may read a scope is asked each time, by whoever calls this.
LARGE_SCOPE = 5_000
LARGE_FREQUENCY = 500
KNOWN_FOR_S = 60.0
_MOST_REMEMBERED = 200_000

_SIZES = """
SELECT scope_id, count(*) AS passages, sum(length) AS terms FROM passage
WHERE scope_id = ANY(CAST(:scopes AS bigint[])) GROUP BY scope_id
"""
_FREQUENCIES = """
SELECT wanted.scope_id, wanted.term, counted.passages
FROM unnest(CAST(:scopes AS bigint[]), CAST(:terms AS text[])) AS wanted(scope_id, term)
CROSS JOIN LATERAL (
    SELECT count(*) AS passages FROM posting WHERE term = wanted.term AND scope_id = wanted.scope_id
) counted
"""


@dataclass(frozen=True, slots=True)
class _Size:
    passages: int
    terms: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of readable scopes. A scope of `large` passages or more is taken as it was a moment ago."""

    large: int = LARGE_SCOPE
    clock: Callable[[], float] = time.monotonic
    _sizes: dict[int, tuple[_Size, float]] = field(init=False, default_factory=dict)
    _frequencies: dict[tuple[int, str], tuple[int, float]] = field(init=False, default_factory=dict)

    async def size(self, connection: AsyncConnection, scopes: Sequence[int]) -> tuple[int, float]:
        """Passages, and their mean length in terms."""
        now = self.clock()
        known = {
            one: self._sizes[one][0] for one in scopes if one in self._sizes and now < self._sizes[one][1]
        }
        unknown = [one for one in scopes if one not in known]
        for row in await connection.execute(text(_SIZES), {"scopes": unknown}) if unknown else ():
            known[row.scope_id] = _Size(row.passages, row.terms)
            if row.passages >= self.large:
                self._sizes[row.scope_id] = (known[row.scope_id], now + KNOWN_FOR_S)
        passages = sum(one.passages for one in known.values())
        return passages, max(sum(one.terms for one in known.values()) / max(passages, 1), 1.0)

    async def frequencies(
        self, connection: AsyncConnection, scopes: Sequence[int], terms: Sequence[str]
    ) -> dict[str, int]:
        """In how many passages each term is; those that are in none are left out."""
        now = self.clock()
        found = dict.fromkeys(terms, 0)
        unknown = []
        for wanted in ((scope, term) for term in found for scope in scopes):
            count, until = self._frequencies.get(wanted, (0, 0.0))
            if now < until:
                found[wanted[1]] += count
            else:
                unknown.append(wanted)
        if unknown:
            parameters = {"scopes": [one[0] for one in unknown], "terms": [one[1] for one in unknown]}
            for row in await connection.execute(text(_FREQUENCIES), parameters):
                found[row.term] += row.passages
                if row.passages >= LARGE_FREQUENCY:
                    self._remember((row.scope_id, row.term), row.passages, until=now + KNOWN_FOR_S)
        return {term: count for term, count in found.items() if count}

    def _remember(self, wanted: tuple[int, str], count: int, *, until: float) -> None:
        if len(self._frequencies) >= _MOST_REMEMBERED:
            self._frequencies.clear()
        self._frequencies[wanted] = (count, until)
