"""How is a changed field called, and which items of a list came, went or changed?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from obs.diff.change import Path, Sentence, one_sided, presence
from obs.diff.values import amount, changed, leaves, same, table

Item = tuple[str, dict[str, Any] | None, dict[str, Any] | None]

# What Grafana's panel editor calls the field; a path not listed is written as it is.
NAMES = {
    "description": "description",
    "type": "visualisation",
    "transparent": "transparent background",
    "repeat": "repeated for variable",
    "repeatDirection": "repeat direction",
    "maxPerRow": "repeated panels per line",
    "interval": "min interval",
    "maxDataPoints": "max data points",
    "timeFrom": "relative time",
    "timeShift": "time shift",
    "hideTimeOverride": "time info hidden",
    "cacheTimeout": "cache timeout",
    "libraryPanel.name": "library panel",
    "libraryPanel.uid": "library panel uid",
    "pluginVersion": "plugin version",
    "height": "height",
    "span": "width in spans",
    "fieldConfig.defaults.min": "min",
    "fieldConfig.defaults.max": "max",
    "fieldConfig.defaults.decimals": "decimals",
    "fieldConfig.defaults.displayName": "display name",
    "fieldConfig.defaults.noValue": "text for no value",
    "fieldConfig.defaults.color.mode": "colour scheme",
    "fieldConfig.defaults.color.fixedColor": "colour",
    "fieldConfig.defaults.mappings": "value mappings",
    "fieldConfig.defaults.custom.axisLabel": "axis label",
    "fieldConfig.defaults.custom.axisPlacement": "axis placement",
    "fieldConfig.defaults.custom.axisSoftMin": "soft min",
    "fieldConfig.defaults.custom.axisSoftMax": "soft max",
    "fieldConfig.defaults.custom.drawStyle": "draw style",
    "fieldConfig.defaults.custom.fillOpacity": "fill opacity",
    "fieldConfig.defaults.custom.gradientMode": "gradient",
    "fieldConfig.defaults.custom.lineInterpolation": "line interpolation",
    "fieldConfig.defaults.custom.lineStyle.fill": "line style",
    "fieldConfig.defaults.custom.lineWidth": "line width",
    "fieldConfig.defaults.custom.pointSize": "point size",
    "fieldConfig.defaults.custom.scaleDistribution.type": "axis scale",
    "fieldConfig.defaults.custom.scaleDistribution.log": "axis log base",
    "fieldConfig.defaults.custom.showPoints": "points shown",
    "fieldConfig.defaults.custom.spanNulls": "gaps connected",
    "fieldConfig.defaults.custom.stacking.mode": "stacking",
    "fieldConfig.defaults.custom.thresholdsStyle.mode": "thresholds drawn as",
    "options.colorMode": "colour mode",
    "options.graphMode": "graph mode",
    "options.justifyMode": "alignment",
    "options.textMode": "text mode",
    "options.orientation": "orientation",
    "options.reduceOptions.calcs": "calculation",
    "options.reduceOptions.fields": "fields shown",
    "options.reduceOptions.values": "all values shown",
    "options.legend.calcs": "legend values",
    "options.legend.displayMode": "legend mode",
    "options.legend.placement": "legend placement",
    "options.legend.showLegend": "legend shown",
    "options.tooltip.mode": "tooltip",
    "options.tooltip.sort": "tooltip order",
    "options.content": "text",
    "options.mode": "text format",
    "options.sortBy": "sorted by",
    "options.showHeader": "table header",
}
WITH_UNIT = frozenset({"min", "max", "soft min", "soft max"})


def plain(
    subject: str,
    old: Any,
    new: Any,
    path: Path = (),
    *,
    names: Mapping[str, str] = NAMES,
    prefix: str = "",
    units: tuple[str, str] = ("", ""),
) -> Iterator[Sentence]:
    """Yield one sentence for each place where two JSON values differ, named by `names` after `prefix`.

    `units` are the old and new Grafana unit of the subject's values, for bounds.
    """
    for at, before, after in leaves(old, new):
        dotted = ".".join(step for step in at if isinstance(step, str))
        name = names.get(dotted, dotted or "value")
        if name in WITH_UNIT and not (before is None or after is None):
            text = f"{name} {amount(before, units[0])} to {amount(after, units[1])}"
        else:
            text = changed(name, before, after)
        yield Sentence(subject, prefix + text, name, old=before, new=after, path=(*path, *at))


def items(old: Any, new: Any, key: Callable[[dict[str, Any]], str]) -> Iterator[Item]:
    """Pair the items of two lists by key, equal keys in order: key, old, new, None on the side without it."""
    before, after = _keyed(old, key), _keyed(new, key)
    for name in dict.fromkeys((*before, *after)):
        yield name, before.get(name), after.get(name)


def _keyed(models: Any, key: Callable[[dict[str, Any]], str]) -> dict[str, dict[str, Any]]:
    keyed: dict[str, dict[str, Any]] = {}
    for model in models if isinstance(models, list) else ():
        if isinstance(model, dict):
            name = key(model)
            count = sum(1 for known in keyed if known == name or known.startswith(f"{name} (")) + 1
            keyed[name if name not in keyed else f"{name} ({count})"] = model
    return keyed


def listed(
    subject: str,
    noun: str,
    pairs: Iterable[Item],
    path: Path,
    *,
    names: Mapping[str, str],
) -> Iterator[Sentence]:
    """Describe a list of named things: `noun "name" added`, removed, or what changed in it."""
    for name, old, new in pairs:
        if old is None or new is None:
            yield one_sided(subject, f'{noun} "{name}" {presence(old)}', noun, old, new, path=path)
        elif not same(old, new):
            yield from plain(subject, old, new, path, names=names, prefix=f'{noun} "{name}": ')


def reordered(subject: str, noun: str, old: Any, new: Any, key: Callable[[dict[str, Any]], str]) -> Iterator[Sentence]:
    """Say so if the things two lists share stand in another order."""
    before, after = list(_keyed(old, key)), list(_keyed(new, key))
    shared = [name for name in before if name in set(after)]
    order = [name for name in after if name in set(before)]
    if shared != order:
        text = f"{noun}: order changed to {', '.join(order)}"
        yield Sentence(subject, text, noun, "moved", old=shared, new=order)


def source_name(datasource: Any) -> str:
    """Name a data source as a reader knows it: by its uid, or the name old dashboards hold."""
    return str(table(datasource).get("uid") or table(datasource).get("type") or datasource or "the default")
