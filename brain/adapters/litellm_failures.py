"""What LiteLLM and the servers behind it raise, as errors of ours that say whether and when to try again."""

import asyncio
import re
from collections.abc import Awaitable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from brain.adapters.outbound import refusal
from brain.domain.circuit import Attempt
from brain.domain.errors import ExpertError, Rejected, Unavailable

PAYMENT_RETRY_S = 300.0
SETTING_RETRY_S = 60.0
_TRANSIENT = frozenset({408, 429})
# Some services say with 400 or 429 what others say with 402.
_NO_CREDIT = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance|billing[_ ]hard", re.IGNORECASE
)
_T = TypeVar("_T")


class ModelFailure(Unavailable):
    """The model's server does not answer as it should."""

    def __init__(
        self, message: str, *, rest_s: float = 0.0, repeats: bool = False, opens: bool = False
    ) -> None:
        super().__init__(message, retry_after_s=rest_s or 5.0)
        self.rest_s = rest_s
        self.repeats = repeats
        self.opens = opens


def record(failure: ExpertError, attempt: Attempt) -> None:
    """What speaks against the server counts; what speaks against this one request does not."""
    if isinstance(failure, ModelFailure):
        attempt.failed(str(failure), rest_s=failure.rest_s, opens=failure.opens)


async def answered(reply: Awaitable[_T], until: float, model: str) -> _T:
    """The reply, or what went wrong as an error of ours."""
    import openai  # the base of all of LiteLLM's exceptions

    try:
        async with asyncio.timeout_at(until):
            return await reply
    except TimeoutError:
        # Not repeated: the asker has waited long enough for this server.
        failure: ExpertError = ModelFailure(f"The model {model!r} did not answer in time.")
    except openai.APIError as error:
        failure = _translated(error, model)
    # Not inside the handler: the vendor's text may quote the key or the passages, and would be chained.
    raise failure


def _translated(error: Exception, model: str) -> ExpertError:
    """https://docs.litellm.ai/docs/exception_mapping"""
    import litellm

    refused = refusal(error)
    if refused is not None:  # by our own rules for connections: until an admin has corrected the setting
        return ModelFailure(
            f"The model {model!r} cannot be called: {refused}", rest_s=SETTING_RETRY_S, opens=True
        )
    status = getattr(error, "status_code", None) or 0
    said = f"{type(error).__name__}, HTTP status {status}" if status else type(error).__name__
    if isinstance(error, litellm.exceptions.ContentPolicyViolationError):
        return Unavailable(
            f"The service of the model {model!r} refused this question or its passages ({said})."
        )
    if isinstance(error, litellm.exceptions.ContextWindowExceededError):
        return Rejected(
            f"The question and its passages are longer than the model {model!r} can read."
            " Set EXPERT_MODEL_CONTEXT_TOKENS to what its server takes, or choose a model that reads more."
        )
    if status == 402 or _NO_CREDIT.search(str(error)):
        return ModelFailure(
            f"The account of the model {model!r} has no credit left ({said}).",
            rest_s=PAYMENT_RETRY_S,
            opens=True,
        )
    # Not the asker's doing: nothing is asked of it until an admin has had time to correct the setting.
    if status in (401, 403):
        return ModelFailure(
            f"The service of the model {model!r} refused the key ({said}). Check EXPERT_MODEL_API_KEY.",
            rest_s=SETTING_RETRY_S,
            opens=True,
        )
    if status == 404:
        return ModelFailure(
            f"The service of the model {model!r} knows no such model or address ({said})."
            " Check EXPERT_MODEL and EXPERT_MODEL_API_BASE.",
            rest_s=SETTING_RETRY_S,
            opens=True,
        )
    if status in _TRANSIENT or status >= 500 or not status:
        return ModelFailure(
            f"The model {model!r} is not available now ({said}).", rest_s=_retry_after_s(error), repeats=True
        )
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
