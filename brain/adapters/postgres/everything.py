"""Everything of a tenant, or of one member, row by row: what an export holds."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.adapters.postgres.tables import metadata
from brain.domain.identity import MemberId
from brain.domain.privacy import Exported

_BATCH = 500
# Made of the others, and made again from them.
_DERIVED = frozenset(("embedding", "likeness", "passage", "posting", "scope"))
# Secrets, what only a machine can read, and the tenant, which is the same in every row.
_LEFT_OUT = ("tenant_id", "digest", "salts", "seals", "key", "vector", "idempotency_key", "tokens")

_ASKED = "(SELECT id FROM question WHERE asker_id = :member)"
_ANSWERS = f"(SELECT id FROM answer WHERE question_id IN {_ASKED})"
_VERDICTS = "(SELECT id FROM verdict WHERE member_id = :member)"
# What is a person's: said by them, about them, or in answer to them. Tables that are not named have nothing.
OF_A_MEMBER: Mapping[str, str] = {
    "member": "id = :member",
    "membership": "member_id = :member",
    "identity": "member_id = :member",
    "api_key": "member_id = :member",
    "conversation": "id IN (SELECT conversation_id FROM question WHERE asker_id = :member)",
    "question": "asker_id = :member",
    "answer": f"question_id IN {_ASKED}",
    "citation": f"answer_id IN {_ANSWERS}",
    "feedback": "member_id = :member",
    "waiting": f"question_id IN {_ASKED}",
    "inbox": f"question_id IN {_ASKED}",
    "review": f"question_id IN {_ASKED} OR assignee_id = :member",
    "review_move": "member_id = :member OR by_id = :member",
    "showing": "member_id = :member",
    "verdict": "member_id = :member",
    "training_example": f"verdict_id IN {_VERDICTS}",
    "article_version": "approved_by = :member",
    "installation": "installed_by = :member",
    "audit": "actor_id = :member OR subject = 'member ' || CAST(CAST(:member AS uuid) AS text)",
}


@dataclass(frozen=True, slots=True)
class SqlEverything:
    connection: AsyncConnection

    async def rows(self, member: MemberId | None) -> AsyncIterator[Exported]:
        for table in metadata.sorted_tables:
            where = "true" if member is None else OF_A_MEMBER.get(table.name, "false")
            if table.name in _DERIVED or where == "false":
                continue
            # Oldest first, as the keys of most tables have no order of their own.
            moment = next((c for c in ("asked_at", "created_at", "at", "id") if c in table.columns), "1")
            left_out = "".join(f" - '{name}'" for name in _LEFT_OUT if name in table.columns)
            rows = await self.connection.stream(
                text(
                    f"SELECT (to_jsonb(t){left_out})::text AS line FROM {table.name} t WHERE {where}"
                    f" ORDER BY {moment}"
                ),
                {"member": member} if ":member" in where else {},
                execution_options={"yield_per": _BATCH},
            )
            async for row in rows:
                yield Exported(table.name, row.line)
