"""Is what this repository claims true? Everything is proven offline, before it is written or deployed."""

from proofs.gate import check
from proofs.problem import Problem, report

__all__ = ["Problem", "check", "report"]
