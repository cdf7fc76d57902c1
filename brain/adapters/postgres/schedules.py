"""Whose turn it is to do what is done from time to time: one row for each, by the database's clock."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from brain.adapters.postgres.store import reachable

# Due again when it should long have ended: whoever took it may be gone.
_TAKE = """
INSERT INTO schedule AS known (name, turns, taken_by, taken_at, due_at)
VALUES (:name, 1, :by, now(), now() + make_interval(secs => :within))
ON CONFLICT (name) DO UPDATE SET turns = known.turns + 1, taken_by = :by, taken_at = now(), ended_at = NULL,
    due_at = now() + make_interval(secs => :within), outcome = ''
WHERE known.due_at <= now()
RETURNING turns
"""

_END = """
UPDATE schedule SET ended_at = now(), outcome = :outcome, due_at = taken_at + make_interval(secs => :again)
WHERE (name, turns) = (:name, :turn)
"""


@dataclass(frozen=True, slots=True)
class Turns:
    engine: AsyncEngine

    async def take(self, name: str, *, by: str, within_s: float) -> int | None:
        """The number of the turn, which nobody else has; None where it is not due."""
        async with reachable(), self.engine.begin() as connection:
            values = {"name": name, "by": by, "within": within_s}
            turn: int | None = await connection.scalar(text(_TAKE), values)
            return turn

    async def end(self, name: str, turn: int, *, outcome: str, again_s: float) -> None:
        """Due again so long after it was taken; without effect where somebody has taken the next turn."""
        async with reachable(), self.engine.begin() as connection:
            values = {"name": name, "turn": turn, "outcome": outcome[:500], "again": again_s}
            await connection.execute(text(_END), values)
