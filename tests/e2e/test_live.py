"""`obs check --live` asks a real Prometheus what it has."""

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from obs.output import build
from obs.programs.ask import Prometheus
from obs.proofs.evidence import Evidence
from obs.proofs.live import absent, unasked
from obs.stack import Stack
from tests.e2e.servers import serving, until

EXPOSED = """# TYPE redis_up gauge
redis_up 1
# TYPE redis_db_keys gauge
redis_db_keys{db="db0"} 3
# TYPE redis_idle gauge
redis_idle 1
"""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def exporter() -> Iterator[str]:
    """Return the address of something that exposes a few series of Redis."""

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(EXPOSED.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_a_server_lacks_and_what_nobody_asks_for(
    production: Stack, root: Path, exporter: str, tmp_path: Path
) -> None:
    """A missing series is told once, a job that scrapes nothing as well; what is there and right is not told."""
    evidence = Evidence(build(production), root)
    target = {"targets": [exporter], "labels": {"environment": "test"}}
    scrape = {"job_name": "redis", "scrape_interval": "1s", "static_configs": [target]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": [scrape]}))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = (
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with serving("prometheus", *options, ready=f"{url}/-/ready", log=tmp_path / "log"):
        server = Prometheus(url)
        until(lambda: bool(server.instant("redis_idle")), "Prometheus never scraped")

        told = [finding.fault.what for finding in absent(evidence, server)]

        assert "redis_idle" in unasked(evidence, server)
        assert "redis_up" not in unasked(evidence, server)
    assert told.count("the server has no series http_requests_total") == 1
    assert 'no series of up is job="rce-api"' in told
    assert [one for one in told if re.search(r"\bredis_(up|db_keys)\b", one)] == []
