"""Are the configurations what their programs accept, for every choice a stack can make?"""

import configparser
import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs import config, stack
from obs.alerting.rules import render as rules
from obs.proofs import promtool
from obs.stack import Stack
from tests.conftest import ROOT

PRODUCTION = stack.load(ROOT / "stack.toml")
STACKS = {
    "production": PRODUCTION,
    "staging": stack.load(ROOT / "stack.toml", "staging"),
    "remote write": dataclasses.replace(
        PRODUCTION,
        prometheus=dataclasses.replace(PRODUCTION.prometheus, remote_write_url="https://mimir.example/api/v1/push"),
    ),
    "a pair, with a token": dataclasses.replace(
        PRODUCTION,
        prometheus=dataclasses.replace(
            PRODUCTION.prometheus,
            remote_write_url="https://mimir.example/api/v1/push",
            remote_write_credentials_file="/run/secrets/remote_write",
            replica="a",
        ),
    ),
    "Grafana pages": dataclasses.replace(
        PRODUCTION, grafana=dataclasses.replace(PRODUCTION.grafana, pages=True, url="https://grafana.example/ops")
    ),
}


def read(chosen: Stack, path: str) -> Any:
    """Return one rendered YAML file, parsed."""
    return yaml.safe_load(config.render(chosen)[path])


@pytest.mark.parametrize("chosen", STACKS.values(), ids=STACKS)
def test_promtool_accepts_prometheus_and_its_rules(chosen: Stack, tmp_path: Path) -> None:
    """What Prometheus is started with, rule files included, is valid to the oldest promtool and the newest."""
    for path, text in {**config.render(chosen), **rules(chosen)}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")

    assert promtool.find(ROOT).check_config(tmp_path / "prometheus" / "prometheus.yml") == ()


@pytest.mark.parametrize("chosen", STACKS.values(), ids=STACKS)
def test_a_render_depends_on_the_stack_alone(chosen: Stack) -> None:
    """The same stack gives the same bytes, each file saying where it comes from."""
    files = config.render(chosen)

    assert config.render(chosen) == files
    assert all("Written by `obs build` from stack.toml" in text.splitlines()[0] for text in files.values())


def test_remote_write_is_off_until_it_has_an_address() -> None:
    """Samples leave for elsewhere only where the stack says so."""
    assert "remote_write" not in read(PRODUCTION, "prometheus/prometheus.yml")
    (remote,) = read(STACKS["remote write"], "prometheus/prometheus.yml")["remote_write"]
    assert remote["url"] == "https://mimir.example/api/v1/push"


@pytest.mark.parametrize("path", rules(PRODUCTION))
def test_any_ruler_takes_the_rules(path: str) -> None:
    """Mimir, Cortex and Thanos rulers know these keys and refuse a file with others."""
    (key, groups), *more = yaml.safe_load(rules(PRODUCTION)[path]).items()

    assert (key, more) == ("groups", [])
    for group in groups:
        assert set(group) <= {"name", "interval", "rules"}
        for rule in group["rules"]:
            assert ("record" in rule) != ("alert" in rule)
            assert set(rule) <= {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}


def test_retention_is_what_the_stack_says() -> None:
    """Metrics, logs and traces are kept as long as `stack.toml` says, and no longer."""
    files = config.render(PRODUCTION)
    backends = yaml.safe_load(files["jaeger/jaeger.yml"])["extensions"]["jaeger_storage"]["backends"]

    assert "--storage.tsdb.retention.time=30d\n--storage.tsdb.retention.size=20GB\n" in files["prometheus/flags"]
    assert yaml.safe_load(files["loki/loki.yml"])["limits_config"]["retention_period"] == "14d"
    assert yaml.safe_load(files["loki/loki.yml"])["compactor"]["retention_enabled"] is True
    assert [backend["badger"]["ttl"]["spans"] for backend in backends.values()] == ["72h"]


def test_the_service_samples_as_the_stack_says() -> None:
    """The share of traces recorded reaches the service as OpenTelemetry's own variables."""
    lines = config.render(STACKS["staging"])["service.env"].splitlines()

    assert "OTEL_TRACES_SAMPLER_ARG=0.1" in lines
    assert "ENVIRONMENT=staging" in lines


@pytest.fixture(scope="module")
def sources() -> dict[str, dict[str, Any]]:
    """Return the provisioned data sources by type."""
    found = read(PRODUCTION, "grafana/provisioning/datasources/stack.yml")["datasources"]
    return {source["type"]: source for source in found}


def test_data_sources_have_the_uids_dashboards_name(sources: dict[str, dict[str, Any]]) -> None:
    """Uid and address of each are those of `stack.toml`, and one of them is the default."""
    assert {kind: (source["uid"], source["url"]) for kind, source in sources.items()} == {
        kind: (source.uid, source.url) for kind, source in PRODUCTION.datasources.items()
    }
    assert [kind for kind, source in sources.items() if source["isDefault"]] == ["prometheus"]


