"""
Which series of percona/mongodb_exporter do we read, and which of its flags switches them on?

The exporter calls almost everything untyped, and some gauges counter: ``kind`` is what a series means. Without
flags it exposes `mongodb_up` alone.
"""

from watchkeeper.contract.labels import Label
from watchkeeper.contract.metrics import Metric, MetricKind, Unit

CLUSTER_ROLE = Label(
    "cluster_role", "What answers; no label at all while MongoDB is down.", ("mongod", "mongos", "arbiter")
)
CLUSTER_ID = Label("cl_id", "Id of the cluster the member belongs to.")
MEMBER_ROLE = Label("cl_role", "Role of the member in its cluster (`mongod`, `shardsvr`, `configsvr`, `mongos`).")
REPLICA_SET = Label("rs_nm", "Name of the replica set; no label on a standalone server.")
REPLICA_SET_STATE = Label("rs_state", "State of the scraped member, as a number; it changes on failover.")
MEMBER = Label("member_idx", "Member of a replica set, as host:port.")
MEMBER_STATE = Label(
    "member_state",
    "State of a member.",
    (
        "STARTUP",
        "PRIMARY",
        "SECONDARY",
        "RECOVERING",
        "STARTUP2",
        "UNKNOWN",
        "ARBITER",
        "DOWN",
        "ROLLBACK",
        "REMOVED",
        "(not reachable/healthy)",
    ),
)
CONNECTION_TYPE = Label(
    "conn_type",
    "Which connections; 'current' and 'available' add up to the limit.",
    (
        "active",
        "available",
        "awaitingTopologyChanges",
        "current",
        "exhaustHello",
        "exhaustIsMaster",
        "loadBalanced",
        "rejected",
        "threaded",
        "totalCreated",
    ),
)
OPERATION = Label("legacy_op_type", "Kind of operation.", ("command", "delete", "getmore", "insert", "query", "update"))
OPERATION_CLASS = Label("op_type", "Class of operations.", ("commands", "reads", "transactions", "writes"))
TICKET = Label("txn_rw", "What the ticket admits to the storage engine.", ("read", "write"))
QUEUE_SIDE = Label("count_type", "Who waits; 'total' is the sum of the others.", ("readers", "total", "writers"))
CURSOR = Label("csr_type", "Which cursors; 'total' contains the others.", ("noTimeout", "pinned", "total"))
DOCUMENT_OPERATION = Label("doc_op_type", "What happened to documents.", ("deleted", "inserted", "returned", "updated"))
ASSERTION = Label("assert_type", "Kind of assertion.", ("msg", "regular", "rollovers", "tripwire", "user", "warning"))
DATABASE = Label("database", "MongoDB database.")

SCRAPED_MEMBER = (CLUSTER_ID, MEMBER_ROLE, REPLICA_SET, REPLICA_SET_STATE)


def _status(name: str, kind: MetricKind, meaning: str, labels: tuple[Label, ...] = (), unit: Unit = "") -> Metric:
    return Metric(name, kind, meaning, (*labels, *SCRAPED_MEMBER), unit, exposed="untyped")


def _server_wide(name: str, kind: MetricKind, meaning: str, label: Label, unit: Unit = "") -> Metric:
    return Metric(name, kind, meaning, (label,), unit, exposed="untyped")


UP = Metric("mongodb_up", "gauge", "1 when the exporter reached MongoDB, else 0.", (CLUSTER_ROLE,))
UPTIME = _status("mongodb_ss_uptime", "gauge", "Time since mongod started.", unit="seconds")

CONNECTIONS = _status("mongodb_ss_connections", "gauge", "Client connections.", (CONNECTION_TYPE,))
OPERATIONS = _status("mongodb_ss_opcounters", "counter", "Operations of clients.", (OPERATION,))
OPERATIONS_REPLICATED = _status(
    "mongodb_ss_opcountersRepl", "counter", "Operations applied from the primary.", (OPERATION,)
)
OPERATION_TIME = _server_wide(
    "mongodb_ss_opLatencies_latency", "counter", "Time spent in operations.", OPERATION_CLASS, "microseconds"
)
OPERATIONS_TIMED = _server_wide(
    "mongodb_ss_opLatencies_ops", "counter", "Operations whose time was taken.", OPERATION_CLASS
)
DOCUMENTS = _status("mongodb_ss_metrics_document", "counter", "Documents touched.", (DOCUMENT_OPERATION,))
DOCUMENTS_SCANNED = _status(
    "mongodb_ss_metrics_queryExecutor_scannedObjects", "counter", "Documents read to answer queries."
)
ASSERTS = _status("mongodb_ss_asserts", "counter", "Assertions raised.", (ASSERTION,))

