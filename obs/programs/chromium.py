"""How is one Chromium without a window driven, and why is nothing of it left afterwards?"""

import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--lang=en-US",
    # The same pixels everywhere: no subpixel text, no hinting, one colour space, one pixel a pixel.
    "--disable-lcd-text",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--force-device-scale-factor=1",
)
OUTPUT_PIPES = ("/bin/sh", "-c", 'exec "$0" "$@" --remote-debugging-pipe 3<&0 4>&1 </dev/null >&2')
"""Chromium reads commands from descriptor 3 and answers on 4: our ends of its input and output."""

LOADED = "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
PATIENCE_SECONDS = 120
DYING_SECONDS = 5
CHUNK = 1 << 20


class ChromiumError(Exception):
    """Chromium can't be started, has died, or what was asked of it failed; the message says which."""


class Chromium:
    """
    A Chromium of its own, with a profile that goes with it.

    It speaks through two pipes, so that no port is open, and ends by itself when they close, however this process dies.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._exit = contextlib.ExitStack()
        self._last = 0
        self._unread = b""

    def __enter__(self) -> Self:
        """Start it; raise ChromiumError when it can't be."""
        profile = self._exit.enter_context(
            tempfile.TemporaryDirectory(prefix="obs-chromium-", ignore_cleanup_errors=True)
        )
        self._log = self._exit.enter_context(Path(profile, "log").open("w+b"))
        try:
            self._running = subprocess.Popen(
                [*OUTPUT_PIPES, self._program, *FLAGS, f"--user-data-dir={profile}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                # What it puts beside its profile goes with the profile.
                env={**os.environ, "TZ": "UTC", "LANGUAGE": "en_US", "TMPDIR": profile},
                start_new_session=True,
            )
            self._exit.callback(self._end)
            self.ask("Browser.getVersion")
        except OSError as error:
            self._exit.close()
            raise ChromiumError(f"{self._program} can't be started: {error.strerror}") from error
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it and everything it has started, and remove its profile."""
        self._exit.close()

    @contextlib.contextmanager
    def page(self, *, width: int, height: int) -> Iterator["Page"]:
        """Open a page of so many pixels, without a network but this machine's; it closes with the context."""
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session)
        page.resize(width, height)
        page.ask("Page.enable")
        try:
            yield page
        finally:
            with contextlib.suppress(ChromiumError):
                self.ask("Target.closeTarget", {"targetId": target})

    def ask(self, method: str, params: Mapping[str, Any] | None = None, session: str = "") -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its answer; raise ChromiumError."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": dict(params or {})}
        if session:
            message["sessionId"] = session
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            self._pipe(self._running.stdin).write(json.dumps(message).encode() + b"\0")
            self._pipe(self._running.stdin).flush()
        except OSError as error:
            raise ChromiumError(self._died()) from error
        while True:
            answer = json.loads(self._next(method, deadline))
            if answer.get("id") == self._last:
                break
        if "error" in answer:
            raise ChromiumError(f"Chromium refuses {method}: {answer['error']['message']}")
        found: dict[str, Any] = answer["result"]
        return found

    def _next(self, method: str, deadline: float) -> bytes:
        """Return the next message, whatever it is about."""
        stdout = self._pipe(self._running.stdout).fileno()
        while b"\0" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise ChromiumError(f"Chromium did not answer {method} within {PATIENCE_SECONDS} s")
            read = os.read(stdout, CHUNK)
            if not read:
                raise ChromiumError(self._died())
            self._unread += read
        message, _, self._unread = self._unread.partition(b"\0")
        return message

    def _died(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._running.wait(DYING_SECONDS)
        self._log.seek(0)
        said = [line for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return (
            f"{self._program} ended with status {self._running.returncode}: {said[-1] if said else 'it wrote nothing'}"
        )

    def _end(self) -> None:
        for pipe in (self._running.stdin, self._running.stdout):
            with contextlib.suppress(OSError):
                self._pipe(pipe).close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise ChromiumError("Chromium was started without pipes")
        return pipe


class Page:
    """One page of a `Chromium`."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call a method of the DevTools protocol on this page; raise ChromiumError."""
        return self._browser.ask(method, params, self._session)

    def resize(self, width: int, height: int) -> None:
        """Give the page so many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", size)

    def open(self, url: str) -> None:
        """Go to an address and wait until its load event is over; raise ChromiumError."""
        failed = self.ask("Page.navigate", {"url": url}).get("errorText")
        if failed:
            raise ChromiumError(f"Chromium can't open {url}: {failed}")
        self.evaluate(
            "new Promise(done => document.readyState === 'complete' ? done() : addEventListener('load', done))"
        )

    def evaluate(self, script: str) -> Any:
        """Return what an expression is worth, awaited where it is a promise; raise ChromiumError when it throws."""
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.ask("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise ChromiumError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element, as a person does: the page trusts it."""
        place = json.dumps(selector)
        box = self.evaluate(f"document.querySelector({place})?.getBoundingClientRect().toJSON()")
        if box is None:
            raise ChromiumError(f"no element of the page matches {selector}")
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", {"type": kind, "button": "left", "clickCount": 1, **middle})

    def picture(self, *, x: float, y: float, width: float, height: float) -> bytes:
        """Return a PNG of a part of the page that is on the screen; pixels from its top left corner."""
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        asked = {"format": "png", "clip": clip, "captureBeyondViewport": False, "optimizeForSpeed": False}
        return base64.b64decode(self.ask("Page.captureScreenshot", asked)["data"])
