"""How does a panel become the JSON today's Grafana would write? The only module that imports grafanalib."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, NamedTuple

import orjson
from grafanalib import core, formatunits

from obs.boards.panels import Column, Panel, PanelKind, Query, Step
from obs.boards.units import derived
from obs.query.units import GRAFANA, KNOWN, Unit
from obs.stack.identity import panel_id

SCHEMA_VERSION = 42
"""Of Grafana 12 and 13; older servers read it and newer ones migrate nothing."""

UNITS = KNOWN | {value for value in vars(formatunits).values() if isinstance(value, str) and value.isidentifier()}
"""Every unit that Grafana knows by name."""

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


HALF = 12
"""Columns from which a panel is wide enough for a legend at the right of the plot."""

ONE_OF_FEW = "{{instance}}"
"""A label of one to three values: its series need no table."""

LISTED = {
    "showLegend": True,
    "displayMode": "table",
    "placement": "right",
    "calcs": ["last"],
    "sortBy": "Last",
    "sortDesc": True,
}

MISSING = {
    "type": "special",
    "options": {"match": "null+nan", "result": {"text": "no data", "color": "orange", "index": 99}},
}
"""A number that is not there is neither good nor bad, and is seen."""

UNJUDGED: tuple[Step, ...] = ((None, "text"),)
"""A number without a limit is neither good nor bad: green would say that it is well."""

VALUE_PIXELS = 36
"""Size of every number; left to itself, Grafana makes each as large as its own text allows."""

BAR_PIXELS = {"titleSize": 12, "valueSize": 18}
"""Size of the words beside a bar; left to itself, Grafana fills the panel with the names of two, and cuts them."""

ABOVE_LIMIT = 1.2
QUIET = {"percentunit": 0.01, "s": 0.001} | dict.fromkeys(GRAFANA[Unit("", 1)], 0.01)
"""How far the axis of a unit reaches at least, where no limit says it; 1 of any other."""

STATUS_CLASSES = {2: "green", 3: "blue", 4: "orange", 5: "red"}
LABELLED = {
    "{{status}}": {f"^{digit}": color for digit, color in STATUS_CLASSES.items()},
    "{{result}}": {"^ok$": "green", "^error$": "red"},
    "{{outcome}}": {"^accepted$": "green", "^duplicate$": "blue", "^limited$": "orange", "^rejected$": "red"},
}
"""Colour of the values of a label that says how good something is, by a pattern of the value."""

COLORS = {
    **dict.fromkeys(("failed", "dropped", "lost", "refused", "poor", "errors"), "red"),
    **dict.fromkeys(("needs improvement", "evicted"), "orange"),
    **dict.fromkeys(("good", "processed", "accepted"), "green"),
}
"""Colour of what a series' name says of it, whatever else it is called."""


class Style(NamedTuple):
    """What makes two panels look alike: everything but their words, queries and place."""

    kind: PanelKind
    unit: str
    steps: tuple[Step, ...]
    stacked: bool
    low: float | None
    high: float | None
    decimals: int | None
    states: tuple[tuple[int, tuple[str, str]], ...]
    empty: str
    legends: tuple[str, ...]
    listed: bool
    """Its series are not known before they are there, and there is room for a table of them at the right."""


def panel_json(panel: Panel, grid: Mapping[str, int]) -> dict[str, Any]:
    """Return one panel at its place. ``grid`` is Grafana's gridPos: h, w, x, y."""
    frame = {
        "title": panel.title,
        "description": panel.why,
        "gridPos": dict(grid),
        "id": identity(panel),
        "targets": [target_json(query, ref(n), panel.kind) for n, query in enumerate(panel.queries)],
    }
    if panel.links:
        frame["links"] = [{"title": link.title, "url": link.url, "targetBlank": True} for link in panel.links]
    if panel.kind == "other":
        return laid_over({key: value for key, value in frame.items() if value}, panel.like, panel.raw)
    if panel.queries:
        frame["datasource"] = source_json(panel.queries[0].source)
    return laid_over(drawn(style(panel)) | frame | OWN.get(panel.kind, _nothing)(panel), panel.like, panel.raw)


def identity(panel: Panel) -> int:
    """Return the id under which links find a panel."""
    given = panel.raw.get("id")
    return given if isinstance(given, int) else panel_id(panel.slug or panel.title)


