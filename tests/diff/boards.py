"""Dashboards and rule groups to compare, small and of any size."""

import math
from typing import Any

from hypothesis import strategies as st

Model = dict[str, Any]

RATIO = (
    'sum(rate(http_requests_total{job="api",status=~"5.."}[$__rate_interval]))'
    ' / sum(rate(http_requests_total{job="api"}[$__rate_interval]))'
)


def panel(number: int, title: str, *, expr: str = RATIO, x: int = 0, y: int = 0, **more: Any) -> Model:
    """Return a time series panel, 12 wide and 8 high, red from 1 %."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 0.01}]
    return {
        "id": number,
        "title": title,
        "type": "timeseries",
        "description": f"What {title} means.",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": x, "y": y, "w": 12, "h": 8},
        "fieldConfig": {
            "defaults": {"unit": "percentunit", "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list"}},
        "targets": [{"refId": "A", "expr": expr, "legendFormat": "{{route}}"}],
        **more,
    }


def row(number: int, title: str, y: int) -> Model:
    """Return an open row."""
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "panels": [],
        "gridPos": {"x": 0, "y": y, "w": 24, "h": 1},
    }


def board(*panels: Model, **more: Any) -> Model:
    """Return a dashboard called API."""
    return {
        "uid": "api",
        "title": "API",
        "tags": ["api"],
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [{"name": "route", "type": "query", "query": "label_values(up, route)"}]},
        "annotations": {"list": [{"name": "Deploys", "enable": True}]},
        "links": [{"title": "Runbook", "url": "https://example.org/api"}],
        "panels": list(panels),
        **more,
    }


def usual() -> Model:
    """Return a row with two panels side by side and two below them."""
    return board(
        row(1, "Requests", 0),
        panel(2, "Error ratio", y=1),
        panel(3, "Latency", x=12, y=1, expr="histogram_quantile(0.99, sum by (le) (rate(latency_bucket[5m])))"),
        panel(4, "Traffic", y=9, expr="sum by (route) (rate(http_requests_total[5m]))"),
        panel(5, "Uploads", x=12, y=9, expr="sum(rate(uploads_total[5m]))"),
    )


def rules(*members: Model, **more: Any) -> Model:
    """Return a Prometheus rule group."""
    return {"name": "api", "interval": "30s", "rules": list(members), **more}


def alert(name: str = "ApiErrors", expr: str = f"{RATIO} > 0.01", **more: Any) -> Model:
    """Return an alerting rule that pages after five minutes."""
    return {
        "alert": name,
        "expr": expr.replace("$__rate_interval", "5m"),
        "for": "5m",
        "labels": {"severity": "page", "team": "api"},
        "annotations": {"summary": "Too many requests fail."},
        **more,
    }


def words(change: Any) -> list[str]:
    """Return what the change says, each line with its subject, hidden lines in brackets."""
    return [
        f"({one.text})" if one.hidden else f"{one.subject}: {one.text}" if one.subject else one.text
        for one in change.sentences
    ]


leaves = st.sampled_from([None, True, 0, 7, -1.5, math.nan, math.inf, "", "a", "$x"])
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=4,
)
FIELDS = ("title", "type", "id", "gridPos", "targets", "fieldConfig", "options", "links", "panels", "transformations")
models = st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=4)
SETTINGS = ("title", "tags", "templating", "annotations", "links", "rows", "time", "uid")
any_dashboard = st.builds(
    lambda settings, panels: {**settings, "panels": panels},
    st.dictionaries(st.sampled_from(SETTINGS), json_values, max_size=4),
    st.lists(models, max_size=3),
)
"""Dashboards of any shape, most of them malformed."""
