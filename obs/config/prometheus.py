"""What does Prometheus scrape, evaluate, keep and pass on?"""

import re
from typing import Any

from obs.config.document import document, lines
from obs.stack import Stack
from obs.stack.settings import Target

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


TLS = ("ca_file", "cert_file", "key_file", "server_name")

SELECTED = {"endpoints": "service"}
"""What carries the label of a selector, where that is not what is scraped."""

PORTS = {
    "pod": "__meta_kubernetes_pod_container_port_name",
    "endpoints": "__meta_kubernetes_endpoint_port_name",
    "endpointslice": "__meta_kubernetes_endpointslice_port_name",
    "service": "__meta_kubernetes_service_port_name",
}
"""https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config"""

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
            "external_labels": deployment(stack) | replica,
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
    manager = stack.targets.alertmanager
    if manager.discovered:
        found = _discovery(manager) | ({"relabel_configs": kept} if (kept := _kept(manager)) else {})
    else:
        found = {"static_configs": [{"targets": list(manager.addresses or (manager.address,))}]}
    scheme = {"scheme": manager.scheme} if manager.scheme != "http" else {}
    return {"alerting": {"alertmanagers": [{**scheme, **_credentials(manager), **found}]}}


def scrapes(stack: Stack) -> list[dict[str, Any]]:
    """Return the scrape configuration of every target."""
    return [_scrape(stack, role) for role in stack.targets]


def _scrape(stack: Stack, role: str) -> dict[str, Any]:
    target = stack.targets[role]
    scrape = {
        "job_name": target.job,
        "metrics_path": target.path,
        **({"scheme": target.scheme} if target.scheme != "http" else {}),
        **_credentials(target),
        "sample_limit": API_SAMPLES if role == "api" else SAMPLES,
        **LABEL_LIMITS,
    }
    labels = deployment(stack)
    if not target.discovered:
        addresses = list(target.addresses or (target.address,))
        return scrape | {"static_configs": [{"targets": addresses, "labels": labels}]}
    named = [{"target_label": name, "replacement": value} for name, value in labels.items()]
    return scrape | _discovery(target) | {"relabel_configs": [*_kept(target), *named]}


def deployment(stack: Stack) -> dict[str, str]:
    """Return the labels of every series and alert of a deployment."""
    region = {"region": stack.service.region} if stack.service.region else {}
    return {"environment": stack.service.environment} | region


def _credentials(target: Target) -> dict[str, Any]:
    """Return how a scrape proves who it is: files, which Prometheus reads anew each time."""
    found: dict[str, Any] = {}
    if target.bearer_token_file:
        found["authorization"] = {"credentials_file": target.bearer_token_file}
    if target.username:
        found["basic_auth"] = {"username": target.username, "password_file": target.password_file}
    tls = {name: value for name in TLS if (value := getattr(target, name))}
    return found | ({"tls_config": tls} if tls else {})


def _discovery(target: Target) -> dict[str, Any]:
    kubernetes, consul, dns = target.kubernetes, target.consul, target.dns
    if kubernetes.role:
        found: dict[str, Any] = {"role": kubernetes.role}
        if kubernetes.namespaces:
            found["namespaces"] = {"names": list(kubernetes.namespaces)}
        # Endpoints are found with their services and pods: a selector is about the one that carries the label.
        found["selectors"] = [{"role": SELECTED.get(kubernetes.role, kubernetes.role), "label": kubernetes.selector}]
        return {"kubernetes_sd_configs": [found]}
    if consul.server:
        tags = {"tags": list(consul.tags)} if consul.tags else {}
        return {"consul_sd_configs": [{"server": consul.server, "services": [consul.service], **tags}]}
    if dns.name:
        port = {"port": dns.port} if dns.port else {}
        return {"dns_sd_configs": [{"names": [dns.name], "type": dns.type, **port}]}
    return {"file_sd_configs": [{"files": list(target.files)}]}


def _kept(target: Target) -> list[dict[str, Any]]:
    """Return the rule that keeps one port of those that a pod or a service has."""
    port = target.kubernetes.port
    if not port:
        return []
    return [{"source_labels": [PORTS[target.kubernetes.role]], "regex": port, "action": "keep"}]


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
