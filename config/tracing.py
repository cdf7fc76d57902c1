"""Traces, where `EXPERT_OTLP_ENDPOINT` says where to; nothing of OpenTelemetry is imported without."""

from contextlib import AsyncExitStack
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from brain.adapters.addresses import AllowedHosts
from brain.adapters.outbound import Gate
from brain.domain.errors import Rejected
from config.settings import Settings


async def trace_as_set(settings: Settings, stack: AsyncExitStack) -> None:
    if settings.otlp_endpoint is None:
        return
    if find_spec("opentelemetry") is None:
        raise Rejected("EXPERT_OTLP_ENDPOINT is set, but the extra otel is not installed: make setup-otel.")
    from config.otlp import traced

    gate = Gate(AllowedHosts.parse(settings.allow_hosts))
    await stack.enter_async_context(traced(settings.otlp_endpoint, gate, version=_version()))


def _version() -> str:
    try:
        return version("the-expert")
    except PackageNotFoundError:
        return "unpackaged"
