"""Does `obs diff` read revisions, folders and code, and refuse what it cannot read?"""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from obs.cli.cli import obs
from obs.diff import DiffError
from obs.diff.settings import CONSEQUENCES
from obs.diff.sources import GENERATED
from tests.diff.boards import Model, alert, rules, usual

DASHBOARD = f"{GENERATED[0]}/api.json"
RULES = f"{GENERATED[1]}/api.yml"
COMMIT = ("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "--no-gpg-sign", "-m", "State")


def git(folder: Path, *arguments: str) -> None:
    """Run git without the user's configuration."""
    clean = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(("git", *arguments), cwd=folder, check=True, env=clean)


def write(folder: Path, path: str, document: Model) -> None:
    """Write a document as JSON, which is YAML too."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository, the working directory, with two commits that differ by a tag and a severity."""
    git(tmp_path, "init", "-q", "-b", "main")
    for model, severity in ((usual(), "ticket"), ({**usual(), "tags": ["api", "slo"]}, "page")):
        write(tmp_path, DASHBOARD, model)
        write(tmp_path, RULES, {"groups": [rules(alert(labels={"severity": severity}))]})
        git(tmp_path, "add", ".")
        git(tmp_path, *COMMIT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    """Run `obs diff`."""
    return CliRunner().invoke(obs, ["diff", *arguments])


def test_two_revisions_are_compared_without_touching_the_tree(repository: Path) -> None:
    """`A..B` reads both from git."""
    (repository / DASHBOARD).write_text("not JSON", encoding="utf-8")

    result = run("HEAD~1..HEAD")

    assert result.exit_code == 0
    assert 'API: tags: "slo" added' in result.output
    assert "api / ApiErrors: severity ticket to page" in result.output
    assert run("HEAD~1", "HEAD").output == result.output


def test_one_revision_is_compared_with_the_working_tree(repository: Path) -> None:
    """`obs diff main` shows what is not committed yet."""
    write(repository, DASHBOARD, {**usual(), "tags": ["api", "slo"], "refresh": "1m"})

    assert 'API: refresh every set to "1m"' in run("main").output


def test_three_dots_show_what_a_branch_changed(repository: Path) -> None:
    """What happened on main meanwhile is not blamed on the branch."""
    git(repository, "checkout", "-q", "-b", "branch", "HEAD~1")
    write(repository, DASHBOARD, {**usual(), "refresh": "1m"})
    git(repository, "add", ".")
    git(repository, *COMMIT)

    assert run("main...branch").output == run("main~1", "branch").output
    assert "severity" in run("main..branch").output


CASES = """
def down():
    return Alert(
        name="ApiDown",
        cases=(
            fires("it stops", at="{at}", series={{up: "1x4 0x10"}}),
            {second}("it blinks", at="5m", series={{up: "1x4 0 1x5"}}),
        ),
    )
"""


def test_changed_cases_of_an_alert_are_named(repository: Path) -> None:
    """What an alert must prove is part of the review; layout and comments of the module are not."""
    module = repository / "alerts" / "api.py"
    module.parent.mkdir()
    module.write_text(CASES.format(at="10m", second="silent"), encoding="utf-8")
    git(repository, "add", ".")
    git(repository, *COMMIT)
    module.write_text(f"# Why.\n\n{CASES.format(at='10m', second='silent')}", encoding="utf-8")
    assert "cases" not in run("HEAD").output

    module.write_text(CASES.format(at="20m", second="fires").replace("it blinks", "it sways"), encoding="utf-8")

    assert (
        'alerts/api.py / ApiDown: case "it stops" changed; case "it sways" added; case "it blinks" removed'
        in run("HEAD").output
    )


def test_cases_that_a_function_makes_are_passed_over(repository: Path) -> None:
    """Where no case is written out, nothing is said of cases: neither added nor removed."""
    module = repository / "alerts" / "promises.py"
    module.parent.mkdir()
    module.write_text('def burn():\n    return Alert(name="Burn", cases=shared_cases())\n', encoding="utf-8")
    git(repository, "add", ".")
    git(repository, *COMMIT)
    module.write_text('def burn():\n    return Alert(name="Burn", cases=(*shared_cases(),))\n', encoding="utf-8")

    assert "cases" not in run("HEAD").output


def test_a_file_that_moved_holds_the_same_dashboard(repository: Path) -> None:
    """A dashboard is known by its uid, a rename of its file is no change."""
    (repository / DASHBOARD).rename(repository / GENERATED[0] / "renamed.json")

    assert run("HEAD").output == "2 unchanged\n"


def test_outside_a_checkout_the_reader_is_told_where_to_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty answer would read as "nothing changed"."""
    monkeypatch.chdir(tmp_path)

    assert "run it at the root of the checkout" in str(run().exception)
    assert "run it at the root of the checkout" in str(run("main").exception)


def test_two_folders_are_compared_and_the_exit_code_tells(tmp_path: Path) -> None:
    """Any two folders will do; a job that must know asks for the exit code."""
    write(tmp_path, "old/a.json", usual())
    write(tmp_path, "new/deep/b.json", {**usual(), "title": "New"})
    sides = str(tmp_path / "old"), str(tmp_path / "new")

    assert run(*sides, "--exit-code").exit_code == 1
    assert run(*sides).exit_code == 0
    assert run(sides[0], sides[0], "--exit-code").exit_code == 0
    assert json.loads(run(*sides, "--json").stdout)["changes"][0]["sentences"][0]["field"] == "title"


def test_the_page_is_written_beside_the_words(tmp_path: Path) -> None:
    """`--html` adds a file and changes nothing else."""
    write(tmp_path, "old/a.json", usual())
    write(tmp_path, "new/a.json", {**usual(), "title": "New"})
    page = tmp_path / "page.html"

    result = run(str(tmp_path / "old"), str(tmp_path / "new"), "--format", "markdown", "--html", str(page))

    assert result.stdout.startswith("**Dashboards and rules: 1 changed**")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A folder that is not there is the reader's to make."""
    write(tmp_path, "a.json", usual())
    file = str(tmp_path / "a.json")

    result = run(file, file, "--html", str(tmp_path / "absent" / "page.html"))

    assert result.exit_code != 0
    assert "page.html can't be written: No such file or directory" in result.output


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("sides", [("nowhere",), ("main..nowhere",), ("a", "b"), ("--upload-pack=x..y",)])
def test_a_side_that_does_not_exist_is_refused_in_words(sides: tuple[str, ...]) -> None:
    """Git's own reason is passed on; what looks like an option never reaches git as one."""
    result = run("--", *sides)

    assert isinstance(result.exception, DiffError)
    assert str(result.exception).startswith("git says: ")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", b"{", "is not valid JSON: unexpected end of data"),
        ("a.json", b"\x00\x01\xff", "is not valid JSON: "),
        ("a.yaml", b"a: {b", "is not valid YAML: did not find expected ',' or '}' (line 2, column 1)"),
        ("a.yaml", b"\x00\x01\xff", "is not valid YAML: "),
        ("a.yaml", b"&a [*a]", "its values are nested too deeply"),
        ("a.json", b'{"elements": {}, "layout": {}}', "v2 schema"),
        ("a.json", b'{"panels": [' + b'{"panels": [' * 400 + b"]}" * 401, "its values are nested too deeply"),
    ],
)
def test_a_broken_file_is_named_and_the_rest_compared(tmp_path: Path, name: str, text: bytes, reason: str) -> None:
    """The message says which file and why, in one sentence; the exit code says that not all was compared."""
    for side, state in (("old", usual()), ("new", {**usual(), "title": "New"})):
        write(tmp_path, f"{side}/b.json", state)
        (tmp_path / side / name).write_bytes(text + (b" " if side == "old" else b""))

    result = run(str(tmp_path / "old"), str(tmp_path / "new"))

    assert result.exit_code == 2
    (said,) = [line for line in result.output.splitlines() if "not compared: " in line]
    assert name in said
    assert reason in said
    assert 'title "API" to "New"' in result.output
    assert result.output.endswith("1 changed, 1 not compared\n")


def test_a_broken_file_given_alone_is_not_told_as_deleted(tmp_path: Path) -> None:
    """Of two files with names of their own, one broken, nothing is compared."""
    write(tmp_path, "a.json", usual())
    (tmp_path / "b.json").write_text("{")

    assert run(str(tmp_path / "a.json"), str(tmp_path / "b.json")).output.endswith("\n1 not compared\n")


MANIFEST = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "shop"}}
RESOURCE = {"apiVersion": "dashboard.grafana.app/v1beta1", "kind": "Dashboard", "metadata": {"name": "api"}}


