"""The embedder in force: the one in whose terms a tenant's knowledge is written, searched and compared."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from brain.domain.errors import Unavailable

# For queries that compare with a vector of `:embedder`: with another one's, nothing is near anything.
IN_FORCE = "(SELECT t.embedder FROM tenant t) = :embedder"

_RETRY_S = 3.0


async def require_in_force(connection: AsyncConnection, embedder: str) -> None:
    """Until this transaction ends no other embedder takes over. A tenant's first vectors choose theirs."""
    # Reads of the row may go on beside it, and so may whatever counts in it; a change of embedder waits.
    serving = await connection.scalar(text("SELECT embedder FROM tenant FOR KEY SHARE"))
    if serving is None:
        await connection.execute(
            text("UPDATE tenant SET embedder = :embedder WHERE embedder IS NULL"), {"embedder": embedder}
        )
        serving = await connection.scalar(text("SELECT embedder FROM tenant"))
    if serving != embedder:
        raise Unavailable(
            f"Another embedding model has just taken the place of {embedder}; nothing was changed."
            " Try again in a few seconds.",
            _RETRY_S,
        )
