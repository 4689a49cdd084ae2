"""A traceback says what Python's says, once, and costs little."""

import asyncio
import json
import logging
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.conftest import ROOT
from watchkeeper import instrument, tracebacks
from watchkeeper.asgi.types import Message


def chained() -> None:
    """Fail because of something else, while something else is handled."""
    try:
        try:
            int("x")
        except ValueError as error:
            raise LookupError("caused") from error
    except LookupError:
        json.loads("{")


def noted() -> None:
    """Fail with a note, hiding what was before."""
    try:
        int("x")
    except ValueError:
        error = RuntimeError("several\nlines")
        error.add_note("and a note")
        raise error from None


def grouped() -> None:
    """Fail in several ways."""
    raise ExceptionGroup("both", [ValueError(1), KeyError("x")])


def misspelt() -> None:
    """Fail to compile."""
    compile("a b", "main.py", "exec")


def raised(fail: Callable[[], None]) -> Exception:
    """Return what a function raises."""
    try:
        fail()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("fail", [chained, noted, grouped, misspelt])
def test_it_says_what_python_says(fail: Callable[[], None]) -> None:
    """Causes, contexts, notes, groups and the place of a syntax error are there; only carets below lines are not."""
    error = raised(fail)

    expected = "".join(traceback.format_exception(error)).rstrip().split("\n")
    carets = re.compile(r"\s+[~^]+")
    kept = [line for line in expected if not carets.fullmatch(line)]
    assert [line for line in tracebacks.lines(error) if not carets.fullmatch(line)] == kept


def test_a_recursion_is_told_by_its_innermost_frames() -> None:
    """A thousand frames that say the same cost thirty."""

    def again() -> None:
        again()

    with pytest.raises(RecursionError) as caught:
        again()

    assert sum("in again" in line for line in tracebacks.lines(caught.value)) == tracebacks.MAX_FRAMES


async def fail(_: Request) -> PlainTextResponse:
    """Fail."""
    raise ValueError("no")


async def succeed(_: Request) -> PlainTextResponse:
    """Answer."""
    return PlainTextResponse("yes")


async def serve(app: Starlette, path: str) -> None:
    """Serve one request as uvicorn does, which logs what the application raises."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], "root_path": ""}
    try:
        await app(scope, receive, send)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")


async def test_an_exception_is_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The server's record of an exception that the request's line holds is left out; others of the server are not."""
    routes = [Route("/fail", fail)]
    app = instrument(Starlette(routes=routes))
    await serve(app, "/fail")
    await serve(Starlette(routes=routes), "/fail")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["logger"], "trace_id" in line) for line in lines] == [
        ("telemetry.request", True),
        ("uvicorn.error", False),
    ]


def test_a_failing_request_costs_ten_good_ones() -> None:
    """A failure with its traceback takes about ten times the calls of a request that is well; it was seventy."""
    command = [sys.executable, "-c", "from tests.watchkeeper.test_tracebacks import compare; compare()"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    good, failing = map(int, done.stdout.splitlines()[-1].split())

    assert failing < 30 * good


def compare() -> None:
    """Print how many calls a good request and a failing one take, in a process where nothing else logs."""
    app = instrument(Starlette(routes=[Route("/fail", fail), Route("/good", succeed)]))
    for path in ("/good", "/fail"):
        asyncio.run(serve(app, path))  # what is made once
    found = [asyncio.run(calls(app, path)) for path in ("/good", "/fail")]
    sys.stdout.write(" ".join(map(str, found)) + "\n")


async def calls(app: Any, path: str) -> int:
    """Return how many functions are called to answer a request: unlike time the same on every machine."""
    count = 0

    def called(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        await serve(app, path)
    finally:
        sys.setprofile(None)
    return count
