"""How does what was proven get into a cluster? As resources for the operators of Prometheus and of Grafana."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import yaml

from obs.config.document import dump, lines
from obs.config.prometheus import deployment, scrapes
from obs.output import alertmanager_config
from obs.output.built import FOLDER as LOADED
from obs.output.built import Built, File, with_manifest
from obs.output.secrets import key_of
from obs.stack import Stack
from obs.stack.settings import InKubernetes

FOLDER = "infra/kubernetes"
"""Where the resources are written, below the checkout."""

ALERTMANAGER = "alertmanager/alertmanager.yml"
DATASOURCES = "grafana/provisioning/datasources/stack.yml"
ENVIRONMENT = "service.env"

GROUP = "monitoring.coreos.com"
GRAFANA = "grafana.integreatly.org/v1beta1"
CONFIG_FOLDER = "/etc/alertmanager/config"
"""Where the operator puts every key of the secret that `Alertmanager.spec.configSecret` names:
https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.AlertmanagerSpec"""

SECRETS = "/etc/prometheus/secrets"
"""Where the operator mounts the secrets that `Prometheus.spec.secrets` names."""

DISCOVERIES = {
    "kubernetes_sd_configs": "kubernetes",
    "consul_sd_configs": "consul",
    "dns_sd_configs": "dns",
    "file_sd_configs": "file",
}
MONITORS = {"pod": "PodMonitor", "endpoints": "ServiceMonitor", "endpointslice": "ServiceMonitor"}
"""What finds the same by a label and the name of a port, and is what most clusters select."""

FILES = {"ScrapeConfig": "scrape-configs", "ServiceMonitor": "service-monitors", "PodMonitor": "pod-monitors"}
ROLES = {"pod": "Pod", "endpoints": "Endpoints", "endpointslice": "EndpointSlice", "service": "Service"}
RELABEL = {"source_labels": "sourceLabels", "target_label": "targetLabel"}

SCRAPE = {
    "metrics_path": "metricsPath",
    "sample_limit": "sampleLimit",
    "label_limit": "labelLimit",
    "label_name_length_limit": "labelNameLengthLimit",
    "label_value_length_limit": "labelValueLengthLimit",
}
"""The operator's name for each setting of a scrape."""


def in_kubernetes(built: Built) -> Built:
    """Return a compiled stack with its resources for a cluster in place of the files that programs load themselves."""
    below = {
        path.removeprefix(f"{LOADED}/"): text for path, text in built.texts.items() if path.startswith(f"{LOADED}/")
    }
    files = {path: File(text, "resources") for path, text in manifests(built.stack, below).items()}
    return replace(built, files=with_manifest(built.stack, FOLDER, files))


def manifests(stack: Stack, files: Mapping[str, str]) -> dict[str, str]:
    """
    Return the resources of a stack, path below the checkout to text.

    ``files`` are the files the programs load elsewhere, by their path below ``infra/observability``: a cluster runs the
    same rules, routes, scrapes and dashboards, in other clothes.
    """
    written = {
        "prometheus-rule.yaml": [_rules(stack, files)],
        **_scrapes(stack),
        **_of_programs(stack, files),
        **{f"dashboard-{slug}.yaml": [_dashboard(stack, slug, text)] for slug, text in _dashboards(files)},
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": stack.kubernetes.namespace,
        "resources": sorted(written),
    }
    texts = {name: lines("---\n".join(map(dump, resources))) for name, resources in written.items()}
    texts["kustomization.yaml"] = lines(dump(kustomization))
    return {f"{FOLDER}/{name}": text for name, text in texts.items()}


def _rules(stack: Stack, files: Mapping[str, str]) -> dict[str, Any]:
    groups = [group for path, text in files.items() if "/rules/" in path for group in _load(text)["groups"]]
    # Elsewhere Prometheus adds the environment to every alert as an external label; a cluster's Prometheus is shared.
    labels = deployment(stack)
    if stack.kubernetes.alertmanager == "config":
        # By default the operator lets an AlertmanagerConfig hear of alerts of its own namespace alone.
        labels["namespace"] = stack.kubernetes.namespace
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
        rule["labels"] = {**rule["labels"], **labels}
    return _resource(stack, f"{GROUP}/v1", "PrometheusRule", "rules", spec={"groups": groups})


