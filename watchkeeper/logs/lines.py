"""How does every record of the process become one line of JSON that nobody can forge?"""

import json
import logging
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime
from logging.handlers import QueueHandler
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS, BaseJsonFormatter

from watchkeeper.scrubbing import REDACTED, Scrubber, as_text, class_name, cut, is_secret, valid_text
from watchkeeper.settings import Settings
from watchkeeper.tracing.trace_context import current

LINE_LIMIT = 4095
"""Longest line in bytes, its newline apart: on Linux a pipe takes 4,096 at once, however many workers write to it."""

STACK_LIMIT = 2800
"""Longest traceback in characters; with the other fields it fits into a line."""

VALUE_LIMITS = (3500, STACK_LIMIT, 2000, 1000, 256, 64)
"""Longest text of one field in characters; the next one down is tried while the line is too long."""

_TOLD = "_watchkeeper_told"
REQUEST_LOGGER = "telemetry.request"
SERVER_LOGGERS = ("uvicorn", "uvicorn.error", "hypercorn.error", "gunicorn.error", "arq", "rq.worker", "celery")
SERVER_ACCESS_LOGGERS = (
    "uvicorn.access",
    "hypercorn.access",
    "gunicorn.access",
    "granian.access",
    "django.server",
    "werkzeug",
)
"""What they tell of a request, its own line tells better."""

EARLY = ("litestar",)
"""Loggers of frameworks that write an exception before they answer it; the line of the request tells it after."""

STRUCTLOG = ("_logger", "_name", "_record", "_from_structlog")
"""What structlog's own formatter is handed besides the fields."""

_frameworks = set(SERVER_LOGGERS)
"""Loggers that write an exception once more, which the line of its request tells already."""

_RESERVED = frozenset((*RESERVED_ATTRS, *STRUCTLOG, "taskName", "color_message"))
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
quote = json.encoder.encode_basestring_ascii
"""Returns a text as a JSON string in ASCII."""


class RequestLine:
    """
    What a request's own record says: a message, and JSON members whose values are scrubbed, cut and valid already.

    There is one such record per request, so it is written without going through dictionaries.
    """

    __slots__ = ("members", "message")

    def __init__(self, message: str, members: str) -> None:
        self.message = message
        self.members = members

    def __str__(self) -> str:
        return self.message

    def fields(self) -> dict[str, Any]:
        """Return the members, for a record that says more than these."""
        return {"message": self.message, **json.loads(f"{{{self.members}}}")}


