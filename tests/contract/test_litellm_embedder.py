"""The real LiteLLM against an embedding server on loopback: what is sent, what is read, how it fails."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from brain.adapters.litellm_embedder import LiteLLMEmbedder
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.ports import TextKind
from config.embedders import embedder_circuit
from tests.contract.fake_embeddings import FakeEmbeddings, fake_embeddings

# LiteLLM looks at every attribute of pydantic's models; newer pydantic warns about two of them.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning"
)

KEY = "sk-no-one-may-read-this-4711"
NAME = "litellm:openai/BAAI/bge-small-en"


@pytest.fixture
def server() -> Iterator[FakeEmbeddings]:
    with fake_embeddings(FakeEmbeddings()) as fake:
        yield fake


@asynccontextmanager
async def calling(server: FakeEmbeddings, *, timeout_s: float = 10) -> AsyncIterator[LiteLLMEmbedder]:
    embedder = LiteLLMEmbedder(
        NAME, circuit=embedder_circuit(), api_base=server.base, api_key=KEY, timeout_s=timeout_s
    )
    try:
        yield embedder
    finally:
        await embedder.close()


async def failure(server: FakeEmbeddings, *, timeout_s: float = 10) -> ExpertError:
    async with calling(server, timeout_s=timeout_s) as embedder:
        with pytest.raises(ExpertError) as raised:
            await embedder.embed(["The badge code is 4711."], kind=TextKind.PASSAGE)
    assert KEY not in str(raised.value)
    assert "secret text" not in str(raised.value)
    assert raised.value.__cause__ is raised.value.__context__ is None
    return raised.value


async def test_texts_are_sent_in_batches_and_come_back_in_order_at_unit_length(
    server: FakeEmbeddings,
) -> None:
    texts = [f"runbook number {number}" for number in range(70)]
    async with calling(server) as embedder:
        vectors = await embedder.embed(texts, kind=TextKind.PASSAGE)
        [alone] = await embedder.embed([texts[41]], kind=TextKind.QUESTION)
    assert [len(body["input"]) for body in server.bodies] == [32, 32, 6, 1]
    assert {body["model"] for body in server.bodies} == {"BAAI/bge-small-en"}
    assert {header["authorization"] for header in server.headers} == {f"Bearer {KEY}"}
    assert vectors[41] == alone
    assert {vector.embedder for vector in vectors} == {NAME}
    assert {len(vector) for vector in vectors} == {96}
    assert all(abs(sum(value * value for value in vector) - 1) < 1e-6 for vector in vectors)


async def test_a_server_of_ones_own_needs_no_key(server: FakeEmbeddings) -> None:
    embedder = LiteLLMEmbedder(NAME, circuit=embedder_circuit(), api_base=server.base)
    [vector] = await embedder.embed(["gate"], kind=TextKind.QUESTION)
    await embedder.close()
    assert len(vector) == 96


async def test_nothing_asks_nothing(server: FakeEmbeddings) -> None:
    async with calling(server) as embedder:
        assert await embedder.embed([], kind=TextKind.PASSAGE) == []
    assert server.bodies == []


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_wrong_setting_is_named_and_passes(server: FakeEmbeddings, status: int) -> None:
    server.failures = [status]
    error = await failure(server)
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == 60
    assert "EXPERT_EMBEDDER_API_KEY" in str(error)


@pytest.mark.parametrize("status", [402, 408, 429, 500, 503])
async def test_a_busy_server_passes_and_is_asked_once(server: FakeEmbeddings, status: int) -> None:
    server.failures = [status]
    error = await failure(server)
    assert isinstance(error, Unavailable)
    assert "not available now" in str(error)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_text_that_is_refused_is_refused(server: FakeEmbeddings, status: int) -> None:
    server.failures = [status]
    assert isinstance(await failure(server), Rejected)


async def test_a_server_that_does_not_answer_passes(server: FakeEmbeddings) -> None:
    server.pause_s = 1.0
    error = await failure(server, timeout_s=0.2)
    assert isinstance(error, Unavailable)
    assert "in time" in str(error)


async def test_a_server_that_is_away_passes() -> None:
    with fake_embeddings(FakeEmbeddings()) as gone:
        pass
    assert isinstance(await failure(gone), Unavailable)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [{"index": 1, "embedding": [1.0]}],
        [{"index": 0, "embedding": [0.0, 0.0]}],
        [{"index": 0, "embedding": ["x"]}],
        [{"index": 0, "embedding": None}],
    ],
    ids=["none", "of another text", "without direction", "no numbers", "null"],
)
async def test_what_is_no_vector_is_not_taken_for_one(server: FakeEmbeddings, data: list[object]) -> None:
    server.reply = {"object": "list", "model": "m", "data": data, "usage": {"total_tokens": 1}}
    async with calling(server) as embedder:
        with pytest.raises(Unavailable):
            await embedder.embed(["one text"], kind=TextKind.PASSAGE)


async def test_tokens_are_counted_without_asking(server: FakeEmbeddings) -> None:
    async with calling(server) as embedder:
        assert 5 <= embedder.count_tokens("Rotate the Redis password every month.") <= 12
    assert server.bodies == []


def test_a_service_nobody_knows_is_named() -> None:
    with pytest.raises(Rejected, match="litellm:service/model"):
        LiteLLMEmbedder("litellm:no-such-model", circuit=embedder_circuit())


async def test_a_service_that_keeps_failing_is_left_alone(server: FakeEmbeddings) -> None:
    server.failures = [500] * 5
    async with calling(server) as embedder:
        for _ in range(7):
            with pytest.raises(Unavailable):
                await embedder.embed(["gate"], kind=TextKind.QUESTION)
    assert len(server.bodies) == 5
