"""Does a build write what differs, nothing else, and nothing at all when something is wrong?"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.checkout import PROGRAM, Checkout

BOARD = "infra/observability/grafana/dashboards/api.json"


def test_a_second_build_writes_nothing(checkout: Checkout) -> None:
    """What is committed is what the code makes: building again rewrites no file."""
    before = {path: (checkout.root / path).stat().st_mtime_ns for path in checkout.written()}

    result = checkout.obs("build")

    assert result.returncode == 0, result.stderr
    assert "nothing to write" in result.stdout
    assert {path: (checkout.root / path).stat().st_mtime_ns for path in checkout.written()} == before


def test_check_names_a_file_that_was_edited_by_hand(checkout: Checkout) -> None:
    """`--check` writes nothing, names file and line, and ends with 1."""
    checkout.edit(BOARD, '"title": "rce-api / API"', '"title": "Mine"')
    before = checkout.written()

    result = checkout.obs("build", "--check")

    assert result.returncode == 1
    assert f"{BOARD}, line " in result.stderr
    assert "out of date (changed); run `make dashboards` and commit it" in result.stderr
    assert checkout.written() == before


def test_a_file_nothing_renders_any_more_goes(checkout: Checkout) -> None:
    """A dashboard whose module is gone does not stay behind; a file written by hand does."""
    orphan, own = (checkout.root / f"infra/observability/grafana/dashboards/{name}.json" for name in ("old", "own"))
    rules = checkout.root / "infra/observability/prometheus/rules/own.yml"
    for file in (orphan, own, rules):
        file.write_text("{}")
    with (checkout.root / "infra/observability/files.txt").open("a") as made:
        made.write("infra/observability/grafana/dashboards/old.json\n../outside\n")
    (checkout.root.parent / "outside").touch()

    result = checkout.obs("build")

    assert result.returncode == 0, result.stderr
    assert "old.json" in result.stdout
    assert not orphan.exists()
    assert own.exists()
    assert rules.exists()
    assert (checkout.root.parent / "outside").exists()


def test_the_table_is_json_for_a_machine(checkout: Checkout) -> None:
    """`--json` tells every file with what it holds and what became of it."""
    table = json.loads(checkout.obs("build", "--json").stdout)

    (board,) = (file for file in table["files"] if file["path"] == BOARD)
    assert board["action"] == "unchanged"
    assert board["holds"].endswith("panels")


def test_an_environment_changes_what_it_names(checkout: Checkout) -> None:
    """`--env staging` builds with the overlay of the stack file."""
    result = checkout.obs("--env", "staging", "build", "--out", "out")

    assert result.returncode == 0, result.stderr
    written = checkout.root / "out/rce-api/infra/observability/prometheus/prometheus.yml"
    assert "api.staging:4000" in written.read_text()


def test_several_services_are_built_at_once(checkout: Checkout) -> None:
    """Each service gets a folder of its own, and names of its own."""
    text = (checkout.root / "stack.toml").read_text()
    (checkout.root / "shop.toml").write_text(text.replace('name = "rce-api"', 'name = "shop"', 1))

    result = checkout.obs("--stack", "stack.toml", "--stack", "shop.toml", "build", "--out", "out")

    assert result.returncode == 0, result.stderr
    board = json.loads((checkout.root / "out/shop" / BOARD).read_text())
    assert board["uid"] == "shop-api"
    assert (checkout.root / "out/rce-api" / BOARD).exists()


@pytest.mark.parametrize(
    ("place", "new", "code", "sentence"),
    [
        (
            ("stack.toml", 'team = "backend"'),
            'teem = "backend"',
            2,
            "obs: stack.toml: service.teem: no such setting; did you mean 'team'?",
        ),
        (("stack.toml", "[slo]"), "[slo", 2, "obs: stack.toml: not TOML:"),
        (
            ("stack.toml", "threshold_seconds = 0.3 "),
            "threshold_seconds = 0.31 ",
            2,
            "slo.latency.threshold_seconds = 0.31: takes an edge of http_request_duration_seconds: 0.005,",
        ),
        (
            ("stack.toml", "objective = 0.95,"),
            "objective = 0.9,",
            2,
            "slo.latency.objective = 0.9: 14.4 times its budget of 0.1 is more than every event",
        ),
        (
            (
                "dashboards/api.py",
                "total(select(REQUESTS_IN_PROGRESS, *scope(stack.targets.api))),",
            ),
            "total(select(REQUESTS_IN_PROGRESS, STATUS.eq('500'))),",
            2,
            "now: http_requests_in_progress has no label 'status'; it has: environment, instance,",
        ),
        (
            ("dashboards/api.py", "WS_CONNECTS,\n            *here,"),
            "WS_CONNECTIONS,\n            *here,",
            2,
            "presence: rate(websocket_connections): it is a gauge; rate is for counters",
        ),
        (
            ("dashboards/api.py", '"Response size",'),
            '"Request size",',
            2,
            "dashboard: panels 'Request size' and 'Request size' share an id; give one of them a slug=",
        ),
        (
            ("dashboards/api.py", "f\"1 - {speed.error_ratio('1h')}\""),
            '"1 - job:http_requests:rate9m"',
            1,
            "job:http_requests:rate9m",
        ),
        (
            ("alerts/api.py", 'clears("it is back", at="14m", series={up: "1x4 0x8 1x8"}),'),
            "",
            2,
            "down: ApiDown: it has no case built with clears()",
        ),
        (
            ("alerts/api.py", 'fails its scrapes.",\n        runbook'),
            'fails its scrapes of {{ $labels.route }}.",\n        runbook',
            1,
            "route",
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_changes_nothing(
    checkout: Checkout, place: tuple[str, str], new: str, code: int, sentence: str
) -> None:
    """What is wrong is named before the first file is written, with the exit code that fits."""
    checkout.edit(*place, new)
    before = checkout.written()

    result = checkout.obs("build")

    assert sentence in result.stdout + result.stderr
    assert result.returncode == code
    assert "Traceback" not in result.stderr
    assert checkout.written() == before


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ('echo "promtool, version 2.41.0 (branch: x)"', "2.41.0"),
        ("kill -SEGV $$", "promtool"),
        ("echo nonsense", "promtool"),
    ],
)
def test_a_promtool_that_can_not_be_used_is_named(
    checkout: Checkout, promtool: Callable[[str], str], script: str, sentence: str
) -> None:
    """Too old, crashing or something else: one sentence with the remedy, and nothing written."""
    checkout.edit("stack.toml", "api_error_ratio = 0.02", "api_error_ratio = 0.03")
    before = checkout.written()

    result = checkout.obs("build", PROMTOOL=promtool(script))

    assert result.returncode == 2
    assert sentence in result.stderr
    assert "obs tools" in result.stderr
    assert "Traceback" not in result.stderr
    assert checkout.written() == before


def test_a_missing_promtool_is_named(checkout: Checkout) -> None:
    """Without any promtool nothing is proven, so nothing is written."""
    checkout.edit("stack.toml", "api_error_ratio = 0.02", "api_error_ratio = 0.03")
    before = checkout.written()

    result = checkout.obs("build", PATH="/nowhere", PROMTOOL="")

    assert result.returncode == 2
    assert "promtool" in result.stderr
    assert checkout.written() == before


def test_a_folder_that_can_not_be_written_is_named(checkout: Checkout) -> None:
    """A file where a folder should be stops everybody, root included; the old output stays."""
    rules = checkout.root / "infra/observability/prometheus/rules"
    kept = {path.name: path.read_text() for path in rules.iterdir()}
    rules.rename(rules.with_name("kept"))
    rules.write_text("in the way")

    result = checkout.obs("build")

    assert result.returncode == 2
    assert "obs: infra/observability/prometheus/rules" in result.stderr
    assert {path.name: path.read_text() for path in rules.with_name("kept").iterdir()} == kept


def test_an_overlay_is_proven_by_itself(checkout: Checkout) -> None:
    """`--env staging check` judges the overlay's rules and boards, not the files that production committed."""
    result = checkout.obs("--env", "staging", "check")

    assert result.returncode == 0, result.stdout + result.stderr


