"""A database of a benchmark's own, with one tenant and its people."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from brain.adapters.fastembed_embedder import PACKAGED, FastembedEmbedder
from brain.adapters.postgres.migrate import migrate
from brain.adapters.postgres.store import SqlStore, connect
from config.embedded_postgres import EmbeddedPostgres
from tests.conftest import World, new_world

E = TypeVar("E", bound=FastembedEmbedder)


@asynccontextmanager
async def stage(kind: type[E]) -> AsyncIterator[tuple[EmbeddedPostgres, World, E]]:
    with (
        tempfile.TemporaryDirectory(prefix="expert-", ignore_cleanup_errors=True) as home,
        EmbeddedPostgres(Path(home)) as postgres,
    ):
        urls = postgres.urls
        await migrate(urls.owner, app_role="expert_app", system_role="expert_system")
        app, system = connect(urls.app, pool_size=4), connect(urls.system, pool_size=2)
        embedder = kind(PACKAGED, home=Path(home))
        yield postgres, await new_world(SqlStore(app), system, embedder), embedder
        embedder.close()
        await app.dispose()
        await system.dispose()
