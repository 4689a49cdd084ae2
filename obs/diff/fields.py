"""How is a changed field called, and which items of a list came, went or changed?"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from obs.diff.change import Path, Sentence, one_sided, presence
from obs.diff.values import amount, changed, leaves, objects, same, shortened, table

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
    for one in dict.fromkeys((*before, *after)):
        yield _called(one), before.get(one), after.get(one)


def _keyed(models: Any, key: Callable[[dict[str, Any]], str]) -> dict[tuple[str, int], dict[str, Any]]:
    """Key the objects of a list by name and by how many of that name came before."""
    seen: Counter[str] = Counter()
    keyed = {}
    for model in objects(models):
        name = key(model)
        keyed[name, seen[name]] = model
        seen[name] += 1
    return keyed


def _called(key: tuple[str, int]) -> str:
    name, before = key
    return f"{name} ({before + 1})" if before else name


def untold(
    subject: str,
    old: Any,
    new: Any,
    told: Iterable[Sentence],
    path: Path = (),
    *,
    names: Mapping[str, str] = NAMES,
    prefix: str = "",
) -> Iterator[Sentence]:
    """Yield every difference that no sentence of ``told`` is about, by its path: nothing goes without a word."""
    known = {sentence.path for sentence in told}
    for sentence in plain(subject, old, new, path, names=names, prefix=prefix):
        if not any(sentence.path[:length] in known for length in range(len(path), len(sentence.path) + 1)):
            yield sentence


def listed_well(name: str, *models: Mapping[str, Any]) -> bool:
    """Tell whether a field is a list of objects, or absent, in every model: one that can be told item by item."""
    return all(model.get(name) is None or objects(model[name]) == model[name] for model in models)


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


def reordered(
    subject: str, noun: str, old: Any, new: Any, key: Callable[[dict[str, Any]], str], *, path: Path = ()
) -> Iterator[Sentence]:
    """Say so if the things two lists share stand in another order."""
    before, after = _keyed(old, key), _keyed(new, key)
    pairs = [(model, after[one]) for one, model in before.items() if one in after]
    yield from disordered(subject, noun, (old, new), pairs, key, path=path)


def disordered(
    subject: str,
    noun: str,
    lists: tuple[Any, Any],
    pairs: Iterable[tuple[dict[str, Any], dict[str, Any]]],
    key: Callable[[dict[str, Any]], str],
    *,
    path: Path,
) -> Iterator[Sentence]:
    """Say so if the pairs of two lists stand in another order."""
    places = [{id(model): place for place, model in enumerate(objects(side))} for side in lists]
    ordered = sorted(pairs, key=lambda pair: places[1][id(pair[1])])
    if ordered != sorted(ordered, key=lambda pair: places[0][id(pair[0])]):
        old = [shortened(key(pair[1])) for pair in sorted(ordered, key=lambda pair: places[0][id(pair[0])])]
        new = [shortened(key(pair[1])) for pair in ordered]
        yield Sentence(
            subject, f"{noun}: order changed to {', '.join(new)}", noun, "moved", old=old, new=new, path=path
        )


def source_name(datasource: Any) -> str:
    """Name a data source as a reader knows it: by its uid, or the name old dashboards hold."""
    return str(table(datasource).get("uid") or table(datasource).get("type") or datasource or "the default")
