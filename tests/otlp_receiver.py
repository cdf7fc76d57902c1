"""A receiver of traces: OTLP over HTTP, the protobuf decoded, everything kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    name: str
    trace: str
    id: str
    parent: str
    facts: dict[str, str]
    error: bool
    process: int


@dataclass
class Receiver:
    url: str = ""
    spans: list[Span] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    status: int = 200

    def take(self, body: bytes, *, process: int) -> None:
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for one in scope.spans:
                    facts = {
                        fact.key: ",".join(one.string_value for one in fact.value.array_value.values)
                        or fact.value.string_value
                        or str(fact.value.int_value)
                        for fact in one.attributes
                    }
                    ids = (one.trace_id.hex(), one.span_id.hex(), one.parent_span_id.hex())
                    error = one.status.code == 2
                    self.spans.append(Span(one.name, *ids, facts, error, process))

    def named(self, name: str) -> list[Span]:
        return [one for one in self.spans if one.name == name]


@contextmanager
def receiving() -> Iterator[Receiver]:
    known = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # its name in the library
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/v1/traces" and known.status == 200:
                known.take(body, process=self.client_address[1])
            self.send_response(known.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield known
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
