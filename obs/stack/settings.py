"""Which settings there are, what each takes, and what it means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from obs.nearest import nearest

T = TypeVar("T")
NAME = r"[a-z]([a-z0-9-]{0,22}[a-z0-9])?"
_DIGITS = {"y": 2, "w": 3, "d": 4, "h": 5, "m": 7, "s": 9, "ms": 11}
DURATION = r"(?=[0-9])" + "".join(rf"([1-9][0-9]{{0,{most - 1}}}{unit})?" for unit, most in _DIGITS.items())
"""A duration as Prometheus reads it: each unit once, the longest first, and together less than 292 years."""

ADDRESS = r"[A-Za-z0-9.-]+:[0-9]{1,5}"
NAMESPACE = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
SD_FILE = r"[^*\s]*(\*[^/\s]*)?\.(json|ya?ml)"
"""A file of targets, its last part with one star: https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config."""

MAX_PORT = 65_535
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


def optional_address() -> Any:
    """Declare an http(s) address, or none."""
    return setting(pattern=f"({URL})?", takes="an http(s) address, or nothing", default="")


def secret_file(name: str) -> Any:
    """Declare the path of a file that holds a secret; by default where compose mounts it."""
    return setting(pattern=r"/\S+", takes="an absolute path", default=f"/run/secrets/{name}")


def optional_file() -> Any:
    """Declare the path of a file where Prometheus runs, or none."""
    return setting(pattern=r"(/\S+)?", takes="an absolute path, or nothing", default="")


class AbsentError(AttributeError):
    """A part was asked for that this stack does not have: whatever asks for it is left out of the stack."""

    def __init__(self, part: str) -> None:
        super().__init__(f"this stack has no {part}")
        self.part = part


class Parts(dict[str, T]):
    """
    What ``stack.toml`` lists under one table, by key; a key is read as an attribute as well.

    An attribute that is not there raises AbsentError. ``KNOWN`` are the keys that mean something to the tool; where
    the table is not ``OPEN``, there are no others.
    """

    TABLE: ClassVar[str]
    KNOWN: ClassVar[tuple[str, ...]]
    OPEN: ClassVar[bool] = False

    def __getattr__(self, key: str) -> T:
        """Return one part; raise AbsentError."""
        if key in self:
            return self[key]
        raise AbsentError(f"{self.TABLE}.{key}")

    def require(self, *keys: str) -> None:
        """Raise AbsentError unless every one of these parts is there."""
        for key in keys:
            getattr(self, key)

    def has(self, key: str) -> bool:
        """Tell whether one of the ``KNOWN`` parts is there; any other is asked for with `in`. Raises ValueError."""
        if key not in self.KNOWN:
            raise ValueError(f"no stack has {self.TABLE}.{key}; {nearest(key, self.KNOWN)}")
        return getattr(self, key, None) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Who this is about, and who runs Prometheus and the programs around it: `ours`, or `others`."""

    name: str = short_name()
    team: str = short_name()
    environment: str = short_name()
    region: str = setting(pattern=f"({NAME})?", takes="a lower-case name, or nothing", default="")
    stack: str = setting(pattern="ours|others", takes='"ours" or "others"', default="ours")


