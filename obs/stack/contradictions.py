"""Which settings are fine alone and wrong together?"""

from collections.abc import Iterator
from typing import Any

from obs.durations import seconds
from obs.stack import names
from obs.stack.settings import EXPOSED, MAX_PORT, Parts, Stack, Target
from watchkeeper.contract.metrics import REQUEST_DURATION

MAX_SCRAPE_SECONDS = 120
"""Rules ask for the rate of five minutes, which takes two samples: so far apart, two are there whatever happens to one.
Prometheus forgets a sample after five minutes: https://prometheus.io/docs/prometheus/latest/querying/basics/#staleness"""


def contradictions(stack: Stack) -> list[str]:
    """Return a sentence, opening with its key, for each setting that is at odds with another."""
    return [
        *_missing(stack),
        *_doubled(stack.targets, "job", "a job is one kind of target"),
        *_doubled(stack.targets, "address", "one address with one path is one target"),
        *_doubled(stack.datasources, "uid", "uids are unique"),
        *(found for role, target in stack.targets.items() for found in _unreachable(role, target)),
        *(found for role, target in stack.targets.items() for found in _unidentified(role, target)),
        *_exposed(stack),
        *_times(stack),
        *(wrong := list(names.complaints(stack))),
        *(() if wrong else _edges(stack)),
    ]


def _missing(stack: Stack) -> Iterator[str]:
    """Name what is owed by a part that is there."""
    targets, sources = stack.targets, stack.datasources
    owed = (
        (True, "targets.api", "api" in targets, "it is what the promises are about"),
        (
            stack.service.stack == "ours",
            "targets.prometheus",
            "prometheus" in targets,
            'it scrapes and evaluates everything; where others run it, take service.stack = "others"',
        ),
        ("alertmanager" in targets, "alertmanager.url", stack.alertmanager.url, "targets.alertmanager is there"),
        ("grafana" in targets, "grafana.url", stack.grafana.url, "targets.grafana is there"),
        (stack.grafana.url, "grafana.folder", stack.grafana.folder, "dashboards are in a folder"),
        (stack.grafana.url, "datasources.prometheus", "prometheus" in sources, "dashboards read it"),
        (
            "promtail" in targets or "otelcol" in targets,
            "datasources.loki",
            "loki" in sources,
            "it is where log lines are sent",
        ),
    )
    yield from (f"{key} is missing: {why}" for owes, key, there, why in owed if owes and not there)
    if "promtail" in targets and "otelcol" in targets:
        yield "targets.promtail and targets.otelcol: each would send every line; keep one of them"
    if stack.grafana.pages and not stack.grafana.url:
        yield "grafana.pages = true: there is no grafana.url, so nothing would page"


def _doubled(parts: Parts[Any], field: str, why: str) -> Iterator[str]:
    first: dict[tuple[str, str], str] = {}
    for name, part in parts.items():
        value = getattr(part, field)
        twin = first.setdefault((value, part.path if field == "address" else ""), name)
        if twin != name:
            yield f"{parts.TABLE}.{name}.{field} = {value!r}: {parts.TABLE}.{twin} has it too; {why}"


def _unreachable(role: str, target: Target) -> Iterator[str]:
    for address in target.addresses or (target.address,):
        port = int(address.rpartition(":")[2])
        if not 0 < port <= MAX_PORT:
            yield f"targets.{role}.address = {address!r}: takes a port from 1 to {MAX_PORT}"
    if target.consul.server and not target.consul.service:
        yield f"targets.{role}.consul.service is missing: all that Consul knows would be scraped"
    if target.kubernetes.role and not target.kubernetes.selector:
        yield f"targets.{role}.kubernetes.selector is missing: every {target.kubernetes.role} would be scraped"
    if target.dns.name and (target.dns.type == "SRV") != (target.dns.port == 0):
        yield f"targets.{role}.dns.port = {target.dns.port}: a record of type SRV brings its port, the others take one"


def _unidentified(role: str, target: Target) -> Iterator[str]:
    """Name what is at odds in how Prometheus proves who it is."""
    if target.bearer_token_file and target.username:
        yield f"targets.{role}.bearer_token_file: it has a username too; a scrape sends one of them"
    for one, other in (("username", "password_file"), ("cert_file", "key_file")):
        if bool(getattr(target, one)) != bool(getattr(target, other)):
            yield f"targets.{role}: {one} and {other} belong together; one of them is missing"
    if target.scheme == "http" and (target.ca_file or target.cert_file or target.server_name):
        yield f'targets.{role}.scheme = "http": ca_file, cert_file and server_name are for "https"'


def _exposed(stack: Stack) -> Iterator[str]:
    for role, target in stack.targets.items():
        if role != "api" and target.exposes != EXPOSED:
            yield f"targets.{role}.exposes: only targets.api says what it exposes"


def _times(stack: Stack) -> Iterator[str]:
    ours = stack.prometheus
    every = seconds(ours.scrape_interval)
    if not 1 <= every <= MAX_SCRAPE_SECONDS:
        yield (
            f"prometheus.scrape_interval = {ours.scrape_interval!r}: takes one from 1s to 2m; "
            "rules ask for the rate of five minutes, and beyond that it has no answer"
        )
    if stack.service.stack == "ours" and seconds(ours.retention) < seconds(stack.slo.window):
        yield (
            f"prometheus.retention = {ours.retention!r}: shorter than slo.window = {stack.slo.window!r}, "
            "over which the promises are counted"
        )


def _edges(stack: Stack) -> Iterator[str]:
    edge = stack.slo.latency.threshold_seconds
    durations = names.spoken(stack).metrics.get(REQUEST_DURATION.name, REQUEST_DURATION)
    if edge not in durations.buckets:
        edges = ", ".join(f"{bucket:g}" for bucket in durations.buckets)
        yield f"slo.latency.threshold_seconds = {edge:g}: takes an edge of {durations.name}: {edges}"
