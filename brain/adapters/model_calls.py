"""A call of a model as a span of the trace it belongs to: which model, how many tokens. No texts."""

from contextlib import AbstractContextManager

from brain.domain import tracing

# LiteLLM's names of services, where the conventions have another one.
_PROVIDERS = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
# A server may call its model what it likes.
_LONGEST_NAME = 200


def model_call(
    operation: str, *, service: str, model: str, facts: tracing.Facts | None = None
) -> AbstractContextManager[None]:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/"""
    known: tracing.Facts = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _PROVIDERS.get(service, service),
        "gen_ai.request.model": model,
    }
    return tracing.span(f"{operation} {model}", kind=tracing.Kind.CLIENT, facts={**known, **(facts or {})})


def replied(*, model: str | None, read: int, written: int | None = None, finish: str | None = None) -> None:
    """In a call that succeeded: which model the service says it was, and what it counted."""
    facts: dict[str, str | int | float | bool | tuple[str, ...]] = {"gen_ai.usage.input_tokens": read}
    if model:
        facts["gen_ai.response.model"] = model[:_LONGEST_NAME]
    if written is not None:
        facts["gen_ai.usage.output_tokens"] = written
    if finish:
        facts["gen_ai.response.finish_reasons"] = (finish,)
    tracing.note(facts)
