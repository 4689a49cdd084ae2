"""How does what people made in Grafana become Python again: whole dashboards, and single edits?"""

from obs.adopt.importing import Import, import_dashboard
from obs.adopt.propose import Proposal, patch, propose

__all__ = ["Import", "Proposal", "import_dashboard", "patch", "propose"]
