"""Each call of a model is a span as OpenTelemetry's conventions have it, and holds no words of anybody."""

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")

from brain.adapters.addresses import AllowedHosts
from brain.adapters.outbound import Gate
from brain.domain import tracing
from brain.ports import TextKind
from config.otlp import traced
from tests.contract.fake_embeddings import FakeEmbeddings, fake_embeddings
from tests.contract.fake_openai import Failure, fake_openai
from tests.contract.test_litellm_embedder import calling
from tests.contract.test_litellm_generator import KEY, OK, Asking, language_model
from tests.otlp_receiver import receiving

pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning"
)
OPEN = Gate(AllowedHosts.parse(("127.0.0.1",)))


async def test_each_attempt_of_a_model_is_one_with_its_tokens() -> None:
    with receiving() as receiver:
        async with fake_openai() as server, traced(receiver.url, OPEN, version="1"):
            asking = Asking(language_model(server.base))
            server.replies = [Failure(500), OK]
            with tracing.span("generate"):
                answer = await asking.ask()
            await asking.model.close()
        [generate] = receiver.named("generate")
        failed, done = receiver.named("chat local")
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "local",
            "gen_ai.request.max_tokens": "1024",
        }
        assert failed.facts == asked | {"error.type": "ModelFailure"}
        assert failed.error
        assert answer.spent is not None
        assert done.facts == asked | {
            # LiteLLM gives a stream the name that was asked for, whatever its server says.
            "gen_ai.response.model": "local",
            "gen_ai.response.finish_reasons": "stop",
            "gen_ai.usage.input_tokens": str(answer.spent.input_tokens),
            "gen_ai.usage.output_tokens": str(answer.spent.output_tokens),
        }
        assert {failed.parent, done.parent} == {generate.id}
        sent = b"".join(receiver.bodies)
        for secret in (KEY, "VPN", "portal", "Badges"):
            assert secret.encode() not in sent


async def test_each_batch_of_embeddings_is_one() -> None:
    with receiving() as receiver:
        with fake_embeddings(FakeEmbeddings()) as server:
            async with calling(server) as embedder, traced(receiver.url, OPEN, version="1"):
                await embedder.embed(["the salary of the director"], kind=TextKind.QUESTION)
        [span] = [one for one in receiver.spans if one.name.startswith("embeddings ")]
        assert span.facts["gen_ai.operation.name"] == "embeddings"
        assert span.facts["gen_ai.response.model"] == "served-name"
        assert int(span.facts["gen_ai.usage.input_tokens"]) > 0
        assert not any(b"salary" in body for body in receiver.bodies)
