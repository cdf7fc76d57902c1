"""One model that LiteLLM knows: how it is asked, how much it may read and write, and when it is left alone.

LiteLLM runs in process: no proxy, no cache of answers, no callbacks.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from brain.adapters.litellm_failures import ModelFailure, answered, record
from brain.adapters.litellm_library import load_litellm
from brain.adapters.model_calls import model_call, replied
from brain.adapters.prompts import Message
from brain.domain.circuit import Circuit
from brain.domain.deadline import LEAST_S, Deadline, current
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.spent import Spent

if TYPE_CHECKING:
    from litellm import CustomStreamWrapper

ATTEMPTS = 3
# Somebody is waiting: a server that asks for more patience is left to whoever else can answer.
LONGEST_WAIT_S = 8.0
# What a reasoning model may think, on top of what it may write: both count against one limit.
REASONING_TOKENS = 8192
SILENCE_S = 20.0
# Where LiteLLM knows no window: what nearly every model in use has.
USUAL_CONTEXT_TOKENS = 8192
# Counted with a tokenizer that may not be the model's own.
COUNTED_BY_ANOTHER = 1.15


@dataclass(frozen=True, slots=True)
class Access:
    """Where a model is served, if not where LiteLLM would look, and the key to it."""

    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """`silence_s`: the longest a server may send nothing. `context_tokens`: None where LiteLLM is to know."""

    timeout_s: float = 60.0
    silence_s: float = SILENCE_S
    context_tokens: int | None = None
    max_tokens: int = 1024


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply with nothing missing, and what it cost."""

    text: str
    spent: Spent


