"""What is wrong, where, and what would be right instead?"""

from collections.abc import Sequence
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """
    Something a person has to change.

    ``where`` is what they open (`dashboards/api.py panel 'Error ratio'`), ``what`` the fault, ``instead`` what
    would do, and ``check`` the id of the check that found it: what a waiver names.
    """

    where: str
    what: str
    instead: str
    check: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.instead}" if self.instead else f"{self.where}: {self.what}"


def report(problems: Sequence[Problem]) -> None:
    """Print one line a problem, the place first and the check last, and how many there are."""
    for problem in problems:
        sentence = str(problem).removeprefix(problem.where)
        click.echo(click.style(problem.where, bold=True) + sentence + click.style(f"  [{problem.check}]", dim=True))
    click.secho(f"{len(problems)} problem{'s' * (len(problems) != 1)} to mend", fg="red")
