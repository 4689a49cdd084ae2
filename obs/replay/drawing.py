"""Which samples does Prometheus scrape while a scenario happens?"""

from collections.abc import Container, Iterator

from obs.query import promql
from obs.replay.scenario import Scenario, Track
from obs.replay.shapes import Clock, Shape
from obs.stack import Stack
from watchkeeper.contract.labels import ENVIRONMENT, INSTANCE, JOB, LE, Label
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import UP

PARTS = 3
"""A sample lies a third of the time between two scrapes after the rules' own grid: it never meets an evaluation."""

BLANK, STALE = "_", "stale"


def series(stack: Stack, scenario: Scenario, read: Container[str]) -> dict[str, str]:
    """Return the samples of each series whose name is in ``read``, a text of promtool's every `grid`."""
    incident = {track.key: track for track in scenario.tracks}
    usual = {track.key: track for track in scenario.usual}
    drawn: dict[str, str] = {}
    counted = {name for name, _ in (*usual, *incident)}
    for key in {**usual, **incident}:
        for name, levels in _levels(scenario, usual.get(key), incident.get(key)):
            base = name.partition("{")[0]
            # What is a track of its own, as requests by their status may be, is not drawn as a histogram's count.
            if base in read and (base == key[0] or base not in counted):
                drawn[name] = _text(levels)
    for target in stack.targets.values():
        labels = {JOB.name: target.job, INSTANCE.name: target.address, ENVIRONMENT.name: stack.service.environment}
        state = scenario.targets.get(target.job)
        drawn[_named(UP, labels)] = _text([_state(scenario, state, at) for at in _scrapes(scenario)])
    return drawn


def grid(scenario: Scenario) -> int:
    """Return the seconds between two places at which promtool takes a sample, or none."""
    return scenario.scrape // PARTS


def _scrapes(scenario: Scenario) -> range:
    return range(grid(scenario), int(scenario.length), scenario.scrape)


def _named(metric: Metric, labels: dict[str, str]) -> str:
    return promql.select(metric, *(Label(name, "").eq(value) for name, value in sorted(labels.items())))


def _state(scenario: Scenario, state: Shape | None, at: float) -> float | None:
    return state.at(at - scenario.before) if state and _during(scenario, at) else 1.0


def _during(scenario: Scenario, at: float) -> bool:
    return scenario.before <= at < scenario.before + scenario.lasts


def _levels(scenario: Scenario, usual: Track | None, unusual: Track | None) -> Iterator[tuple[str, list[float | None]]]:
    track = usual or unusual
    if track is None:
        return
    labels, down = dict(track.labels), scenario.targets.get(track.job)
    gauge = track.metric.kind == "gauge"
    edges = (*track.metric.buckets, float("inf")) if track.metric.buckets else (None,)
    sums = dict.fromkeys(edges, 0.0)
    values: dict[float | None, list[float | None]] = {edge: [] for edge in edges}
    step = grid(scenario)
    shares = {one: {edge: _share(one, edge) for edge in edges} for one in (usual, unusual)}
    for at in _scrapes(scenario):
        hidden = _state(scenario, down, at) != 1.0
        for edge in edges:
            shown = _gauge(scenario, usual, unusual, at) if gauge else None
            if not gauge:
                for moment in range(at - scenario.scrape, at, step):
                    now = unusual if unusual and _during(scenario, moment) else usual
                    level = now.shape.at(moment - scenario.before) if now else 0.0
                    hidden = hidden or (level is None and moment == at - step)
                    sums[edge] += (level or 0.0) * step * shares[now][edge]
                # A counter is born with its first event, unless it was there from the start.
                shown = _counted(track.metric, sums[edge]) if usual or _born(sums, edge) else None
            values[edge].append(None if hidden else shown)
    if not track.metric.buckets:
        yield _named(track.metric, labels), values[None]
        return
    for edge in edges:
        text = "+Inf" if edge == float("inf") else repr(float(edge or 0.0))
        yield _named(track.metric.bucket, labels | {LE.name: text}), values[edge]
    yield _named(track.metric.count, labels), values[float("inf")]


def _counted(metric: Metric, events: float) -> float:
    """Return what a counter shows: events are whole, time is not."""
    return events if metric.unit in ("seconds", "microseconds") and not metric.buckets else float(int(events + 1e-6))


def _gauge(scenario: Scenario, usual: Track | None, unusual: Track | None, at: float) -> float | None:
    now = unusual if unusual and _during(scenario, at) else usual
    if now and isinstance(now.shape, Clock):
        return now.shape.at(at) * (1000 if now.metric.unit == "milliseconds" else 1)
    return now.shape.at(at - scenario.before) if now else None


def _share(track: Track | None, edge: float | None) -> float:
    if edge is None or track is None or not track.spread:
        return 1.0
    return sum(value <= edge for value in track.spread) / len(track.spread)


def _born(sums: dict[float | None, float], edge: float | None) -> bool:
    return (sums[edge] if edge is None else sums[float("inf")]) >= 1


def _text(levels: list[float | None]) -> str:
    """Write one sample for each scrape; what vanishes gets Prometheus' stale marker once."""
    parts, there = [BLANK], False
    for level in levels:
        parts.append(STALE if level is None and there else BLANK if level is None else f"{level:.10g}")
        there = level is not None
        parts += [BLANK, BLANK]
    return " ".join(parts)
