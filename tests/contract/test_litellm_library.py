"""LiteLLM may connect only to where an admin opened the way, whoever the model's vendor is."""

import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from brain.adapters.addresses import AllowedHosts
from brain.adapters.language_model import Limits
from brain.adapters.litellm_library import guarded_litellm
from brain.adapters.outbound import Gate
from brain.domain.errors import Unavailable
from tests.contract.fake_openai import FakeOpenAI, fake_openai
from tests.contract.test_litellm_generator import OK, Asking, language_model

# What LiteLLM 1.106 does with a newer pydantic.
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Accessing the 'model_(computed_)?fields' attribute on the instance:DeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning"),
]

MODELS = ["openai/local", "hosted_vllm/local", "ollama_chat/local", "anthropic/claude-local", "mistral/local"]
_connected: list[str] = []


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        _connected.append(str(arguments[1]))


sys.addaudithook(_watch)  # for good: a hook cannot be taken off again


@pytest.fixture
def connected() -> list[str]:
    _connected.clear()
    return _connected


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    async with fake_openai() as fake:
        fake.replies = [OK]
        yield fake


@pytest.mark.parametrize("model", MODELS)
async def test_a_private_address_is_not_connected_to(
    model: str, server: FakeOpenAI, connected: list[str]
) -> None:
    with guarded_litellm(Gate(AllowedHosts())):
        asking = Asking(language_model(server.base, name=model, limits=Limits(timeout_s=5)))
        failure = await asking.fails()
        await asking.model.close()

    assert connected == []
    assert server.requests == []
    assert isinstance(failure, Unavailable)
    assert "EXPERT_ALLOW_HOSTS=127.0.0.1" in str(failure)


async def test_one_that_is_opened_answers(server: FakeOpenAI, connected: list[str]) -> None:
    with guarded_litellm(Gate(AllowedHosts.parse(["127.0.0.0/8"]))):
        asking = Asking(language_model(server.base))
        await asking.ask()
        await asking.model.close()

    assert len(connected) == len(server.requests) == 1


async def test_guards_that_end_in_any_order_leave_the_last_one_closed(
    server: FakeOpenAI, connected: list[str]
) -> None:
    first = guarded_litellm(Gate(AllowedHosts.parse(["127.0.0.1"])))
    with ExitStack() as stack:
        first.__enter__()
        stack.enter_context(guarded_litellm(Gate(AllowedHosts())))
        first.__exit__(None, None, None)
        asking = Asking(language_model(server.base, limits=Limits(timeout_s=5)))
        await asking.fails()
        await asking.model.close()

    assert connected == []