def test_metrics_logs_and_traces_lead_to_each_other(sources: dict[str, dict[str, Any]]) -> None:
    """An exemplar and a log line open their trace; a span opens its log lines and its service's metrics."""
    settings = {kind: source["jsonData"] for kind, source in sources.items()}
    (exemplar,) = settings["prometheus"]["exemplarTraceIdDestinations"]
    field, label = settings["loki"]["derivedFields"]
    assert (label["matcherType"], label["matcherRegex"]) == ("label", "trace_id"), "a line made a sentence has it so"

    assert (exemplar["datasourceUid"], exemplar["name"]) == ("jaeger", "trace_id")
    assert (field["datasourceUid"], field["url"]) == ("jaeger", "$${__value.raw}")
    assert settings["jaeger"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    assert settings["jaeger"]["tracesToMetrics"]["datasourceUid"] == "prometheus"
    assert all("[$$__rate_interval]" in query["query"] for query in settings["jaeger"]["tracesToMetrics"]["queries"])


@pytest.mark.parametrize("chosen", STACKS.values(), ids=STACKS)
def test_grafana_pages_only_where_the_stack_says_so(chosen: Stack) -> None:
    """Grafana evaluates alert rules where it is the engine that pages, and nowhere else."""
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(config.render(chosen)["grafana/grafana.ini"])

    assert settings.getboolean("unified_alerting", "execute_alerts") is chosen.grafana.pages
    assert settings["server"]["root_url"] == chosen.grafana.url
    assert settings.getboolean("security", "cookie_secure") is chosen.grafana.url.startswith("https:")
    assert settings.getboolean("auth.anonymous", "enabled") is False


def test_dashboards_are_loaded_into_the_folder_of_the_stack() -> None:
    """The provider reads the committed JSON, and nobody's edit in the browser overwrites it silently."""
    (provider,) = read(STACKS["staging"], "grafana/provisioning/dashboards/stack.yml")["providers"]

    assert provider["folder"] == "rce-api staging"
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert provider["allowUiUpdates"] is False


def test_a_board_whose_file_is_gone_leaves_grafana() -> None:
    """A retired or renamed board must not stay as a copy that nobody keeps."""
    (provider,) = read(PRODUCTION, "grafana/provisioning/dashboards/stack.yml")["providers"]

    assert provider["disableDeletion"] is False


def test_a_log_line_gets_no_label_that_grows() -> None:
    """Streams are told apart by level, service and container; what varies per request stays in the line."""
    (scrape,) = read(PRODUCTION, "promtail-config.yml")["scrape_configs"]
    (labels,) = (stage["labels"] for stage in scrape["pipeline_stages"] if "labels" in stage)

    assert set(labels) == {"level", "service", "container", "filename"}
    assert labels["filename"] == "container"


def test_nothing_that_is_published_can_be_changed_or_read_by_another_origin() -> None:
    """Prometheus has no admin or lifecycle interface and answers no other site's script; Loki deletes by age alone."""
    flags = config.render(PRODUCTION)["prometheus/flags"].splitlines()
    (allowed,) = (flag.partition("=")[2] for flag in flags if flag.startswith("--web.cors.origin="))

    assert not any(flag.startswith(("--web.enable-admin-api", "--web.enable-lifecycle")) for flag in flags)
    assert not any("write-receiver" in flag for flag in flags)
    assert re.fullmatch(allowed, PRODUCTION.prometheus.url)
    assert not any(re.fullmatch(allowed, origin) for origin in ("http://evil.example", "null", "http://localhost:9091"))
    assert read(PRODUCTION, "loki/loki.yml")["limits_config"]["deletion_mode"] == "disabled"


def test_a_pair_tells_its_samples_apart_and_not_its_alerts() -> None:
    """The receiver sees which of the two sent a sample; Alertmanager must not, or each alert would be told twice."""
    pair = read(STACKS["a pair, with a token"], "prometheus/prometheus.yml")

    assert pair["global"]["external_labels"]["__replica__"] == "a"
    assert pair["alerting"]["alert_relabel_configs"] == [{"action": "labeldrop", "regex": "__replica__"}]
    assert "alert_relabel_configs" not in read(PRODUCTION, "prometheus/prometheus.yml")["alerting"]


def test_the_token_of_a_receiver_stays_in_a_file() -> None:
    """Prometheus reads it at each request, so it is in no configuration and can be renewed."""
    (remote,) = read(STACKS["a pair, with a token"], "prometheus/prometheus.yml")["remote_write"]

    assert remote["authorization"] == {"credentials_file": "/run/secrets/remote_write"}
