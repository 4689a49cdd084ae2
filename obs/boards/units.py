"""Which unit does Grafana show a query in, where its panel does not say otherwise?"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from obs import content
from obs.alerting.recording import RECORDED
from obs.query import expr
from obs.query.expr import ExprError
from obs.query.series import Contract
from obs.query.units import GRAFANA, unit
from obs.stack import names
from obs.stack.names import Spoken

PLAIN = "short"
"""A number without a unit, or of one that a query alone does not tell."""


def derived(queries: Iterable[str]) -> str:
    """Return Grafana's name for the unit of the first PromQL query whose unit is certain."""
    contract = known(content.here().root, names.current())
    return next((name for query in queries if (name := _unit(query, contract))), PLAIN)


@cache
def known(root: Path, spoken: Spoken) -> Contract:
    """Return every series that the content of a folder may ask for, as a service calls them."""
    found = content.load(root)
    own = (spoken.metrics.get(metric.name, metric) for metric in found.own)
    return Contract((*own, *found.exporters, *RECORDED))


def _unit(query: str, contract: Contract) -> str:
    try:
        found = unit(expr.parse(query).tree, contract)
    except ExprError:  # the checks tell it, with its place
        return ""
    return GRAFANA[found][0] if found in GRAFANA else ""