def laid_over(body: Mapping[str, Any], *layers: Mapping[str, Any]) -> dict[str, Any]:
    """Lay settings over others: objects are merged, None removes, any other value takes the old one's place."""
    merged = dict(body)
    for key, value in (pair for layer in layers if layer for pair in layer.items()):
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            inner = merged.get(key)
            merged[key] = laid_over(inner if isinstance(inner, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def style(panel: Panel) -> Style:
    """Return what a panel looks like."""
    legends = tuple(query.legend for query in panel.queries) if panel.kind in ("timeseries", "piechart") else ()
    listed = (
        panel.kind == "timeseries"
        and panel.width >= HALF
        and any("{{" in one.replace(ONE_OF_FEW, "") for one in legends)
    )
    unit = panel.unit or derived(query.expr for query in panel.queries if query.source == "prometheus")
    shape = (panel.kind, unit, panel.steps, panel.stacked, panel.low, panel.high, panel.decimals)
    return Style(*shape, tuple(panel.states.items()), panel.empty, legends, listed)


def drawn(look: Style) -> dict[str, Any]:
    """Return what panels of one style share, as a copy of its own for each."""
    copy: dict[str, Any] = orjson.loads(_drawn(look))
    return copy


@cache
def _drawn(look: Style) -> bytes:
    """Have grafanalib make a style once: a thousand services have a few dozen between them."""
    body = SHAPES[look.kind](look).to_json_data()
    return orjson.dumps(prune({key: value for key, value in body.items() if key not in STALE}))


def target_json(query: Query, ref_id: str, kind: str) -> dict[str, Any]:
    """Return one query. Its refId is its place: A, B, ..."""
    plain = _plain_target(query, ref_id, kind)
    return laid_over(plain, query.like, query.raw) if query.like or query.raw else plain


def _plain_target(query: Query, ref_id: str, kind: str) -> dict[str, Any]:
    if kind == "other":
        told = {"refId": ref_id, "expr": query.expr, "legendFormat": query.legend}
        return {key: value for key, value in told.items() if value}
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


def row_json(title: str, y: int, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return an open row above the panels that follow it, ``raw`` laid over it."""
    grid = {"h": 1, "w": 24, "x": 0, "y": y}
    row = {
        "type": core.ROW_TYPE,
        "title": title,
        "id": panel_id(f"row {title}"),
        "gridPos": grid,
        "collapsed": False,
        "panels": [],
    }
    return laid_over(row, raw)


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


def _timeseries(look: Style) -> core.Panel:
    return core.TimeSeries(
        unit=look.unit,
        thresholds=steps_json(look.steps),
        thresholdsStyleMode="dashed" if look.steps else "off",
        fillOpacity=30 if look.stacked else 10,
        stacking={"mode": "normal" if look.stacked else "none", "group": "A"},
        showPoints="never",
        tooltipMode="multi",
        tooltipSort="desc",
        extraJson={
            "fieldConfig": {
                "defaults": {
                    **_limits(look),
                    "custom": {"scaleDistribution": {"log": None}, "axisSoftMax": _soft_max(look)},
                },
                "overrides": _colors(look.legends),
            },
            "options": {"legend": LISTED if look.listed else {"showLegend": True}},
        },
    )


def _soft_max(look: Style) -> float | None:
    """Return how far the axis reaches at least: beyond the highest limit, and not to 100 over nothing but zeros."""
    if look.high is not None:
        return None
    limits = [limit for limit, _ in look.steps if limit is not None]
    return float(f"{max(limits) * ABOVE_LIMIT:.6g}") if limits else QUIET.get(look.unit, 1)


def _colors(legends: tuple[str, ...]) -> list[dict[str, Any]]:
    """Give series whose name says how good they are the colour of that."""
    for legend in legends:
        if legend in LABELLED:
            return [_colored(f"/{pattern}/", color) for pattern, color in LABELLED[legend].items()]
    words = {word: COLORS[word] for legend in legends for word in COLORS if re.search(rf"(^|[ }}]){word}$", legend)}
    return [_colored(f"/(^| ){word}$/", color) for word, color in words.items()]


def _colored(pattern: str, color: str) -> dict[str, Any]:
    """Color series by name: one of them as said, several in shades of it."""
    properties = {"color": {"mode": "shades", "fixedColor": color}}
    return _override(pattern, properties, by="byRegexp")


def _stat(look: Style) -> core.Panel:
    return core.Stat(
        format=look.unit,
        reduceCalc="lastNotNull",
        thresholds=steps_json(look.steps or UNJUDGED),
        colorMode="value",
        graphMode="none",
        noValue=None,
        color={"mode": "thresholds"},
        extraJson={
            "fieldConfig": {"defaults": _limits(look) | {"mappings": [*_states(look.states), MISSING]}},
            "options": {"text": {"valueSize": VALUE_PIXELS}},
        },
    )


def _dial(look: Style) -> core.Panel:
    return _like_stat(look, "gauge", {"showThresholdLabels": False, "showThresholdMarkers": True})


def _bars(look: Style) -> core.Panel:
    options = {"displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "text": BAR_PIXELS}
    return _like_stat(look, "bargauge", options)


def _like_stat(look: Style, kind: PanelKind, options: Mapping[str, Any]) -> core.Panel:
    """Have a number drawn otherwise: grafanalib's own gauges are those of Grafana 6."""
    panel = _stat(look)
    without = dict.fromkeys(("colorMode", "graphMode", "justifyMode", "textMode", "text"))
    panel.extraJson = {**panel.extraJson, "type": kind, "options": {**without, **options}}
    return panel


def _pie(look: Style) -> core.Panel:
    legend = {"displayMode": "table", "placement": "right", "showLegend": True, "values": ["value", "percent"]}
    return core.PieChartv2(
        unit=look.unit,
        thresholds=steps_json(look.steps),
        extraJson={
            "fieldConfig": {"defaults": _limits(look), "overrides": _colors(look.legends)},
            "options": {"legend": legend},
        },
    )


def _timeline(look: Style) -> core.Panel:
    return core.StateTimeline(
        lineWidth=0,
        mappings=_states(look.states),
        thresholds=steps_json(look.steps),
        extraJson={"options": {"legend": {"showLegend": False}}},
    )


def _states(states: Iterable[tuple[int, tuple[str, str]]]) -> list[dict[str, Any]]:
    """Return the value mapping of a panel's states, none where it has none."""
    options = {
        str(number): {"text": word, "color": color, "index": index}
        for index, (number, (word, color)) in enumerate(states)
    }
    return [{"type": "value", "options": options}] if options else []


def _table(look: Style) -> core.Panel:
    empty = look.empty or None
    table = core.Table(thresholds=steps_json(()))
    table.extraJson = {
        "fieldConfig": {
            "defaults": {
                "custom": {"displayMode": None, "cellOptions": {"type": "auto"}},
                "noValue": empty,
            }
        },
        "options": {"cellHeight": "sm"},
    }
    return table


def _table_own(panel: Panel) -> dict[str, Any]:
    names = list(panel.columns)
    keys = {f"Value #{ref(n)}" if len(names) > 1 else "Value": name for n, name in enumerate(names)}
    organize = {"excludeByName": {"Time": True}, "renameByName": keys}
    look = drawn(style(panel))
    return {
        "fieldConfig": look["fieldConfig"] | {"overrides": _columns(panel)},
        "options": look["options"] | {"sortBy": [_worst_first(panel.columns)]},
        "transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": organize}],
    }


def _worst_first(columns: Mapping[str, Column]) -> dict[str, Any]:
    """Return how a table is sorted: by its first column that can be bad, down from the bad end."""
    name = next((name for name, column in columns.items() if column.steps), next(iter(columns)))
    steps = columns[name].steps
    return {"displayName": name, "desc": not steps or steps[0][1] != "red"}


def _columns(panel: Panel) -> list[dict[str, Any]]:
    found = []
    for name, column in panel.columns.items():
        properties: dict[str, Any] = {"unit": column.unit or derived([column.query])}
        if properties["unit"] == "percentunit":
            properties["decimals"] = 1
        if column.states:
            properties["mappings"] = _states(column.states.items())
        if column.steps:
            properties["thresholds"] = {"mode": "absolute", "steps": steps_json(column.steps)}
            properties["custom.cellOptions"] = {"type": "color-text"}
        found.append(_override(name, properties))
    for label, url in panel.drill.items():
        found.append(_override(label, {"links": [{"title": f"Show this {label} alone", "url": url}]}))
    return found


def _override(name: str, properties: dict[str, Any], *, by: str = "byName") -> dict[str, Any]:
    listed = [{"id": key, "value": value} for key, value in properties.items()]
    return {"matcher": {"id": by, "options": name}, "properties": listed}


def _heatmap(look: Style) -> core.Panel:
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "exponent": 0.5, "steps": 64, "reverse": False},
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "unit": look.unit},
    }
    return core.Heatmap(options=options, thresholds=steps_json(()))


