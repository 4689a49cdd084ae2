"""How does a panel become the JSON today's Grafana would write? The only module that imports grafanalib."""

from collections.abc import Mapping
from typing import Any

from grafanalib import core

from dashboards.panels import Panel, Query, Step
from stack.identity import panel_id

SCHEMA_VERSION = 42
"""Of Grafana 12 and 13; older servers read it and newer ones migrate nothing."""

SOURCES = {"prometheus": "${datasource}", "loki": "${logs}"}
"""The dashboard variable that picks the data source of a kind."""

# What grafanalib 0.7.1 still writes for Grafana 4 to 8, and what today's Grafana has by default anyway.
STALE = {
    "cacheTimeout",
    "editable",
    "error",
    "height",
    "hideTimeOverride",
    "minSpan",
    "span",
    "maxPerRow",
    "repeat",
    "repeatDirection",
    "interval",
    "maxDataPoints",
    "timeFrom",
    "timeShift",
    "transparent",
    "cards",
    "color",
    "dataFormat",
    "heatmap",
    "hideZeroBuckets",
    "highlightCards",
    "legend",
    "reverseYBuckets",
    "tooltip",
    "xAxis",
    "xBucketNumber",
    "xBucketSize",
    "yAxis",
    "yBucketBound",
    "yBucketNumber",
    "yBucketSize",
    "columns",
    "fontSize",
    "mappings",
}


WRITTEN_EMPTY = {"panels", "fields", "overrides", "calcs"}
"""What Grafana writes even when there is nothing in it."""


def panel_json(panel: Panel, grid: Mapping[str, int]) -> dict[str, Any]:
    """Return one panel at its place. ``grid`` is Grafana's gridPos: h, w, x, y."""
    frame = {
        "title": panel.title,
        "description": panel.why,
        "gridPos": dict(grid),
        "id": panel_id(panel.slug or panel.title),
        "links": [{"title": link.title, "url": link.url, "targetBlank": True} for link in panel.links],
        "targets": [target_json(query, ref(n), panel.kind) for n, query in enumerate(panel.queries)],
    }
    if panel.queries:
        frame["dataSource"] = source_json(panel.queries[0].source)
    body: dict[str, Any] = SHAPES[panel.kind](panel, frame).to_json_data()
    return prune({key: value for key, value in body.items() if key not in STALE})


def target_json(query: Query, ref_id: str, kind: str) -> dict[str, Any]:
    """Return one query. Its refId is its place: A, B, ..."""
    body: dict[str, Any] = {
        "refId": ref_id,
        "expr": query.expr,
        "datasource": source_json(query.source),
        "editorMode": "code",
    }
    if query.source == "loki":
        return body | {"queryType": "range"}
    body |= {"legendFormat": query.legend, "instant" if query.instant else "range": True}
    formats = {"table": "table", "heatmap": "heatmap"}
    return body | {"format": formats.get(kind, "time_series")} | ({"exemplar": True} if query.exemplars else {})


def row_json(title: str, y: int) -> dict[str, Any]:
    """Return an open row above the panels that follow it."""
    grid = {"h": 1, "w": 24, "x": 0, "y": y}
    return {
        "type": core.ROW_TYPE,
        "title": title,
        "id": panel_id(f"row {title}"),
        "gridPos": grid,
        "collapsed": False,
        "panels": [],
    }


def source_json(kind: str) -> dict[str, str]:
    """Return a data source as today's Grafana names it, picked by the dashboard's variable."""
    return {"type": kind, "uid": SOURCES[kind]}


def ref(n: int) -> str:
    """Return the refId of the query at place ``n``: A to Z, then AA."""
    return chr(ord("A") + n) if n < 26 else ref(n // 26 - 1) + ref(n % 26)  # noqa: PLR2004 - letters of the alphabet


def prune(value: Mapping[str, Any]) -> dict[str, Any]:
    """Drop nulls and empty values, which Grafana would not write. Lists are made clean already."""
    kept = {}
    for key, inner in value.items():
        if inner is None:
            continue
        clean = prune(inner) if type(inner) is dict else inner
        if clean or clean is False or clean == 0 or key in WRITTEN_EMPTY:
            kept[key] = clean
    return kept


def steps_json(steps: tuple[Step, ...]) -> list[dict[str, Any]]:
    """Return threshold steps; the first has no value: it reaches down without end."""
    return [
        {"color": color} | ({} if value is None else {"value": value}) for value, color in steps or ((None, "green"),)
    ]


def _timeseries(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    many = len(panel.queries) > 1 or any("{{" in query.legend for query in panel.queries)
    return core.TimeSeries(
        **frame,
        unit=panel.unit,
        thresholds=steps_json(panel.steps),
        thresholdsStyleMode="dashed" if panel.steps else "off",
        fillOpacity=30 if panel.stacked else 10,
        stacking=stacking,
        showPoints="never",
        legendDisplayMode="table" if many else "list",
        legendCalcs=["lastNotNull", "max"] if many else [],
        tooltipMode="multi",
        tooltipSort="desc",
        extraJson={
            "fieldConfig": {"defaults": {**_limits(panel), "custom": {"scaleDistribution": {"log": None}}}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def _stat(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    return core.Stat(
        **frame,
        format=panel.unit,
        reduceCalc="lastNotNull",
        thresholds=steps_json(panel.steps),
        colorMode="value",
        graphMode="none" if panel.queries[0].instant else "area",
        noValue=None,
        color={"mode": "thresholds"},
        extraJson={"fieldConfig": {"defaults": _limits(panel)}},
    )


def _table(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    names = list(panel.columns)
    keys = {f"Value #{ref(n)}" if len(names) > 1 else "Value": name for n, name in enumerate(names)}
    body = core.Table(**frame, thresholds=steps_json(()), overrides=_columns(panel))
    organize = {"excludeByName": {"Time": True}, "renameByName": keys}
    body.transformations = [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}]
    body.extraJson = {
        "fieldConfig": {"defaults": {"custom": {"displayMode": None, "cellOptions": {"type": "auto"}}}},
        "options": {"sortBy": [{"displayName": names[0], "desc": True}], "cellHeight": "sm"},
    }
    return body


def _columns(panel: Panel) -> list[dict[str, Any]]:
    found = []
    for name, column in panel.columns.items():
        properties: dict[str, Any] = {"unit": column.unit}
        if column.steps:
            properties["thresholds"] = {"mode": "absolute", "steps": steps_json(column.steps)}
            properties["custom.cellOptions"] = {"type": "color-text"}
        found.append(_override(name, properties))
    for label, url in panel.drill.items():
        found.append(_override(label, {"links": [{"title": f"Show this {label} alone", "url": url}]}))
    return found


def _override(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    listed = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": listed}


def _heatmap(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64, "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "unit": panel.unit},
    }
    return core.Heatmap(**frame, options=options, thresholds=steps_json(()))


def _logs(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    del panel
    return core.Logs(**frame, showTime=True, wrapLogMessages=True, enableLogDetails=True, prettifyLogMessage=False)


def _text(panel: Panel, frame: dict[str, Any]) -> core.Panel:
    return core.Text(**frame, content=panel.text, mode="markdown")


def _limits(panel: Panel) -> dict[str, Any]:
    return {"min": panel.low, "max": panel.high, "decimals": panel.decimals}


SHAPES = {
    "timeseries": _timeseries,
    "stat": _stat,
    "table": _table,
    "heatmap": _heatmap,
    "logs": _logs,
    "text": _text,
}
