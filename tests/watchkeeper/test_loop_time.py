"""What a request costs on the loop is counted in calls, for times depend on the machine: few, whatever is counted."""

import asyncio
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

import watchkeeper
from watchkeeper import Telemetry, instrument
from watchkeeper.asgi.middleware import MetricsMiddleware
from watchkeeper.asgi.types import Message, Receive, Scope, Send
from watchkeeper.contract.metrics import REQUESTS
from watchkeeper.recorder import Recorder
from watchkeeper.store.protocol import Batch, Contents, Reply

OURS = watchkeeper.__file__.removesuffix("__init__.py")
MOST_CALLS = {"/": 100, "/fail": 300}
"""A call of ours takes one to two microseconds: three hundred stay below a millisecond."""


class Watched:
    """A store in memory that finds a dead worker each time, and notes on which threads it is asked."""

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self.folded = threading.Event()

    def write(self, batch: Batch) -> Reply:
        """Take a batch."""
        self.threads.add(threading.get_ident())
        return Reply("taken", batch.sequence, dead_found=True)

    def read(self) -> Contents:
        """Return nothing."""
        return Contents({}, {}, 0.0, restoring=False)

    def fold(self) -> None:
        """Note it."""
        self.threads.add(threading.get_ident())
        self.folded.set()

    def forget_connections(self) -> None:
        """Have none."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, or fail where asked to."""
    if scope["path"] == "/fail":
        raise ValueError("out of stock")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


async def calls(observed: Any, path: str) -> int:
    """Return how many calls of ours one request makes on the thread of the loop."""
    count = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(OURS)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    sys.setprofile(profile)
    try:
        with suppress(ValueError):
            await observed(scope, receive, send)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("path", ["/", "/fail"])
async def test_the_calls_of_a_request_are_few_and_do_not_grow_with_what_is_counted(path: str) -> None:
    """Two hundred requests and ten thousand series later, a request makes no more calls than the second one."""
    telemetry = Telemetry.read()
    observed = instrument(app, telemetry=telemetry)
    await calls(observed, path)
    second = await calls(observed, path)
    for number in range(10_000):
        telemetry.recorder.add(REQUESTS, ("GET", f"/things{number}", "200"))
    for _ in range(200):
        with suppress(ValueError):
            later = await calls(observed, path)
        assert later <= second

    assert 0 < second <= MOST_CALLS[path]


async def test_deliveries_and_folds_run_beside_the_loop() -> None:
    """Requests are counted on the loop; nothing is packed, sent or folded there."""
    store = Watched()
    recorder = Recorder(store=store, interval=0.01)
    observed = MetricsMiddleware(app, recorder)
    try:
        while not store.folded.is_set():
            await calls(observed, "/")
    finally:
        await asyncio.to_thread(recorder.stop)

    assert threading.get_ident() not in store.threads
