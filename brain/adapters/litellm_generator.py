"""Generator that lets any model LiteLLM knows write the answer: vLLM, Ollama, OpenAI, Anthropic and so on.

LiteLLM runs in process: no proxy, no cache of answers, no callbacks, nothing fetched when it is imported.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from brain.adapters.litellm_library import load_litellm
from brain.adapters.outbound import refusal
from brain.adapters.prompts import NO_ANSWER, Message, load_prompt, visible, whole
from brain.domain.answer import Generation, Piece
from brain.domain.errors import ExpertError, Rejected, Unavailable
from brain.domain.knowledge import Found
from brain.domain.question import Turn

if TYPE_CHECKING:
    from litellm import CustomStreamWrapper

ATTEMPTS = 3
# Somebody is waiting: a server that asks for more patience is left to a later try of the task.
LONGEST_WAIT_S = 8.0
# What a reasoning model may think, on top of what it may write: both count against one limit.
REASONING_TOKENS = 8192
PAYMENT_RETRY_S = 300.0
SETTING_RETRY_S = 60.0
_TRANSIENT = frozenset({408, 409, 429})
_T = TypeVar("_T")


class _Transient(Unavailable):
    """The model's server is busy or unreachable."""

    def __init__(self, message: str, asked_s: float = 0.0) -> None:
        super().__init__(message, retry_after_s=asked_s or 5.0)
        self.asked_s = asked_s


class LiteLLMGenerator:
    """`name` is the LiteLLM name of the model. `close` once, when the process ends."""

    def __init__(
        self,
        model: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        first_token_s: float = 20.0,
        max_tokens: int = 1024,
    ) -> None:
        """Takes seconds, because importing LiteLLM does. Raises `Rejected` for a model nobody knows."""
        load_litellm()
        self.name = model
        self._call = _Call(model, api_base, api_key, max_tokens)
        self._prompt = load_prompt("answer")
        self._timeout_s = timeout_s
        # Many reasoning models send nothing until they have thought.
        self._first_token_s = timeout_s if self._call.reasons else first_token_s

    async def generate(
        self, question: str, *, passages: Sequence[Found], history: Sequence[Turn], instructions: str
    ) -> AsyncIterator[Piece | Generation]:
        if not passages:
            yield Generation("", model=self.name, prompt_hash=self._prompt.hash)
            return
        messages = self._prompt.messages(
            question,
            passages=passages,
            history=history,
            instructions=instructions,
            marker=secrets.token_hex(8),
        )
        until = _now() + self._timeout_s
        stream = await self._begun(messages, until)
        try:
            shown = ""
            while not stream.ended:
                text = visible(stream.text)
                if text != shown:
                    yield Piece(text.removeprefix(shown))
                    shown = text
                await stream.read(until)
        finally:
            await stream.close()
        _require_whole(stream, self.name)
        answer = whole(stream.text)
        if not answer and NO_ANSWER not in stream.text:
            raise Unavailable(f"The model {self.name!r} thought, but sent no answer.")
        if len(answer) > len(shown):
            yield Piece(answer.removeprefix(shown))
        yield Generation(answer, self.name, self._prompt.hash, *self._call.tokens(stream, messages))

    async def close(self) -> None:
        """Closes the connections LiteLLM keeps open, for every model of this process."""
        import litellm
        from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

        await close_litellm_async_clients()  # type: ignore[no-untyped-call]  # LiteLLM has left its types out
        # Else it goes on handing out what is closed.
        litellm.in_memory_llm_clients_cache.flush_cache()  # type: ignore[no-untyped-call]  # as above

    async def _begun(self, messages: Sequence[Message], until: float) -> "_Stream":
        """A stream whose first text is there. Only until then can an attempt be repeated unseen."""
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._attempt(messages, until)
            except _Transient as failure:
                # "Full jitter": https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
                wait_s = failure.asked_s + random.uniform(0, 0.25 * 2**attempt)  # noqa: S311  # no secret
                if wait_s > LONGEST_WAIT_S or _now() + wait_s >= until:
                    raise
            await asyncio.sleep(wait_s)
        return await self._attempt(messages, until)

    async def _attempt(self, messages: Sequence[Message], until: float) -> "_Stream":
        first_until = min(until, _now() + self._first_token_s)
        stream = await self._call.open(messages, first_until, self._timeout_s)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(stream.close)
            while not (stream.begun or stream.ended):
                await stream.read(first_until)
            if not stream.begun:
                raise _Transient(
                    f"The model {self.name!r} sent no text. If it never does, check EXPERT_MODEL and"
                    " EXPERT_MODEL_API_BASE: this is also what a wrong address looks like."
                )
            stack.pop_all()
        return stream


class _Stream:
    """An answer on its way: the text so far and, once it has `ended`, why and with how many tokens."""

    def __init__(self, chunks: "CustomStreamWrapper", model: str) -> None:
        self._chunks = chunks
        self._model = model
        self._finish_reason: str | None = None
        self.begun = False
        self.ended = False
        self.text = ""
        self.usage: tuple[int, int] | None = None

    async def read(self, until: float) -> None:
        chunk = await _answered(anext(self._chunks, None), until, self._model)
        if chunk is None:
            self.ended = True
            return
        usage = getattr(chunk, "usage", None)  # set on the last chunk only
        if usage is not None:
            self.usage = (usage.prompt_tokens or 0, usage.completion_tokens or 0)
        for choice in chunk.choices[:1]:
            text = choice.delta.content or ""
            thought = getattr(choice.delta, "reasoning_content", None)
            self.text += text
            self.begun = self.begun or bool(text or thought)
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