def _logs(look: Style) -> core.Panel:
    logs = core.Logs(
        thresholds=steps_json(()), showTime=True, wrapLogMessages=True, enableLogDetails=True, prettifyLogMessage=False
    )
    if look.empty:
        logs.extraJson = {"fieldConfig": {"defaults": {"noValue": look.empty}, "overrides": []}}
    return logs


def _text(look: Style) -> core.Panel:
    del look
    return core.Text(thresholds=steps_json(()), mode="markdown")


def _text_own(panel: Panel) -> dict[str, Any]:
    return {"options": {"mode": "markdown", "content": panel.text}}


def _nothing(panel: Panel) -> dict[str, Any]:
    del panel
    return {}


def _limits(look: Style) -> dict[str, Any]:
    """Return what holds for values: their range, digits (one of a percentage in a number), the word for none."""
    rounded = 1 if look.kind in ("stat", "gauge", "bargauge") and look.unit == "percentunit" else None
    decimals = rounded if look.decimals is None else look.decimals
    return {"min": look.low, "max": look.high, "decimals": decimals, "noValue": look.empty or None}


SHAPES: dict[PanelKind, Callable[[Style], core.Panel]] = {
    "timeseries": _timeseries,
    "stat": _stat,
    "gauge": _dial,
    "bargauge": _bars,
    "piechart": _pie,
    "state-timeline": _timeline,
    "table": _table,
    "heatmap": _heatmap,
    "logs": _logs,
    "text": _text,
}

OWN: dict[PanelKind, Callable[[Panel], dict[str, Any]]] = {"table": _table_own, "text": _text_own}
"""What a panel of a kind has beyond its style."""