MEMORY_RESIDENT = _status("mongodb_ss_mem_resident", "gauge", "Memory mongod holds.", unit="mebibytes")
CACHE_USED = _status(
    "mongodb_ss_wt_cache_bytes_currently_in_the_cache", "gauge", "WiredTiger cache in use.", unit="bytes"
)
CACHE_MAX = _status(
    "mongodb_ss_wt_cache_maximum_bytes_configured", "gauge", "WiredTiger cache configured.", unit="bytes"
)
CACHE_DIRTY = _status(
    "mongodb_ss_wt_cache_tracked_dirty_bytes_in_the_cache", "gauge", "Cache not yet written to disk.", unit="bytes"
)
CACHE_READ = _status(
    "mongodb_ss_wt_cache_bytes_read_into_cache", "counter", "Bytes read from disk into the cache.", unit="bytes"
)
CACHE_WRITTEN = _status(
    "mongodb_ss_wt_cache_bytes_written_from_cache", "counter", "Bytes written from the cache to disk.", unit="bytes"
)
CURSORS = _status("mongodb_ss_metrics_cursor_open", "gauge", "Open cursors.", (CURSOR,))
CURSORS_TIMED_OUT = _status("mongodb_ss_metrics_cursor_timedOut", "counter", "Cursors closed for being idle.")
QUEUED = _status("mongodb_ss_globalLock_currentQueue", "gauge", "Operations waiting for a lock.", (QUEUE_SIDE,))
TICKETS_USED = _server_wide(
    "mongodb_ss_wt_concurrentTransactions_out", "gauge", "Storage engine tickets taken.", TICKET
)
TICKETS_FREE = _server_wide(
    "mongodb_ss_wt_concurrentTransactions_available",
    "gauge",
    "Storage engine tickets free; from 7.0 on mongod resizes the pool, so none free is no fault alone.",
    TICKET,
)
NET_IN = _status("mongodb_ss_network_bytesIn", "counter", "Bytes received.", unit="bytes")
NET_OUT = _status("mongodb_ss_network_bytesOut", "counter", "Bytes sent.", unit="bytes")

MEMBER_OPTIME = _status(
    "mongodb_rs_members_optimeDate",
    "gauge",
    "Time of the last operation a member applied, in milliseconds since 1970; every member tells it of all.",
    (MEMBER, MEMBER_STATE),
    "milliseconds",
)
MEMBER_HEALTH = _status(
    "mongodb_rs_members_health", "gauge", "1 while the scraped member reaches this one.", (MEMBER, MEMBER_STATE)
)
TERM = _status("mongodb_rs_term", "gauge", "Election term; it rises with every election.")

DATA_SIZE = _status("mongodb_dbstats_dataSize", "gauge", "Uncompressed documents.", (DATABASE,), "bytes")
STORAGE_SIZE = _status("mongodb_dbstats_storageSize", "gauge", "Documents on disk.", (DATABASE,), "bytes")
INDEX_SIZE = _status("mongodb_dbstats_indexSize", "gauge", "Indexes on disk.", (DATABASE,), "bytes")
DISK_USED = _status(
    "mongodb_dbstats_fsUsedSize", "gauge", "File system in use, told once per database.", (DATABASE,), "bytes"
)
DISK_SIZE = _status(
    "mongodb_dbstats_fsTotalSize", "gauge", "File system size, told once per database.", (DATABASE,), "bytes"
)

SLOW_QUERIES = Metric(
    "mongodb_profile_slow_query_count",
    "gauge",
    "Slow queries profiled within the last --collector.profile-time-ts seconds: set it to the scrape interval.",
    (DATABASE, *SCRAPED_MEMBER),
    exposed="counter",
)

BY_FLAG = {
    "--collector.diagnosticdata": (
        UPTIME,
        CONNECTIONS,
        OPERATIONS,
        OPERATIONS_REPLICATED,
        OPERATION_TIME,
        OPERATIONS_TIMED,
        DOCUMENTS,
        DOCUMENTS_SCANNED,
        ASSERTS,
        MEMORY_RESIDENT,
        CACHE_USED,
        CACHE_MAX,
        CACHE_DIRTY,
        CACHE_READ,
        CACHE_WRITTEN,
        CURSORS,
        CURSORS_TIMED_OUT,
        QUEUED,
        TICKETS_USED,
        TICKETS_FREE,
        NET_IN,
        NET_OUT,
        MEMBER_OPTIME,
        MEMBER_HEALTH,
        TERM,
    ),
    "--collector.dbstats": (DATA_SIZE, STORAGE_SIZE, INDEX_SIZE, DISK_USED, DISK_SIZE),
    "--collector.profile": (SLOW_QUERIES,),
}
"""What the exporter must be started with for a series to exist at all."""

SERIES = (UP, *(metric for metrics in BY_FLAG.values() for metric in metrics))
