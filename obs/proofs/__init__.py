"""Is what this repository claims true? Everything is proven offline, before it is written or deployed."""

from obs.proofs.finding import Finding
from obs.proofs.gate import check, judged, unloaded
from obs.proofs.loading import Loading
from obs.proofs.report import as_html, as_json, as_markdown, report

__all__ = ["Finding", "Loading", "as_html", "as_json", "as_markdown", "check", "judged", "report", "unloaded"]
