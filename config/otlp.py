"""The one file that knows OpenTelemetry: spans, and how they are sent to `EXPERT_OTLP_ENDPOINT`."""

import asyncio
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from brain.adapters.outbound import Gate, Outbound
from brain.domain.errors import ExpertError
from brain.domain.tracing import Facts, Kind, installed

_KINDS = {
    Kind.INTERNAL: SpanKind.INTERNAL,
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.CONSUMER: SpanKind.CONSUMER,
}
# https://www.w3.org/TR/trace-context/#traceparent-header
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
# What waits to be sent while the receiver is away; what comes then is dropped.
_MOST = 4_096
_BATCH = 512

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Spans:
    """The tracer of this process: https://opentelemetry.io/docs/specs/semconv/ names the attributes."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("expert")

    @contextmanager
    def span(self, name: str, *, kind: Kind, facts: Facts, parent: str) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name,
            context=_context(parent),
            kind=_KINDS[kind],
            attributes=facts,
            # A message may quote what somebody wrote.
            record_exception=False,
            set_status_on_exception=False,
        ) as current:
            try:
                yield
            except BaseException as error:
                current.set_attribute("error.type", type(error).__name__)
                current.set_status(Status(StatusCode.ERROR))
                raise

    def past(self, name: str, *, seconds: float, facts: Facts, parent: str) -> None:
        now = time.time_ns()
        one = self._tracer.start_span(
            name, context=_context(parent), attributes=facts, start_time=now - int(max(0.0, seconds) * 1e9)
        )
        one.end(now)

    def note(self, facts: Facts) -> None:
        trace.get_current_span().set_attributes(facts)

    def traceparent(self) -> str:
        known = trace.get_current_span().get_span_context()
        if not known.is_valid:
            return ""
        return f"00-{known.trace_id:032x}-{known.span_id:016x}-{known.trace_flags:02x}"


def _context(parent: str) -> Context | None:
    """None: what is open here. A traceparent that is none begins a trace of its own."""
    if not parent:
        return None
    found = _TRACEPARENT.fullmatch(parent)
    if found is None:
        return trace.set_span_in_context(trace.INVALID_SPAN)
    trace_id, span_id, flags = (int(one, 16) for one in found.groups())
    return trace.set_span_in_context(
        NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags)))
    )


class _Outbox(SpanProcessor):
    """Spans that have ended, until they are sent. The SDK's own sender connects to addresses unchecked."""

    def __init__(self) -> None:
        self.ended: deque[ReadableSpan] = deque()
        self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        if len(self.ended) < _MOST:
            self.ended.append(span)
        else:
            self.dropped += 1

    async def send(self, http: httpx.AsyncClient, url: str) -> None:
        """Raises what the receiver, or the way there, has against it."""
        while self.ended:
            batch = [self.ended.popleft() for _ in range(min(_BATCH, len(self.ended)))]
            body = encode_spans(batch).SerializeToString()
            # https://opentelemetry.io/docs/specs/otlp/#otlphttp-request
            response = await http.post(url, content=body, headers={"Content-Type": "application/x-protobuf"})
            response.raise_for_status()


@asynccontextmanager
async def traced(endpoint: str, gate: Gate, *, version: str, every_s: float = 1.0) -> AsyncIterator[None]:
    """Until the block ends, and what is left is sent then. A receiver that is away costs spans, no more."""
    url = endpoint.rstrip("/") + ("" if endpoint.rstrip("/").endswith("/v1/traces") else "/v1/traces")
    await gate.check(url, setting="EXPERT_OTLP_ENDPOINT")
    outbox = _Outbox()
    resource = Resource({"service.name": "expert", "service.version": version})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(outbox)
    async with httpx.AsyncClient(transport=Outbound(gate, within_s=5.0), timeout=5.0) as http:

        async def sending() -> None:
            while True:
                await asyncio.sleep(every_s)
                await _sent(outbox, http, url)

        with installed(Spans(provider)):
            going = asyncio.create_task(sending())
            try:
                yield
            finally:
                going.cancel()
                await asyncio.wait({going})
        await _sent(outbox, http, url)


async def _sent(outbox: _Outbox, http: httpx.AsyncClient, url: str) -> None:
    try:
        await outbox.send(http, url)
    except (ExpertError, httpx.HTTPError) as error:
        log.warning("traces.not_sent", error=type(error).__name__, dropped=outbox.dropped)
