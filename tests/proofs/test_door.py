"""`obs check`, `obs alerts test` and `obs catalog` in a checkout with a fault planted by hand."""

import json
import re
from pathlib import Path

import pytest

from obs.proofs import promtool
from tests.checkout import Checkout
from tests.cli.test_content import ALERT, BOARD


def test_this_repository_has_no_problems(checkout: Checkout) -> None:
    """Every check holds, and the exit code says so; what is noted beside it are the addresses of an example."""
    done = checkout.obs("check")

    assert done.returncode == 0
    assert all(re.match(r"note: \S+ = '.+': an example; ", line) for line in done.stderr.splitlines())
    assert done.stdout.endswith(" checks hold\n")


def test_problems_end_with_one(checkout: Checkout) -> None:
    """A runbook section that lost its name is told by its alert first, and the exit code is 1."""
    checkout.edit("docs/operations/api.md", "## ApiDown\n", "## ApiIsDown\n")

    done = checkout.obs("check")

    assert done.returncode == 1
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("alerts/api.py:")
    assert "runbook_url: docs/operations/api.md has no section '#apidown'; write it  [link/broken]" in first
    assert re.fullmatch(r"\d+ problems; `obs check --explain link/broken` says what that check demands, and why", last)


def test_problems_are_read_by_machines(checkout: Checkout) -> None:
    """`--json` is a list of where, what, instead and check."""
    checkout.edit("dashboards/jobs.py", "JOB_WORKERS", "JOBS_DELAYED", times=2)

    done = checkout.obs("check", "--json")

    found = json.loads(done.stdout)
    assert done.returncode == 1
    told = {"where", "file", "line", "item", "check", "what", "instead", "expression", "part", "offset"}
    assert told == set(found[0])

    assert any(one["check"] == "file/outdated" and one["where"].startswith("infra/") for one in found)


def test_a_panel_is_named_by_its_line(checkout: Checkout) -> None:
    """The line of the service's own Python that makes the panel, also where a helper module of the folder does."""
    made = 'panels.number("Up", UP_NOW, why="Zero: it is down.", unit="bytez")'
    helper = f'from obs.boards import panels\n\nUP_NOW = "up"\n\n\ndef up():\n    return {made}\n'
    (checkout.root / "dashboards/shop.py").write_text(BOARD.replace('unit="short"', 'unit="bytez"'), encoding="utf-8")
    shared = BOARD.replace("from obs.boards import panels", "from alerts.shop import up").replace(
        """[panels.number("Up", 'up{instance=~"$instance"}', why="Zero: it is down.", unit="short")]""", "[up()]"
    )
    (checkout.root / "alerts/shop.py").write_text(helper + "\n\nALERTS = ()\n")
    (checkout.root / "dashboards/mall.py").write_text(shared.replace('slug="shop"', 'slug="mall"'), encoding="utf-8")

    done = checkout.obs("check", "--json")

    found = [one for one in json.loads(done.stdout) if one["check"] == "panel/unknown-unit"]
    assert [(one["file"], one["line"]) for one in found] == [("alerts/shop.py", 7), ("dashboards/shop.py", 8)]


def test_problems_are_read_in_a_review(checkout: Checkout) -> None:
    """In Markdown each is an item of a list, with the line of its expression below; no text smuggles in markup."""
    alert = ALERT.replace('expr="up == 0"', 'expr="upp == 0"').replace('summary="', 'summary="<b>@all</b> ')
    (checkout.root / "alerts/shop.py").write_text(alert, encoding="utf-8")

    done = checkout.obs("check", "--format", "markdown", "--html", "found.html")

    assert done.returncode == 1, done.stderr
    page = (checkout.root / "found.html").read_text(encoding="utf-8")
    assert "<pre>upp == 0\n^^^</pre>" in page
    assert "<b>@all" not in page
    assert "\n  ```text\n  upp == 0\n  ^^^\n  ```\n" in done.stdout
    assert all(line.startswith(("- **", "  ")) for line in done.stdout.splitlines())
    assert not re.search(r"(?<!\\)<b>|@all", done.stdout)


def test_a_removed_case_is_told(checkout: Checkout) -> None:
    """The catalog lists every case: one that goes leaves it out of date."""
    checkout.edit("alerts/redis.py", 'silent("both work"', 'silent("all is well"')

    done = checkout.obs("check")

    assert done.returncode == 1
    assert "docs/catalog.md:" in done.stdout
    assert "it is not what its source makes; run `make dashboards`" in done.stdout


def test_an_objective_no_window_can_judge_is_refused(checkout: Checkout) -> None:
    """A latency threshold between two bucket edges can't be counted."""
    checkout.edit("stack.toml", "threshold_seconds = 0.3", "threshold_seconds = 0.35")

    done = checkout.obs("check")

    assert done.returncode == 2
    assert "takes an edge of http_request_duration_seconds: 0.005, 0.01" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [("check",), ("alerts", "test"), ("build",)])
