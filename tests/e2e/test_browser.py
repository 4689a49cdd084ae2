"""Does a real browser, with the real web-vitals library and our snippet, report what is then counted?"""

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from e2e.browser import INTERACTION_MEASURED
from examples.ports import free_port
from examples.service import Demo, running
from obs.programs import npm
from obs.programs.chromium import Chromium, Page
from tests.e2e.programs import program
from tests.watchkeeper.reading import eventually
from tests.watchkeeper.serving import samples

PACKAGE = Path(__file__).parent / "web-vitals"
ALWAYS = ("lcp_seconds", "inp_seconds", "cls", "fcp_seconds", "ttfb_seconds")


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the pinned versions of web-vitals, checked against their hashes."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PACKAGE / name, folder)
    npm.install(str(program("npm")), folder)
    return folder / "node_modules"


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    """Run Chromium without a window."""
    with Chromium(str(program("chromium"))) as chromium:
        yield chromium


@pytest.fixture
def page(browser: Chromium) -> Iterator[Page]:
    """Open an empty page."""
    with browser.page(width=1280, height=720) as opened:
        yield opened


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


def test_a_page_view_is_counted_once_under_its_template(service: Demo, version: str, page: Page) -> None:
    """One beacon with every vital leaves the page when it is left, and each is counted for page and device."""
    page.open(f"{service.url}/rooms/7?token=s3cr3t")
    page.click("button")
    page.evaluate(INTERACTION_MEASURED)
    page.open("about:blank")

    eventually(lambda: counted(service)["lcp_seconds"], seconds=20)
    found = counted(service)
    once = {'{device="desktop",page="/rooms/{room}"}': 1.0}
    assert {name: found[name] for name in ALWAYS} == dict.fromkeys(ALWAYS, once)
    assert found["fid_seconds"] == (once if version == "web-vitals-4" else {})
    reports = samples(httpx.get(service.metrics_url).text, "web_vitals_reports_total")
    assert reports['{outcome="rejected"}'] == 0
    assert "s3cr3t" not in service.log.read_text()


def test_another_site_may_report_where_its_origin_is_configured(service: Demo, page: Page, elsewhere: str) -> None:
    """Chromium's own preflight of a credentialed `fetch` with JSON passes for the configured origin, and no other."""
    report = """url => fetch(url, {
        method: "POST", credentials: "include", headers: {"content-type": "application/json"},
        body: JSON.stringify({name: "CLS", value: 0, id: "v6-1-1", page: "/"}),
    }).then(answer => answer.status, () => "blocked")"""
    send = f"({report})('{service.url}/api/ux/vitals')"
    page.open(elsewhere)
    allowed = page.evaluate(send)
    page.open(elsewhere.replace("127.0.0.1", "localhost"))
    refused = page.evaluate(send)

    assert (allowed, refused) == (204, "blocked")
