"""Another service's repository is begun by one command of the installed tool, and ends green without an edit."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from obs.proofs import promtool
from tests.conftest import ROOT
from tests.stack.parts import WORDS
from tests.wheels import run

SERVICES = {
    "alone": ("api",),
    "cached": ("api", "redis", "telemetry"),
    "queues": ("api", "redis", "telemetry", "jobs", "logs", "traces"),
    "rooms": ("api", "websockets", "vitals", "mongodb"),
}
"""Services by their name, and the parts that each has."""


SPRING = """\
# HELP http_server_requests_seconds Duration of HTTP server request handling
# TYPE http_server_requests_seconds histogram
http_server_requests_seconds_bucket{method="GET",outcome="SUCCESS",status="200",uri="/rooms",le="0.1"} 3
http_server_requests_seconds_bucket{method="GET",outcome="SUCCESS",status="200",uri="/rooms",le="0.25"} 4
http_server_requests_seconds_bucket{method="GET",outcome="SUCCESS",status="200",uri="/rooms",le="1.0"} 5
http_server_requests_seconds_bucket{method="GET",outcome="SUCCESS",status="200",uri="/rooms",le="+Inf"} 5
http_server_requests_seconds_count{method="GET",outcome="SUCCESS",status="200",uri="/rooms"} 5
http_server_requests_seconds_sum{method="GET",outcome="SUCCESS",status="200",uri="/rooms"} 0.7
"""
"""What Spring Boot's actuator exposes of one route."""

Service = Callable[[str], Path]


@pytest.fixture(scope="module")
def obs(python: Path) -> Callable[..., str]:
    """Return what runs the installed `obs` in a folder: it has to end with 0; what it printed."""

    def call(folder: Path, *arguments: str, code: int = 0) -> str:
        done = run(python.with_name("obs"), *arguments, cwd=folder, PROMTOOL=str(promtool.find(ROOT).path))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return call


