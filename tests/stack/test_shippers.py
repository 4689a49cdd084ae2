"""Whichever program ships the log lines, all that watches it follows: container, scrape, rules, boards."""

import re

import pytest
import yaml

from obs import config, stack
from obs.output import build
from obs.proofs import cases, promtool
from obs.proofs.checks import CHECKS
from obs.proofs.evidence import Evidence
from obs.proofs.gate import examine
from obs.query import logql
from obs.stack import StackError, schema
from tests.conftest import ROOT
from tests.stack.parts import SHIPPERS, settings, shipping, toml

ON_DISK = ("file/outdated", "compose/host", "runbook/reference")
"""The checks that read files on disk: there lie those of the committed stack."""

WORDS = {"otelcol": r"otelcol_exporter_\w*log_records|otelcol\.yml|job=\"otelcol\"", "promtail": "promtail"}


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_all_that_watches_the_shipper_follows_the_choice(shipper: str) -> None:
    """Its own words are in what is built, the other's are not, and every check holds."""
    built = build(shipping(shipper))
    text = "\n".join(text for path, text in built.texts.items() if path != schema.PATH)

    assert {name for name, words in WORDS.items() if re.search(words, text, re.IGNORECASE)} == {shipper}
    found = examine(Evidence(built, ROOT), [check for check in CHECKS if check.id not in ON_DISK])
    assert [str(finding) for finding in found] == []


@pytest.mark.parametrize("shipper", SHIPPERS)
def test_the_alerts_about_the_shipper_prove(shipper: str) -> None:
    """Lines that are lost, and lines that no longer come, are told of under either."""
    chosen = shipping(shipper)
    groups = build(chosen).groups
    names = [alert.name for group in groups for alert in group.alerts if alert.name.startswith(shipper.capitalize())]

    assert names == [f"{shipper.capitalize()}LinesDropped", f"{shipper.capitalize()}PushesNothing"]
    assert cases.prove(promtool.find(ROOT), chosen, groups, names) == []


def test_two_shippers_are_refused() -> None:
    """Each line would be kept twice."""
    raw = settings()
    raw["targets"] |= {role: {"job": role, "address": address} for role, address in SHIPPERS.items()}

    with pytest.raises(StackError, match="each would send every line; keep one of them"):
        stack.loads(toml(raw))


def test_the_collectors_labels_are_those_of_the_saved_queries() -> None:
    """What it sets as an attribute of the resource is what Loki takes for labels."""
    chosen = config.render(shipping("otelcol"))
    receiver = yaml.safe_load(chosen["otelcol.yml"])["receivers"]["file_log"]
    added = {operator["field"].removeprefix("resource.") for operator in receiver["operators"] if "field" in operator}
    loki = yaml.safe_load(chosen["loki/loki.yml"])["limits_config"]["otlp_config"]["resource_attributes"]

    assert {*receiver["resource"], *added} - {"attributes.source", "body", "attributes"} == set(logql.STREAM_LABELS)
    assert loki["attributes_config"] == [{"action": "index_label", "attributes": list(logql.STREAM_LABELS)}]


def test_the_collector_of_the_tests_is_that_of_the_image() -> None:
    """What is built from modules to run our configuration is the release that compose starts."""
    image = yaml.safe_load(config.beside(shipping("otelcol"))["docker-compose.observability.yml"])["services"][
        "otelcol"
    ]["image"]
    pinned = (ROOT / "scripts/otelcol/go.mod").read_text(encoding="utf-8")

    assert f"receiver/filelogreceiver v{image.rpartition(':')[2]}\n" in pinned
