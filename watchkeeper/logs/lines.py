"""How does every record of the process become one line of JSON that nobody can forge?"""

import json
import logging
import sys
from datetime import UTC, datetime
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
SERVER_ACCESS_LOGGERS = ("uvicorn.access", "hypercorn.access", "gunicorn.access")

_RESERVED = frozenset((*RESERVED_ATTRS, "taskName", "color_message"))
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
        if type(line) is RequestLine and not record.exc_info:
            short = self._request_line(record, line)
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
        if isinstance(record.msg, RequestLine):
            message_dict.update(record.msg.fields())
        log_data.update(self._head(record, message_dict.pop("message", record.message)))
        log_data.update(self._exception(record))
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

    def _exception(self, record: logging.LogRecord) -> dict[str, str]:
        error = record.exc_info[1] if record.exc_info else None
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

    def _request_line(self, record: logging.LogRecord, line: RequestLine) -> str:
        context = current.get()
        ids = "" if context is None else f'"trace_id":"{context.trace_id}","span_id":"{context.span_id}",'
        return (
            f'{{"timestamp":"{self._timestamp(record.created)}","level":"{record.levelname.lower()}",'
            f'"message":{quote(line.message)},{self._request_origin},{ids}{line.members}}}'
        )

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

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stdout


def told(error: BaseException) -> None:
    """Note that an exception has been written: a server that logs it again adds nothing, not even a trace id."""
    error.__dict__[_TOLD] = True


def _is_new(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return error is None or record.name not in SERVER_LOGGERS or _TOLD not in error.__dict__


def configure(settings: Settings) -> None:
    """
    Send every record of the process to stdout as JSON, the application's and the server's alike.

    Safe to call again (a server that sets up its own logging after import is brought into line at startup).
    Handlers on the root logger that write to the terminal are replaced; others (files, Sentry) stay.
    """
    root = logging.getLogger()
    handler = _Stdout()
    handler.addFilter(_is_new)
    handler.setFormatter(JsonLines(settings))
    root.handlers = [kept for kept in root.handlers if type(kept) not in (logging.StreamHandler, _Stdout)]
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name in SERVER_LOGGERS:
        server = logging.getLogger(name)
        server.handlers, server.propagate = [], True
    for name in SERVER_ACCESS_LOGGERS:
        access = logging.getLogger(name)
        access.handlers, access.propagate = [], False
