"""What is checked? Every check is in this list; a check nobody lists here does not exist."""

from obs.proofs.checks import (
    compared,
    dashboards,
    files,
    functions,
    links,
    logs,
    operators,
    references,
    rules,
    runbooks,
    selectors,
    shape,
    shown,
    variables,
)
from obs.proofs.checks.check import Check

__all__ = ["CHECKS", "Check"]

CHECKS: tuple[Check, ...] = (
    *selectors.CHECKS,
    *logs.CHECKS,
    *functions.CHECKS,
    *shape.CHECKS,
    *operators.CHECKS,
    *rules.CHECKS,
    *shown.CHECKS,
    *dashboards.CHECKS,
    *variables.CHECKS,
    *compared.CHECKS,
    *links.CHECKS,
    *runbooks.CHECKS,
    *references.CHECKS,
    *files.CHECKS,
)