class LanguageModel:
    """`name` is the LiteLLM name of the model. `close` one of them once, when the process ends."""

    def __init__(self, name: str, *, access: Access, limits: Limits, circuit: Circuit) -> None:
        """Takes seconds, because importing LiteLLM does. Raises `Rejected` for a model nobody knows."""
        load_litellm()
        import litellm

        self.name = name
        self.circuit = circuit
        self._access = access
        self._limits = limits
        try:
            model, service, _, _ = litellm.get_llm_provider(name, api_base=access.api_base)
        except litellm.exceptions.BadRequestError:
            service = ""
        if not service:
            raise Rejected(
                f"EXPERT_MODEL is {name!r}, and LiteLLM cannot tell who serves that."
                " Write it as service/model, e.g. openai/gpt-5-mini, ollama_chat/qwen3 or hosted_vllm/<name>:"
                " https://docs.litellm.ai/docs/providers"
            )
        self._model, self._service = model, service
        takes = litellm.get_supported_openai_params(model, custom_llm_provider=service) or []
        self.reasons = litellm.supports_reasoning(model, custom_llm_provider=service)
        most = limits.max_tokens
        self._settings = _Settings(
            temperature=None if self.reasons or "temperature" not in takes else 0.0,
            max_tokens=None if self.reasons else most,
            max_completion_tokens=most + REASONING_TOKENS if self.reasons else None,
            stream_options={"include_usage": True} if "stream_options" in takes else None,
        )
        # Many reasoning models send nothing until they have thought.
        self._first_s = limits.timeout_s if self.reasons else limits.silence_s
        self._context_tokens = limits.context_tokens or _known_context(name, model) or USUAL_CONTEXT_TOKENS

    @property
    def most_input_tokens(self) -> int:
        """What a request may hold, so that the answer still fits into the window beside it."""
        written = self._settings.max_completion_tokens or self._settings.max_tokens or 0
        # Chat templates add some tokens to each message.
        return max(0, self._context_tokens - min(written, self._context_tokens // 2) - 32)

    def count(self, text: str) -> int:
        """Tokens, estimated rather too high."""
        import litellm

        return int(litellm.token_counter(self.name, text=text) * COUNTED_BY_ANOTHER) + 1

    async def complete(self, messages: Sequence[Message]) -> Completion:
        """The whole reply, or an error: nothing of a reply that does not end is returned."""
        timeout_s = self._limits.timeout_s
        deadline = current() or Deadline(_now, timeout_s, _now() + timeout_s)
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._attempt(messages, deadline)
            except ModelFailure as failure:
                # "Full jitter": https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
                wait_s = self.circuit.wait_s + random.uniform(0, 0.25 * 2**attempt)  # noqa: S311  # no secret
                in_time = wait_s <= LONGEST_WAIT_S and wait_s + LEAST_S <= min(
                    deadline.silence_s, deadline.left_s
                )
                if not (failure.repeats and in_time and self.circuit.may_repeat()):
                    raise
            deadline.spend(wait_s)
            await asyncio.sleep(wait_s)
        return await self._attempt(messages, deadline)

    async def close(self) -> None:
        """Closes the connections LiteLLM keeps open, for every model of this process."""
        import litellm
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()  # type: ignore[no-untyped-call]  # LiteLLM has left its types out
        # Else it goes on handing out what is closed.
        litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # as above

    async def _attempt(self, messages: Sequence[Message], deadline: Deadline) -> Completion:
        began = _now()
        if not min(deadline.silence_s, deadline.left_s):
            raise Unavailable(f"There is no time left to ask the model {self.name!r}.")
        with self.circuit.attempt() as attempt:
            try:
                with self._seen():
                    stream = await self._read(messages, deadline)
                    _require_whole(stream, self.name)
                    spent = self._spent(stream, messages)
                    replied(
                        model=stream.served,
                        read=spent.input_tokens,
                        written=spent.output_tokens,
                        finish=stream.finish_reason,
                    )
            except ExpertError as failure:
                deadline.spend(_now() - began)
                record(failure, attempt)
                raise
            attempt.succeeded()
        deadline.spend(stream.begun_at - began)
        return Completion(stream.text, spent)

    def _seen(self) -> AbstractContextManager[None]:
        most = self._settings.max_completion_tokens or self._settings.max_tokens or 0
        facts = {"gen_ai.request.max_tokens": most}
        return model_call("chat", service=self._service, model=self._model, facts=facts)

    async def _read(self, messages: Sequence[Message], deadline: Deadline) -> "_Stream":
        began = _now()
        until = began + min(deadline.left_s, self._limits.timeout_s)
        first_until = min(until, began + min(self._first_s, deadline.silence_s))
        async with AsyncExitStack() as stack:
            stream = await self._open(messages, first_until)
            stack.push_async_callback(stream.close)
            while not (stream.begun or stream.ended):
                await stream.read(first_until)
            # Who waited long for the beginning will not wait as long again.
            left_s = max(LEAST_S, deadline.silence_s - (_now() - began))
            while not stream.ended:
                await stream.read(min(until, _now() + min(self._limits.silence_s, left_s)))
        return stream

    async def _open(self, messages: Sequence[Message], until: float) -> "_Stream":
        """https://docs.litellm.ai/docs/completion/input"""
        import litellm

        request = litellm.acompletion(
            model=self.name,
            messages=[{"role": message.role, "content": message.content} for message in messages],
            api_base=self._access.api_base,
            api_key=self._access.api_key,
            timeout=self._limits.timeout_s,
            stream=True,
            temperature=self._settings.temperature,
            max_tokens=self._settings.max_tokens,
            max_completion_tokens=self._settings.max_completion_tokens,
            stream_options=self._settings.stream_options,
            # Both would repeat the request behind our back, and not heed the server's Retry-After.
            num_retries=0,
            max_retries=0,
        )
        chunks = await answered(request, until, self.name)
        if not isinstance(chunks, litellm.CustomStreamWrapper):
            raise Unavailable(f"The model {self.name!r} cannot stream its answer.")
        return _Stream(chunks, self.name)

    def _spent(self, stream: "_Stream", messages: Sequence[Message]) -> Spent:
        """What the server counted, else an estimate; the price as LiteLLM's own list has it."""
        import litellm

        if stream.usage is not None:
            read, written = stream.usage
        else:
            read = litellm.token_counter(self.name, text="\n".join(one.content for one in messages))
            written = litellm.token_counter(self.name, text=stream.text)
        try:
            prices = litellm.cost_per_token(model=self.name, prompt_tokens=read, completion_tokens=written)
        except litellm.exceptions.ModelNotMappedError:
            return Spent(read, written, None)
        return Spent(read, written, sum(prices))


class _Stream:
    """A reply on its way: the text so far and, once it has `ended`, why and with how many tokens."""

    def __init__(self, chunks: "CustomStreamWrapper", model: str) -> None:
        self._chunks = chunks
        self._model = model
        self._finish_reason: str | None = None
        self.begun = False
        self.begun_at = 0.0
        self.ended = False
        self.text = ""
        # What LiteLLM says the model was: for most services, what it was asked for.
        self.served: str | None = None
        self.usage: tuple[int, int] | None = None

    async def read(self, until: float) -> None:
        chunk = await answered(anext(self._chunks, None), until, self._model)
        if chunk is None:
            self.ended = True
            return
        self.served = getattr(chunk, "model", None) or self.served
        usage = getattr(chunk, "usage", None)  # set on the last chunk only
        if usage is not None:
            self.usage = (usage.prompt_tokens or 0, usage.completion_tokens or 0)
        for choice in chunk.choices[:1]:
            text = choice.delta.content or ""
            thought = getattr(choice.delta, "reasoning_content", None)
            self.text += text
            if not self.begun and (text or thought):
                self.begun, self.begun_at = True, _now()
            self._finish_reason = choice.finish_reason or self._finish_reason

    @property
    def finish_reason(self) -> str | None:
        """None where the model sent none: LiteLLM then makes up a "stop" of its own."""
        received = self._chunks.received_finish_reason or self._chunks.intermittent_finish_reason
        return self._finish_reason if received else None

    async def close(self) -> None:
        await self._chunks.aclose()


@dataclass(frozen=True, slots=True)
class _Settings:
    """What is sent beside the messages, as far as this model takes it."""

    temperature: float | None
    max_tokens: int | None
    max_completion_tokens: int | None
    stream_options: dict[str, bool] | None


def _known_context(*names: str) -> int | None:
    """From LiteLLM's list as installed; its functions would also ask an Ollama server, unasked."""
    import litellm

    known = (litellm.model_cost.get(name, {}).get("max_input_tokens") for name in names)
    return next((tokens for tokens in known if isinstance(tokens, int)), None)


def _require_whole(stream: _Stream, model: str) -> None:
    reason = stream.finish_reason
    if reason == "length":
        raise Unavailable(
            f"The answer of the model {model!r} was cut off, because it is too long. Ask for less at a time."
        )
    if reason == "content_filter":
        raise Unavailable(f"The service of the model {model!r} withheld the rest of the answer.")
    if not stream.begun:
        raise ModelFailure(
            f"The model {model!r} sent no text. If it never does, check EXPERT_MODEL and"
            " EXPERT_MODEL_API_BASE: this is also what a wrong address looks like.",
            repeats=True,
        )
    if reason != "stop":
        raise ModelFailure(f"The model {model!r} stopped before its answer was complete.", repeats=True)


def _now() -> float:
    return asyncio.get_running_loop().time()
