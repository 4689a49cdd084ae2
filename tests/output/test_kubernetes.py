"""A cluster gets the rules, routes, scrapes and boards that were proven, as resources its operators accept."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from obs.output import OutputError, build, in_kubernetes
from obs.stack import Stack, StackError, loads
from tests.conftest import ROOT
from tests.stack.parts import settings, toml, without

Resources = dict[str, list[dict[str, Any]]]

SCHEMAS = (
    yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for path in (ROOT / "tests/output/crds").glob("*.yaml")
)
CRDS = {one["spec"]["names"]["kind"]: one["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for one in SCHEMAS}
OPERATORS = """
[kubernetes]
alertmanager = "config"
grafana = "operator"
grafana_labels = { dashboards = "shared" }
"""
"""For people who share an Alertmanager, and whose Grafana is an operator's."""

NOTIFY = '[notify]\npagerduty_routing_key_file = "/etc/alertmanager/secrets/notify/pagerduty"\n' + "".join(
    f'{name}_url_file = "/etc/alertmanager/secrets/notify/{name}"\n' for name in ("webhook", "deadman")
)
LIMIT = 1024 * 1024
"""Bytes of a ConfigMap or a Secret: https://kubernetes.io/docs/concepts/configuration/configmap/."""


def strict(schema: Any) -> Any:
    """Refuse, as a reviewer would, the fields that the API server drops without a word."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields")
    known = {name: strict(inner) for name, inner in schema.items()}
    return known | ({"additionalProperties": False} if closed else {})


def resources(stack: Stack) -> Resources:
    """Return every resource of a stack, by the file it is in."""
    files = in_kubernetes(build(stack)).texts
    return {Path(path).name: list(yaml.safe_load_all(text)) for path, text in files.items() if path.endswith("yaml")}


@pytest.mark.parametrize(
    ("absent", "others", "gone"),
    [
        (
            ("alertmanager", "grafana", "logs", "traces"),
            False,
            {"alertmanager-config.yaml", "grafana-datasources.yaml"},
        ),
        (("redis",), True, {"alertmanager-config.yaml", "grafana-datasources.yaml", "service-environment.yaml"}),
    ],
)
def test_a_part_that_is_absent_has_no_resources(absent: tuple[str, ...], others: bool, gone: set[str]) -> None:
    """What is left is listed by the kustomization; targets are scraped whoever runs Prometheus."""
    lacking = without(absent, others=others)
    made = {Path(path).name: text for path, text in in_kubernetes(build(lacking)).texts.items()}

    assert not gone & set(made)
    assert set(yaml.safe_load(made["kustomization.yaml"])["resources"]) == set(made) - {
        "kustomization.yaml",
        "files.txt",
    }
    scraped = {one["spec"]["jobName"] for one in yaml.safe_load_all(made["scrape-configs.yaml"])}
    assert scraped == set(lacking.targets.jobs_scraped)


@pytest.fixture(scope="module")
def made(production: Stack) -> Resources:
    """Return the resources of the committed stack."""
    return resources(production)


def everything(made: Resources) -> list[dict[str, Any]]:
    """Return every resource that is applied."""
    return [one for name, found in made.items() if name != "kustomization.yaml" for one in found]


def of_kind(made: Resources, kind: str) -> list[dict[str, Any]]:
    """Return the resources of one kind."""
    return [one for one in everything(made) if one["kind"] == kind]


def refused(resource: dict[str, Any]) -> list[str]:
    """Return what the types of its operator have against a resource, fields that would be dropped among it."""
    schema = strict(CRDS[resource["kind"]])
    schema["properties"]["metadata"] = {"type": "object"}
    return [error.message for error in Draft202012Validator(schema).iter_errors(resource)]


@pytest.fixture(scope="module")
def shared() -> Resources:
    """Return the resources for a cluster with a shared Alertmanager and an operator's Grafana."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")
    before, rest = text.split("[notify]")
    after = rest[rest.index("\n[env") :]
    return resources(loads(before + NOTIFY + OPERATORS + after))


@pytest.mark.parametrize("kind", ["PrometheusRule", "ScrapeConfig"])
def test_the_operator_accepts_every_field(kind: str, made: Resources) -> None:
    """Resources are valid against the operator's own types, and hold no field it would drop."""
    found = of_kind(made, kind)

    assert found
    assert [message for one in found for message in refused(one)] == []


