"""Embeddings by any endpoint LiteLLM knows: TEI, vLLM, OpenAI, Ollama and so on."""

import asyncio
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brain.adapters.litellm_library import load_litellm
from brain.adapters.model_calls import model_call, replied
from brain.adapters.outbound import refusal
from brain.domain.circuit import Circuit
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.knowledge import Vector
from brain.ports import TextKind

if TYPE_CHECKING:
    from litellm import EmbeddingResponse

PREFIX = "litellm:"
# What text-embeddings-inference takes at once, unless told otherwise.
_BATCH = 32
# Somebody waits for the answer to a question; what is ingested can take its time.
QUESTION_S = 3.0
_SETTING_RETRY_S = 60.0
_TRANSIENT = frozenset({402, 408, 409, 429})
_SETTINGS = frozenset({401, 403, 404})


class LiteLLMEmbedder:
    """`name` is `litellm:` and LiteLLM's name of the model. Its vectors tell how long they are."""

    def __init__(
        self,
        name: str,
        *,
        circuit: Circuit,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        """Takes seconds, because importing LiteLLM does. Raises `Rejected` for a service nobody knows."""
        _load()
        self.name = name
        self._model = name.removeprefix(PREFIX)
        self._api_base = api_base
        # Servers of one's own mostly ask for no key; OpenAI's client does not start without one.
        self._api_key = api_key or ("none" if api_base else None)
        self._timeout_s = timeout_s
        self._circuit = circuit
        self._service = _service(self._model, api_base)

    async def embed(self, texts: Sequence[str], *, kind: TextKind) -> list[Vector]:
        timeout_s = min(self._timeout_s, QUESTION_S) if kind is TextKind.QUESTION else self._timeout_s
        vectors: list[Vector] = []
        for start in range(0, len(texts), _BATCH):
            vectors += await self._batch(list(texts[start : start + _BATCH]), timeout_s)
        if len({len(vector) for vector in vectors}) > 1:
            raise Unavailable(f"The service of {self.name} sent vectors of different lengths.")
        return vectors

    def count_tokens(self, text: str) -> int:
        """As OpenAI's models count, where LiteLLM has no tokenizer of this one: close enough to cut by."""
        import litellm

        return int(litellm.token_counter(self._model, text=text))

    async def close(self) -> None:
        """Closes the connections LiteLLM keeps open, for every model of this process."""
        import litellm
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()  # type: ignore[no-untyped-call]  # LiteLLM has left its types out
        # Else it goes on handing out what is closed.
        litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # as above

    async def _batch(self, texts: list[str], timeout_s: float) -> list[Vector]:
        with self._circuit.attempt() as attempt:
            try:
                with model_call("embeddings", service=self._service, model=self._model):
                    reply = await self._answered(texts, timeout_s)
                    replied(model=reply.model, read=reply.usage.prompt_tokens if reply.usage else 0)
            except Unavailable as failure:
                setting = failure.retry_after_s == _SETTING_RETRY_S
                attempt.failed(str(failure), rest_s=_SETTING_RETRY_S if setting else 0.0, opens=setting)
                raise
            attempt.succeeded()
        found = {int(one["index"]): one["embedding"] for one in reply.data}
        if sorted(found) != list(range(len(texts))):
            raise Unavailable(f"The service of {self.name} sent {len(found)} vectors for {len(texts)} texts.")
        return [self._vector(found[position]) for position in range(len(texts))]

    def _vector(self, values: object) -> Vector:
        """At unit length: not every service sends them so."""
        try:
            numbers = [float(value) for value in values]  # type: ignore[attr-defined]  # checked right here
            length = math.sqrt(math.fsum(number * number for number in numbers))
        except (TypeError, ValueError) as error:
            raise Unavailable(f"The service of {self.name} sent something other than vectors.") from error
        if not math.isfinite(length) or length == 0:
            raise Unavailable(f"The service of {self.name} sent a vector without a direction.")
        return Vector((number / length for number in numbers), embedder=self.name)

    async def _answered(self, texts: list[str], timeout_s: float) -> "EmbeddingResponse":
        """https://docs.litellm.ai/docs/embedding/supported_embedding"""
        import litellm
        import openai  # the base of all of LiteLLM's exceptions

        try:
            async with asyncio.timeout(timeout_s):
                return await litellm.aembedding(
                    model=self._model,
                    input=texts,
                    api_base=self._api_base,
                    api_key=self._api_key,
                    timeout=timeout_s,
                    encoding_format="float",  # some servers know no other
                )
        except TimeoutError:
            failure: ExpertError = Unavailable(
                f"The embedding service of {self.name} did not answer in time."
            )
        except openai.APIError as error:
            failure = refusal(error) or _translated(error, self.name)
        # Not inside the handler: the vendor's text may quote the key or the passages, and would be chained.
        raise failure


def _translated(error: Exception, name: str) -> ExpertError:
    """https://docs.litellm.ai/docs/exception_mapping"""
    status = int(getattr(error, "status_code", None) or 0)
    said = f"{type(error).__name__}, HTTP status {status}" if status else type(error).__name__
    if status in _SETTINGS:
        return Unavailable(
            f"The embedding service of {name} refused us, or knows no such model or address ({said})."
            " Check EXPERT_EMBEDDER, EXPERT_EMBEDDER_API_BASE and EXPERT_EMBEDDER_API_KEY.",
            _SETTING_RETRY_S,
        )
    if status in _TRANSIENT or status >= 500 or not status:
        return Unavailable(f"The embedding service of {name} is not available now ({said}).")
    return Rejected(
        f"The embedding service of {name} refused the text ({said}): it may be longer than the model reads."
    )


def _service(model: str, api_base: str | None) -> str:
    """Who serves it. Raises `Rejected` where nobody is known to."""
    import litellm

    try:
        _, service, _, _ = litellm.get_llm_provider(model, api_base=api_base)
    except litellm.exceptions.BadRequestError:
        service = ""
    if not service:
        raise Rejected(
            f"The embedder is {PREFIX}{model}, and LiteLLM cannot tell who serves that. Write it as"
            " litellm:service/model, e.g. litellm:openai/text-embedding-3-small; a TEI or vLLM server is"
            " litellm:openai/<name> with EXPERT_EMBEDDER_API_BASE."
        )
    return str(service)


def _load() -> None:
    load_litellm()
    import litellm

    # It repeats requests behind our back; where embeddings are asked for, zero is taken for "not said".
    litellm.DEFAULT_MAX_RETRIES = 0  # type: ignore[attr-defined]  # LiteLLM reads it there, and exports it nowhere
