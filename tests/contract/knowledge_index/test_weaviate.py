"""Weaviate as the knowledge index, against a stand-in that speaks its REST and gRPC."""

from collections.abc import Iterator

import pytest

from tests.contract.fake_weaviate import FakeWeaviate
from tests.contract.knowledge_index.replicated import ReplicatedSuite


class TestWeaviate(ReplicatedSuite):
    @pytest.fixture(autouse=True)
    def searched(self, server: FakeWeaviate) -> Iterator[None]:
        yield
        assert server.calls["Search"] > 0
