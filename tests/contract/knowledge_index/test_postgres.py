"""PostgreSQL as the knowledge index."""

import pytest

from brain.adapters.postgres.index import PostgresIndex
from tests.conftest import World
from tests.contract.knowledge_index.shelf import Shelf
from tests.contract.knowledge_index.suite import KnowledgeIndexSuite


async def _at_once() -> None:
    """What is committed can be found."""


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world, PostgresIndex(world.store.engine), _at_once)


@pytest.fixture
def other_shelf(other_world: World) -> Shelf:
    return Shelf(other_world, PostgresIndex(other_world.store.engine), _at_once)


class TestPostgres(KnowledgeIndexSuite):
    pass
