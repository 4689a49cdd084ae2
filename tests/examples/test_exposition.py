"""The reference service exposes the contract: all of it, and nothing else."""

import asyncio
import os
import time
from collections import defaultdict
from math import inf
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.utils import floatToGoString

from examples.service import Demo, send
from examples.traffic import Tally
from obs.proofs import promtool
from tests.watchkeeper.serving import samples
from watchkeeper.contract.metrics import CONTRACT, JOBS_FAILED, JOBS_RETRIED, Metric

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/metrics.txt"
UPDATE = "UPDATE_GOLDEN"
PARTS = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
PATIENCE_SECONDS = 60
VITALS = ("LCP", "INP", "FID", "CLS", "FCP", "TTFB")


@pytest.fixture(scope="module")
def exposition(service: Demo) -> str:
    """Make the service do everything that can be counted, and return a scrape."""
    asyncio.run(send(service, 30, Tally()))
    with httpx.Client(base_url=service.url, timeout=10) as client:
        reports = [{"name": name, "value": 1, "id": f"v4-{name}", "page": "/"} for name in VITALS]
        client.post("/api/ux/vitals", json=reports).raise_for_status()
        client.put("/_faults", json={"failing_jobs": 1}).raise_for_status()
        text = _scrape_after_failures(client)
        client.put("/_faults", json={}).raise_for_status()
    return text


def _scrape_after_failures(client: httpx.Client) -> str:
    """Send messages until a delivery has failed and been retried: the worker hears of the switch a moment later."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        client.post("/v1/rooms/a/messages", json={"user": "ada", "text": "hi"}).raise_for_status()
        text = client.get("/api/metrics/prometheus").raise_for_status().text
        if all(any(samples(text, metric.name).values()) for metric in (JOBS_FAILED, JOBS_RETRIED)):
            return text
        time.sleep(0.2)
    pytest.fail(f"no delivery failed within {PATIENCE_SECONDS} s, with every job switched to fail")


@pytest.fixture(scope="module")
def families(exposition: str) -> dict[str, Family]:
    """Return what was scraped, by the name the contract uses."""
    found = {}
    for family in text_string_to_metric_families(exposition):
        found[family.name + ("_total" if family.type == "counter" else "")] = family
    return found


def test_exactly_the_contract_is_exposed(families: dict[str, Family]) -> None:
    """Nothing of the contract is missing, and nothing else is there."""
    assert sorted(families) == sorted(metric.name for metric in CONTRACT)


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_a_metric_is_exposed_as_declared(metric: Metric, families: dict[str, Family]) -> None:
    """Type, help, labels and buckets are those of the contract, in at least one series that was really counted."""
    family = families[metric.name]
    series = defaultdict(set)
    for sample in family.samples:
        series[sample.name].add(frozenset(sample.labels))
    labels = frozenset(label.name for label in metric.labels)
    edges = {sample.labels["le"] for sample in family.samples if "le" in sample.labels}

    assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert series == {
        metric.name + part: {labels | {"le"} if part == "_bucket" else labels} for part in PARTS[metric.kind]
    }
    assert edges == ({_edge(edge) for edge in (*metric.buckets, inf)} if metric.buckets else set())


@pytest.mark.parametrize("metric", CONTRACT, ids=lambda metric: metric.name)
def test_label_values_are_those_the_contract_allows(metric: Metric, families: dict[str, Family]) -> None:
    """A label with a list of values takes no other."""
    for label in metric.labels:
        found = {sample.labels[label.name] for sample in families[metric.name].samples}
        assert not label.values or found <= set(label.values)


def test_promtool_finds_nothing_to_complain_about(exposition: str) -> None:
    """Prometheus' own linter accepts names, types, help and syntax."""
    assert promtool.find(ROOT).check_metrics(exposition) == ()


def test_the_outside_world_sees_what_it_saw_before(exposition: str) -> None:
    """A renamed or dropped series breaks dashboards elsewhere, so it shows in a committed file."""
    shape = _shape(exposition)
    if os.environ.get(UPDATE):
        GOLDEN.write_text(shape)

    assert GOLDEN.read_text() == shape, (
        f"the exposition changed: tell its readers in CHANGELOG.md, then run "
        f"{UPDATE}=1 pytest tests/examples/test_exposition.py and commit {GOLDEN.relative_to(ROOT)}"
    )


def _edge(edge: float) -> str:
    """Return a bucket edge as prometheus_client writes it."""
    return str(floatToGoString(edge))  # type: ignore[no-untyped-call] # untyped there


def _shape(exposition: str) -> str:
    """Return the exposition without values, a paragraph per family: help, type, label names and bucket edges."""
    comments = defaultdict(list)
    for line in exposition.splitlines():
        if line.startswith("#"):
            comments[line.split(" ")[2]].append(line)
    paragraphs = []
    for family in sorted(text_string_to_metric_families(exposition), key=lambda family: family.name):
        edges: dict[str, list[str]] = {}
        for sample in family.samples:
            series = edges.setdefault(f"{sample.name}{{{','.join(sorted(sample.labels))}}}", [])
            series += [edge for name, edge in sample.labels.items() if name == "le" and edge not in series]
        name = family.name + ("_total" if family.type == "counter" else "")
        lines = [f"{series} {' '.join(found)}".rstrip() for series, found in sorted(edges.items())]
        paragraphs.append("\n".join([*comments[name], *lines]))
    return "\n\n".join(paragraphs) + "\n"
