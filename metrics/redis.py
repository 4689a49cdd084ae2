"""Which series of redis_exporter do we read? With Redis down, all but `redis_up` vanish."""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric

CMD = Label("cmd", "Redis command, in lower case; subcommands follow a bar (`config|get`).")
DB = Label("db", "Redis database (`db0`).")
REPLICA_IP = Label("slave_ip", "Address of a replica, as its primary sees it.")
REPLICA_PORT = Label("slave_port", "Port of a replica.")
REPLICA_STATE = Label("slave_state", "How far the replica has come (`online`, `send_bulk`, `wait_bgsave`).")
MASTER_HOST = Label("master_host", "Address of the primary a replica follows.")
MASTER_PORT = Label("master_port", "Port of the primary a replica follows.")

UP = Metric("redis_up", "gauge", "1 when the exporter reached Redis, else 0.")
UPTIME = Metric("redis_uptime_in_seconds", "gauge", "Time since Redis started.", unit="seconds")

MEMORY_USED = Metric("redis_memory_used_bytes", "gauge", "Memory Redis allocated.", unit="bytes")
MEMORY_MAX = Metric("redis_memory_max_bytes", "gauge", "The maxmemory limit; 0 means none.", unit="bytes")
MEMORY_RSS = Metric("redis_memory_used_rss_bytes", "gauge", "Memory the system gave Redis.", unit="bytes")
FRAGMENTATION = Metric(
    "redis_mem_fragmentation_ratio", "gauge", "Memory the system gave over memory Redis uses.", unit="ratio"
)

COMMANDS = Metric("redis_commands_total", "counter", "Calls of a command, the exporter's own included.", (CMD,))
COMMAND_TIME = Metric("redis_commands_duration_seconds_total", "counter", "Time spent in a command.", (CMD,), "seconds")
COMMANDS_FAILED = Metric("redis_commands_failed_calls_total", "counter", "Calls that failed while running.", (CMD,))

HITS = Metric("redis_keyspace_hits_total", "counter", "Lookups that found their key.")
MISSES = Metric("redis_keyspace_misses_total", "counter", "Lookups that did not.")
KEYS = Metric("redis_db_keys", "gauge", "Keys in a database.", (DB,))
KEYS_EXPIRING = Metric("redis_db_keys_expiring", "gauge", "Keys in a database that expire some day.", (DB,))
EVICTED = Metric("redis_evicted_keys_total", "counter", "Keys thrown out to stay within maxmemory.")
EXPIRED = Metric("redis_expired_keys_total", "counter", "Keys that reached the end of their time to live.")

CLIENTS = Metric("redis_connected_clients", "gauge", "Open client connections.")
CLIENTS_BLOCKED = Metric("redis_blocked_clients", "gauge", "Clients waiting in a blocking call such as BLPOP.")
CLIENTS_MAX = Metric("redis_config_maxclients", "gauge", "The maxclients limit.")
REJECTED = Metric("redis_rejected_connections_total", "counter", "Connections refused at the maxclients limit.")
NET_IN = Metric("redis_net_input_bytes_total", "counter", "Bytes received.", unit="bytes")
NET_OUT = Metric("redis_net_output_bytes_total", "counter", "Bytes sent.", unit="bytes")

SLOWLOG_ID = Metric(
    "redis_slowlog_last_id", "counter", "Number of the last slow log entry: how many there ever were.", exposed="gauge"
)
SLOWEST_LAST = Metric(
    "redis_last_slow_execution_duration_seconds", "gauge", "How long the last slow command took.", unit="seconds"
)

RDB_CHANGES = Metric("redis_rdb_changes_since_last_save", "gauge", "Writes that no snapshot holds yet.")
RDB_SAVED = Metric(
    "redis_rdb_last_save_timestamp_seconds", "gauge", "When a snapshot last succeeded.", unit="timestamp"
)
RDB_OK = Metric("redis_rdb_last_bgsave_status", "gauge", "1 when the last snapshot succeeded, else 0.")
AOF_OK = Metric("redis_aof_last_write_status", "gauge", "1 when the last append-only write succeeded, else 0.")

REPLICAS = Metric("redis_connected_slaves", "gauge", "Replicas connected to this server.")
REPLICA_LAG = Metric(
    "redis_connected_slave_lag_seconds",
    "gauge",
    "Time since a replica last acknowledged, on its primary.",
    (REPLICA_IP, REPLICA_PORT, REPLICA_STATE),
    "seconds",
)
LINK_UP = Metric(
    "redis_master_link_up", "gauge", "1 while a replica is linked to its primary.", (MASTER_HOST, MASTER_PORT)
)

SERVER = (
    UP,
    UPTIME,
    MEMORY_USED,
    MEMORY_MAX,
    MEMORY_RSS,
    FRAGMENTATION,
    COMMANDS,
    COMMAND_TIME,
    COMMANDS_FAILED,
    HITS,
    MISSES,
    KEYS,
    KEYS_EXPIRING,
    EVICTED,
    EXPIRED,
    CLIENTS,
    CLIENTS_BLOCKED,
    CLIENTS_MAX,
    REJECTED,
    NET_IN,
    NET_OUT,
    SLOWLOG_ID,
    SLOWEST_LAST,
    RDB_CHANGES,
    RDB_SAVED,
    RDB_OK,
    AOF_OK,
    REPLICAS,
)
"""What every Redis or Valkey shows."""

REPLICATION = (REPLICA_LAG, LINK_UP)
"""What only a primary with replicas shows, and what only a replica shows."""

SERIES = (*SERVER, *REPLICATION)
