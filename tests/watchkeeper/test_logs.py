"""Every record becomes one line of JSON that nobody can forge, and the application's own come out alike."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watchkeeper.servers import ROOT
from watchkeeper.logs import lines
from watchkeeper.settings import Settings
from watchkeeper.tracing.trace_context import TraceContext, current

SETTINGS = Settings(service="chat", environment="test")
FORMATTER = lines.JsonLines(SETTINGS)


def record(message: Any, *args: Any, level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    """Return a record as `logging` makes it, with extras."""
    return logging.getLogger("app").makeRecord("app", level, __file__, 1, message, args, None, extra=extra)


def fields(line: str) -> dict[str, Any]:
    """Return what a line says, and insist that it is one line of strict JSON in ASCII."""
    assert line.isascii()
    assert not set(line) & {chr(code) for code in (*range(32), 127)}
    found: dict[str, Any] = json.loads(line, parse_constant=pytest.fail)
    return found


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root, names = logging.getLogger(), [*lines.SERVER_LOGGERS, *lines.SERVER_ACCESS_LOGGERS]
    before = (
        root.handlers[:],
        root.level,
        [(logging.getLogger(name), logging.getLogger(name).handlers[:]) for name in names],
    )
    yield
    root.handlers, level, servers = before
    root.setLevel(level)
    for logger, handlers in servers:
        logger.handlers, logger.propagate = handlers, True


def test_a_record_says_where_it_comes_from() -> None:
    """Time, level, message, service, environment and logger are on every line."""
    found = fields(FORMATTER.format(record("hello %s", "world", level=logging.WARNING)))

    assert found["timestamp"].endswith("+00:00")
    assert {name: found[name] for name in ("level", "message", "service", "environment", "logger")} == {
        "level": "warning",
        "message": "hello world",
        "service": "chat",
        "environment": "test",
        "logger": "app",
    }


def test_a_record_within_a_request_carries_its_ids() -> None:
    """The application's own records have the same trace and span id as the request's line."""
    token = current.set(TraceContext("a" * 32, "b" * 16))
    try:
        found = fields(FORMATTER.format(record("hello")))
    finally:
        current.reset(token)

    assert (found["trace_id"], found["span_id"]) == ("a" * 32, "b" * 16)


def test_extras_become_fields_and_never_replace_ours() -> None:
    """An extra called like one of our fields is kept beside it."""
    found = fields(FORMATTER.format(record("hello", user=7, level_="x", service="forged")))

    assert (found["user"], found["service"], found["service_"]) == (7, "chat", "forged")


def test_a_dict_as_message_becomes_fields() -> None:
    """A structured message is not flattened into text."""
    found = fields(FORMATTER.format(record({"message": "paid", "amount": 3, "card_token": "s3cr3t"})))

    assert (found["message"], found["amount"], found["card_token"]) == ("paid", 3, "[redacted]")


def fail() -> None:
    """Raise an exception with a password in it."""
    raise ValueError("no route to redis://:s3cr3t@host/0")


def test_an_exception_becomes_fields() -> None:
    """Type, message and stack trace are fields, without the credentials in them."""
    with pytest.raises(ValueError, match="no route") as caught:
        fail()
    entry = record("failed")
    entry.exc_info = (caught.type, caught.value, caught.tb)

    found = fields(FORMATTER.format(entry))

    assert found["exception_type"] == "ValueError"
    assert found["exception_message"] == "no route to redis://[redacted]@host/0"
    assert "test_logs.py" in found["exception_stacktrace"]
    assert "s3cr3t" not in json.dumps(found)


@pytest.mark.parametrize(
    "message",
    ['x\n{"level":"error","message":"forged"}', "\x1b[31mred\x07", "\u2028\u2029\x85", "\ud800", "nul\x00", "\x7f"],
)
def test_no_text_can_forge_or_break_a_line(message: str) -> None:
    """Newlines, terminal escapes and invalid UTF-8 stay within their field."""
    found = fields(FORMATTER.format(record("%s", message, note=message)))

    assert found["level"] == "info"


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.floats() | st.binary()), st.text())
def test_any_record_is_one_line_within_the_limit(extra: dict[str, Any], message: str) -> None:
    """Whatever an application logs comes out as one parseable line."""
    entry = record(message)
    entry.__dict__["extra"] = extra

    line = FORMATTER.format(entry)

    fields(line)
    assert len(line) <= lines.LINE_LIMIT


@pytest.mark.parametrize(
    "extra",
    [
        {"body": "x" * 10_000_000},
        {"body": ["x" * 5000] * 5000},
        {f"field{number}": "\x00" * 500 for number in range(500)},
        {"number": 10**5000},
    ],
)
def test_a_huge_record_is_cut_to_fit_a_line(extra: dict[str, Any]) -> None:
    """A line stays below what a pipe takes at once, and says what it is about."""
    line = FORMATTER.format(record("huge", **extra))

    assert len(line) <= lines.LINE_LIMIT
    assert fields(line)["message"] == "huge"


def test_a_failure_that_says_much_keeps_its_last_lines() -> None:
    """What went wrong stands at the end of a traceback, so its beginning goes first."""
    error = ValueError("x" * 3000)
    error.add_note("the end")
    made = logging.getLogger("app").makeRecord("app", logging.ERROR, "", 1, "no", (), (ValueError, error, None))

    found = fields(FORMATTER.format(made))

    assert found["exception_stacktrace"].splitlines()[-1] == "the end"
    assert found["exception_message"].startswith("xxx")


def test_several_workers_write_whole_lines_to_one_pipe() -> None:
    """However long their records are, no line of one process is divided by another's."""
    code = (
        "import logging; from watchkeeper import Telemetry; Telemetry.read()\n"
        "for size in range(300): logging.warning('n' * 40 * size)"
    )
    reading, writing = os.pipe()
    workers = [subprocess.Popen([sys.executable, "-c", code], stdout=writing, cwd=ROOT) for _ in range(3)]
    os.close(writing)
    with os.fdopen(reading, encoding="ascii") as pipe:
        written = [fields(line.rstrip("\n")) for line in pipe]

    assert [worker.wait() for worker in workers] == [0, 0, 0]

    assert len(written) == 900


