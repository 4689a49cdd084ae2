"""Which series does Prometheus write itself, about its scrapes and its alerts?"""

from watchkeeper.contract.labels import ALERTNAME, ALERTSTATE, SERVICE, SEVERITY, SLO, TEAM
from watchkeeper.contract.metrics import Metric

UP = Metric("up", "gauge", "1 when the last scrape of the target succeeded, else 0.", exposed="untyped")
SCRAPE_DURATION = Metric(
    "scrape_duration_seconds", "gauge", "Time the last scrape of the target took.", unit="seconds", exposed="untyped"
)
SCRAPE_SAMPLES = Metric("scrape_samples_scraped", "gauge", "Samples the target exposed last.", exposed="untyped")
SERIES_ADDED = Metric("scrape_series_added", "gauge", "Series the last scrape saw first.", exposed="untyped")
ALERTS = Metric(
    "ALERTS",
    "gauge",
    "1 for every alert that is pending or firing now.",
    (ALERTNAME, ALERTSTATE, SERVICE, SEVERITY, SLO, TEAM),
    exposed="untyped",
)

ALERTS_SINCE = Metric(
    "ALERTS_FOR_STATE",
    "gauge",
    "When the condition of every pending or firing alert became true.",
    (ALERTNAME, SERVICE, SEVERITY, SLO, TEAM),
    unit="timestamp",
    exposed="untyped",
)

SCRAPING = (UP, SCRAPE_DURATION, SCRAPE_SAMPLES, SERIES_ADDED, ALERTS, ALERTS_SINCE)
