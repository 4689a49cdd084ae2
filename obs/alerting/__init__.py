"""What is an alert, a promise and a case, and how do they become rules?"""

from obs.alerting.model import (
    Alert,
    AlertError,
    Case,
    Group,
    PanelRef,
    Recording,
    Severity,
    Silence,
    Told,
    clears,
    fires,
    pages,
    silent,
    tickets,
    told,
)

__all__ = [
    "Alert",
    "AlertError",
    "Case",
    "Group",
    "PanelRef",
    "Recording",
    "Severity",
    "Silence",
    "Told",
    "clears",
    "fires",
    "pages",
    "silent",
    "tickets",
    "told",
]
