"""Which series of Alertmanager do we read, in every version from 0.25 on?"""

from dataclasses import replace

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

INTEGRATION = Label("integration", "Kind of receiver (`webhook`, `pagerduty`).")
ALERT_STATE = Label("state", "What Alertmanager makes of an alert.", ("active", "suppressed", "unprocessed"))
SILENCE_STATE = replace(ALERT_STATE, help="Where a silence stands.", values=("active", "expired", "pending"))

RELOAD_OK = Metric(
    "alertmanager_config_last_reload_successful", "gauge", "1 when the running configuration is the one on disk."
)
ACTIVE_ALERTS = Metric("alertmanager_alerts", "gauge", "Alerts Alertmanager knows.", (ALERT_STATE,))
SILENCES = Metric("alertmanager_silences", "gauge", "Silences.", (SILENCE_STATE,))
NOTIFICATIONS = Metric("alertmanager_notifications_total", "counter", "Notifications tried.", (INTEGRATION,))
NOTIFICATIONS_FAILED = Metric(
    "alertmanager_notifications_failed_total",
    "counter",
    "Notifications that failed, told by reason from 0.27 on.",
    (INTEGRATION,),
)

SERIES = (RELOAD_OK, ACTIVE_ALERTS, SILENCES, NOTIFICATIONS, NOTIFICATIONS_FAILED)
