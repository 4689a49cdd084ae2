"""What does a target really expose? Its scrape, read as families with their types, labels and bucket edges."""

import re
from dataclasses import dataclass, field

from watchkeeper.contract.labels import LE, QUANTILE

SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>[^#]*)\})?\s+(?P<value>[^\s#]+)(?:\s+-?[\d.]+)?(?:\s*#.*)?"
)
PAIR = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
ESCAPED = re.compile(r"\\(.)")
COMMENT = re.compile(r"# (TYPE|HELP|UNIT) ([a-zA-Z_:][\w:]*)(?: (.*))?")

PARTS = ("_bucket", "_sum", "_count", "_total", "_created", "_info")
"""What a sample's name may add to its family's; `_total` and `_info` only in OpenMetrics."""


class ExpositionError(ValueError):
    """A scrape can't be read; the message names the line and what stands there."""


@dataclass(slots=True)
class Family:
    """
    One family of a scrape.

    ``type`` is its TYPE line, "untyped" without one; ``labels`` maps every label to the values it was seen with, but
    for ``le`` and ``quantile``. ``edges`` are a histogram's upper edges without +Inf. ``unit`` is the UNIT line of
    OpenMetrics.
    """

    name: str
    type: str = "untyped"
    help: str = ""
    unit: str = ""
    labels: dict[str, set[str]] = field(default_factory=dict)
    edges: set[float] = field(default_factory=set)
    samples: int = 0


def read(text: str) -> dict[str, Family]:
    """
    Return the families of a scrape in Prometheus' text format or OpenMetrics, by name; raise ExpositionError.

    Read by hand, because prometheus_client appends `_total` to counters that lack it, and some exporters have those.
    """
    families: dict[str, Family] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if comment := COMMENT.fullmatch(line):
            _note(families, *comment.groups(default=""))
        elif sample := SAMPLE.fullmatch(line):
            _count(families, sample["name"], sample["labels"] or "")
        elif line.strip() and not line.startswith("#"):
            raise ExpositionError(f"line {number} is no sample: {line[:60]!r}; a scrape has lines such as 'up 1'")
    found = {family.name: family for family in families.values() if family.samples}
    if not found:
        raise ExpositionError("it has no sample; give the address or a saved answer of a /metrics endpoint")
    return found


def _note(families: dict[str, Family], word: str, name: str, value: str) -> None:
    family = families.setdefault(name, Family(name))
    if word == "TYPE":
        family.type = {"unknown": "untyped", "info": "gauge", "stateset": "gauge"}.get(value, value)
    elif word == "HELP":
        family.help = ESCAPED.sub(lambda escaped: {"n": " "}.get(escaped[1], escaped[1]), value)
    else:
        family.unit = value


def _count(families: dict[str, Family], name: str, labels: str) -> None:
    family = _family(families, name)
    if name.endswith("_created") and name != family.name:
        return
    family.samples += 1
    if family.type == "counter" and name == f"{family.name}_total":
        family.name = name
    for label, value in PAIR.findall(labels):
        if label == LE.name and family.type in {"histogram", "gaugehistogram"}:
            family.edges |= {float(value)} - {float("inf")}
        elif value and not (label == QUANTILE.name and family.type == "summary"):
            # To Prometheus a label without a value is no label.
            family.labels.setdefault(label, set()).add(value)


def _family(families: dict[str, Family], name: str) -> Family:
    if name in families:
        return families[name]
    for part in PARTS:
        base = name.removesuffix(part)
        if base != name and base in families and families[base].type != "untyped":
            return families[base]
    return families.setdefault(name, Family(name))
