"""Where targets are and who Prometheus is to them, and two services in one Prometheus."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs import stack
from obs.output import Built, build
from obs.output.built import FOLDER
from obs.proofs import promtool
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.proofs.loading import loads
from obs.stack import StackError
from tests.checkout import Checkout
from tests.conftest import ROOT
from tests.stack.parts import settings, toml

PAGE = (ROOT / "docs/scraping.md").read_text(encoding="utf-8")
TABLES = [tomllib.loads(text) for text in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
CONFIG = f"{FOLDER}/prometheus/prometheus.yml"


def scraped(api: dict[str, Any], **service: str) -> Built:
    """Build the committed stack with another `targets.api`."""
    raw = settings()
    raw["targets"]["api"] = api
    raw["service"] |= service
    return build(stack.loads(toml(raw)))


def scrape(built: Built) -> dict[str, Any]:
    """Return how the API is scraped."""
    jobs: list[dict[str, Any]] = yaml.safe_load(built.texts[CONFIG])["scrape_configs"]
    return next(job for job in jobs if job["job_name"] == built.stack.targets.api.job)


@pytest.mark.parametrize("number", range(len(TABLES)))
def test_every_way_of_the_page_is_loaded_by_prometheus(number: int) -> None:
    """Promtool accepts what is written, and every check holds."""
    built = scraped(TABLES[number]["targets"]["api"])

    # docker compose knows none of the page's hosts, and the runbooks are of another job
    chosen = [check for check in CHECKS if not check.whole and check.id != "compose/host"]
    assert examine(Evidence(built, ROOT, whole=False), chosen) == []
    assert loads(promtool.find(ROOT), built) == []


def test_instances_that_are_found_get_the_labels_of_the_deployment() -> None:
    """Static targets carry them, discovered ones get them by relabelling; one port of a pod is kept."""
    in_cluster = {
        "job": "shop",
        "kubernetes": {"role": "endpoints", "selector": "app=shop", "port": "web"},
    }
    static, found = scraped({"job": "shop", "address": "a:1"}, region="north"), scraped(in_cluster, region="north")

    assert scrape(static)["static_configs"] == [
        {"targets": ["a:1"], "labels": {"environment": "production", "region": "north"}}
    ]
    assert scrape(found)["kubernetes_sd_configs"] == [
        {"role": "endpoints", "selectors": [{"role": "service", "label": "app=shop"}]}
    ]
    assert scrape(found)["relabel_configs"] == [
        {"source_labels": ["__meta_kubernetes_endpoint_port_name"], "regex": "web", "action": "keep"},
        {"target_label": "environment", "replacement": "production"},
        {"target_label": "region", "replacement": "north"},
    ]


def test_regions_are_told_apart() -> None:
    """By the label of every series and alert; alerts of one are not grouped with, nor silenced by, the other's."""
    built = scraped({"job": "shop", "address": "a:1"}, region="north")
    routes = yaml.safe_load(built.texts[f"{FOLDER}/alertmanager/alertmanager.yml"])

    labels = yaml.safe_load(built.texts[CONFIG])["global"]["external_labels"]
    assert labels == {"environment": "production", "region": "north"}
    assert "region" in routes["route"]["group_by"]
    assert all("region" in rule["equal"] for rule in routes["inhibit_rules"])


def test_the_token_of_the_instrumentation_is_sent() -> None:
    """From a file, never from the configuration."""
    api = {"job": "shop", "address": "a:1", "bearer_token_file": "/run/secrets/metrics_token"}

    assert scrape(scraped(api))["authorization"] == {"credentials_file": "/run/secrets/metrics_token"}


