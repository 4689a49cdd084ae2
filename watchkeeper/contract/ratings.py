"""When is a web vital good, and when is it poor?"""

from dataclasses import dataclass

from watchkeeper.contract.metrics import CLS, FCP, FID, INP, LCP, TTFB, Metric


@dataclass(frozen=True, slots=True)
class Rating:
    """
    At or below ``good`` a page is good, above ``poor`` it is poor; both are bucket edges, in the metric's unit.

    ``core`` marks the three Core Web Vitals.
    """

    metric: Metric
    words: str
    good: float
    poor: float
    core: bool = False

    def __post_init__(self) -> None:
        """Refuse a rating whose shares could only be guessed; raise ValueError."""
        for edge in (self.good, self.poor):
            if edge not in self.metric.buckets:
                raise ValueError(f"{self.metric.name} has no bucket edge {edge:g}, so its ratings can't be counted")


# https://web.dev/articles/vitals, judged at the 75th percentile, mobile and desktop apart
RATINGS = (
    Rating(LCP, "LCP", 2.5, 4.0, core=True),
    Rating(INP, "INP", 0.2, 0.5, core=True),
    Rating(CLS, "CLS", 0.1, 0.25, core=True),
    Rating(FID, "FID", 0.1, 0.3),
    Rating(FCP, "FCP", 1.8, 3.0),
    Rating(TTFB, "TTFB", 0.8, 1.8),
)
