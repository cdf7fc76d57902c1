"""Generator that lets any model LiteLLM knows write the answer: vLLM, Ollama, OpenAI, Anthropic and so on.

LiteLLM runs in process: no proxy, no cache of answers, no callbacks, nothing fetched when it is imported.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from brain.adapters.prompts import load_prompt
from brain.domain.answer import Generation, Piece
from brain.domain.errors import Unavailable
from brain.domain.knowledge import Found
from brain.domain.question import Turn

if TYPE_CHECKING:
    pass

ATTEMPTS = 3
# Somebody is waiting: a server that asks for more patience than this is left to a later try of the task.
LONGEST_WAIT_S = 8.0
# What a reasoning model may think, on top of what it may write: both count against the same limit.
REASONING_TOKENS = 8192
PAYMENT_RETRY_S = 300.0
_TRANSIENT = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
_THINKING = "<think>", "</think>"
_MARK = re.compile(r"\[\d{1,3}\]")
_T = TypeVar("_T")


class _Transient(Unavailable):
    """The model's server is busy or unreachable."""


@dataclass(frozen=True, slots=True)
class _Limits:
    total_s: float
    first_token_s: float
    max_tokens: int


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
        """Takes seconds, because importing LiteLLM does. Raises `Rejected` for a model that cannot be used."""
        _prepare_litellm()
        self.name = model
        self._api_base = api_base
        self._api_key = api_key
        self._prompt = load_prompt("answer")
        self._options = _options(model, max_tokens)
        self._timeout_s = timeout_s
        # Most reasoning models send nothing until they have thought.
        self._first_token_s = timeout_s if self._options.reasoning else first_token_s

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
        deadline = asyncio.get_running_loop().time() + self._timeout_s