class _Call:
    """How this model is called. `reasons`: it thinks before it writes."""

    def __init__(self, model: str, api_base: str | None, api_key: str | None, max_tokens: int) -> None:
        import litellm

        self._model = model
        self._api_base = api_base
        self._api_key = api_key
        try:
            name, provider, _, _ = litellm.get_llm_provider(model, api_base=api_base)
        except litellm.exceptions.BadRequestError:
            provider = ""
        if not provider:
            raise Rejected(
                f"EXPERT_MODEL is {model!r}, and LiteLLM cannot tell who serves that."
                " Write it as service/model, e.g. openai/gpt-5-mini, ollama_chat/qwen3 or hosted_vllm/<name>:"
                " https://docs.litellm.ai/docs/providers"
            )
        takes = litellm.get_supported_openai_params(name, custom_llm_provider=provider) or []
        self.reasons = litellm.supports_reasoning(name, custom_llm_provider=provider)
        self._settings = _Settings(
            temperature=None if self.reasons or "temperature" not in takes else 0.0,
            max_tokens=None if self.reasons else max_tokens,
            max_completion_tokens=max_tokens + REASONING_TOKENS if self.reasons else None,
            stream_options={"include_usage": True} if "stream_options" in takes else None,
        )

    async def open(self, messages: Sequence[Message], until: float, timeout_s: float) -> _Stream:
        """https://docs.litellm.ai/docs/completion/input"""
        import litellm

        request = litellm.acompletion(
            model=self._model,
            messages=[{"role": message.role, "content": message.content} for message in messages],
            api_base=self._api_base,
            api_key=self._api_key,
            timeout=timeout_s,
            stream=True,
            temperature=self._settings.temperature,
            max_tokens=self._settings.max_tokens,
            max_completion_tokens=self._settings.max_completion_tokens,
            stream_options=self._settings.stream_options,
            # Both would repeat the request behind our back, and not heed the server's Retry-After.
            num_retries=0,
            max_retries=0,
        )
        chunks = await _answered(request, until, self._model)
        if not isinstance(chunks, litellm.CustomStreamWrapper):
            raise Unavailable(f"The model {self._model!r} cannot stream its answer.")
        return _Stream(chunks, self._model)

    def tokens(self, stream: _Stream, messages: Sequence[Message]) -> tuple[int, int]:
        """What the server counted, else an estimate."""
        import litellm

        if stream.usage is not None:
            return stream.usage
        sent = "\n".join(message.content for message in messages)
        return litellm.token_counter(self._model, text=sent), litellm.token_counter(
            self._model, text=stream.text
        )


async def _answered(reply: Awaitable[_T], until: float, model: str) -> _T:
    """The reply, or what went wrong as an error of ours."""
    import openai  # the base of all of LiteLLM's exceptions

    try:
        async with asyncio.timeout_at(until):
            return await reply
    except TimeoutError:
        failure: ExpertError = _Transient(f"The model {model!r} did not answer in time.")
    except openai.APIError as error:
        failure = _translated(error, model)
    # Not inside the handler: the vendor's text may quote the key or the passages, and would be chained.
    raise failure


def _translated(error: Exception, model: str) -> ExpertError:
    """https://docs.litellm.ai/docs/exception_mapping"""
    import litellm

    refused = refusal(error)
    if refused is not None:  # by our own rules for connections: until an admin has corrected the setting
        return Unavailable(f"The model {model!r} cannot be called: {refused}", SETTING_RETRY_S)
    status = getattr(error, "status_code", None) or 0
    said = f"{type(error).__name__}, HTTP status {status}" if status else type(error).__name__
    if isinstance(error, litellm.exceptions.ContentPolicyViolationError):
        return Unavailable(
            f"The service of the model {model!r} refused this question or its passages ({said})."
        )
    if isinstance(error, litellm.exceptions.ContextWindowExceededError):
        return Rejected(
            f"The question and its passages are longer than the model {model!r} can read."
            " Choose an EXPERT_MODEL with a larger context."
        )
    if status == 402:
        return Unavailable(
            f"The account of the model {model!r} has no credit left ({said}).", PAYMENT_RETRY_S
        )
    # Not the asker's doing: the question waits until an admin has corrected the setting.
    if status in (401, 403):
        return Unavailable(
            f"The service of the model {model!r} refused the key ({said}). Check EXPERT_MODEL_API_KEY.",
            SETTING_RETRY_S,
        )
    if status == 404:
        return Unavailable(
            f"The service of the model {model!r} knows no such model or address ({said})."
            " Check EXPERT_MODEL and EXPERT_MODEL_API_BASE.",
            SETTING_RETRY_S,
        )
    if status in _TRANSIENT or status >= 500 or not status:
        return _Transient(f"The model {model!r} is not available now ({said}).", _retry_after_s(error))
    return Rejected(
        f"The service of the model {model!r} refused the request ({said})."
        " Check that EXPERT_MODEL names a model it has, and EXPERT_MODEL_API_BASE."
    )


def _retry_after_s(error: Exception) -> float:
    """Seconds or a date: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    headers = getattr(error, "litellm_response_headers", None) or {}
    value = str(headers.get("retry-after", "0"))
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # neither, or a date without a zone
        return 0.0


def _require_whole(stream: _Stream, model: str) -> None:
    reason = stream.finish_reason
    if reason == "length":
        raise Unavailable(
            f"The answer of the model {model!r} was cut off, because it is too long. Ask for less at a time."
        )
    if reason == "content_filter":
        raise Unavailable(f"The service of the model {model!r} withheld the rest of the answer.")
    if reason != "stop":
        raise Unavailable(f"The model {model!r} stopped before its answer was complete.")


def _now() -> float:
    return asyncio.get_running_loop().time()
