"""Is what this repository claims true? Everything is proven offline, before it is written or deployed."""

from obs.proofs.gate import check
from obs.proofs.problem import Problem, report

__all__ = ["Problem", "check", "report"]
