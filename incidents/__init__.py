"""What does Prometheus remember of an incident, and how does it become a post-mortem?"""

from incidents.history import Episode, HistoryError, episodes, spent
from incidents.postmortem import write_up

__all__ = ["Episode", "HistoryError", "episodes", "spent", "write_up"]
