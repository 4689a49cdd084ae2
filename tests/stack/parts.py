"""Stacks that lack parts of the committed one, to build, check and prove."""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from obs import stack
from obs.stack import Stack
from tests.conftest import ROOT

Settings = dict[str, Any]
SHIPPERS = {"otelcol": "otelcol:8888", "promtail": "promtail:9080"}
"""What may send log lines to Loki, and where it is asked for its own counts."""

WITHOUT: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "mongodb": (("targets", "mongodb"),),
    "redis": (("targets", "redis"),),
    "logs": (("targets", "loki"), *(("targets", role) for role in SHIPPERS), ("datasources", "loki"), ("logs",)),
    "traces": (("targets", "jaeger"), ("datasources", "jaeger"), ("traces",)),
    "alertmanager": (("targets", "alertmanager"), ("datasources", "alertmanager"), ("alertmanager",), ("notify",)),
    "grafana": (("targets", "grafana"), ("grafana",)),
}
"""What to take out of stack.toml for each part that can be absent."""

EXPOSED = ("websockets", "jobs", "vitals", "telemetry")
PARTS = (*WITHOUT, *EXPOSED)
WORDS = {
    "mongodb": "mongo",
    "redis": "redis",
    "logs": "loki|promtail|otelcol(?!_)",
    "traces": "jaeger|otlp|sampler",
    "alertmanager": "alertmanager",
    "grafana": "grafana(?!/(loki|promtail):)",
    "websockets": "websocket",
    "jobs": r"\bjobs_|job_(failure|queue|stalled)|queue:",
    "vitals": "vitals",
    "telemetry": "telemetry_",
}
"""What would tell of a part in a file that a program loads."""


def settings(*absent: str, others: bool = False) -> Settings:
    """Return the settings of the committed stack without some parts; ``others`` run it where that is so."""
    raw = tomllib.loads((ROOT / "stack.toml").read_text(encoding="utf-8"))
    raw.pop("env")
    for path in (path for part in absent for path in WITHOUT.get(part, ())):
        *tables, last = path
        table = raw
        for name in tables:
            table = table.get(name, {})
        table.pop(last, None)
    raw["targets"]["api"]["exposes"] = [part for part in EXPOSED if part not in absent]
    if others:
        raw["service"]["stack"] = "others"
    return raw


def toml(raw: Mapping[str, Any], prefix: str = "") -> str:
    """Return settings as a stack file."""
    lines = [f"[{prefix.removesuffix('.')}]"] if prefix else []
    lines += [f"{key} = {_value(value)}" for key, value in raw.items() if not isinstance(value, dict)]
    tables = [toml(value, f"{prefix}{key}.") for key, value in raw.items() if isinstance(value, dict)]
    return "\n".join([*lines, *tables])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, list) else repr(value).replace("'", '"')


def without(absent: Iterable[str], *, others: bool = False) -> Stack:
    """Return the committed stack without some parts."""
    return stack.loads(toml(settings(*absent, others=others)))


def shipping(shipper: str) -> Stack:
    """Return the committed stack with one of the log shippers."""
    raw = settings()
    for role in SHIPPERS:
        raw["targets"].pop(role, None)
    raw["targets"][shipper] = {"job": shipper, "address": SHIPPERS[shipper]}
    return stack.loads(toml(raw))
