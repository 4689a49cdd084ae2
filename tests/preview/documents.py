"""Answers to draw, made by hand: one panel of each kind, each with what is asked of it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from obs.preview.answers import Annotation, Answers, Target

END = 1_768_446_000
SPAN = 3600
STEP = 60
STEPS = {
    "mode": "absolute",
    "steps": [{"color": "green"}, {"color": "orange", "value": 60}, {"color": "red", "value": 85}],
}
UP_OR_DOWN = [
    {"type": "value", "options": {"0": {"text": "DOWN", "color": "red"}, "1": {"text": "UP", "color": "green"}}}
]
MISSING = [{"type": "special", "options": {"match": "null+nan", "result": {"text": "no data", "color": "orange"}}}]


def asked(
    result: Mapping[str, Any] | None,
    *,
    form: str = "time_series",
    ref: str = "A",
    instant: bool = False,
    error: str | None = None,
    legend: str = "{{name}}",
) -> Target:
    """Return a query with its answer."""
    return {
        "refId": ref,
        "expr": "up",
        "instant": instant,
        "format": form,
        "legendFormat": legend,
        "step": 0 if instant else STEP,
        "result": dict(result) if result is not None else None,
        "error": error,
        "datasource": "prometheus",
    }


def now(*, form: str = "time_series", ref: str = "A", **values: float) -> Target:
    """Return the answer to a query that was asked once: a value for each series."""
    found = [{"metric": {"name": name}, "value": [END, str(value)]} for name, value in values.items()]
    return asked({"resultType": "vector", "result": found}, instant=True, form=form, ref=ref)


def over_time(series: Mapping[str, Iterable[float]], *, form: str = "time_series", label: str = "name") -> Target:
    """Return the answer to a query over an hour: a value a minute for each series, the last at the end."""
    found = []
    for name, values in series.items():
        listed = list(values)
        first = END - STEP * (len(listed) - 1)
        samples = [[first + STEP * n, str(value)] for n, value in enumerate(listed)]
        found.append({"metric": {label: name}, "values": samples})
    return asked({"resultType": "matrix", "result": found}, form=form)


def wave(scale: float = 1, *, phase: float = 0) -> list[float]:
    """Return an hour of values between 0.5 and 1.5 times ``scale``."""
    return [scale * (1 + 0.5 * math.sin(n / 6 + phase)) for n in range(SPAN // STEP + 1)]


def lines(**texts: str) -> Target:
    """Return log lines, one for each level."""
    found = [
        {"stream": {"level": level}, "values": [[str((END - n) * 10**9), text]]}
        for n, (level, text) in enumerate(texts.items())
    ]
    return asked({"resultType": "streams", "result": found}, form="logs")


def panel(kind: str, *targets: Target, title: str = "", **settings: Any) -> tuple[dict[str, Any], list[Target]]:
    """Return a panel without a place, with its answers. ``settings`` are its JSON; `defaults` those of its fields."""
    defaults = settings.pop("defaults", {})
    overrides = settings.pop("overrides", [])
    body = {"type": kind, "title": title or kind, "fieldConfig": {"defaults": defaults, "overrides": overrides}}
    return body | {"targets": [{"refId": target["refId"]} for target in targets]} | settings, list(targets)


def board(
    *panels: tuple[dict[str, Any], list[Target]],
    folded: Iterable[tuple[dict[str, Any], list[Target]]] = (),
    annotations: Iterable[Annotation] = (),
    title: str = "Board",
) -> Answers:
    """Return a board with four panels in a line, numbered from 1; those ``folded`` follow in a row that is closed."""
    answers: dict[str, Any] = {}
    placed: list[dict[str, Any]] = []
    inside: list[dict[str, Any]] = []
    for number, (body, targets) in enumerate([*panels, *folded], start=1):
        grid = {"x": (number - 1) % 4 * 6, "y": (number - 1) // 4 * 8, "w": 6, "h": 8}
        (placed if number <= len(panels) else inside).append({"gridPos": grid, **body, "id": number})
        answers[str(number)] = {"targets": targets}
    if inside:
        grid = {"x": 0, "y": 1000, "w": 24, "h": 1}
        placed.append(
            {"id": 999, "type": "row", "title": "Folded", "collapsed": True, "gridPos": grid, "panels": inside}
        )
    return {
        "dashboard": {"title": title, "graphTooltip": 1, "panels": placed},
        "range": {"from": (END - SPAN) * 1000, "to": END * 1000},
        "timezone": "utc",
        "variables": {"environment": ["prod", "staging"]},
        "width": 1920,
        "panels": answers,
        "annotations": list(annotations),
    }
