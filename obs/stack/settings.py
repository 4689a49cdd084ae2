"""Which settings there are, what each takes, and what it means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAME = r"[a-z][a-z0-9-]{0,23}"
_DIGITS = {"y": 2, "w": 3, "d": 4, "h": 5, "m": 7, "s": 9, "ms": 11}
DURATION = r"(?=[0-9])" + "".join(rf"([1-9][0-9]{{0,{most - 1}}}{unit})?" for unit, most in _DIGITS.items())
"""A duration as Prometheus reads it: each unit once, the longest first, and together less than 292 years."""

ADDRESS = r"[A-Za-z0-9.-]+:[0-9]{1,5}"
URL = r"https?://[^\s/]+(/[^\s]*)?"
NAME_OF_LABEL = r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?"
UID = r"[A-Za-z0-9_-]{1,40}"


def setting(
    *, above: float | None = None, below: float | None = None, pattern: str = "", takes: str = "", **default: Any
) -> Any:
    """Declare a setting: the open interval it lies in, or the pattern it matches and how to say that in words."""
    return field(**default, metadata={"above": above, "below": below, "pattern": pattern, "takes": takes})


def short_name() -> Any:
    """Declare a short lower-case name."""
    return setting(pattern=NAME, takes="a lower-case name of at most 24 letters, digits and dashes")


def duration(default: str) -> Any:
    """Declare a duration as Prometheus writes it."""
    return setting(pattern=DURATION, takes='a duration such as "30s", "5m" or "30d"', default=default)


def http_address() -> Any:
    """Declare an http(s) address."""
    return setting(pattern=URL, takes="an http:// or https:// address")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Who this is about."""

    name: str = short_name()
    team: str = short_name()
    environment: str = short_name()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One scrape target: ``job`` and ``address`` become the job and instance labels of its series."""

    job: str = short_name()
    address: str = setting(pattern=ADDRESS, takes="host:port")
    path: str = setting(pattern=r"/[^\s]*", takes='a path such as "/metrics"', default="/metrics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Everything Prometheus scrapes."""

    api: Target
    redis: Target
    mongodb: Target
    prometheus: Target
    alertmanager: Target
    loki: Target
    promtail: Target
    jaeger: Target
    grafana: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """The share of requests that must not fail by our fault."""

    objective: float = setting(above=0, below=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """The share of requests that must be answered within a threshold, which is a bucket edge of the histogram."""

    objective: float = setting(above=0, below=1)
    threshold_seconds: float = setting(above=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slos:
    """The promises, over one rolling window."""

    availability: Availability
    latency: Latency
    window: str = setting(pattern=r"(28|30)d", takes='"28d" or "30d"', default="30d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """The metrics server: its address for people, and how much it keeps."""

    url: str = http_address()
    scrape_interval: str = duration("15s")
    retention: str = duration("30d")
    retention_size: str = setting(pattern=r"[1-9][0-9]*(MB|GB|TB)", takes='a size such as "20GB"', default="20GB")
    remote_write_url: str = setting(pattern=f"({URL})?", takes="an http(s) address, or nothing", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """The router of alerts: its address for people."""

    url: str = http_address()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grafana:
    """Where dashboards go, and whether Grafana is the engine that pages."""

    url: str = http_address()
    folder: str = setting(pattern=r"\S(.{0,98}\S)?", takes="a title of at most 100 characters")
    pages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """A Grafana data source: the uid dashboards name, and the address Grafana reaches it at."""

    uid: str = setting(pattern=UID, takes="at most 40 of letters, digits, - and _")
    url: str = http_address()


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasources:
    """Every data source the dashboards read."""

    prometheus: Datasource
    loki: Datasource
    jaeger: Datasource
    alertmanager: Datasource


@dataclass(frozen=True, slots=True, kw_only=True)
class Logs:
    """How long log lines are kept, in whole days, and the files Docker writes them to."""

    retention: str = setting(pattern=r"[1-9][0-9]*d", takes='whole days such as "14d"', default="14d")
    path: str = setting(pattern=r"/\S+", takes="an absolute path", default="/var/lib/docker/containers/*/*-json.log")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """The share of requests whose spans are recorded, above 0 and up to 1, and how long spans are kept."""

    sample_ratio: float = setting(above=0, below=1.000001, default=0.1)
    retention: str = setting(pattern=r"[1-9][0-9]*h", takes='whole hours such as "72h"', default="72h")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbooks:
    """Where `docs/operations` is read by the person who is paged."""

    base_url: str = http_address()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Files, inside the Alertmanager container, that hold what must not be in a repository; where pages are sent."""

    pagerduty_url: str = setting(
        pattern=URL, takes="an http:// or https:// address", default="https://events.pagerduty.com/v2/enqueue"
    )
    pagerduty_routing_key_file: str = setting(pattern=r"/\S+", takes="an absolute path")
    webhook_url_file: str = setting(pattern=r"/\S+", takes="an absolute path")
    deadman_url_file: str = setting(pattern=r"/\S+", takes="an absolute path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """
    Where `obs build --target kubernetes` puts its resources.

    ``labels`` are those by which the Prometheus operator selects rules and scrape configurations,
    ``dashboard_label`` and ``datasource_label`` those by which Grafana's sidecar finds ConfigMaps.
    """

    namespace: str = setting(pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", takes="a namespace", default="monitoring")
    labels: Mapping[str, str] = setting(default_factory=lambda: {"release": "prometheus"})
    dashboard_label: str = setting(pattern=NAME_OF_LABEL, takes="the name of a label", default="grafana_dashboard")
    datasource_label: str = setting(pattern=NAME_OF_LABEL, takes="the name of a label", default="grafana_datasource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Everything one deployment decides, validated. Build it with `stack.load`."""

    service: Service
    targets: Targets
    slo: Slos
    prometheus: Prometheus
    alertmanager: Alertmanager
    grafana: Grafana
    datasources: Datasources
    logs: Logs
    traces: Traces
    runbooks: Runbooks
    notify: Notify
    kubernetes: Kubernetes
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def contradictions(self) -> list[str]:
        """Return what no single key shows: settings that are fine alone and wrong together."""
        found = []
        jobs: dict[str, str] = {}
        for role in Targets.__dataclass_fields__:
            job = getattr(self.targets, role).job
            if job in jobs:
                found.append(
                    f"targets.{role}.job = {job!r}: targets.{jobs[job]} has it too; a job is one kind of target"
                )
            jobs.setdefault(job, role)
        uids: dict[str, str] = {}
        for kind in Datasources.__dataclass_fields__:
            uid = getattr(self.datasources, kind).uid
            if uid in uids:
                found.append(f"datasources.{kind}.uid = {uid!r}: datasources.{uids[uid]} has it too; uids are unique")
            uids.setdefault(uid, kind)
        return found


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole ``text`` matches ``pattern``."""
    return re.fullmatch(pattern, text) is not None