class JsonLines(BaseJsonFormatter):
    """
    Formats a record as one line: timestamp, level, message, service, environment, logger, ids, then its extras.

    ASCII alone is written, so no control character, line separator or invalid UTF-8 reaches the log. Exceptions
    become `exception_type`, `exception_message` and `exception_stacktrace`. A record that cannot be formatted
    (wrong arguments, say) comes out as it was written, with `log_error`.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._scrubber = Scrubber(settings.secret_query_parameters)
        self._origin = {"service": settings.service, "environment": settings.environment}
        self._request_origin = _encode({**self._origin, "logger": REQUEST_LOGGER})[1:-1]
        self._second = (0, "")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its newline."""
        line = record.msg
        if type(line) is RequestLine:
            error = record.exc_info[1] if record.exc_info else None
            told = line if error is None else self._failed(line, error)
            short = self.request_line(record.created, record.levelname.lower(), told)
            if len(short) <= LINE_LIMIT:
                return short
        try:
            return super().format(record)
        except Exception as error:  # noqa: BLE001 - a broken record must not lose what it wanted to say
            fields = self._head(record, as_text(record.msg)) | {"log_error": f"{type(error).__name__}: {error}"}
            return self.jsonify_log_record(fields)

    def formatException(self, ei: Any) -> str:  # noqa: ARG002, N802 - the base class would format what `_exception` does
        """Return nothing: the fields of an exception are ours."""
        return ""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Collect the fields of one record; extras that would overwrite one of ours get a trailing underscore."""
        message_dict.pop("exc_info", None)
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(record.msg, RequestLine):
            message_dict.update(record.msg.fields())
        elif isinstance(record.msg, dict):
            message_dict.setdefault("message", message_dict.pop("event", record.message))
            given = record.msg.get("exc_info")
            error = error or (given if isinstance(given, BaseException) else None)
        log_data.update(self._head(record, message_dict.pop("message", record.message)))
        log_data.update(self._exception(error))
        extras = {name: value for name, value in record.__dict__.items() if name not in _RESERVED}
        for name, value in {**extras, **message_dict}.items():
            log_data[f"{name}_" if name in log_data else name] = value

    def _head(self, record: logging.LogRecord, message: object) -> dict[str, Any]:
        context = current.get()
        head = {
            "timestamp": self._timestamp(record.created),
            "level": record.levelname.lower(),
            "message": message,
            **self._origin,
            "logger": record.name,
        }
        if context is not None:
            head["trace_id"], head["span_id"] = context.trace_id, context.span_id
        return head

    def _exception(self, error: BaseException | None) -> dict[str, str]:
        if error is None:
            return {}
        return {
            "exception_type": class_name(error),
            "exception_message": as_text(error),
            "exception_stacktrace": self._scrubber.stacktrace(error, STACK_LIMIT),
        }

    def _timestamp(self, created: float) -> str:
        second = int(created)
        known, text = self._second
        if second != known:
            text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, text)
        return f"{text}.{int((created - second) * 1_000_000):06d}+00:00"

    def request_line(self, created: float, level: str, line: RequestLine) -> str:
        """Return the line of a request, whatever its length."""
        context = current.get()
        ids = "" if context is None else f'"trace_id":"{context.trace_id}","span_id":"{context.span_id}",'
        return (
            f'{{"timestamp":"{self._timestamp(created)}","level":"{level}",'
            f'"message":{quote(line.message)},{self._request_origin},{ids}{line.members}}}'
        )

    def _failed(self, line: RequestLine, error: BaseException) -> RequestLine:
        """Return a line with what the request failed with."""
        fields = self._exception(error)
        fields["exception_message"] = self._scrubber.limited(fields["exception_message"], STACK_LIMIT)
        return RequestLine(line.message, f"{line.members},{_encode(fields)[1:-1]}")

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        """Return the fields as JSON of at most LINE_LIMIT bytes, without credentials."""
        for limit in VALUE_LIMITS:
            line = _encode(self._clean(log_data, limit))
            if len(line) <= LINE_LIMIT:
                return line
        why = {"log_error": "record too large: fields were left out"}
        kept: dict[str, Any] = {}
        room = LINE_LIMIT - len(_encode(why))
        for name, item in self._clean(log_data, VALUE_LIMITS[-1]).items():
            size = len(_encode({name: item}))
            if size <= room:
                kept[name], room = item, room - size
        return _encode(kept | why)

    def _clean(self, fields: dict[str, Any], limit: int) -> dict[str, Any]:
        return {
            cut(valid_text(as_text(name)), 64): REDACTED
            if value and is_secret(as_text(name))
            else self._scrubber.value(value, limit=limit)
            for name, value in fields.items()
        }


class _Stdout(logging.StreamHandler[Any]):
    """Writes to whatever sys.stdout is at the time, as print does."""

    def __init__(self, lines: JsonLines) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(lines)
        self.lines = lines

    @property
    def stream(self) -> Any:
        return sys.stdout

    def write(self, line: RequestLine) -> bool:
        """Write the line of a request; say whether it was short enough."""
        text = self.lines.request_line(time.time(), "info", line)
        if len(text) > LINE_LIMIT:
            return False
        with self.lock or nullcontext():
            stream = sys.stdout
            stream.write(f"{text}\n")
            stream.flush()
        return True


def handler() -> logging.Handler:
    """Return the handler of a server's own log configuration (`config.json`); settings are the environment's."""
    made = _Stdout(JsonLines(Settings.read()))
    made.addFilter(_is_new)
    return made


_root, _ours, _requests = map(logging.getLogger, (None, "telemetry", REQUEST_LOGGER))


def write_at_once(line: RequestLine) -> bool:
    """
    Write the line of a request that went well without a record, where nobody but us would see one.

    A record costs as much as all the rest of a line. Return False where somebody else listens, filters or has raised
    the level, and for an output that fails: logging knows how to tell of that.
    """
    handlers = _root.handlers
    if len(handlers) != 1 or type(handlers[0]) is not _Stdout or _ours.handlers or _requests.handlers:
        return False
    if not _requests.isEnabledFor(logging.INFO) or _requests.filters or handlers[0].level > logging.INFO:
        return False
    try:
        return handlers[0].write(line)
    except (OSError, ValueError):
        return False


def told(error: BaseException) -> None:
    """Note that an exception has been written: a server that logs it again adds nothing, not even a trace id."""
    error.__dict__[_TOLD] = True


def answered(error: BaseException, logger: str) -> None:
    """Note that a framework, which logs as ``logger``, has answered with 500: the line of the request tells of it."""
    _frameworks.add(logger)
    told(error)


def _is_new(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    if record.name in EARLY:
        return current.get() is None
    return record.name not in _frameworks or _TOLD not in error.__dict__


def configure(settings: Settings) -> None:
    """
    Send every record of the process to stdout as JSON: the application's, the server's, its warnings, structlog's.

    Safe to call again (a server that sets up its own logging after import is brought into line at startup).
    Handlers that write to the terminal are replaced, wherever a framework has put them; others (files, Sentry) stay.
    An application that has configured structlog itself keeps what it chose.
    """
    root = logging.getLogger()
    handler = _Stdout(JsonLines(settings))
    handler.addFilter(_is_new)
    root.handlers = [kept for kept in root.handlers if type(kept) is not _Stdout and not _writes_to_terminal(kept)]
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger) and any(map(_writes_to_terminal, logger.handlers)):
            logger.handlers = [kept for kept in logger.handlers if not _writes_to_terminal(kept)]
            logger.propagate = True
    for name in SERVER_LOGGERS:
        server = logging.getLogger(name)
        server.handlers, server.propagate = [], True
    for name in SERVER_ACCESS_LOGGERS:
        access = logging.getLogger(name)
        access.handlers, access.propagate = [], False
    logging.captureWarnings(True)
    _join_structlog()


def _writes_to_terminal(handler: logging.Handler) -> bool:
    if isinstance(handler, QueueHandler):  # Litestar's, which hands on to another in a thread
        behind = getattr(getattr(handler, "listener", None), "handlers", ())
        return bool(behind) and all(map(_writes_to_terminal, behind))
    if type(handler) is logging.StreamHandler:
        return True
    streams = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return isinstance(handler, logging.StreamHandler) and handler.stream in streams and type(handler) is not _Stdout


def _join_structlog() -> None:
    """Have structlog hand its events to logging, where it is used and nobody has configured it."""
    structlog = sys.modules.get("structlog")
    if structlog is not None and not structlog.is_configured():
        structlog.configure(
            processors=[structlog.contextvars.merge_contextvars, _event],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def _event(_: Any, __: str, event: dict[str, Any]) -> tuple[tuple[dict[str, Any]], dict[str, Any]]:
    """Return what logging takes of an event: its fields as one message, so that no name of theirs can clash."""
    told: dict[str, Any] = {name: event.pop(name) for name in ("exc_info", "stack_info") if name in event}
    if "message" in event:
        event["message_"] = event.pop("message")
    return ({"message": event.pop("event", ""), **event},), told