@pytest.mark.parametrize("kind", ["PrometheusRule", "AlertmanagerConfig", "GrafanaDashboard", "GrafanaDatasource"])
def test_other_operators_accept_every_field(kind: str, shared: Resources) -> None:
    """What is for a shared Alertmanager and an operator's Grafana is valid against their types too."""
    found = of_kind(shared, kind)

    assert found
    assert [message for one in found for message in refused(one)] == []


def test_a_shared_alertmanager_does_what_the_proven_one_does(shared: Resources) -> None:
    """Said back in Alertmanager's words, routes, receivers and inhibitions are those of alertmanager.yml."""
    committed = yaml.safe_load((ROOT / "infra/observability/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))
    (config,) = (one["spec"] for one in of_kind(shared, "AlertmanagerConfig"))
    ours = config["route"].pop("matchers")

    assert ours == [{"name": "service", "matchType": "=", "value": "rce-api"}]
    assert _said(config["route"]) == committed["route"]
    assert [_said(rule) for rule in config["inhibitRules"]] == committed["inhibit_rules"]
    for one, other in zip(config["receivers"], committed["receivers"], strict=True):
        assert one["name"] == other["name"]
        assert {name.removesuffix("Configs") for name in one} == {name.removesuffix("_configs") for name in other}
    (page,) = config["receivers"][0]["pagerdutyConfigs"]
    assert page["routingKey"] == {"name": "notify", "key": "pagerduty"}
    assert page["url"] == committed["global"]["pagerduty_url"]
    assert page["clientURL"] == "http://localhost:3001/alerting/groups?alertmanager=Alertmanager"


def _said(value: Any) -> Any:
    """Return a part of an AlertmanagerConfig in the words of alertmanager.yml."""
    if isinstance(value, list):
        return [_said(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "matchType" in value:
        return f"{value['name']}{value['matchType']}{json.dumps(value['value'])}"
    names = {"sourceMatch": "source_matchers", "targetMatch": "target_matchers"}
    return {
        names.get(name, re.sub("[A-Z]", lambda one: f"_{one[0].lower()}", name)): _said(inner)
        for name, inner in value.items()
    }


def test_every_text_of_a_shared_alertmanager_brings_its_templates(shared: Resources) -> None:
    """No AlertmanagerConfig has templates, and Alertmanager's own know nothing of ours."""
    (config,) = of_kind(shared, "AlertmanagerConfig")
    (page,) = config["spec"]["receivers"][0]["pagerdutyConfigs"]
    texts = [*(one["value"] for one in page["details"]), *(one["href"] for one in page["pagerDutyLinkConfigs"])]
    texts += [page["description"], page["class"], page["clientURL"]]

    for text in texts:
        assert set(re.findall(r'template "([\w.]+)"', text)) == set(re.findall(r'define "([\w.]+)"', text))


def test_alerts_for_a_shared_alertmanager_are_of_its_namespace(shared: Resources) -> None:
    """The operator lets an AlertmanagerConfig hear of alerts of its own namespace alone by default."""
    (manifest,) = of_kind(shared, "PrometheusRule")
    alerts = [rule for group in manifest["spec"]["groups"] for rule in group["rules"] if "alert" in rule]

    assert {rule["labels"]["namespace"] for rule in alerts} == {manifest["metadata"]["namespace"]}


def test_a_secret_that_an_alertmanager_config_can_not_name_is_refused() -> None:
    """The default path is compose's: the sentence says which takes its place."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")

    with pytest.raises(OutputError, match="/run/secrets/pagerduty_routing_key: an AlertmanagerConfig names keys"):
        resources(loads(text + OPERATORS))


def test_an_operators_grafana_gets_every_board_and_data_source(shared: Resources) -> None:
    """The JSON is the committed one, the folder is the stack's, and `$` is what queries mean by it."""
    boards, sources = of_kind(shared, "GrafanaDashboard"), of_kind(shared, "GrafanaDatasource")
    files = (ROOT / "infra/observability/grafana/dashboards").glob("*.json")

    assert {one["spec"]["json"] for one in boards} == {path.read_text(encoding="utf-8") for path in files}
    assert {one["spec"]["folder"] for one in boards} == {"rce-api"}
    assert {one["spec"]["uid"] for one in sources} == {"prometheus", "loki", "jaeger", "alertmanager"}
    assert all(one["spec"]["instanceSelector"] == {"matchLabels": {"dashboards": "shared"}} for one in boards + sources)
    assert "$$" not in json.dumps(sources)
    assert "$__rate_interval" in json.dumps(sources)


def test_the_rules_are_those_that_were_proven(production: Stack, made: Resources) -> None:
    """Expression, hold and annotations are the same; the environment, elsewhere an external label, is in the rule."""
    (manifest,) = of_kind(made, "PrometheusRule")
    files = build(production).texts
    proven = [group for path, text in files.items() if "/rules/" in path for group in yaml.safe_load(text)["groups"]]
    for rule in (rule for group in proven for rule in group["rules"] if "alert" in rule):
        rule["labels"]["environment"] = "production"

    assert manifest["spec"]["groups"] == proven


def test_every_target_is_scraped_as_elsewhere(production: Stack, made: Resources) -> None:
    """Job, address, path and limits are those of prometheus.yml."""
    elsewhere = yaml.safe_load(build(production).texts["infra/observability/prometheus/prometheus.yml"])
    found = [one["spec"] for one in of_kind(made, "ScrapeConfig")]

    assert [(one["jobName"], one["staticConfigs"], one["metricsPath"], one["sampleLimit"]) for one in found] == [
        (one["job_name"], one["static_configs"], one["metrics_path"], one["sample_limit"])
        for one in elsewhere["scrape_configs"]
    ]


def test_alertmanager_finds_its_templates_where_the_operator_puts_them(made: Resources) -> None:
    """The tree is the proven one; only the folder of the templates is the cluster's."""
    (secret,) = of_kind(made, "Secret")
    config = yaml.safe_load(secret["stringData"]["alertmanager.yaml"])
    committed = yaml.safe_load((ROOT / "infra/observability/alertmanager/alertmanager.yml").read_text(encoding="utf-8"))

    assert config == committed | {"templates": ["/etc/alertmanager/config/*.tmpl"]}
    assert set(secret["stringData"]) == {"alertmanager.yaml", "messages.tmpl"}


def test_grafana_finds_every_board_and_data_source(made: Resources) -> None:
    """Each board is a ConfigMap with the sidecar's label and its folder; the JSON is the committed one."""
    boards = [one for one in of_kind(made, "ConfigMap") if "grafana_dashboard" in one["metadata"]["labels"]]
    sources = [one for one in of_kind(made, "ConfigMap") if "grafana_datasource" in one["metadata"]["labels"]]
    files = (ROOT / "infra/observability/grafana/dashboards").glob("*.json")

    assert {name: text for one in boards for name, text in one["data"].items()} == {
        f"rce-api-{path.stem}.json": path.read_text(encoding="utf-8") for path in files
    }
    assert {one["metadata"]["annotations"]["grafana_folder"] for one in boards} == {"rce-api"}
    assert len(sources) == 1


def test_names_and_sizes_are_what_a_cluster_takes(made: Resources) -> None:
    """Names are DNS labels and unique within their kind, nothing is too large, and every file is applied."""
    names = [(one["kind"], one["metadata"]["name"]) for one in everything(made)]
    (kustomization,) = made["kustomization.yaml"]

    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name) for _, name in names)
    assert len(set(names)) == len(names)
    assert all(len(json.dumps(one)) < LIMIT for one in everything(made))
    assert kustomization["resources"] == sorted(made.keys() - {"kustomization.yaml"})


FOUND: list[dict[str, Any]] = [
    {"kubernetes": {"role": "pod", "namespaces": ["shop"], "selector": "app=shop", "port": "metrics"}},
    {"kubernetes": {"role": "endpoints", "selector": "app=shop"}},
    {
        "kubernetes": {"role": "endpointslice", "selector": "app=shop,tier!=db,!canary,web", "port": "http"},
        "scheme": "https",
        "bearer_token_file": "/etc/prometheus/secrets/shop/token",
    },
    {"consul": {"server": "consul:8500", "service": "shop", "tags": ["metrics"]}},
    {"dns": {"name": "_metrics._tcp.shop.internal"}},
    {"dns": {"name": "shop.internal", "type": "A", "port": 8080}},
    {"files": ["/etc/prometheus/targets/shop-*.json"]},
    {"addresses": ["a:1", "b:1"], "bearer_token_file": "/etc/prometheus/secrets/shop/token"},
    {
        "address": "a:1",
        "scheme": "https",
        "username": "me",
        "password_file": "/etc/prometheus/secrets/shop/password",
        "ca_file": "/etc/prometheus/secrets/shop/ca.crt",
        "cert_file": "/etc/prometheus/secrets/own/tls.crt",
        "key_file": "/etc/prometheus/secrets/own/tls.key",
        "server_name": "shop.internal",
    },
]


KINDS = {0: "PodMonitor", 2: "ServiceMonitor"}
"""Those that are found by a label and the name of a port; everything else is a ScrapeConfig."""


def test_a_monitor_finds_what_is_selected_under_the_job_of_the_stack() -> None:
    """The job is not the service's name, selectors are those of resources, and no namespace means every one."""
    raw = settings()
    raw["targets"]["api"] = {"job": "shop", **FOUND[2]}
    (found,) = resources(loads(toml(raw)))["service-monitors.yaml"]

    assert found["spec"]["selector"] == {
        "matchLabels": {"app": "shop"},
        "matchExpressions": [
            {"key": "tier", "operator": "NotIn", "values": ["db"]},
            {"key": "canary", "operator": "DoesNotExist"},
            {"key": "web", "operator": "Exists"},
        ],
    }
    assert found["spec"]["namespaceSelector"] == {"any": True}
    (endpoint,) = found["spec"]["endpoints"]
    assert {"targetLabel": "job", "replacement": "shop"} in endpoint["relabelings"]
    assert {"targetLabel": "environment", "replacement": "production"} in endpoint["relabelings"]


@pytest.mark.parametrize("api", FOUND, ids="+".join)
def test_the_operator_accepts_every_way_to_scrape(api: dict[str, Any]) -> None:
    """Discovery, credentials and TLS are said in the operator's words; secrets are named, never copied."""
    raw = settings()
    raw["targets"]["api"] = {"job": "shop", **api}
    (found,) = (one for one in everything(resources(loads(toml(raw)))) if one["metadata"]["name"] == "rce-api-shop")

    assert refused(found) == []
    assert found["kind"] == KINDS.get(FOUND.index(api), "ScrapeConfig")
    told = json.dumps(found["spec"])
    secrets = {(one["name"], one["key"]) for one in _secrets(found["spec"])}
    files = {value for key, value in api.items() if key.endswith("_file")}
    assert files <= {f"/etc/prometheus/secrets/{name}/{key}" for name, key in secrets}
    assert "/etc/prometheus/secrets" not in told


def _secrets(value: Any) -> Iterator[dict[str, str]]:
    """Yield every reference to a key of a secret."""
    if isinstance(value, dict) and set(value) == {"name", "key"}:
        yield value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _secrets(inner)


def test_a_secret_that_a_cluster_has_not_is_named() -> None:
    """A path of another kind is refused, with the one to take."""
    raw = settings()
    raw["targets"]["api"] |= {"bearer_token_file": "/run/secrets/token"}

    with pytest.raises(OutputError, match="/run/secrets/token: the operator scrapes job 'rce-api' with"):
        resources(loads(toml(raw)))


def test_namespace_and_labels_come_from_the_stack_file() -> None:
    """What the cluster selects by is said once."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")
    ours = '\n[kubernetes]\nnamespace = "watch"\nlabels = { team = "sre" }\ndashboard_label = "board"\n'

    made = everything(resources(loads(text + ours)))

    assert {one["metadata"]["namespace"] for one in made} == {"watch"}
    assert {one["metadata"]["labels"]["team"] for one in made} == {"sre"}
    assert sum("board" in one["metadata"]["labels"] for one in made) == 7


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("labels = { release = 1 }", "kubernetes.labels.release = 1: takes text"),
        ('namespace = "Watch"', "kubernetes.namespace = 'Watch': takes a namespace"),
    ],
)
def test_what_a_cluster_would_refuse_is_named(line: str, sentence: str) -> None:
    """A mistake is told by its key before anything is written."""
    text = (ROOT / "stack.toml").read_text(encoding="utf-8")

    with pytest.raises(StackError, match=re.escape(sentence)):
        loads(f"{text}\n[kubernetes]\n{line}\n")