@pytest.mark.parametrize(
    ("api", "complaint"),
    [
        ({}, "targets.api.address is missing: takes one of address, addresses, kubernetes.role,"),
        ({"address": "a:1", "files": ["/a.json"]}, "targets.api.address stands beside files"),
        ({"addresses": ["a:1", "a:99999"]}, "targets.api.address = 'a:99999': takes a port from 1 to 65535"),
        ({"addresses": "a:1"}, "targets.api.addresses = 'a:1': takes a list of host:port"),
        ({"files": ["targets.txt"]}, "targets.api.files = ['targets.txt']: takes a list of .json or .yml files"),
        ({"kubernetes": {"role": "pods"}}, "targets.api.kubernetes.role = 'pods': takes \"pod\", "),
        ({"kubernetes": {"role": "pod"}}, "targets.api.kubernetes.selector is missing"),
        ({"consul": {"server": "consul:8500"}}, "targets.api.consul.service is missing"),
        ({"dns": {"name": "shop", "type": "A"}}, "targets.api.dns.port = 0: a record of type SRV brings its port"),
        ({"dns": {"name": "shop", "port": 70000, "type": "A"}}, "targets.api.dns.port = 70000: takes a whole number"),
        ({"address": "a:1", "scheme": "ftp"}, 'targets.api.scheme = \'ftp\': takes "http" or "https"'),
        ({"address": "a:1", "username": "me"}, "targets.api: username and password_file belong together"),
        ({"address": "a:1", "ca_file": "/ca.crt"}, 'ca_file, cert_file and server_name are for "https"'),
        (
            {"address": "a:1", "bearer_token_file": "/t", "username": "me", "password_file": "/p"},
            "targets.api.bearer_token_file: it has a username too",
        ),
        ({"address": "a:1", "bearer_token": "secret"}, "did you mean 'bearer_token_file'?"),
    ],
)
def test_every_mistake_is_named_by_its_key(api: dict[str, Any], complaint: str) -> None:
    """What is missing, what is at odds, what is no such setting."""
    raw = settings()
    raw["targets"]["api"] = {"job": "shop", **api}

    with pytest.raises(StackError, match=re.escape(complaint)):
        stack.loads(toml(raw))


def other(**targets: Any) -> dict[str, Any]:
    """Return the settings of a second service."""
    raw = settings()
    raw["service"]["name"] = "mail"
    raw["targets"]["api"] = {"job": "mail", "address": "mail:4000", **targets}
    return raw


@pytest.mark.parametrize("job", ["mail", "rce-api"])
def test_one_prometheus_evaluates_the_rules_of_two_services(job: str, tmp_path: Path) -> None:
    """Rules of both load together, no group has the other's name, and no two of them record one series."""
    both = {"rce-api": build(stack.loads(toml(settings()))), "mail": build(stack.loads(toml(other(job=job))))}
    files = []
    for name, built in both.items():
        for path, text in built.texts.items():
            if "/rules/" in path:
                files.append(tmp_path / f"{name}-{Path(path).name}")
                files[-1].write_text(text, encoding="utf-8")
    groups = [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]
    names = [group["name"] for group in groups]
    told = {
        (rule["alert"], rule["labels"]["service"]) for group in groups for rule in group["rules"] if "alert" in rule
    }
    series = [
        {"series": f'http_requests_total{{job="{one}",method="GET",route="/",status="200"}}', "values": "0+60x20"}
        for one in {"rce-api", job}
    ]
    recorded = {"expr": "count by (job, service) (job:http_requests:rate5m)", "eval_time": "10m"}
    expected = [
        {"labels": f'{{job="{built.stack.targets.api.job}",service="{name}"}}', "value": 1}
        for name, built in both.items()
    ]
    sheet = {
        "rule_files": [str(file) for file in files],
        "tests": [
            {"interval": "1m", "input_series": series, "promql_expr_test": [recorded | {"exp_samples": expected}]}
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(sheet), encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["*.yml"]}).replace("*", "*-*"))

    assert len(set(names)) == len(names)
    assert len(told) == sum("alert" in rule for group in groups for rule in group["rules"])
    assert promtool.find(ROOT).check_config(tmp_path / "prometheus.yml") == ()
    assert promtool.find(ROOT).test_rules([tmp_path / "test.yml"]) == ()


def test_a_build_never_writes_over_another_deployment(checkout: Checkout) -> None:
    """Neither an overlay nor another stack file changes what is committed, and `--out` keeps each apart."""
    (checkout.root / "mail.toml").write_text(toml(other()))
    before = checkout.written()

    staging = checkout.obs("--env", "staging", "build")
    mail = checkout.obs("--stack", "mail.toml", "build")
    out = checkout.obs("build", "--out", "stacks")
    again = checkout.obs("build", "--out", "stacks")
    over = checkout.obs("--env", "staging", "build", "--out", "stacks")

    assert [done.returncode for done in (staging, mail, over)] == [2, 2, 2]
    assert [done.returncode for done in (out, again)] == [0, 0]
    assert "it is of rce-api, production, not of rce-api, staging" in staging.stderr
    assert "it is of rce-api, production, not of mail, production" in mail.stderr
    assert checkout.written() == before


def test_a_folders_own_service_may_be_renamed(checkout: Checkout) -> None:
    """The stack file that a folder is about is always written there."""
    checkout.edit("stack.toml", 'name = "rce-api"', 'name = "rooms"')

    assert checkout.obs("build").returncode == 0
    assert (checkout.root / FOLDER / "files.txt").read_text().splitlines()[1] == "# Of rooms, production"
