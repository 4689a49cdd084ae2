"""What has to be laid over the JSON that words make, so that it says what an original says?"""

from collections.abc import Mapping
from typing import Any

from obs.diff.layout import panels
from obs.diff.normalise import shown
from obs.diff.values import BLANK, objects, same

Model = dict[str, Any]

OWN = frozenset({"panels", "rows", "templating", "title", "uid", "folderUid", "description"})
"""Fields of a dashboard that arguments of their own say."""


def remainder(built: Mapping[str, Any], wanted: Mapping[str, Any]) -> Model:
    """Return the merge patch from one object to another, both without empty values."""
    patch: Model = {}
    for key in (*wanted, *(key for key in built if key not in wanted)):
        old, new = built.get(key), wanted.get(key)
        if same(old, new):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            patch[key] = remainder(old, new)
        else:
            patch[key] = None if new in BLANK else new
    return patch


def of_frame(built: Mapping[str, Any], original: Model) -> Model:
    """Return what a dashboard has around its panels and the built one has not; nothing built is taken away."""
    ours, theirs = (shown("dashboard", dict(side)) for side in (built, original))
    return _added(ours, {key: value for key, value in theirs.items() if key not in OWN and not key.startswith("__")})


def _added(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Model:
    added = {key: _beside(ours.get(key), value) for key, value in theirs.items()}
    return {key: value for key, value in added.items() if value not in BLANK}


def _beside(own: Any, value: Any) -> Any:
    """Return what a value has and our own has not, None for nothing."""
    if isinstance(value, dict) and isinstance(own, Mapping):
        return _added(own, value)
    if isinstance(value, list) and isinstance(own, list):
        return [one for one in value if not any(same(one, other) for other in own)]
    return None if same(own, value) else value


def unwrapped(model: Model) -> Model:
    """Return a dashboard with the rows of Grafana 4 as panels on the grid, as Grafana itself reads them."""
    if objects(model.get("panels")) or not objects(model.get("rows")):
        return model
    return {key: value for key, value in model.items() if key != "rows"} | {
        "panels": [
            {**one.model, "gridPos": dict(zip("xywh", one.box, strict=True))}
            | ({"panels": [], "collapsed": False} if one.kind == "row" else {})
            for one in panels(model)
        ]
    }
