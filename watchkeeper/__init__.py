"""Makes a web application observable: `from watchkeeper import instrument; app = instrument(app)`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from watchkeeper.contract.labels import Label
    from watchkeeper.declared import Counter, Gauge, Histogram
    from watchkeeper.instrumentation import instrument
    from watchkeeper.process import Telemetry
    from watchkeeper.settings import TelemetryError
    from watchkeeper.tracing.trace_context import outgoing_headers

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "Label",
    "Telemetry",
    "TelemetryError",
    "instrument",
    "outgoing_headers",
]

_HOMES = {
    "Counter": "watchkeeper.declared",
    "Gauge": "watchkeeper.declared",
    "Histogram": "watchkeeper.declared",
    "Label": "watchkeeper.contract.labels",
    "Telemetry": "watchkeeper.process",
    "TelemetryError": "watchkeeper.settings",
    "instrument": "watchkeeper.instrumentation",
    "outgoing_headers": "watchkeeper.tracing.trace_context",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: who only reads the contract (boards, rules) pays for nothing else."""
    if name not in _HOMES:
        raise AttributeError(f"module 'watchkeeper' has no attribute {name!r}; it has: {', '.join(__all__)}")
    from importlib import import_module  # noqa: PLC0415 - needed once a name is asked for

    return getattr(import_module(_HOMES[name]), name)