def _of_programs(stack: Stack, files: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Return the resources of what the stack runs itself: a part that is absent, or run by others, has none."""
    made = {
        "alertmanager-config.yaml": (ALERTMANAGER, _alertmanager),
        "grafana-datasources.yaml": (DATASOURCES, _datasources),
        "service-environment.yaml": (ENVIRONMENT, _environment),
    }
    return {name: resources(stack, files) for name, (path, resources) in made.items() if path in files}


def _scrapes(stack: Stack) -> dict[str, list[dict[str, Any]]]:
    """Return what has every target scraped, by file: monitors where one finds it, and scrape configurations."""
    found: dict[str, list[dict[str, Any]]] = {}
    for target, scrape in zip(stack.targets.values(), scrapes(stack), strict=True):
        kubernetes = target.kubernetes
        kind = MONITORS.get(kubernetes.role, "ScrapeConfig") if kubernetes.port else "ScrapeConfig"
        version = "v1alpha1" if kind == "ScrapeConfig" else "v1"
        spec = _configured(stack, scrape) if kind == "ScrapeConfig" else _monitored(stack, kubernetes, scrape)
        resource = _resource(stack, f"{GROUP}/{version}", kind, scrape["job_name"], spec=spec)
        found.setdefault(f"{FILES[kind]}.yaml", []).append(resource)
    return found


def _configured(stack: Stack, scrape: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "jobName": scrape["job_name"],
        **_found(scrape),
        **{theirs: scrape[ours] for ours, theirs in SCRAPE.items() if ours in scrape},
        **({"scheme": scrape["scheme"].upper()} if "scheme" in scrape else {}),
        **_credentials(scrape),
        "scrapeInterval": stack.prometheus.scrape_interval,
    }


def _monitored(stack: Stack, kubernetes: InKubernetes, scrape: Mapping[str, Any]) -> dict[str, Any]:
    """Return a monitor of one port: its job is the stack's, and not the name of a service or a monitor."""
    labels = [rule for rule in scrape["relabel_configs"] if "target_label" in rule]
    endpoint = {
        "port": kubernetes.port,
        "path": scrape["metrics_path"],
        **({"scheme": scrape["scheme"]} if "scheme" in scrape else {}),
        **_credentials(scrape),
        "interval": stack.prometheus.scrape_interval,
        "relabelings": _relabelings([{"target_label": "job", "replacement": scrape["job_name"]}, *labels]),
    }
    names = list(kubernetes.namespaces)
    return {
        "selector": _selector(kubernetes.selector),
        "namespaceSelector": {"matchNames": names} if names else {"any": True},
        **({"serviceDiscoveryRole": "EndpointSlice"} if kubernetes.role == "endpointslice" else {}),
        **{theirs: scrape[ours] for ours, theirs in SCRAPE.items() if ours != "metrics_path"},
        "podMetricsEndpoints" if kubernetes.role == "pod" else "endpoints": [endpoint],
    }


def _selector(text: str) -> dict[str, Any]:
    """Return a label selector such as ``app=shop,tier!=db,!canary`` as resources have it."""
    labels: dict[str, str] = {}
    others: list[dict[str, Any]] = []
    for part in text.split(","):
        if "!=" in part:
            key, _, value = part.partition("!=")
            others.append({"key": key, "operator": "NotIn", "values": [value]})
        elif "=" in part:
            key, _, value = part.replace("==", "=").partition("=")
            labels[key] = value
        else:
            others.append({"key": part.lstrip("!"), "operator": "DoesNotExist" if part.startswith("!") else "Exists"})
    return ({"matchLabels": labels} if labels else {}) | ({"matchExpressions": others} if others else {})


def _relabelings(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{RELABEL.get(key, key): value for key, value in rule.items()} for rule in rules]


def _found(scrape: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the targets of a scrape are, as the operator says it."""
    if "static_configs" in scrape:
        return {"staticConfigs": scrape["static_configs"]}
    (kind,) = (key for key in scrape if key.endswith("_sd_configs"))
    found = [dict(one) for one in scrape[kind]]
    for one in (one for one in found if kind == "kubernetes_sd_configs"):
        one["role"] = ROLES[one["role"]]
        one["selectors"] = [{**selector, "role": ROLES[selector["role"]]} for selector in one["selectors"]]
    return {f"{DISCOVERIES[kind]}SDConfigs": found, "relabelings": _relabelings(scrape["relabel_configs"])}


def _credentials(scrape: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a scrape proves who it is: keys of secrets, which the files of `stack.toml` are mounted from."""
    job = scrape["job_name"]
    made: dict[str, Any] = {}
    if "authorization" in scrape:
        made["authorization"] = {"credentials": _secret(job, scrape["authorization"]["credentials_file"])}
    if basic := scrape.get("basic_auth"):
        password = _secret(job, basic["password_file"])
        made["basicAuth"] = {"username": {**password, "key": "username"}, "password": password}
    if tls := scrape.get("tls_config"):
        named = {"serverName": tls["server_name"]} if "server_name" in tls else {}
        parts = {"ca_file": "ca", "cert_file": "cert"}
        files: dict[str, Any] = {
            theirs: {"secret": _secret(job, tls[ours])} for ours, theirs in parts.items() if ours in tls
        }
        key = {"keySecret": _secret(job, tls["key_file"])} if "key_file" in tls else {}
        made["tlsConfig"] = {**files, **key, **named}
    return made


def _secret(job: str, file: str) -> dict[str, str]:
    return key_of(file, SECRETS, f"the operator scrapes job '{job}' with keys of secrets alone")


def _alertmanager(stack: Stack, files: Mapping[str, str]) -> list[dict[str, Any]]:
    config = _load(files[ALERTMANAGER])
    templates = {
        PurePosixPath(path).name: text for path, text in files.items() if path.startswith("alertmanager/templates/")
    }
    if stack.kubernetes.alertmanager == "config":
        spec = alertmanager_config.spec(stack, config, "".join(templates.values()))
        return [_resource(stack, f"{GROUP}/v1alpha1", "AlertmanagerConfig", "alertmanager", spec=spec)]
    config["templates"] = [f"{CONFIG_FOLDER}/*.tmpl"]
    texts = {"alertmanager.yaml": dump(config), **templates}
    return [_resource(stack, "v1", "Secret", "alertmanager", type="Opaque", stringData=texts)]


def _datasources(stack: Stack, files: Mapping[str, str]) -> list[dict[str, Any]]:
    text = files[DATASOURCES]
    if stack.kubernetes.grafana == "operator":
        return [_datasource(stack, one) for one in _load(text)["datasources"]]
    found = _resource(stack, "v1", "ConfigMap", "datasources", data={"stack.yaml": text})
    found["metadata"]["labels"][stack.kubernetes.datasource_label] = "1"
    return [found]


def _datasource(stack: Stack, source: dict[str, Any]) -> dict[str, Any]:
    uid = source.pop("uid")
    # "$$" is what a file of provisioning makes "$" of; the operator sends what it is given.
    plain = yaml.load(dump(source).replace("$$", "$"), yaml.CSafeLoader)
    spec = {**_taken_by(stack), "uid": uid, "datasource": plain}
    return _resource(stack, GRAFANA, "GrafanaDatasource", f"datasource-{source['type']}", spec=spec)


def _dashboards(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for path, text in files.items():
        if path.startswith("grafana/dashboards/"):
            yield PurePosixPath(path).stem, text


def _dashboard(stack: Stack, slug: str, text: str) -> dict[str, Any]:
    name = f"dashboard-{slug}"
    if stack.kubernetes.grafana == "operator":
        spec = {**_taken_by(stack), "folder": stack.grafana.folder, "json": text}
        return _resource(stack, GRAFANA, "GrafanaDashboard", name, spec=spec)
    found = _resource(stack, "v1", "ConfigMap", name, data={f"{stack.service.name}-{slug}.json": text})
    found["metadata"]["labels"][stack.kubernetes.dashboard_label] = "1"
    found["metadata"]["annotations"] = {"grafana_folder": stack.grafana.folder}
    return found


def _taken_by(stack: Stack) -> dict[str, Any]:
    """Return which Grafana the operator brings a resource to, in whatever namespace it is."""
    return {
        "instanceSelector": {"matchLabels": dict(stack.kubernetes.grafana_labels)},
        "allowCrossNamespaceImport": True,
    }


def _environment(stack: Stack, files: Mapping[str, str]) -> list[dict[str, Any]]:
    pairs = (line.split("=", 1) for line in files[ENVIRONMENT].splitlines() if line and not line.startswith("#"))
    return [_resource(stack, "v1", "ConfigMap", "environment", data=dict(pairs))]


def _resource(stack: Stack, version: str, kind: str, name: str, **body: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": stack.service.name, **stack.kubernetes.labels}
    metadata = {
        "name": f"{stack.service.name}-{name}",
        "namespace": stack.kubernetes.namespace,
        "labels": labels,
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **body}


def _load(text: str) -> Any:
    return yaml.load(text, yaml.CSafeLoader)
