"""How do exceptions reach Sentry, under the trace id of the request and without its secrets?"""

from collections.abc import Callable
from typing import Any

from watchkeeper.logs.lines import REQUEST_LOGGER
from watchkeeper.scrubbing import Scrubber
from watchkeeper.settings import Settings, TelemetryError
from watchkeeper.tracing.trace_context import current

Event = dict[str, Any]
Hook = Callable[[Event, Any], Event]

MAX_VALUE = 8192
"""Longest text in an event, in characters."""

LOCALS = False
"""Whether frames show their variables: these hold the ASGI scope, and with it every header."""

FRAME_DEPTH = 4
"""Levels between an event and the frames of its stack traces; what hangs below them is scrubbed to full depth."""


def start(settings: Settings) -> Callable[[BaseException], object]:
    """
    Initialise Sentry where a DSN is set and return what exceptions are reported with.

    An application that has initialised Sentry itself keeps its client: its events are cleaned, name the trace, and then
    pass its own `before_send`.
    Without a DSN nothing is imported and reporting does nothing. Raise TelemetryError where the DSN is set and
    the `sentry` extra is not installed, or the DSN is not one.
    """
    if not settings.sentry_dsn:
        return lambda _: None
    try:
        import sentry_sdk  # noqa: PLC0415 - an optional extra
        from sentry_sdk.integrations.logging import ignore_logger  # noqa: PLC0415 - so is this
        from sentry_sdk.utils import BadDsn  # noqa: PLC0415 - and this
    except ImportError:
        raise TelemetryError("SENTRY_DSN is set, but sentry-sdk is missing: install 'watchkeeper[sentry]'") from None
    before_send, before_breadcrumb = hooks(settings)
    # A request that failed is reported with its exception; its log line would be a second event.
    ignore_logger(REQUEST_LOGGER)
    options = sentry_sdk.get_client().options
    if options.get("dsn") and not getattr(options.get("before_send"), "ours", False):
        options["include_local_variables"] = LOCALS
        options["before_send"] = _before(before_send, options.get("before_send"))
        return sentry_sdk.capture_exception
    try:
        sentry_sdk.init(
            dsn=settings.sentry_dsn,
            environment=settings.environment,
            release=f"{settings.service}@{settings.version}",
            server_name=settings.service,
            before_send=before_send,  # type: ignore[arg-type] # Event is a TypedDict; a plain dict does not satisfy it
            before_breadcrumb=before_breadcrumb,
            include_local_variables=LOCALS,
            max_request_body_size="never",
            traces_sample_rate=None,
        )
    except BadDsn:
        raise TelemetryError("SENTRY_DSN is no Sentry DSN; it looks like https://KEY@HOST/PROJECT") from None
    return sentry_sdk.capture_exception


def _before(ours: Hook, theirs: Callable[[Event, Any], Event | None] | None) -> Callable[[Event, Any], Event | None]:
    if theirs is None:
        return ours
    return lambda event, hint: theirs(ours(event, hint), hint)


def hooks(settings: Settings) -> tuple[Hook, Hook]:
    """Return what Sentry asks before it sends an event and before it keeps a breadcrumb."""
    scrubber = Scrubber(settings.secret_query_parameters)

    def clean(event: Event, _hint: Any) -> Event:
        request = event.get("request")
        if isinstance(request, dict) and isinstance(request.get("query_string"), str):
            request["query_string"] = scrubber.query(request["query_string"])
        return {name: scrubber.value(item, limit=MAX_VALUE, depth=-FRAME_DEPTH) for name, item in event.items()}

    def before_send(event: Event, hint: Any) -> Event:
        event = clean(event, hint)
        context = current.get()
        if context is not None:
            place = {"trace_id": context.trace_id, "span_id": context.span_id}
            event["tags"] = {**(event.get("tags") or {}), "trace_id": context.trace_id}
            event["contexts"] = {**(event.get("contexts") or {}), "trace": place}
        return event

    before_send.ours = True  # type: ignore[attr-defined] # tells a client of ours, which is made anew, from another's
    return before_send, clean
