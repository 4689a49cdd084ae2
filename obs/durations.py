"""How long is "1h30m", and how does Grafana write it back?"""

import re

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
LONGEST_MS = (2**63 - 1) // 1_000_000
"""Prometheus counts nanoseconds in 64 bits: 292 years, and a little."""

# Each unit once, the longest first, whole numbers: github.com/prometheus/common, model.ParseDuration.
_WRITTEN = re.compile("".join(rf"(?:(\d+){unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")), re.ASCII)
_IN_ORDER = tuple(reversed(UNITS_MS.values()))
# Weeks and years are written only where nothing remains: "90d" reads better than "12w6d"
# (github.com/prometheus/common, model.Duration.String).
_WHOLE_ONLY = frozenset("yw")


def parse(text: str) -> int:
    """Milliseconds in a duration such as "90s", "1h30m" or Go's "1h0m0s", as Prometheus reads it; raise ValueError."""
    if text == "0":
        return 0
    found = _WRITTEN.fullmatch(text) if text else None
    if not found:
        raise ValueError(f"{text!r} is not a duration; write for example 90s, 5m or 1h30m")
    length = sum(int(count or 0) * size for count, size in zip(found.groups(), _IN_ORDER, strict=True))
    if length > LONGEST_MS:
        raise ValueError(f"{text!r} is longer than Prometheus counts; it ends at 292y")
    return length


def seconds(text: str) -> float:
    """Seconds in a duration; "" is none. Raise ValueError."""
    return parse(text) / 1000 if text else 0.0


def canonical(text: str) -> str:
    """Write a duration the way Grafana gives it back: "90s" as "1m30s", "24h" as "1d", nothing as "0s"."""
    rest = parse(text)
    if rest == 0:
        return "0s"
    written = ""
    for unit, size in sorted(UNITS_MS.items(), key=lambda pair: -pair[1]):
        if unit in _WHOLE_ONLY and rest % size:
            continue
        count, rest = divmod(rest, size)
        written += f"{count}{unit}" if count else ""
    return written
