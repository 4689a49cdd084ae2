"""Does a real browser, with the real web-vitals library and our snippet, report what is then counted?"""

import importlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.ports import free_port
from examples.service import Demo, running
from tests.watchkeeper.reading import eventually
from tests.watchkeeper.serving import samples

PACKAGE = Path(__file__).parent / "web-vitals"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
INTERACTION_MEASURED = """new Promise(done => {
    new PerformanceObserver(() => requestIdleCallback(() => done())).observe({type: "first-input", buffered: true});
    (function draw() { requestAnimationFrame(draw); })();
})"""
"""
Wait until the library has seen a click: Chromium hands out its timing after the next paint, and the library reads it in
the idle callback before this one. A page that draws nothing is never idle without a window.
"""

ALWAYS = ("lcp_seconds", "inp_seconds", "cls", "fcp_seconds", "ttfb_seconds")


def program(name: str) -> str:
    """Return where a program is; fail with what to install."""
    found = shutil.which(name)
    return found or pytest.fail(f"{name} is missing: apt-get install -y {name}")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the pinned versions of web-vitals, checked against their hashes."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGE / name, folder)
    command = [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run Chromium without a window."""
    try:
        playwright_api = importlib.import_module("playwright.sync_api")
    except ImportError:
        pytest.fail("playwright is missing: sh scripts/setup dev e2e")
    with playwright_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program("chromium"), headless=True, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[str]:
    """Serve an empty page from another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["web-vitals-4", "web-vitals-6"])
def version(request: pytest.FixtureRequest) -> str:
    """Return which version of the library the pages load."""
    return str(request.param)


@pytest.fixture
def service(
    version: str, libraries: Path, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Demo]:
    """Run the reference service with one version of the library on its pages."""
    monkeypatch.setenv("WEB_VITALS_FILE", str(libraries / version / "dist/web-vitals.iife.js"))
    monkeypatch.setenv("VITALS_ORIGINS", f"{elsewhere}, https://another.example")
    with running(tmp_path, port=free_port(), workers=1) as demo:
        yield demo


def counted(service: Demo) -> dict[str, dict[str, float]]:
    """Return how many page views reported each vital, by page and device."""
    text = httpx.get(service.metrics_url).raise_for_status().text
    names = (*ALWAYS, "fid_seconds")
    return {name: samples(text, f"web_vitals_{name}_count") for name in names}


def test_a_page_view_is_counted_once_under_its_template(service: Demo, version: str, browser: Any) -> None:
    """One beacon with every vital leaves the page when it is left, and each is counted for page and device."""
    page = browser.new_page()
    page.goto(f"{service.url}/rooms/7?token=s3cr3t", wait_until="load")
    page.get_by_role("button").click()
    page.evaluate(INTERACTION_MEASURED)
    page.goto("about:blank")

    eventually(lambda: counted(service)["lcp_seconds"], seconds=20)
    found = counted(service)
    page.close()
    once = {'{device="desktop",page="/rooms/{room}"}': 1.0}
    assert {name: found[name] for name in ALWAYS} == dict.fromkeys(ALWAYS, once)
    assert found["fid_seconds"] == (once if version == "web-vitals-4" else {})
    reports = samples(httpx.get(service.metrics_url).text, "web_vitals_reports_total")
    assert reports['{outcome="rejected"}'] == 0
    assert "s3cr3t" not in service.log.read_text()


def test_another_site_may_report_where_its_origin_is_configured(service: Demo, browser: Any, elsewhere: str) -> None:
    """Chromium's own preflight of a credentialed `fetch` with JSON passes for the configured origin, and no other."""
    report = """url => fetch(url, {
        method: "POST", credentials: "include", headers: {"content-type": "application/json"},
        body: JSON.stringify({name: "CLS", value: 0, id: "v6-1-1", page: "/"}),
    }).then(answer => answer.status, () => "blocked")"""
    page = browser.new_page()
    page.goto(elsewhere)
    allowed = page.evaluate(report, f"{service.url}/api/ux/vitals")
    page.goto(elsewhere.replace("127.0.0.1", "localhost"))
    refused = page.evaluate(report, f"{service.url}/api/ux/vitals")
    page.close()

    assert (allowed, refused) == (204, "blocked")