def test_without_promtool_nothing_is_proven(checkout: Checkout, verb: tuple[str, ...]) -> None:
    """Exit code 2 and one sentence with the remedy; nothing is written."""
    before = {
        path: path.read_bytes() for path in checkout.root.rglob("*") if path.is_file() and "pycache" not in str(path)
    }

    done = checkout.obs(*verb, PROMTOOL="/nowhere/promtool")

    assert done.returncode == 2
    assert done.stderr == (
        "obs: promtool: $PROMTOOL is '/nowhere/promtool', and no such program; unset it and run `obs tools`\n"
    )
    assert before == {path: path.read_bytes() for path in before}


def test_one_alert_is_played(checkout: Checkout) -> None:
    """What was played is counted."""
    done = checkout.obs("alerts", "test", "RedisDown")

    assert done.returncode == 0
    assert done.stdout.startswith("1 alerts: 7 cases hold (promtool ")


def test_what_was_played_is_played_again_only_when_it_changed(checkout: Checkout, tmp_path: Path) -> None:
    """The second run needs no promtool but for its version; a changed hold, summary or release does, and is judged."""
    assert checkout.obs("alerts", "test", "RedisDown").returncode == 0
    idle = tmp_path / "promtool"

    def asked(version: str) -> int:
        told = f"promtool, version {version} (branch: HEAD)"
        idle.write_text(f"#!/bin/sh\n[ $1 = --version ] && echo '{told}' || exit 9\n")
        idle.chmod(0o755)
        return checkout.obs("alerts", "test", "RedisDown", PROMTOOL=str(idle)).returncode

    same = str(promtool.find(checkout.root, {"PROMTOOL": str(checkout.promtool)}).version)
    assert asked(same) == 0
    assert asked("99.0.0") == 2
    checkout.edit("alerts/redis.py", 'summary="Redis is down."', 'summary="Redis is silent."')
    assert asked(same) == 2
    checkout.edit("alerts/redis.py", 'hold="1m"', 'hold="180s"')  # of another size: Python looks at size and second
    assert checkout.obs("alerts", "test", "RedisDown").returncode == 1


def test_a_failing_case_is_told_by_constant_and_name(checkout: Checkout) -> None:
    """Removing what makes an alert fire is told by its case."""
    checkout.edit("alerts/redis.py", "{promql.select(redis.UP, JOB.eq(stack.targets.redis.job))} == 0", "redis_up == 3")

    done = checkout.obs("alerts", "test", "RedisDown")

    assert done.returncode == 1
    assert " down case 'Redis stops': nothing fires at 10m; expected {" in done.stdout


def test_an_unknown_alert_is_a_usage_error(checkout: Checkout) -> None:
    """A name nobody gave to an alert: the closest there is."""
    done = checkout.obs("alerts", "test", "RedisDwon")

    assert done.returncode == 2
    assert done.stderr.endswith("Error: there is no alert 'RedisDwon'; did you mean 'RedisDown'?\n")


def test_the_catalog_is_printed_as_it_is_written(checkout: Checkout) -> None:
    """`obs catalog` and docs/catalog.md are the same page."""
    done = checkout.obs("catalog")

    assert done.stdout == (checkout.root / "docs" / "catalog.md").read_text(encoding="utf-8")


def test_a_waiver_covers_until_its_day(checkout: Checkout) -> None:
    """A waived problem is not told; past its day, or without a problem, the waiver is."""
    waivers = checkout.root / "waivers.toml"
    checkout.edit("dashboards/redis.py", 'unit="short"', 'unit="bytes"')
    told = json.loads(checkout.obs("check", "--json").stdout)
    units = [one for one in told if one["check"] == "panel/unit"]
    assert units

    def waive(expires: str, **other: str) -> list[dict[str, str]]:
        lines = [
            "[[waiver]]",
            *(
                f"{key} = {json.dumps(value)}"
                for key, value in (
                    {"place": units[0]["where"], "check": "panel/unit", "reason": "Old servers know no other."} | other
                ).items()
            ),
            f"expires = {expires}",
        ]
        waivers.write_text("\n".join(lines) + "\n", encoding="utf-8")
        found: list[dict[str, str]] = json.loads(checkout.obs("check", "--json").stdout)
        return [one for one in found if one["check"] in ("panel/unit", "waiver/stale")]

    assert units[0] not in waive("2999-12-31")
    assert waive("2000-01-01")[-1]["what"] == "it expired on 2000-01-01"
    assert waive("2999-12-31", place="dashboards/redis.py panel 'Gone'")[-1]["what"] == "it covers nothing"


def test_another_service_is_not_held_to_these_runbooks(checkout: Checkout) -> None:
    """A stack with other jobs is compiled here for elsewhere; its own checkout has its own pages."""
    text = (checkout.root / "stack.toml").read_text(encoding="utf-8")
    (checkout.root / "shop.toml").write_text(text.replace('"rce-api"', '"shop"').replace('job = "redis"', 'job = "kv"'))

    done = checkout.obs("--stack", "shop.toml", "build", "--out", "elsewhere")

    assert done.returncode == 0, done.stdout + done.stderr
    assert (checkout.root / "elsewhere" / "shop" / "docs" / "catalog.md").exists()
