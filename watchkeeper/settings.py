"""How is the instrumentation configured: by keyword first, then by environment, then by a sensible default?"""

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Self, TypedDict, Unpack

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import REQUEST_DURATION
from watchkeeper.counts.bridge import Collector
from watchkeeper.scrubbing import DEFAULT_QUERY_PARAMETERS
from watchkeeper.store.urls import check_url

HTTP = "http/protobuf"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
SAMPLERS = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)


_LISTS = (
    *("metrics_networks", "vitals_origins", "pages", "secret_query_parameters", "collectors"),
    *("uncounted_routes", "untraced_routes", "traced_clients", "latency_buckets"),
)
_DSN = re.compile(r"https?://[^@/\s]+@[^/\s]+/(?:[^\s]*/)?\d+")
_log = logging.getLogger("telemetry")


class TelemetryError(Exception):
    """The instrumentation cannot start as configured; the message says which setting, and what it takes."""


def _from(variable: str, default: Any = "") -> Any:
    return field(default=default, metadata={"variable": variable})


class Options(TypedDict, total=False):
    """What `instrument` and `Telemetry.read` take as keywords; `Settings` says what each means."""

    service: str
    environment: str
    version: str
    redis_url: str
    log_level: str
    otlp_endpoint: str
    otlp_traces_endpoint: str
    sampler: str
    sampler_ratio: float
    sentry_dsn: str
    metrics_token: str
    metrics_path: str
    metrics_networks: Sequence[str]
    vitals_path: str
    vitals_origins: Sequence[str]
    vitals_per_minute: int
    vitals_total_per_minute: int
    vitals: bool
    pages: Sequence[str]
    logs: bool
    quiet_routes: Mapping[str, float]
    secret_query_parameters: Sequence[str]
    collectors: Sequence[Collector]
    process_metrics: bool
    uncounted_routes: Sequence[str]
    untraced_routes: Sequence[str]
    traced_clients: Sequence[str]
    latency_buckets: Sequence[float]
    request_labels: Mapping[Label, Callable[[Any], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    Everything that can be configured; `Settings.read(...)` fills it and refuses what makes no sense.

    ``pages`` are the templates a browser's address is matched against (`/rooms/{id}`). ``metrics_networks`` and
    ``metrics_token`` guard the metrics: either one, where set, lets a scraper in. ``quiet_routes`` maps a route
    template to the share (0 to 1) of its successful requests that are logged. ``sampler`` and ``sampler_ratio``
    are OpenTelemetry's: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    ``vitals_per_minute`` is how many reports one client address may send, and ``vitals_total_per_minute`` how many all
    together; without ``vitals`` no report is taken at all.
    ``collectors`` are prometheus_client's, registries included; ``process_metrics`` adds what it knows of the process.
    ``uncounted_routes`` and ``untraced_routes`` are templates of paths without metrics and without spans.
    ``traced_clients`` names OpenTelemetry's instrumentations that are switched on where they are installed and spans
    are recorded. ``latency_buckets`` are the upper edges of request durations, in seconds. ``request_labels`` adds
    labels to the count and the duration of requests: each maps to a function of the scope, and what it returns beyond
    the declared values is `other`.
    """

    service: str = _from("OTEL_SERVICE_NAME", "api")
    environment: str = _from("ENVIRONMENT", "development")
    version: str = _from("SERVICE_VERSION", "0")
    redis_url: str = _from("REDIS_URL")
    log_level: str = _from("LOG_LEVEL", "INFO")
    otlp_endpoint: str = _from("OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp_traces_endpoint: str = _from("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    sampler: str = _from("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    sampler_ratio: float = _from("OTEL_TRACES_SAMPLER_ARG", 1.0)
    sentry_dsn: str = _from("SENTRY_DSN")
    metrics_token: str = _from("METRICS_TOKEN")
    metrics_path: str = "/api/metrics/prometheus"
    metrics_networks: tuple[str, ...] = _from("METRICS_NETWORKS", ())
    vitals_path: str = "/api/ux/vitals"
    vitals_origins: tuple[str, ...] = _from("VITALS_ORIGINS", ())
    vitals_per_minute: int = 600
    vitals_total_per_minute: int = 10_000
    vitals: bool = True
    pages: tuple[str, ...] = ("/",)
    logs: bool = True
    quiet_routes: Mapping[str, float] = field(default_factory=lambda: {"/healthz": 0.0, "/readyz": 0.0})
    secret_query_parameters: tuple[str, ...] = DEFAULT_QUERY_PARAMETERS
    collectors: tuple[Collector, ...] = ()
    process_metrics: bool = False
    uncounted_routes: tuple[str, ...] = ()
    untraced_routes: tuple[str, ...] = ()
    traced_clients: tuple[str, ...] = ("httpx", "requests", "redis", "pymongo")
    latency_buckets: tuple[float, ...] = REQUEST_DURATION.buckets
    request_labels: Mapping[Label, Callable[[Any], str]] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        environ: Mapping[str, str] = os.environ,
        doubt: Callable[[str], object] = _log.warning,
        /,
        **chosen: Unpack[Options],
    ) -> Self:
        """
        Return settings from keywords, then ``environ``; raise TelemetryError for an unknown or unusable one.

        A wrong value in OpenTelemetry's variables, SENTRY_DSN or LOG_LEVEL is no reason not to serve: ``doubt`` is told
        of it, and the default holds.
        """
        known = {entry.name: entry for entry in fields(cls)}
        values: dict[str, Any] = {**chosen}
        if unknown := sorted(values.keys() - known.keys()):
            raise TelemetryError(f"instrument() has no setting '{unknown[0]}'; it has: {', '.join(sorted(known))}")
        for name, entry in known.items():
            text = environ.get(entry.metadata.get("variable", ""), "").strip()
            if text and name not in values and _is_sane(name, text, doubt):
                values[name] = text.replace(",", " ").split() if isinstance(entry.default, tuple) else text
        if not _exports(environ, doubt):
            values["otlp_endpoint"] = values["otlp_traces_endpoint"] = ""
        return cls(**values)

    def __post_init__(self) -> None:
        """Bring values into their types and refuse what cannot work: raise TelemetryError."""
        for name in _LISTS:
            if isinstance(getattr(self, name), str):
                raise TelemetryError(f"{name} is a list of texts, not the text {getattr(self, name)!r}")
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "log_level", str(self.log_level).upper())
        object.__setattr__(self, "sampler_ratio", _share("OTEL_TRACES_SAMPLER_ARG", self.sampler_ratio))
        _one_of("LOG_LEVEL", self.log_level, LEVELS)
        _one_of("OTEL_TRACES_SAMPLER", self.sampler, SAMPLERS)
        _path("metrics_path", self.metrics_path)
        _path("vitals_path", self.vitals_path)
        for name in ("pages", "uncounted_routes", "untraced_routes"):
            for path in getattr(self, name):
                _path(name, path)
        for label in self.request_labels:
            if not label.values:
                raise TelemetryError(f"request_labels: label '{label.name}' lists no values")
        if list(self.latency_buckets) != sorted(set(self.latency_buckets)) or not self.latency_buckets:
            raise TelemetryError(f"latency_buckets are edges that rise, in seconds, not {self.latency_buckets}")
        for route, share in self.quiet_routes.items():
            _share(f"quiet_routes['{route}']", share)
        if self.redis_url:
            _redis_url(self.redis_url)
        _ = self.networks

    @property
    def traces_url(self) -> str:
        """Where spans are sent, "" for nowhere."""
        base = self.otlp_endpoint.rstrip("/")
        return self.otlp_traces_endpoint or (f"{base}/v1/traces" if base else "")

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Who may read the metrics without a token, parsed; raise TelemetryError for what is no network."""
        try:
            return tuple(ip_network(text) for text in self.metrics_networks)
        except ValueError as error:
            raise TelemetryError(f"metrics_networks: {error}; write '10.0.0.0/8' or one address") from None


def _is_sane(name: str, text: str, doubt: Callable[[str], object]) -> bool:
    """Say whether a variable can be used, where it may be left out; doubt it otherwise, without repeating a secret."""
    try:
        if name == "log_level":
            _one_of("LOG_LEVEL", text.upper(), LEVELS)
        elif name == "sampler":
            _one_of("OTEL_TRACES_SAMPLER", text, SAMPLERS)
        elif name == "sampler_ratio":
            _share("OTEL_TRACES_SAMPLER_ARG", text)
        elif name == "sentry_dsn":
            _dsn(text)
    except TelemetryError as error:
        doubt(f"{error}; the default is used")
        return False
    return True


def _exports(environ: Mapping[str, str], doubt: Callable[[str], object]) -> bool:
    """Say whether spans are exported at all: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/."""
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    kind = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
    kind = kind if environ.get(kind, "").strip() else "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = environ.get(kind, "").strip() or HTTP
    if exporter not in ("otlp", "none"):
        doubt(f"OTEL_TRACES_EXPORTER is {exporter!r}; it takes: otlp, none; otlp is used")
    if protocol != HTTP:
        doubt(f"{kind} is {protocol!r}; spans go as {HTTP}")
    return exporter != "none" and environ.get("OTEL_SDK_DISABLED", "").strip().lower() != "true"


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise TelemetryError(f"{name} is {value!r}; it takes: {', '.join(known)}")


def _dsn(text: str) -> None:
    if not _DSN.fullmatch(text):
        raise TelemetryError("SENTRY_DSN is no Sentry DSN; it looks like https://KEY@HOST/PROJECT")


def _path(name: str, path: str) -> None:
    if not path.startswith("/"):
        raise TelemetryError(f"{name} holds {path!r}, and a path begins with '/'")


def _redis_url(url: str) -> None:
    try:
        check_url(url)
    except ValueError as error:
        raise TelemetryError(str(error)) from None


def _share(name: str, value: float | str) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise TelemetryError(f"{name} is {value!r}; it takes a number from 0 to 1")
    return share
