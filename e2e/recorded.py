"""What stands in for an exporter whose database can't be had? Its own recorded answer, served as it is."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

MONGODB = Path("tests/exposition/recordings/mongodb-4.2.8.prom")
"""No MongoDB server is to be had here: mongodb_exporter 0.53.0, as it answered. Its counters stand still."""


class Recorded:
    """A server on ``port`` that answers every GET with the exposition in ``file``."""

    def __init__(self, port: int, file: Path) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(file.read_bytes()))

    def __enter__(self) -> Self:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def _handler(exposition: bytes) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer a scrape."""
            self.send_response(200)
            self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(exposition)

        def log_message(self, *_: object) -> None:
            """Say nothing: Prometheus counts its scrapes itself."""

    return Handler
