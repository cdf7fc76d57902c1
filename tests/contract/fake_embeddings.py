"""An embedding server that speaks OpenAI's protocol over HTTP, and fails in the way a test asks for."""

import json
import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from brain.domain.ranking import terms


@dataclass(slots=True)
class FakeEmbeddings:
    """Hashed words as a vector, three times as long as it should be. `failures` come first, one a request."""

    dimensions: int = 96
    pause_s: float = 0.0
    failures: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    reply: object = None
    base: str = ""

    def answer(self, texts: Sequence[str]) -> object:
        if self.reply is not None:
            return self.reply
        data = [
            {"object": "embedding", "index": index, "embedding": self._vector(text)}
            for index, text in enumerate(texts)
        ]
        # In any order: the index says which is whose.
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "model": "served-name", "data": data[::-1], "usage": usage}

    def _vector(self, text: str) -> list[float]:
        vector = [1e-6] * self.dimensions
        for term in terms(text):
            vector[sum(term.encode()) % self.dimensions] += 1.0
        length = math.sqrt(sum(value * value for value in vector))
        return [3 * value / length for value in vector]


@contextmanager
def fake_embeddings(fake: FakeEmbeddings) -> Iterator[FakeEmbeddings]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the base class calls it so
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.headers.append({name.lower(): value for name, value in self.headers.items()})
            fake.bodies.append(body)
            time.sleep(fake.pause_s)
            if self.path != "/v1/embeddings":
                self._send(404, {"error": {"message": "no such path"}})
            elif fake.failures:
                self._send(fake.failures.pop(0), {"error": {"message": "secret text"}})
            else:
                self._send(200, fake.answer(body["input"]))

        def _send(self, status: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not wait is no error of ours."""

    server = Server(("127.0.0.1", 0), Handler)
    fake.base = f"http://127.0.0.1:{server.server_port}/v1"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
