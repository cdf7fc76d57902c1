"""A connection that hands SQL text to the driver itself: what SQLAlchemy does around a statement takes five
times as long as the statement, and most of what we say is text that it has nothing to add to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import asyncpg
from sqlalchemy import CursorResult, Executable, TextClause, Transaction
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.engine import IteratorResult
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy has left its types out
_PREPARED = "expert_prepared"
# As SQLAlchemy names them. https://www.postgresql.org/docs/current/errcodes-appendix.html
_KINDS = {"22": DataError, "23": IntegrityError, "42": ProgrammingError}


@dataclass(frozen=True, slots=True)
class _Said:
    """A text as the driver takes it: its parameters by number, and their names in that order."""

    sql: str
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Prepared:
    statement: "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]"
    columns: SimpleResultMetaData


class _Rows(IteratorResult[Any]):
    rowcount: int = -1


class DirectConnection(AsyncConnection):
    """As any other of SQLAlchemy's. The first statement of each transaction takes the usual way, which begins
    it, and so does what is no plain text. Errors are those that SQLAlchemy raises."""

    _begun: Transaction | None = None

    async def execute(
        self, statement: Executable, parameters: Any = None, **options: Any
    ) -> CursorResult[Any]:
        sync = self._proxied
        if type(statement) is not TextClause or options or sync.get_transaction() is not self._begun:
            done = await super().execute(statement, parameters, **options)
            self._begun = sync.get_transaction()
            return done
        said = _said(statement.text)
        if not isinstance(parameters or {}, Mapping):
            return await super().execute(statement, parameters)
        driver: Any = sync.connection.driver_connection
        known: dict[str, _Prepared] = sync.info.setdefault(_PREPARED, {})
        try:
            prepared = known.get(said.sql)
            if prepared is None:
                prepared = known[said.sql] = await _prepared(driver, said.sql)
            records = await prepared.statement.fetch(*[parameters[name] for name in said.names])
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            known.clear()  # what is prepared may be of tables as they were before
            if driver.is_closed():
                # SQLAlchemy finds the same, says so, and lets go of all that are as old.
                return await super().execute(statement, parameters)
            raise _named(error, said.sql) from error
        rows = _Rows(prepared.columns, iter([tuple(record) for record in records]))
        rows.rowcount = _count(prepared.statement.get_statusmsg())
        return cast("CursorResult[Any]", rows)

    async def scalar(self, statement: Executable, parameters: Any = None, **options: Any) -> Any:
        return (await self.execute(statement, parameters, **options)).scalar()


@lru_cache(maxsize=2_000)
def _said(sql: str) -> _Said:
    compiled = TextClause(sql).compile(dialect=_DIALECT)
    return _Said(str(compiled), tuple(compiled.positiontup or ()))


async def _prepared(driver: "asyncpg.Connection[asyncpg.Record]", sql: str) -> _Prepared:
    statement = await driver.prepare(sql)
    return _Prepared(statement, SimpleResultMetaData([one.name for one in statement.get_attributes()]))


def _named(error: Exception, sql: str) -> DBAPIError:
    if not isinstance(error, asyncpg.PostgresError):
        return InterfaceError(sql, None, error)
    kind = _KINDS.get(str(error.sqlstate or "")[:2], DBAPIError)
    return kind(sql, None, error, hide_parameters=True)


def _count(status: str | None) -> int:
    """https://www.postgresql.org/docs/current/protocol-message-formats.html, CommandComplete"""
    last = (status or "").rpartition(" ")[2]
    return int(last) if last.isdigit() else -1
