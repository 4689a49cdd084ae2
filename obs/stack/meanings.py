"""What does each key of stack.toml mean? The table of docs/stack.md holds the same sentences; a test compares them."""

MEANINGS = {
    "service.name": (
        "prefix of dashboard uids, rule groups and folders; label `service` of every alert; "
        "`OTEL_SERVICE_NAME` of the service"
    ),
    "service.team": "label `team`: Alertmanager routes by it",
    "service.stack": (
        'who runs Prometheus and the programs around it. `"ours"`; or `"others"`: only dashboards and rules '
        "are written, and nothing watches those programs"
    ),
    "service.environment": "label `environment` of every series, alert and log line",
    "service.region": "label `region` beside the environment, for a service that runs in several",
    "targets.ROLE": (
        "one scrape target: `job` and `address` become its labels; `path` is `/metrics` unless it says otherwise"
    ),
    "targets.ROLE.addresses": (
        "several addresses of one job instead of `address`; not for watchkeeper's replicas, which share their totals"
    ),
    "targets.ROLE.kubernetes": (
        "finds instances in a cluster instead: `role` (`pod`, `endpoints`, `endpointslice`, `service`), "
        "`selector`, `namespaces`, and `port` by its name ([discovery](scraping.md))"
    ),
    "targets.ROLE.consul": "finds instances in Consul instead: `server`, `service`, `tags`",
    "targets.ROLE.dns": (
        "finds instances by a name instead: `name`, `type` (`SRV`, `A`, `AAAA`), and `port` for all but `SRV`"
    ),
    "targets.ROLE.files": "finds instances in files instead, which something else writes",
    "targets.ROLE.scheme": "`http` or `https`",
    "targets.ROLE.bearer_token_file": (
        "a file where Prometheus runs: the token that the scrape sends, such as watchkeeper's `METRICS_TOKEN`"
    ),
    "targets.ROLE.username": "the name of basic authentication",
    "targets.ROLE.password_file": "a file where Prometheus runs: the password of basic authentication",
    "targets.ROLE.ca_file": "a file where Prometheus runs: the authority that signed the target's certificate",
    "targets.ROLE.cert_file": "a file where Prometheus runs: its own certificate",
    "targets.ROLE.key_file": "a file where Prometheus runs: the key of its certificate",
    "targets.ROLE.server_name": "the name in the target's certificate, where its address is another",
    "targets.api.exposes": (
        "what the service exposes beside HTTP requests: any of `websockets`, `jobs`, `vitals`, `telemetry`; "
        "all unless it says otherwise. Jobs that are scraped elsewhere are `targets.jobs`"
    ),
    "slo.window": "the rolling window of every promise, 28 or 30 days",
    "slo.availability.objective": "share of requests that must not fail by our fault",
    "slo.latency.objective": "share of requests that must be answered in time",
    "slo.latency.threshold_seconds": 'what "in time" is; an edge of the histogram\'s buckets',
    "thresholds.NAME": (
        "where a reading turns into an alert; declared beside the rule that asks for it, and listed in the "
        "[catalog](catalog.md#thresholds)"
    ),
    "prometheus.url": "where people find Prometheus; links in alerts lead there",
    "prometheus.scrape_interval": (
        "also how often rules are evaluated; mongodb_exporter's `--collector.profile-time-ts` must be the same"
    ),
    "prometheus.retention": "how long samples are kept",
    "prometheus.retention_size": "what they may take on disk: the older ones go first",
    "prometheus.remote_write_url": "where every sample is also sent: [when one Prometheus is not enough](scaling.md)",
    "prometheus.remote_write_credentials_file": "a file in the Prometheus container: the bearer token of the receiver",
    "prometheus.replica": "the name of one of two Prometheus servers that scrape the same: [pairs](scaling.md#a-pair)",
    "cost.board_samples": "the samples of an ordinary hour that a board may read when it is opened ([cost](cost.md))",
    "cost.group_samples": "the samples that the rules of a group may read at one evaluation",
    "alertmanager.url": "what Alertmanager calls itself in its messages; people reach it through Grafana",
    "grafana.url": "where people find Grafana: every link to a dashboard begins with it",
    "grafana.folder": "the folder dashboards are in",
    "grafana.pages": (
        "which engine pages. false: Alertmanager; Grafana does not evaluate rules. true: Grafana; "
        "Alertmanager's receivers for people send nothing"
    ),
    "datasources.KIND.uid": "what dashboards call the data source",
    "datasources.KIND.url": "where Grafana reaches it; Loki's is also where log lines are sent",
    "logs.retention": "how long lines are kept, in days",
    "logs.path": "the files Docker writes containers' output to",
    "traces.sample_ratio": "share of requests whose spans are recorded",
    "traces.retention": "how long spans are kept, in hours",
    "kubernetes.*": "namespace and labels of `obs build --target kubernetes` ([Kubernetes](kubernetes.md))",
    "names.preset": (
        "whose names the service's HTTP series have, where they are not the standard ones: `opentelemetry` "
        "([other names](names.md))"
    ),
    "names.metrics": 'what the service exposes for a standard series; `""` where it exposes nothing',
    "names.labels": "what the service calls a label of the standard series",
    "names.buckets": "the edges of a histogram's buckets, without +Inf",
    "runbooks.base_url": "where docs/operations is read by who is paged",
    "notify.pagerduty_url": "PagerDuty's Events API v2; accounts in the EU have another",
    "notify.pagerduty_routing_key_file": (
        "files in the Alertmanager container that hold what is secret; `start.sh` writes them into its memory "
        "from the variables of `.env`"
    ),
    "notify.webhook_url_file": (
        "files in the Alertmanager container that hold what is secret; `start.sh` writes them into its memory "
        "from the variables of `.env`"
    ),
    "notify.deadman_url_file": (
        "files in the Alertmanager container that hold what is secret; `start.sh` writes them into its memory "
        "from the variables of `.env`"
    ),
}
"""By key; ROLE, KIND, NAME and * stand for any."""
