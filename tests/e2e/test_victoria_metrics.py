"""Does a store that Prometheus writes to remotely answer every dashboard query as Prometheus does?"""

import dataclasses
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from examples.ports import free_port
from obs import config, stack
from obs.boards import dashboards
from tests.conftest import ROOT
from tests.e2e.history import Past, served
from tests.e2e.servers import serving, until

STEPS, PACE_SECONDS, SLACK_SECONDS = 120, 0.4, 15
PRODUCTION = stack.load(ROOT / "stack.toml")
VARIABLES = {"$__rate_interval": "4m", "$__range": "1h", "$__interval": "1m"}
NOISE = 1e-9
"""Relative difference that is the floating point's: VictoriaMetrics stores decimals."""


def queries() -> Iterator[tuple[str, str]]:
    """Yield every PromQL query of every dashboard, its variables filled in, with its place."""
    for path, text in dashboards.render(PRODUCTION).items():
        board = json.loads(text)
        names = sorted((variable["name"] for variable in board["templating"]["list"]), key=len, reverse=True)
        for panel in _panels(board["panels"]):
            for target in panel.get("targets", ()):
                if target["datasource"]["type"] == "prometheus":
                    yield f"{Path(path).stem} / {panel['title']} / {target['refId']}", filled(target["expr"], names)


def filled(expr: str, names: list[str]) -> str:
    """Return a query as Grafana sends it with every variable set to All."""
    for name, value in {**VARIABLES, **{f"${name}": ".*" for name in names}}.items():
        expr = expr.replace(name, value)
    return expr


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from _panels(panel.get("panels", []))


QUERIES = dict(queries())


@dataclasses.dataclass(frozen=True)
class Stores:
    """Two servers with the same samples, and the moment to ask about."""

    prometheus: str
    victoria: str
    moment: int

    def ask(self, server: str, expr: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the answer to an instant query, by label set. NaN is left out: one of the two does not return it."""
        parameters = {"query": expr, "time": str(self.moment), "nocache": "1"}
        answer = requests.get(f"{server}/api/v1/query", params=parameters, timeout=20)
        assert answer.ok, f"{expr}: {answer.text}"
        vector = {
            tuple(sorted((name, value) for name, value in one["metric"].items() if name != "__name__")): float(
                one["value"][1]
            )
            for one in answer.json()["data"]["result"]
        }
        return {labels: value for labels, value in vector.items() if not math.isnan(value)}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Run Prometheus on our configuration, with remote_write to VictoriaMetrics, through two hours."""
    folder = tmp_path_factory.mktemp("stores")
    port, remote = free_port(), free_port()
    victoria, prometheus = f"http://127.0.0.1:{remote}", f"http://127.0.0.1:{port}"
    past = Past(end=int(time.time() + STEPS * PACE_SECONDS + SLACK_SECONDS), steps=STEPS)
    with (
        served(past) as source,
        serving(
            "victoria-metrics",
            f"-storageDataPath={folder}/victoria",
            f"-httpListenAddr=127.0.0.1:{remote}",
            "-search.latencyOffset=0s",
            ready=f"{victoria}/health",
            log=folder / "victoria.log",
        ),
        serving(
            "prometheus",
            f"--config.file={configured(folder, source, f'{victoria}/api/v1/write')}",
            f"--storage.tsdb.path={folder}/prometheus",
            "--storage.tsdb.min-block-duration=12h",  # a head that takes samples two hours old
            f"--web.listen-address=127.0.0.1:{port}",
            ready=f"{prometheus}/-/ready",
            log=folder / "prometheus.log",
        ),
    ):
        found = Stores(prometheus, victoria, past.end)
        until(lambda: past.over and time.time() > past.end, f"the past did not end; see {folder}", seconds=180)
        until(lambda: lag(found) == {}, f"VictoriaMetrics did not get everything; see {folder}")
        yield found


def configured(folder: Path, source: int, remote: str) -> Path:
    """Write the files Prometheus starts from: ours without the rules, scraped from one server and at a faster pace."""
    chosen = dataclasses.replace(
        PRODUCTION, prometheus=dataclasses.replace(PRODUCTION.prometheus, remote_write_url=remote)
    )
    for path, text in config.render(chosen).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    file = folder / "prometheus" / "prometheus.yml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["global"]["scrape_interval"] = f"{PACE_SECONDS * 1000:.0f}ms"
    content.pop("alerting")
    content.pop("rule_files")  # what rules record is born when the past ends: in one of the stores before the other
    roles = {target.job: role for role, target in chosen.targets.items()}
    for job in content["scrape_configs"]:
        (group,) = job["static_configs"]
        job["metrics_path"] = f"/{roles[job['job_name']]}"
        job["relabel_configs"] = [{"target_label": "instance", "replacement": group["targets"][0]}]
        group["targets"] = [f"127.0.0.1:{source}"]
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def lag(stores: Stores) -> dict[str, tuple[object, object]]:
    """Return the series whose newest sample in VictoriaMetrics is not the newest one in Prometheus."""
    here, there = (newest(server, stores.moment) for server in (stores.prometheus, stores.victoria))
    assert len({dict(labels)["job"] for labels in here}) == len(PRODUCTION.targets)
    return {str(labels): (one, there.get(labels)) for labels, one in here.items() if there.get(labels) != one}


def newest(server: str, moment: int) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the time of the newest sample of every series of a job, in Unix seconds."""
    parameters = {"query": '{job=~".+"}[2m]', "time": str(moment), "nocache": "1"}
    answer = requests.get(f"{server}/api/v1/query", params=parameters, timeout=20)
    assert answer.ok, answer.text
    return {tuple(sorted(one["metric"].items())): one["values"][-1][0] for one in answer.json()["data"]["result"]}


@pytest.mark.parametrize("place", QUERIES)
def test_a_dashboard_query_answers_the_same(stores: Stores, place: str) -> None:
    """The same series, and the same values within the noise of floating point."""
    here, there = stores.ask(stores.prometheus, QUERIES[place]), stores.ask(stores.victoria, QUERIES[place])

    if QUERIES[place].startswith("topk("):  # which of several equals is left out is nobody's promise
        assert sorted(there.values()) == pytest.approx(sorted(here.values()), rel=NOISE, abs=NOISE), QUERIES[place]
    else:
        assert there == pytest.approx(here, rel=NOISE, abs=NOISE), QUERIES[place]


def test_the_comparison_is_about_something(stores: Stores) -> None:
    """Nearly every query has an answer to compare; the others are about faults, of which there are none."""
    silent = [place for place, expr in QUERIES.items() if not stores.ask(stores.prometheus, expr)]

    assert len(silent) < len(QUERIES) / 10, silent