def test_two_stacks_of_one_name_are_refused(checkout: Checkout) -> None:
    """The second would overwrite the first, in the same folder and under the same uids."""
    done = checkout.obs("--stack", "stack.toml", "--stack", "stack.toml", "build", "--out", "stacks")

    assert done.returncode == 2
    assert "stack.toml: service.name = 'rce-api': stack.toml is called so too; rename one" in done.stderr
    assert not (checkout.root / "stacks").exists()


def test_a_build_for_a_cluster_leaves_the_other_files_alone(checkout: Checkout) -> None:
    """Only infra/kubernetes is written, a board that is gone leaves it, and `--check` holds afterwards."""
    before = checkout.written()
    cluster = ("build", "--target", "kubernetes")
    assert checkout.obs(*cluster).returncode == 0
    stale = checkout.root / "infra/kubernetes/dashboard-gone.yaml"
    stale.write_text("kind: ConfigMap\n", encoding="utf-8")
    with (checkout.root / "infra/kubernetes/files.txt").open("a", encoding="utf-8") as listed:
        listed.write("infra/kubernetes/dashboard-gone.yaml\n")

    assert checkout.obs(*cluster, "--check").returncode == 1
    assert checkout.obs(*cluster).returncode == 0
    assert not stale.exists()
    assert checkout.obs(*cluster, "--check").returncode == 0
    assert {path: text for path, text in checkout.written().items() if "infra/kubernetes" not in path} == before


def test_make_builds_in_a_path_with_spaces(checkout: Checkout, tmp_path: Path) -> None:
    """A folder that a shell would take apart is one folder to make, to the scripts and to the tool."""
    root = checkout.root.rename(tmp_path / "it's a path & (its) spaces")
    for folder in (".venv/bin", ".tools/bin"):
        (root / folder).mkdir(parents=True)
    (root / ".tools/bin/promtool").symlink_to(checkout.promtool)
    (root / ".venv/bin/obs").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{PROGRAM}" "$@"\n')
    (root / ".venv/bin/obs").chmod(0o755)
    (root / ".venv/.ready").touch()
    environment = {name: value for name, value in os.environ.items() if name not in ("PROMTOOL", "VIRTUAL_ENV")}

    done = subprocess.run(
        ["make", "dashboards"],
        cwd=root,
        env=environment | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " files, nothing to write, " in done.stdout


def test_without_a_history_everything_holds_but_the_diff_which_says_what_it_takes(checkout: Checkout) -> None:
    """A folder from a tarball builds and is proven; what compares with a commit asks for a clone or two paths."""
    build, check, diff = (checkout.obs(*verb) for verb in (("build", "--check"), ("check",), ("diff", "main")))

    assert (build.returncode, check.returncode) == (0, 0), build.stderr + check.stdout
    assert diff.returncode == 2
    assert diff.stderr.startswith("obs: git says: not a git repository")
    assert diff.stderr.endswith("; give two paths that are there, or a revision that this clone knows\n")