@pytest.mark.parametrize("wrap", ["documents", "list", "List", "operator", "ConfigMap", "mimirtool", "ruler"])
def test_what_is_wrapped_is_found(tmp_path: Path, wrap: str) -> None:
    """Several documents in one file, lists of any kind and the formats of other tools hold the same objects."""
    for side, severity in (("old", "ticket"), ("new", "page")):
        group = rules(alert(labels={"severity": severity}))
        manifest = MANIFEST | {"spec": {"groups": [group]}}
        resource = RESOURCE | {"spec": {**usual(), "tags": [severity]}}
        operator = {"apiVersion": "grafana.integreatly.org/v1beta1", "spec": {"json": json.dumps(resource["spec"])}}
        documents: dict[str, object] = {
            "list": [manifest, resource],
            "List": {"kind": "List", "items": [manifest, resource]},
            "operator": [manifest, operator | {"metadata": {"name": "api"}}],
            "ConfigMap": {
                "kind": "ConfigMap",
                "data": {"api.json": json.dumps(resource["spec"]), "api.yml": yaml.safe_dump({"groups": [group]})},
            },
            "mimirtool": [{"namespace": "team", "groups": [group]}, resource],
            "ruler": [{"team": [group], "other": [group | {"name": "x"}]}, resource],
        }
        (tmp_path / side).mkdir()
        texts = [manifest, resource] if wrap == "documents" else [documents[wrap]]
        (tmp_path / side / "all.yaml").write_text(yaml.safe_dump_all(texts))

    said = run(str(tmp_path / "old"), str(tmp_path / "new")).output

    assert "api / ApiErrors: severity ticket to page" in said
    assert 'API: tags: "page" added; "ticket" removed' in said


