"""How does a level move while a scenario happens?"""

import hashlib
from dataclasses import dataclass

HOURS = (17, 10, 6, 5, 5, 8, 20, 40, 65, 83, 95, 92, 78, 92, 95, 90, 90, 80, 70, 60, 47, 42, 35, 25)
"""The traffic of each hour of a weekday in percent of its peak, midnight first."""

WEEKEND, WOBBLE = 0.28, 0.1
"""The traffic of a Saturday or Sunday, of a weekday's; by how much an hour differs from its like at most."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Levels one after the other, each for some seconds, over and over; None is a series that is not exposed."""

    steps: tuple[tuple[float, float | None], ...]

    def at(self, moment: float) -> float | None:
        """Return the level ``moment`` seconds after the beginning."""
        rest = moment % sum(length for length, _ in self.steps)
        for length, level in self.steps:
            if rest < length:
                return level
            rest -= length
        return self.steps[-1][1]


@dataclass(frozen=True, slots=True)
class Ramp:
    """A level that moves evenly to ``to``, which it reaches after ``lasts`` seconds."""

    start: float
    to: float
    lasts: float

    def at(self, moment: float) -> float:
        """Return the level ``moment`` seconds after the beginning."""
        return self.start + (self.to - self.start) * min(1.0, moment / self.lasts)


@dataclass(frozen=True, slots=True)
class Clock:
    """A gauge that holds the time, ``behind`` seconds ago; the scenario begins at 0, as promtool's time does."""

    behind: float = 0.0

    def at(self, moment: float) -> float:
        """Return the time ``moment``, as the gauge tells it."""
        return moment - self.behind


@dataclass(frozen=True, slots=True)
class Daily:
    """Traffic that follows the hours of the day and the days of the week, from Monday 00:00 on; ``peak`` is its top."""

    peak: float

    def at(self, moment: float) -> float:
        """Return the level ``moment`` seconds after the beginning; the same hour is the same in every play."""
        hour = int(moment // 3600)
        chance = int.from_bytes(hashlib.sha256(str(hour).encode()).digest()[:4]) / 2**32
        weekend = WEEKEND if hour // 24 % 7 in (5, 6) else 1.0
        return self.peak * HOURS[hour % 24] / 100 * weekend * (1 + WOBBLE * (2 * chance - 1))


Shape = Steps | Ramp | Clock | Daily