EXPOSED = ("websockets", "jobs", "vitals", "telemetry")
"""What a service may expose beside its HTTP requests: `telemetry` is how well its own counts are delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InKubernetes:
    """Pods, endpoints or services that Prometheus finds by a label selector, and the name of their port for metrics."""

    role: str = setting(
        pattern="(pod|endpoints|endpointslice|service)?",
        takes='"pod", "endpoints", "endpointslice" or "service"',
        default="",
    )
    namespaces: tuple[str, ...] = setting(pattern=NAMESPACE, takes="a list of namespaces", default=())
    selector: str = setting(pattern=r"\S*", takes='a label selector such as "app=shop"', default="")
    port: str = setting(pattern=r"[a-z0-9-]*", takes="the name of a port", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class InConsul:
    """Instances that a Consul server knows of a service, those with all ``tags`` alone."""

    server: str = setting(pattern=f"({ADDRESS})?", takes="host:port", default="")
    service: str = setting(pattern=r"\S*", takes="the name of a service", default="")
    tags: tuple[str, ...] = setting(pattern=r"\S+", takes="a list of tags", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class InDns:
    """Addresses that a name has; ``port`` is for every type but SRV, which answers with one."""

    name: str = setting(pattern=r"[A-Za-z0-9._-]*", takes="a name", default="")
    type: str = setting(pattern="SRV|A|AAAA", takes='"SRV", "A" or "AAAA"', default="SRV")
    port: int = setting(above=-1, below=MAX_PORT + 1, default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """
    One scrape target: ``job`` and ``address`` become the job and instance labels of its series.

    It has one ``address``, several ``addresses``, or is found by ``kubernetes``, ``consul``, ``dns`` or in ``files``;
    then ``address`` stands for any of its instances in the cases of alerts. ``bearer_token_file``, ``password_file``
    and those of TLS are paths where Prometheus runs. ``exposes`` is for the API: what it exposes beside HTTP requests.
    """

    job: str = short_name()
    address: str = setting(pattern=f"({ADDRESS})?", takes="host:port", default="")
    addresses: tuple[str, ...] = setting(pattern=ADDRESS, takes="a list of host:port", default=())
    kubernetes: InKubernetes = field(default_factory=InKubernetes)
    consul: InConsul = field(default_factory=InConsul)
    dns: InDns = field(default_factory=InDns)
    files: tuple[str, ...] = setting(pattern=SD_FILE, takes="a list of .json or .yml files", default=())
    path: str = setting(pattern=r"/[^\s]*", takes='a path such as "/metrics"', default="/metrics")
    scheme: str = setting(pattern="https?", takes='"http" or "https"', default="http")
    bearer_token_file: str = optional_file()
    username: str = setting(pattern=r"[^:\s]*", takes="a name without colons", default="")
    password_file: str = optional_file()
    ca_file: str = optional_file()
    cert_file: str = optional_file()
    key_file: str = optional_file()
    server_name: str = setting(pattern=r"[A-Za-z0-9.-]*", takes="the name of a host", default="")
    exposes: tuple[str, ...] = setting(
        pattern="|".join(EXPOSED), takes=f"a list of {', '.join(EXPOSED)}", default=EXPOSED
    )

    @property
    def discovered(self) -> bool:
        """Whether Prometheus finds the instances itself."""
        return bool(self.kubernetes.role or self.consul.server or self.dns.name or self.files)


WAYS = ("address", "addresses", "kubernetes.role", "consul.server", "dns.name", "files")
"""The settings of a target that say where it is; it has one of them."""

STACK = ("prometheus", "alertmanager", "loki", "otelcol", "promtail", "jaeger", "grafana")
"""The targets that do the watching: where others run them, this stack has none of them."""


class Targets(Parts[Target]):
    """
    Everything Prometheus scrapes, by role.

    What the API exposes (`jobs`) is a role too: its target is the API's, unless the file gives it one of its own.
    """

    TABLE = "targets"
    KNOWN = ("api", "redis", "mongodb", *STACK, *EXPOSED)
    OPEN = True

    def __getattr__(self, key: str) -> Target:
        """Return the target of a role; raise AbsentError."""
        api = self.get("api")
        if key not in self and api and key in EXPOSED and key in api.exposes:
            return api
        return super().__getattr__(key)

    @property
    def jobs_scraped(self) -> tuple[str, ...]:
        """The job label of every target, in the order of the file."""
        return tuple(target.job for target in self.values())


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
    remote_write_url: str = optional_address()
    remote_write_credentials_file: str = setting(pattern=r"(/\S+)?", takes="an absolute path, or nothing", default="")
    replica: str = setting(pattern=r"[A-Za-z0-9_-]*", takes="letters, digits, _ and -, or nothing", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """How many samples of an ordinary hour each board may read when it is opened, and each rule group at once."""

    board_samples: int = setting(above=0, default=500_000)
    group_samples: int = setting(above=0, default=20_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """The router of alerts: its address for people."""

    url: str = optional_address()


@dataclass(frozen=True, slots=True, kw_only=True)
class Grafana:
    """Where dashboards go, and whether Grafana is the engine that pages; without ``url`` there are no dashboards."""

    url: str = optional_address()
    folder: str = setting(pattern=r"(\S(.{0,98}\S)?)?", takes="a title of at most 100 characters", default="")
    pages: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Datasource:
    """A Grafana data source: the uid dashboards name, and the address Grafana reaches it at."""

    uid: str = setting(pattern=UID, takes="at most 40 of letters, digits, - and _")
    url: str = http_address()


class Datasources(Parts[Datasource]):
    """Every data source the dashboards read, by kind."""

    TABLE = "datasources"
    KNOWN = ("prometheus", "loki", "jaeger", "alertmanager")


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
    pagerduty_routing_key_file: str = secret_file("pagerduty_routing_key")
    webhook_url_file: str = secret_file("webhook_url")
    deadman_url_file: str = secret_file("deadman_url")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubernetes:
    """
    Where `obs build --target kubernetes` puts its resources.

    ``labels`` are those by which the Prometheus operator selects rules, scrapes and an AlertmanagerConfig.
    ``alertmanager`` is how it takes the routes: the `secret` of its own Alertmanager, or a `config` for a shared one.
    ``grafana`` is what brings dashboards: the `sidecar`, which finds ConfigMaps by ``dashboard_label`` and
    ``datasource_label``, or the `operator`, which takes them to the Grafana that has ``grafana_labels``.
    """

    namespace: str = setting(pattern=NAMESPACE, takes="a namespace", default="monitoring")
    labels: Mapping[str, str] = setting(default_factory=lambda: {"release": "prometheus"})
    alertmanager: str = setting(pattern="secret|config", takes='"secret" or "config"', default="secret")
    grafana: str = setting(pattern="sidecar|operator", takes='"sidecar" or "operator"', default="sidecar")
    grafana_labels: Mapping[str, str] = setting(default_factory=lambda: {"dashboards": "grafana"})
    dashboard_label: str = setting(pattern=NAME_OF_LABEL, takes="the name of a label", default="grafana_dashboard")
    datasource_label: str = setting(pattern=NAME_OF_LABEL, takes="the name of a label", default="grafana_datasource")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """
    What the service calls the standard series, where it is not instrumented by watchkeeper.

    ``metrics`` maps a standard series to what is exposed for it, "" where nothing is; ``labels`` does so for labels,
    and ``buckets`` gives the edges of a histogram. All are laid over those of ``preset``.
    """

    preset: str = setting(pattern="(opentelemetry)?", takes='"opentelemetry", or nothing', default="")
    metrics: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    buckets: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Everything one deployment decides, validated. Build it with `stack.load`."""

    service: Service
    targets: Targets = field(default_factory=Targets)
    slo: Slos
    prometheus: Prometheus
    cost: Cost = field(default_factory=Cost)
    alertmanager: Alertmanager
    grafana: Grafana
    datasources: Datasources = field(default_factory=Datasources)
    logs: Logs
    traces: Traces
    runbooks: Runbooks
    notify: Notify
    kubernetes: Kubernetes
    names: Names = field(default_factory=Names)
    thresholds: Mapping[str, float] = field(default_factory=dict)


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole ``text`` matches ``pattern``."""
    return re.fullmatch(pattern, text) is not None