@pytest.fixture(scope="module")
def begun(obs: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Service:
    """Return what begins one of the services in an empty folder, and builds it; for each once."""
    folder = tmp_path_factory.mktemp("services")

    @cache
    def make(name: str) -> Path:
        obs(folder, "init", name, "--parts", ",".join(SERVICES[name]))
        obs(folder / name, "build")
        return folder / name

    return make


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_built_and_checked_in_its_own_repository(
    begun: Service, obs: Callable[..., str], name: str
) -> None:
    """Nothing is found, nothing is written twice, and every name in it is its own."""
    root = begun(name)

    obs(root, "build", "--check")
    assert "checks hold" in obs(root, "check")
    text = "".join(
        path.read_text(encoding="utf-8") for path in root.rglob("*") if path.suffix in (".toml", ".md", ".yml")
    )
    assert "rce-api" not in text
    assert f'name = "{name}"' in text


def test_the_alerts_of_a_service_prove(begun: Service, obs: Callable[..., str]) -> None:
    """Those hold whose cases follow from the targets, and one of each part; `benchmarks.adopt` plays all."""
    named = (
        "ServiceTargetMissing",
        "StackTargetMissing",
        "StackTargetDown",
        "ApiDown",
        "RedisDown",
        "JobWorkersMissing",
    )

    assert "cases hold" in obs(begun("queues"), "alerts", "test", *named)


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_is_written_of_a_part_that_is_absent(begun: Service, name: str) -> None:
    """No module, page, setting, incident or container of a database; of others nothing outside Python."""
    root = begun(name)
    absent = [part for part in ("redis", "mongodb", "jobs", "vitals", "websockets") if part not in SERVICES[name]]

    files = [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    telling = {part: re.compile(WORDS[part], re.IGNORECASE) for part in absent}
    found = {
        f"{path.relative_to(root)} tells of {part}"
        for path in files
        for part, words in telling.items()
        if path.name != "stack.schema.json"
        and (part in ("redis", "mongodb") or (path.suffix != ".py" and "drill" not in path.parts))
        and words.search(path.read_text(encoding="utf-8"))
    }

    assert found == set()


def test_a_service_with_two_queues_runs_in_a_cluster(begun: Service, obs: Callable[..., str]) -> None:
    """Its rules, scrapes and dashboards are resources as well, and stay current."""
    root = begun("queues")

    obs(root, "build", "--target", "kubernetes")

    obs(root, "build", "--target", "kubernetes", "--check")
    assert "checks hold" in obs(root, "check")
    rule = yaml.safe_load((root / "infra/kubernetes/prometheus-rule.yaml").read_text(encoding="utf-8"))
    assert {group["name"] for group in rule["spec"]["groups"]} >= {"queues-jobs", "queues-redis"}


def test_two_services_are_loaded_by_one_prometheus(begun: Service, tmp_path: Path) -> None:
    """No rule of one is a rule of the other: promtool reads both as one configuration, and finds no twin."""
    folder = tmp_path / "prometheus"
    (folder / "rules").mkdir(parents=True)
    scrapes = []
    for name in ("alone", "queues"):
        made = begun(name) / "infra/observability/prometheus"
        scrapes += yaml.safe_load((made / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
        for rules in (made / "rules").iterdir():
            (folder / "rules" / f"{name}-{rules.name}").write_bytes(rules.read_bytes())
    jobs = {scrape["job_name"]: scrape for scrape in scrapes}
    (folder / "prometheus.yml").write_text(
        json.dumps({"rule_files": ["rules/*.yml"], "scrape_configs": list(jobs.values())}), encoding="utf-8"
    )

    remarks = promtool.find(ROOT).check_config(folder / "prometheus.yml")

    assert remarks == ()
    groups = [
        group["name"]
        for path in (folder / "rules").iterdir()
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    assert len(groups) == len(set(groups))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("shop", "--parts", "api,redsi"), "there is no part 'redsi'; did you mean 'redis'?"),
        (("shop", "--parts", "kafka"), "there is no part 'kafka'; there is: api, websockets, jobs,"),
        (("My_Shop",), "service.name = 'My_Shop', after the folder: takes a lower-case name"),
        (("shop-",), "service.name = 'shop-', after the folder: takes a lower-case name"),
        (("1shop",), "service.name = '1shop', after the folder: takes a lower-case name"),
        (("full",), "full is not empty; take a new folder, or an empty one"),
        (("file",), "'file' is a file"),
    ],
)
def test_what_can_not_be_begun_is_refused(
    obs: Callable[..., str], tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    """One sentence with what would be right, exit code 2, and nothing on the disk that was not there."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/README.md").write_text("mine", encoding="utf-8")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))

    said = obs(tmp_path, "init", *arguments, code=2)

    assert sentence in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_service_of_opentelemetry_is_asked_in_its_names(obs: Callable[..., str], tmp_path: Path) -> None:
    """Rules, boards and runbooks ask for what the conventions name, at an edge that they have; everything checks."""
    obs(tmp_path, "init", "foreign", "--parts", "api,jobs", "--preset", "otel")
    obs(tmp_path / "foreign", "build")
    assert "checks hold" in obs(tmp_path / "foreign", "check")
    loaded = tmp_path / "foreign/infra/observability"
    texts = [path.read_text(encoding="utf-8") for path in loaded.rglob("*") if path.suffix in (".yml", ".json")]

    assert any("http_server_request_duration_seconds_bucket" in text and 'le="0.25"' in text for text in texts)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "foreign/docs/operations").iterdir()]
    assert not any("http_requests_total" in text for text in (*texts, *pages))


def test_a_service_is_asked_in_the_names_of_its_scrape(obs: Callable[..., str], tmp_path: Path) -> None:
    """What a scrape calls requests and durations is recognised; rules, boards, runbooks and the promise follow."""
    (tmp_path / "scrape.prom").write_text(SPRING, encoding="utf-8")
    obs(tmp_path, "init", "spring", "--preset", "scrape.prom")
    obs(tmp_path / "spring", "build")

    assert "checks hold" in obs(tmp_path / "spring", "check")
    rules = (tmp_path / "spring/infra/observability/prometheus/rules/api.yml").read_text(encoding="utf-8")
    assert "http_server_requests_seconds_count" in rules
    assert 'uri=~"' not in rules
    assert "by (uri, status)" in (tmp_path / "spring/docs/operations/api.md").read_text(encoding="utf-8")
    assert "threshold_seconds = 0.25 " in (tmp_path / "spring/stack.toml").read_text(encoding="utf-8")


def test_a_scrape_without_requests_begins_nothing(obs: Callable[..., str], tmp_path: Path) -> None:
    """There is nothing to be called otherwise."""
    (tmp_path / "scrape.prom").write_text("# TYPE pg_up gauge\npg_up 1\n", encoding="utf-8")

    said = obs(tmp_path, "init", "shop", "--preset", "scrape.prom", code=2)

    assert "scrape.prom: no request is counted or timed there under another name" in said
    assert not (tmp_path / "shop").exists()


def test_a_repository_that_git_has_begun_is_empty(obs: Callable[..., str], tmp_path: Path) -> None:
    """`git init` first, then `obs init .`: the name is the folder's."""
    root = tmp_path / "shop"
    (root / ".git").mkdir(parents=True)

    obs(root, "init", ".")

    assert 'name = "shop"' in (root / "stack.toml").read_text(encoding="utf-8")