def test_a_record_with_wrong_arguments_is_not_lost() -> None:
    """A mistake in a log call costs its formatting, not its text."""
    found = fields(FORMATTER.format(record("only %d", "text")))

    assert found["message"] == "only %d"
    assert found["log_error"].startswith("TypeError")


@pytest.mark.usefixtures("restored_logging")
def test_the_whole_process_logs_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """Application, libraries and server write the same lines; the server's own access log is silent."""
    logging.getLogger("uvicorn.access").addHandler(logging.StreamHandler())

    lines.configure(SETTINGS)
    lines.configure(SETTINGS)
    for name in ("app", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).info("from %s", name)

    written = capsys.readouterr().out.splitlines()
    assert [fields(line)["message"] for line in written] == ["from app", "from uvicorn.error"]


@pytest.mark.usefixtures("restored_logging")
def test_a_handler_that_writes_elsewhere_stays(tmp_path: Any) -> None:
    """What the application sends to a file it still sends there."""
    handler = logging.FileHandler(tmp_path / "app.log")
    logging.getLogger().addHandler(handler)

    lines.configure(SETTINGS)

    assert handler in logging.getLogger().handlers
    handler.close()


FOREIGN = """
import logging
import sys
import warnings
import structlog
from watchkeeper import Telemetry

logging.basicConfig(stream=sys.stderr)
own = logging.getLogger("framework")
own.addHandler(logging.StreamHandler(sys.stdout))
own.propagate = False
Telemetry.read(service="chat")
own.warning("of a framework")
warnings.warn("of Python", stacklevel=1)
structlog.get_logger("shop").info("of structlog", name="tea", message="m", amount=2)
try:
    raise ValueError("password=s3cr3t")
except ValueError:
    structlog.get_logger("shop").exception("failed")
"""


def test_whatever_writes_writes_json() -> None:
    """A framework's own handlers, Python's warnings and structlog: each record is one line, no name clashes."""
    done = subprocess.run([sys.executable, "-c", FOREIGN], cwd=ROOT, capture_output=True, text=True, check=True)

    framework, warning, event, failure = map(json.loads, done.stdout.splitlines())
    assert done.stderr == ""
    assert (framework["logger"], framework["message"]) == ("framework", "of a framework")
    assert (warning["logger"], warning["level"]) == ("py.warnings", "warning")
    assert "UserWarning: of Python" in warning["message"]
    assert (event["message"], event["message_"], event["name"], event["amount"]) == ("of structlog", "m", "tea", 2)
    assert (failure["exception_type"], failure["level"]) == ("ValueError", "error")
    assert "s3cr3t" not in done.stdout
