"""Which series of postgres_exporter do we read?"""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

APPLICATION_NAME = Label("application_name", "Seen: walreceiver.")
CLIENT_ADDR = Label("client_addr", "Seen: 10.0.0.2.")
DATID = Label("datid", "Seen: 0, 1, 16384, 4, 5.")
DATNAME = Label("datname", "Seen: postgres, rooms, template0, template1.")
MODE = Label("mode", "Seen: accessexclusivelock, accesssharelock, exclusivelock, rowexclusivelock, … and 4 more.")
SERVER = Label("server", "Seen: postgres:5432.")
SLOT_NAME = Label("slot_name", "Seen: 26088, standby.")
STATE = Label("state", "Seen: active, disabled, fastpath function call, idle, idle in transaction and 2 more.")

PG_DATABASE_SIZE_BYTES = Metric(
    "pg_database_size_bytes", "gauge", "Disk space used by the database", (DATNAME, SERVER), unit="bytes"
)
PG_LOCKS_COUNT = Metric("pg_locks_count", "gauge", "Number of locks", (DATNAME, MODE, SERVER))
PG_REPLICATION_SLOTS_ACTIVE = Metric(
    "pg_replication_slots_active", "gauge", "Flag indicating if the slot is active", (SERVER, SLOT_NAME)
)
PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF = Metric(
    "pg_replication_slots_pg_wal_lsn_diff", "gauge", "Replication lag in bytes", (SERVER, SLOT_NAME), unit="bytes"
)
PG_SETTINGS_MAX_CONNECTIONS = Metric(
    "pg_settings_max_connections", "gauge", "Sets the maximum number of concurrent connections.", (SERVER,)
)
PG_STAT_ACTIVITY_COUNT = Metric(
    "pg_stat_activity_count", "gauge", "number of connections in this state", (DATNAME, SERVER, STATE)
)
PG_STAT_ACTIVITY_MAX_TX_DURATION = Metric(
    "pg_stat_activity_max_tx_duration",
    "gauge",
    "max duration in seconds any active transaction has been running",
    (DATNAME, SERVER, STATE),
    unit="seconds",
)
PG_STAT_DATABASE_BLKS_HIT = Metric(
    "pg_stat_database_blks_hit",
    "counter",
    "Number of times disk blocks were found already in the buffer cache, so that a read was not necessary (this only includes hits in the PostgreSQL buffer cache, not the operating system's file system cache)",
    (DATID, DATNAME, SERVER),
)
PG_STAT_DATABASE_BLKS_READ = Metric(
    "pg_stat_database_blks_read", "counter", "Number of disk blocks read in this database", (DATID, DATNAME, SERVER)
)
PG_STAT_DATABASE_DEADLOCKS = Metric(
    "pg_stat_database_deadlocks", "counter", "Number of deadlocks detected in this database", (DATID, DATNAME, SERVER)
)
PG_STAT_DATABASE_TEMP_BYTES = Metric(
    "pg_stat_database_temp_bytes",
    "counter",
    "Total amount of data written to temporary files by queries in this database. All temporary files are counted, regardless of why the temporary file was created, and regardless of the log_temp_files setting.",
    (DATID, DATNAME, SERVER),
    unit="bytes",
)
PG_STAT_DATABASE_XACT_COMMIT = Metric(
    "pg_stat_database_xact_commit",
    "counter",
    "Number of transactions in this database that have been committed",
    (DATID, DATNAME, SERVER),
)
PG_STAT_DATABASE_XACT_ROLLBACK = Metric(
    "pg_stat_database_xact_rollback",
    "counter",
    "Number of transactions in this database that have been rolled back",
    (DATID, DATNAME, SERVER),
)
PG_STAT_REPLICATION_PG_WAL_LSN_DIFF = Metric(
    "pg_stat_replication_pg_wal_lsn_diff",
    "gauge",
    "Lag in bytes between master and slave",
    (APPLICATION_NAME, CLIENT_ADDR, SERVER, SLOT_NAME, STATE),
    unit="bytes",
)
PG_UP = Metric(
    "pg_up",
    "gauge",
    "Whether the last scrape of metrics from PostgreSQL was able to connect to the server (1 for yes, 0 for no).",
)

SERIES = (
    PG_DATABASE_SIZE_BYTES,
    PG_LOCKS_COUNT,
    PG_REPLICATION_SLOTS_ACTIVE,
    PG_REPLICATION_SLOTS_PG_WAL_LSN_DIFF,
    PG_SETTINGS_MAX_CONNECTIONS,
    PG_STAT_ACTIVITY_COUNT,
    PG_STAT_ACTIVITY_MAX_TX_DURATION,
    PG_STAT_DATABASE_BLKS_HIT,
    PG_STAT_DATABASE_BLKS_READ,
    PG_STAT_DATABASE_DEADLOCKS,
    PG_STAT_DATABASE_TEMP_BYTES,
    PG_STAT_DATABASE_XACT_COMMIT,
    PG_STAT_DATABASE_XACT_ROLLBACK,
    PG_STAT_REPLICATION_PG_WAL_LSN_DIFF,
    PG_UP,
)
