"""What does Prometheus scrape, evaluate, keep and pass on?"""

import re
from typing import Any

from obs.config.document import document, lines
from obs.stack import Stack

EXEMPLARS = 100_000  # at about 100 bytes each 10 MB: an hour of exemplars at 28 a second
SAMPLES = 10_000  # four times the largest exporter we know, mongodb_exporter with every collector on
API_SAMPLES = 60_000  # a service may hold 50,000 series; beyond that a label has run away
LABEL_LIMITS = {  # twice what any exporter sends; a target beyond them fails its scrape and shows as down
    "label_limit": 32,
    "label_name_length_limit": 64,
    "label_value_length_limit": 512,
}
QUEUE = {  # a receiver may be away for about two hours before samples are lost: then the WAL is truncated
    "max_shards": 10,
    "max_samples_per_send": 2000,
    "min_backoff": "100ms",
    "max_backoff": "30s",
}


REPLICA = "__replica__"
"""The external label that tells the two of a pair apart: the receiver keeps one's samples, and drops the label."""


def render(stack: Stack) -> dict[str, str]:
    """Return ``prometheus.yml`` and the command-line flags, one a line, for what no configuration file takes."""
    return {
        "prometheus/prometheus.yml": document(_configuration(stack)),
        "prometheus/flags": lines(*_flags(stack)),
    }


def _configuration(stack: Stack) -> dict[str, Any]:
    replica = {REPLICA: stack.prometheus.replica} if stack.prometheus.replica else {}
    everything: dict[str, Any] = {
        "global": {
            "scrape_interval": stack.prometheus.scrape_interval,
            "evaluation_interval": stack.prometheus.scrape_interval,
            "external_labels": {"environment": stack.service.environment} | replica,
        },
        "storage": {"exemplars": {"max_exemplars": EXEMPLARS}},
        "rule_files": ["rules/*.yml"],
        **_alerting(stack),
        "scrape_configs": scrapes(stack),
    }
    if stack.prometheus.remote_write_url:
        remote = {"url": stack.prometheus.remote_write_url, "send_exemplars": True, "queue_config": QUEUE}
        if stack.prometheus.remote_write_credentials_file:
            remote["authorization"] = {"credentials_file": stack.prometheus.remote_write_credentials_file}
        everything["remote_write"] = [remote]
    if replica:
        # An alert of both is one alert to Alertmanager only while its labels are the same.
        everything["alerting"]["alert_relabel_configs"] = [{"action": "labeldrop", "regex": REPLICA}]
    return everything


def _alerting(stack: Stack) -> dict[str, Any]:
    if "alertmanager" not in stack.targets:
        return {}
    told = [stack.targets.alertmanager.address]
    return {"alerting": {"alertmanagers": [{"static_configs": [{"targets": told}]}]}}


def scrapes(stack: Stack) -> list[dict[str, Any]]:
    """Return the scrape configuration of every target."""
    return [_scrape(stack, role) for role in stack.targets]


def _scrape(stack: Stack, role: str) -> dict[str, Any]:
    target = stack.targets[role]
    return {
        "job_name": target.job,
        "metrics_path": target.path,
        "sample_limit": API_SAMPLES if role == "api" else SAMPLES,
        **LABEL_LIMITS,
        "static_configs": [
            {"targets": [target.address], "labels": {"environment": stack.service.environment}},
        ],
    }


def _flags(stack: Stack) -> list[str]:
    return [
        f"--storage.tsdb.retention.time={stack.prometheus.retention}",
        f"--storage.tsdb.retention.size={stack.prometheus.retention_size}",
        "--enable-feature=exemplar-storage",
        # A restart remembers what fires of rules that hold at least this long. By default that is ten minutes, and
        # others are told as over, and again after their hold: https://github.com/prometheus/prometheus/issues/15175
        "--rules.alert.for-grace-period=1m",
        f"--web.external-url={stack.prometheus.url}",
        "--web.route-prefix=/",
        # By default the pages of every other origin may read what is here, through whoever has it open.
        f"--web.cors.origin={re.escape(stack.prometheus.url)}",
    ]