def test_foreign_files_are_skipped_by_name(tmp_path: Path) -> None:
    """What holds neither dashboards nor rules is named where it differs, and takes no part."""
    for side in ("old", "new"):
        write(tmp_path, f"{side}/package.json", {"name": side})
        write(tmp_path, f"{side}/same.json", {"name": "same"})
        (tmp_path / side / "empty.yaml").write_text("")

    result = run(str(tmp_path / "old"), str(tmp_path / "new"), "--exit-code")

    assert result.exit_code == 0
    assert 'file "package.json"' in result.output
    assert "same.json" not in result.output


ROUTES = """
route:
  receiver: unrouted
  group_wait: 30s
  routes:
    - matchers: ['severity="page"']
      receiver: {page}
    - matchers: ['severity="ticket"']
      receiver: tickets
receivers:
  - name: pager
    pagerduty_configs: []
{more}
"""
STACK_TOML = """
[service]
name = "shop"
environment = "{environment}"
[grafana]
pages = {pages}
"""
SCRAPES = """
scrape_configs:
  - job_name: api
    sample_limit: {limit}
    metric_relabel_configs:
      - {{source_labels: [__name__], target_label: __name__, replacement: {name}}}
"""


def test_what_a_build_writes_beside_boards_and_rules_is_told_key_by_key(repository: Path) -> None:
    """A reviewer sees who is woken by what, what is scraped and renamed, and what a key of stack.toml entails."""
    sides = (
        {"page": "pager", "more": "", "environment": "production", "pages": "false", "limit": 10, "name": "a"},
        {"page": "tickets", "more": "  - name: chat", "environment": "prod", "pages": "true", "limit": 20, "name": "b"},
    )
    for one in sides:
        for path, text in (
            ("infra/observability/alertmanager/alertmanager.yml", ROUTES),
            ("infra/observability/prometheus/prometheus.yml", SCRAPES),
            ("infra/observability/prometheus/flags", "# {limit}\n--storage.retention={limit}d\n--web\n"),
            ("stack.toml", STACK_TOML),
        ):
            (repository / path).parent.mkdir(parents=True, exist_ok=True)
            (repository / path).write_text(text.format(**one), encoding="utf-8")
        git(repository, "add", ".")
        git(repository, *COMMIT)

    said = run("HEAD~1", "HEAD").output
    changed = [line.split(" / ", 1)[1] for line in said.splitlines() if " / " in line]

    assert changed == [
        "ApiErrors: goes to tickets after 5m30s instead of to pager after 5m30s",
        """route.routes "severity="page"": receiver "pager" to "tickets\"""",
        'receivers "chat": added',
        'scrape_configs "api": sample_limit 10 to 20',
        """scrape_configs "api".metric_relabel_configs "renames series whose name matches .* to a": removed""",
        """scrape_configs "api".metric_relabel_configs "renames series whose name matches .* to b": added""",
        'service: environment "production" to "prod": it is a label of every alert and series',
        f"grafana: pages on: {CONSEQUENCES['grafana.pages']}",
    ]
    assert "      - --storage.retention=10d\n      + --storage.retention=20d\n" in said
    assert run("HEAD").output.endswith("6 unchanged\n")


def test_settings_that_cannot_be_read_are_named(repository: Path) -> None:
    """A broken stack.toml is a sentence, and the dashboards are compared all the same."""
    (repository / "stack.toml").write_text("[service", encoding="utf-8")
    git(repository, "add", ".")
    git(repository, *COMMIT)
    (repository / "stack.toml").write_text("[service]", encoding="utf-8")

    result = run("HEAD")

    assert result.exit_code == 2
    assert "stack.toml is not valid TOML: " in result.output
