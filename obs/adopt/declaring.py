"""How does what a target exposes become a module of `metrics/`?"""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from obs.adopt import recognising
from obs.adopt.exposition import Family
from obs.adopt.laid_out import WIDTH, Written
from obs.stack.names import STANDARD, merged
from obs.stack.settings import Names
from watchkeeper.contract import metrics as standard
from watchkeeper.contract.labels import TARGET
from watchkeeper.contract.metrics import Metric

VALUES = 5  # of a label, named in its help

RUNTIME = re.compile(r"(go|process|python|promhttp|jvm|nodejs)_\w+|scrape_\w+")
"""What a client library says of the process, in every target alike; not a question to the service."""

UNITS = {
    "timestamp_seconds": "timestamp",
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "microseconds": "microseconds",
    "usec": "microseconds",
    "ms": "milliseconds",
    "bytes": "bytes",
    "ratio": "ratio",
    "percent": "percent",
}
"""The unit that the end of a name says: https://prometheus.io/docs/practices/naming/#base-units."""

SAID = re.compile(r"\bin (seconds|milliseconds|microseconds|bytes|percent)\b")
"""How an exporter's help says a unit that the name leaves out."""

GROUPS = {
    "HTTP": standard.HTTP,
    "WebSockets": standard.WEBSOCKET,
    "jobs": standard.JOBS,
    "web vitals": standard.VITALS,
}
"""The standard series, by what alerts and boards ask of them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """
    A module of `metrics/`, and what stayed out of it.

    ``recognised`` are the standard series of the scrape, ``known`` those that another module declares, ``runtime``
    those of the client library, and ``odd`` maps a family to why it can't be declared. ``missing`` maps a group of
    standard series of which some are there to the names that are not. ``proposed`` are the names under which the scrape
    has the standard HTTP series; only those of a preset are certain, so the families of others are declared as well.
    """

    source: str
    declared: tuple[str, ...]
    recognised: tuple[str, ...]
    known: tuple[str, ...]
    runtime: tuple[str, ...]
    odd: Mapping[str, str]
    missing: Mapping[str, tuple[str, ...]]
    proposed: Names | None = None


def declare(
    families: Mapping[str, Family], title: str, known: Iterable[Metric] = (), names: Names | None = None
) -> Declared:
    """
    Write the module that declares the families of a scrape which nothing declares yet.

    ``title`` says whose they are, and ``known`` are the series that other modules of `metrics/` declare. ``names`` are
    those of the stack: what stands for a standard series is none of the module's. Where there are none, and the scrape
    has the standard HTTP series under other names, those are `Declared.proposed`.
    """
    proposed = recognising.recognised(families) if names is None or names == Names() else None
    certain = proposed if proposed and proposed.preset else names
    called = recognising.families_of(certain) if certain else set()
    recognised = {name for name in families if name in called or name in STANDARD}
    elsewhere = {metric.name for metric in known if metric.name in families} - recognised
    rest = {name: family for name, family in families.items() if name not in recognised | elsewhere}
    runtime = {name for name in rest if RUNTIME.fullmatch(name)}
    odd = {name: reason for name, family in rest.items() if name not in runtime and (reason := _odd(family))}
    mine = [family for name, family in sorted(rest.items()) if name not in runtime | odd.keys()]
    missing = {
        group: absent
        for group, series in GROUPS.items()
        if any(metric.name in families for metric in series)
        and (absent := tuple(metric.name for metric in series if metric.name not in families))
    }
    if proposed:
        missing["HTTP"] = tuple(name for name, theirs in merged(proposed).metrics.items() if not theirs)
    return Declared(
        _module(mine, title),
        tuple(family.name for family in mine),
        tuple(sorted(recognised)),
        tuple(sorted(elsewhere)),
        tuple(sorted(runtime)),
        odd,
        {group: absent for group, absent in missing.items() if absent},
        proposed,
    )


def _odd(family: Family) -> str:
    if family.type == "histogram" and not family.edges:
        return "a histogram without classic buckets"
    if family.type not in {"counter", "gauge", "histogram", "summary", "untyped"}:
        return f"its type is {family.type}"
    return ""


def _module(families: Iterable[Family], title: str) -> str:
    mine = list(families)
    taken = {_constant(family.name) for family in mine}
    seen: dict[str, set[str]] = {}
    for family in mine:
        for label, values in family.labels.items():
            seen.setdefault(label, set()).update(values)
    own = {label: _label_constant(label, taken) for label in sorted(seen) if label not in {one.name for one in TARGET}}
    labels = [
        Written(f"{constant} = Label(", [_quoted(label), _quoted(_said(seen[label]))], ")").at()
        for label, constant in own.items()
    ]
    series = [_metric(family, own).at() for family in mine]
    names = _tuple("SERIES = ", [_constant(family.name) for family in mine]) if mine else "SERIES = ()"
    imports = "from watchkeeper.contract.labels import Label\n" * bool(labels)
    return (
        f'"""Which series of {title} do we read?"""\n\n{imports}from watchkeeper.contract.metrics import Metric\n\n'
        + "".join(f"{line}\n" for line in labels)
        + "\n" * bool(labels)
        + "".join(f"{line}\n" for line in series)
        + f"\n{names if isinstance(names, str) else names.at()}\n"
    )


def _metric(family: Family, labels: Mapping[str, str]) -> Written:
    kind = family.type if family.type != "untyped" else "counter" if family.name.endswith("_total") else "gauge"
    words = family.help.strip() or "The exporter does not say."
    arguments: list[str | Written] = [_quoted(family.name), _quoted(kind), _quoted(words)]
    if own := [labels[label] for label in sorted(family.labels) if label in labels]:
        arguments.append(_tuple("", own))
    if unit := _unit(family):
        arguments.append(f"unit={_quoted(unit)}")
    if kind == "histogram":
        arguments.append(_tuple("buckets=", [repr(edge) for edge in sorted(family.edges)]))
    if family.type == "untyped":
        arguments.append('exposed="untyped"')
    return Written(f"{_constant(family.name)} = Metric(", arguments, ")")


def _unit(family: Family) -> str:
    """Return the unit of the UNIT line, of the name's end, or that the help says it is in."""
    name = family.name.removesuffix("_total")
    end = next((end for end in UNITS if name.endswith(f"_{end}")), "")
    said = SAID.search(family.help)
    return UNITS.get(family.unit, UNITS.get(end, UNITS[said[1]] if said else ""))


def _constant(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()


def _label_constant(label: str, taken: set[str]) -> str:
    constant = _constant(label)
    return f"{constant}_LABEL" if constant in taken else constant


def _said(values: set[str]) -> str:
    """Say which values a label was seen with: a reader adds what they mean, and whether these are all."""
    shown = sorted(values)[:VALUES]
    more = f" and {len(values) - VALUES} more" if len(values) > VALUES else ""
    return textwrap.shorten(f"Seen: {', '.join(shown)}", WIDTH - 40, placeholder=" …") + f"{more}."


def _tuple(prefix: str, items: list[str]) -> "str | Written":
    return Written(f"{prefix}(", items, ")") if len(items) > 1 else f"{prefix}({items[0]},)"


def _quoted(text: str) -> str:
    return repr(text) if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)
