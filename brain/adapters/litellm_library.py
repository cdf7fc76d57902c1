"""How LiteLLM is imported, and that it connects only to where ours may connect, whoever the vendor is."""

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import httpx

from brain.adapters.outbound import Gate, Outbound
from brain.domain.errors import Rejected, Unavailable


def load_litellm() -> None:
    # Read at import: else it fetches its price list, and takes settings from an `.env` wherever we run.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")
    try:
        import litellm
    except ModuleNotFoundError as error:
        raise Rejected(
            "EXPERT_MODEL needs LiteLLM, which is not installed:"
            " pip install 'the-expert[litellm]', or in a clone: make setup-litellm"
        ) from error
    litellm.suppress_debug_info = True  # it prints to the terminal
    litellm.disable_hf_tokenizer_download = True  # it fetches one to count tokens
    litellm.disable_aiohttp_transport = True  # one HTTP client in the process: httpx
    for name in ("LiteLLM", "openai"):
        # At lower levels they write whole requests, passages included, into the log.
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def guarded_litellm(gate: Gate) -> Iterator[None]:
    """For the whole process.

    LiteLLM has a parameter for the OpenAI-like vendors (`aclient_session`) and none that serves them all,
    but every asynchronous client that it makes asks this one function for its transport. Its synchronous
    ones, with which it looks models up unasked (Ollama), get nowhere: it then does without.
    """
    with _connecting(lambda: Outbound(gate)):
        yield


async def warm_up(models: Sequence[str]) -> None:
    """Have LiteLLM import what it otherwise imports, for seconds, while the first asker waits.

    By a request to each, which gets nowhere.
    """
    await asyncio.to_thread(load_litellm)  # whoever delivers something meanwhile waits for seconds only
    import litellm
    import openai

    with _connecting(_Nowhere):
        for model in models:
            with suppress(openai.APIError, Unavailable):
                await litellm.acompletion(
                    model=model,
                    messages=[{"role": "user", "content": "Are you there?"}],
                    api_base="http://127.0.0.1:9",
                    api_key="none",
                    stream=True,
                    num_retries=0,
                    max_retries=0,
                )


@contextmanager
def _connecting(transport: Callable[[], httpx.AsyncBaseTransport]) -> Iterator[None]:
    load_litellm()
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    def checked(*_: object, **__: object) -> httpx.AsyncBaseTransport:
        return transport()

    before = AsyncHTTPHandler.create_async_transport, getattr(litellm, "sync_transport", None)
    _replace(AsyncHTTPHandler, staticmethod(checked), _Nowhere())
    try:
        yield
    finally:
        # Guards may end in any order; one that another took over from leaves things as they are, and closed.
        if AsyncHTTPHandler.create_async_transport is checked:
            _replace(AsyncHTTPHandler, staticmethod(before[0]), before[1])


def _replace(handler: type, transport: object, sync_transport: object) -> None:
    import litellm

    handler.create_async_transport = transport  # type: ignore[attr-defined]  # typed as a method
    litellm.sync_transport = sync_transport  # not there until somebody sets it
    # Clients that exist already would keep their connections.
    litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # LiteLLM has left its types out


class _Nowhere(httpx.BaseTransport, httpx.AsyncBaseTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise Unavailable("LiteLLM may not ask for more than we asked it to.")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise Unavailable("LiteLLM may not ask anybody yet.")
