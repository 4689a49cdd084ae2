"""Every legal setting proves: the cases of alerts follow objectives, bucket edges, thresholds and overlays."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from obs import content, stack
from obs.alerting import rules
from obs.proofs import cases, promtool
from obs.stack import StackError
from tests.conftest import ROOT
from tests.stack.parts import settings, toml
from watchkeeper.contract.metrics import JOB_QUEUE_LATENCY, REQUEST_DURATION

AVAILABILITY = ((0.95, 0.1), (0.99, 0.02), (0.999, 0.9), (0.9999, 0.0002))
"""Objectives, each with an error ratio that may be asked for beside it."""

LATENCY = (0.94, 0.95, 0.99, 0.9999)
WINDOWS, FLOORS, INTERVALS = ("30d", "28d"), (0.05, 0.005, 5), ("15s", "1s", "2m")
QUICK = (
    "ApiErrorRatioHigh",
    "ApiLatencyP95OverSlo",
    "ApiMostRequestsFail",
    "ApiAvailabilityBudgetFastBurn",
    "ApiLatencyBudgetFastBurn",
)
SLOW = ("ApiAvailabilityBudgetSlowBurn", "ApiLatencyBudgetSlowBurn")


def points() -> Iterator[dict[str, Any]]:
    """Yield settings that together hold every bucket edge, and every other value several times."""
    every = (AVAILABILITY, LATENCY, WINDOWS, FLOORS, INTERVALS)
    for edge, *others in zip(REQUEST_DURATION.buckets, *map(itertools.cycle, every), strict=False):
        (objective, ratio), promise, window, floor, interval = others
        raw = settings()
        raw["slo"] = {
            "window": window,
            "availability": {"objective": objective},
            "latency": {"objective": promise, "threshold_seconds": edge},
        }
        raw["thresholds"] |= {"api_error_ratio": ratio, "api_min_requests_per_second": floor}
        raw["prometheus"]["scrape_interval"] = interval
        yield raw


POINTS = tuple(points())


def failing(raw: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """Return what does not hold of the cases of some alerts under these settings."""
    chosen = stack.loads(toml(raw), "", content.here().thresholds)
    return [str(found) for found in cases.prove(promtool.find(ROOT), chosen, rules.groups(chosen), names)]


@pytest.mark.parametrize("number", range(len(POINTS)))
def test_every_objective_and_edge_proves(number: int) -> None:
    """What pages for the API fires, stays silent and clears whatever is promised."""
    names = QUICK[1:2] if number % 4 else QUICK  # the slower cases, which know no edges, at every fourth point

    assert failing(POINTS[number], names) == []


@pytest.mark.parametrize(("objective", "window"), [(0.95, "28d"), (0.9999, "30d")])
def test_slow_burns_prove_at_both_ends(objective: float, window: str) -> None:
    """Days of history follow the budget too."""
    raw = settings()
    raw["slo"] |= {"window": window, "availability": {"objective": objective}}
    raw["slo"]["latency"]["objective"] = objective
    raw["thresholds"]["api_error_ratio"] = 0.1

    assert failing(raw, SLOW) == []


@pytest.mark.parametrize(("factor", "edge"), [(0.2, JOB_QUEUE_LATENCY.buckets[0]), (3, JOB_QUEUE_LATENCY.buckets[-1])])
def test_every_threshold_proves(factor: float, edge: float) -> None:
    """All thresholds, far below and far above what they are by default."""
    raw = settings()
    declared = [one for one in content.here().thresholds if not one.name.startswith("api_")]
    for one in declared:
        value = round(factor * one.default, 6)
        raw["thresholds"][one.name] = edge if one.edges else 0.95 if one.below and value >= one.below else value
    chosen = stack.loads(toml(raw), "", content.here().thresholds)
    files = {"jobs", "redis", "mongodb", "mongodb-replication", "ux"}
    names = [alert.name for group in rules.groups(chosen) if group.file in files for alert in group.alerts]

    assert failing(raw, tuple(names)) == []


def test_the_shipped_overlay_proves() -> None:
    """`obs --env staging alerts test` holds."""
    staging = stack.load(ROOT / "stack.toml", "staging", content.here().thresholds)

    assert cases.prove(promtool.find(ROOT), staging, rules.groups(staging), (*QUICK, "ApiDown")) == []


@pytest.mark.parametrize(
    ("table", "key", "value", "sentence"),
    [
        ("prometheus", "scrape_interval", "5m", "prometheus.scrape_interval = '5m': takes one from 1s to 2m"),
        ("prometheus", "scrape_interval", "10ms", "prometheus.scrape_interval = '10ms': takes one from 1s to 2m"),
        ("prometheus", "retention", "7d", "prometheus.retention = '7d': shorter than slo.window = '30d'"),
        ("targets", "redis", {"job": "redis", "address": "api:99999"}, "takes a port from 1 to 65535"),
        ("targets", "redis", {"job": "redis", "address": "api:0"}, "takes a port from 1 to 65535"),
        (
            "targets",
            "redis",
            {"job": "redis", "address": "mongodb-exporter:9216"},
            "targets.redis has it too; one address with one path is one target",
        ),
        ("targets", "redsi", {"job": "r", "address": "r:1"}, ""),
        ("thresholds", "job_queue_latency_seconds", 31, "thresholds.job_queue_latency_seconds = 31: takes an edge"),
        (
            "targets",
            "api",
            {"job": "a", "address": "a:1", "exposes": ["job"]},
            "targets.api.exposes = ['job']: takes a list",
        ),
        ("grafana", "folder", "", "grafana.folder is missing"),
    ],
)
def test_settings_at_odds_are_refused_by_their_key(table: str, key: str, value: object, sentence: str) -> None:
    """Each names the key, what it got and what it takes."""
    raw = settings()
    raw[table][key] = value
    if key == "redsi":
        del raw["targets"]["redis"]
        sentence = "targets.redsi: no such setting; did you mean 'redis'?"

    with pytest.raises(StackError) as caught:
        stack.loads(toml(raw), "", content.here().thresholds)

    assert sentence in str(caught.value)
