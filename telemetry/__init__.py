"""What makes an ASGI application observable, in one line: `from telemetry import instrument; app = instrument(app)`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telemetry.instrumentation import instrument
    from telemetry.process import Telemetry
    from telemetry.settings import TelemetryError
    from telemetry.trace_context import outgoing_headers

__all__ = ["Telemetry", "TelemetryError", "instrument", "outgoing_headers"]

_HOMES = {
    "Telemetry": "telemetry.process",
    "TelemetryError": "telemetry.settings",
    "instrument": "telemetry.instrumentation",
    "outgoing_headers": "telemetry.trace_context",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: who only reads the contract (boards, rules) pays for nothing else."""
    if name not in _HOMES:
        raise AttributeError(f"module 'telemetry' has no attribute {name!r}; it has: {', '.join(__all__)}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name]), name)
