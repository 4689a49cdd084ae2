"""What does Prometheus remember of an incident, and how does it become a post-mortem?"""

from obs.replay.episodes import Episode, HistoryError, episodes, spent
from obs.replay.postmortem import write_up

__all__ = ["Episode", "HistoryError", "episodes", "spent", "write_up"]
