"""Which series of Prometheus do we read, in every version from 2.42 on?"""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

RULE_GROUP = Label("rule_group", "Rule file and group, as `file;group`.")
ALERTMANAGER = Label("alertmanager", "Address alerts are sent to.")
SAMPLE_TYPE = Label("type", "What a stored sample is.", ("float", "histogram"))

RELOAD_OK = Metric(
    "prometheus_config_last_reload_successful", "gauge", "1 when the running configuration is the one on disk."
)
RESIDENT_MEMORY = Metric(
    "process_resident_memory_bytes", "gauge", "Memory the process holds; every Go program tells it.", unit="bytes"
)

RULE_EVALUATIONS = Metric("prometheus_rule_evaluations_total", "counter", "Rules evaluated.", (RULE_GROUP,))
RULE_FAILURES = Metric(
    "prometheus_rule_evaluation_failures_total", "counter", "Rules that ended in an error.", (RULE_GROUP,)
)
RULE_ITERATIONS_MISSED = Metric(
    "prometheus_rule_group_iterations_missed_total",
    "counter",
    "Evaluations left out because the one before still ran.",
    (RULE_GROUP,),
)
RULE_DURATION = Metric(
    "prometheus_rule_group_last_duration_seconds",
    "gauge",
    "Time the last evaluation of the group took.",
    (RULE_GROUP,),
    "seconds",
)

ALERTMANAGERS = Metric("prometheus_notifications_alertmanagers_discovered", "gauge", "Alertmanagers alerts go to.")
ALERTS_SENT = Metric("prometheus_notifications_sent_total", "counter", "Alerts sent.", (ALERTMANAGER,))
ALERTS_SEND_ERRORS = Metric(
    "prometheus_notifications_errors_total", "counter", "Alerts whose sending failed.", (ALERTMANAGER,)
)
ALERTS_DROPPED = Metric(
    "prometheus_notifications_dropped_total", "counter", "Alerts no Alertmanager got, told by address from 3.x on."
)

HEAD_SERIES = Metric("prometheus_tsdb_head_series", "gauge", "Series in memory.")
SAMPLES_APPENDED = Metric("prometheus_tsdb_head_samples_appended_total", "counter", "Samples stored.", (SAMPLE_TYPE,))
BLOCKS_SIZE = Metric(
    "prometheus_tsdb_storage_blocks_bytes",
    "gauge",
    "Disk taken by stored blocks, the write-ahead log apart.",
    unit="bytes",
)
RETENTION_SIZE = Metric(
    "prometheus_tsdb_retention_limit_bytes", "gauge", "Disk the blocks may take; 0 means no limit.", unit="bytes"
)
COMPACTIONS_FAILED = Metric("prometheus_tsdb_compactions_failed_total", "counter", "Compactions that failed.")
WAL_WRITES_FAILED = Metric("prometheus_tsdb_wal_writes_failed_total", "counter", "Failed writes to the log.")
WAL_CORRUPTIONS = Metric("prometheus_tsdb_wal_corruptions_total", "counter", "Damage found in the log.")

SERIES = (
    RELOAD_OK,
    RESIDENT_MEMORY,
    RULE_EVALUATIONS,
    RULE_FAILURES,
    RULE_ITERATIONS_MISSED,
    RULE_DURATION,
    ALERTMANAGERS,
    ALERTS_SENT,
    ALERTS_SEND_ERRORS,
    ALERTS_DROPPED,
    HEAD_SERIES,
    SAMPLES_APPENDED,
    BLOCKS_SIZE,
    RETENTION_SIZE,
    COMPACTIONS_FAILED,
    WAL_WRITES_FAILED,
    WAL_CORRUPTIONS,
)
