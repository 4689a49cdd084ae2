"""Where does a reading turn into an alert? Declared beside the rule that asks, and set in `stack.toml`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from obs.nearest import nearest
from obs.stack.settings import Stack


@dataclass(frozen=True, slots=True)
class Threshold:
    """
    A limit of a rule that a service may set: ``name`` is its key in [thresholds], ``default`` what holds without it.

    It lies in the open interval from ``above`` to ``below``; ratios run from 0 to 1. One that is compared with a
    quantile is one of the ``edges`` of the buckets. ``why`` says what it is the limit of. Declare it in the module of
    `alerts/` whose rule uses it: that is what makes the key legal.
    """

    name: str
    default: float
    why: str
    above: float = 0
    below: float | None = None
    edges: tuple[float, ...] = ()

    def of(self, stack: Stack) -> float:
        """Return the limit of a stack."""
        return stack.thresholds.get(self.name, self.default)

    def complaint(self, value: float) -> str:
        """Return what is wrong with a value; nothing where it is fine."""
        if self.edges and value not in self.edges:
            return f"takes an edge of the histogram: {', '.join(f'{edge:g}' for edge in self.edges)}"
        if value > self.above and (self.below is None or value < self.below):
            return ""
        upper = "" if self.below is None else f" and below {self.below:g}"
        return f"takes a number above {self.above:g}{upper}: {self.why}"


def complaints(declared: Iterable[Threshold], given: Mapping[str, float]) -> Iterator[str]:
    """Yield every key of [thresholds] that no rule declares, and every value that a rule can't use."""
    known = {threshold.name: threshold for threshold in declared}
    for name, value in given.items():
        if name not in known:
            instead = nearest(name, sorted(known))
            yield f"thresholds.{name}: no rule declares it; {instead}"
        elif wrong := known[name].complaint(value):
            yield f"thresholds.{name} = {value:g}: {wrong}"
