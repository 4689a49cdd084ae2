"""Which series do we read that others expose? Each module is one source, and each name is spelled there alone."""

from telemetry.exporters.jaeger import JAEGER
from telemetry.exporters.loki import LOKI, PROMTAIL
from telemetry.exporters.mongodb import MONGODB
from telemetry.exporters.prometheus import ALERTMANAGER_SERIES, PROMETHEUS
from telemetry.exporters.redis import REDIS
from telemetry.exporters.scraping import ALERTS, SCRAPING, UP

EXPORTERS = (*SCRAPING, *REDIS, *MONGODB, *PROMETHEUS, *ALERTMANAGER_SERIES, *LOKI, *PROMTAIL, *JAEGER)
"""Everything dashboards and alerts may ask for beyond what the service itself exposes."""

__all__ = ["ALERTS", "EXPORTERS", "UP"]
