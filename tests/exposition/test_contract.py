"""The contract names only what the exporters really expose."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from metrics import alertmanager, jaeger, loki, mongodb, otelcol, prometheus, promtail, redis
from metrics.mongodb import CLUSTER_ROLE, MEMBER_STATE
from metrics.prometheus import RESIDENT_MEMORY
from metrics.redis import CMD
from obs import content, stack
from tests.exposition.recording import Recording, complaints, read
from watchkeeper.contract import scraping
from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import CONTRACT, Metric

Versions = Mapping[str, Recording]

REDIS_7 = read("redis-7.0.15-primary.prom", "redis-7.0.15-replica.prom")
VALKEY_9 = read("valkey-9.1.2.prom")
MONGODB = {"MongoDB 4.2": read("mongodb-4.2.8.prom"), "MongoDB 8.0": read("mongodb-8.0.prom")}
SERVERS = {f"Prometheus {v}": read(f"prometheus-{v}.prom") for v in ("2.42.0", "3.5.3", "3.16.0")}
ALERTMANAGERS = {f"Alertmanager {v}": read(f"alertmanager-{v}.prom") for v in ("0.25.0", "0.33.1")}
LOKI_3 = {"Loki 3.7.8": read("loki-3.7.8.prom")}

SOURCES: tuple[tuple[tuple[Metric, ...], Versions], ...] = (
    (scraping.SCRAPING, {f"Prometheus {v} federation": read(f"federation-{v}.prom") for v in ("2.42", "3.16")}),
    (redis.SERVER, {"Redis 7.0.15": REDIS_7, "Valkey 9.1.2": VALKEY_9}),
    (redis.REPLICATION, {"Redis 7.0.15": REDIS_7}),
    (mongodb.SERIES, MONGODB),
    (prometheus.SERIES, SERVERS),
    (alertmanager.SERIES, ALERTMANAGERS),
    (loki.SERIES, LOKI_3),
    (otelcol.SERIES, {"OpenTelemetry Collector 0.165.1": read("otelcol-0.165.1.prom")}),
    (promtail.SERIES, {"Promtail 1.6.1": read("promtail-1.6.1.prom")}),
    (jaeger.SERIES, {"Jaeger 2": read("jaeger-2.prom")}),
)
DECLARED = [(metric, versions) for metrics, versions in SOURCES for metric in metrics]
LABELLED = [(metric, versions) for metric, versions in DECLARED if metric.labels]


def name(value: object) -> str:
    """Name a parametrized test by its metric alone."""
    return value.name if isinstance(value, Metric) else ""


@pytest.mark.parametrize(("metric", "versions"), DECLARED, ids=name)
def test_every_series_is_exposed_as_the_contract_says(metric: Metric, versions: Versions) -> None:
    """Name, type, labels, label values and bucket edges are those of every recorded version."""
    assert list(complaints(metric, versions)) == []


def test_every_declared_series_is_held_against_a_recording() -> None:
    """No source is read by a dashboard without a recording behind it."""
    held = [metric for metric, _ in DECLARED]

    assert sorted(held, key=lambda metric: metric.name) == sorted(
        content.here().exporters, key=lambda metric: metric.name
    )


def test_no_name_is_declared_twice() -> None:
    """A series has one meaning, whoever exposes it."""
    names = [metric.name for metric in (*content.here().exporters, *CONTRACT)]

    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("version", [*SERVERS, *ALERTMANAGERS, *LOKI_3])
def test_every_go_program_tells_its_memory(version: str) -> None:
    """One panel compares the memory of the whole stack."""
    versions = {**SERVERS, **ALERTMANAGERS, **LOKI_3}

    assert list(complaints(RESIDENT_MEMORY, {version: versions[version]})) == []


@pytest.mark.parametrize(
    ("file", "up", "left"),
    [("redis-down.prom", redis.UP, {redis.UP.name}), ("mongodb-down.prom", mongodb.UP, {mongodb.UP.name})],
)
def test_a_dead_database_leaves_only_its_up_series(file: str, up: Metric, left: set[str]) -> None:
    """Alerts on anything but `up` fall silent with the database, so each is backed by one on `up`."""
    recording = read(file)

    assert {metric.name for metric in (*redis.SERIES, *mongodb.SERIES) if metric.name in recording} == left
    assert recording[up.name].type == "gauge"


def test_a_dead_mongodb_answers_without_a_role() -> None:
    """The label comes and goes with the server: up and down are two series, to be joined by instance alone."""
    assert set(mongodb.UP.labels) == {CLUSTER_ROLE}
    assert read("mongodb-down.prom")[mongodb.UP.name].labels == {}


def test_the_mongodb_exporter_is_started_with_every_flag_the_contract_needs() -> None:
    """Without its collector a series does not exist; the profile's window is the scrape interval, or queries repeat."""
    root = Path(__file__).parents[2]
    compose = yaml.safe_load((root / "docker-compose.observability.yml").read_text(encoding="utf-8"))
    flags = set(compose["services"]["mongodb_exporter"]["command"])
    interval = stack.load(root / "stack.toml").prometheus.scrape_interval.removesuffix("s")

    assert flags >= {*mongodb.BY_FLAG, f"--collector.profile-time-ts={interval}"}


PLANTED = [
    (replace(redis.HITS, name="redis_keyspace_hit_total"), "does not expose it; it has: redis_keyspace_hits_total"),
    (replace(redis.CLIENTS, kind="counter"), "the contract says counter, Redis 7.0.15 exposes gauge"),
    (replace(redis.COMMANDS, labels=()), "the contract leaves out label 'cmd', which every recording has"),
    (replace(redis.COMMANDS, labels=(CMD, Label("role", ""))), "has no label 'role'; it has: cmd"),
]


@pytest.mark.parametrize(("metric", "sentence"), PLANTED)
def test_a_wrong_declaration_is_named(metric: Metric, sentence: str) -> None:
    """A misspelt name, a wrong type, a label too few or too many: each fails with what is there instead."""
    assert sentence in "\n".join(complaints(metric, {"Redis 7.0.15": REDIS_7}))


@pytest.mark.parametrize(("metric", "versions"), LABELLED, ids=name)
def test_no_label_can_be_left_out_or_misspelt(metric: Metric, versions: Versions) -> None:
    """Aggregations and joins are checked against these labels, so every one of them counts."""
    for place, label in enumerate(metric.labels):
        before, after = metric.labels[:place], metric.labels[place + 1 :]
        fewer, misspelt = (before + after, (*before, replace(label, name=f"{label.name}_"), *after))

        assert any(f"'{label.name}'" in one for one in complaints(replace(metric, labels=fewer), versions))
        assert any(f"'{label.name}_'" in one for one in complaints(replace(metric, labels=misspelt), versions))


def test_a_label_value_the_contract_rules_out_is_named() -> None:
    """Bounded labels are bounded by what is really exposed, so a matcher on a value that never comes is refused."""
    members = replace(MEMBER_STATE, values=("PRIMARY",))
    health = replace(mongodb.MEMBER_HEALTH, labels=(members, *mongodb.MEMBER_HEALTH.labels[:1]))

    assert any("label 'member_state' is 'SECONDARY'" in complaint for complaint in complaints(health, MONGODB))


def test_wrong_bucket_edges_are_named() -> None:
    """A quantile over edges that nobody exposes would be an invention."""
    requests = replace(loki.SERIES[0], buckets=loki.SERIES[0].buckets[:-1])

    assert any("bucket edges" in complaint for complaint in complaints(requests, LOKI_3))
