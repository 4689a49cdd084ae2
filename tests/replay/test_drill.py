"""Does the drill tell who hears of an incident, when and how often, and refuse what can't happen?"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from obs import content, stack
from obs.alerting import rules
from obs.cli.cli import obs
from obs.replay import scenario
from obs.replay.notifying import notifications
from obs.replay.playing import Firing, PlayingError
from obs.replay.shapes import Daily
from tests.conftest import ROOT

HEALTHY = (ROOT / "alerts/drill/healthy.toml").read_text()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a service with this one's content, to which a test writes its incidents."""
    for folder in ("alerts", "dashboards", "metrics"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (tmp_path / "alerts/drill").glob("*.toml"):
        file.unlink()
    (tmp_path / "alerts/drill/healthy.toml").write_text(HEALTHY)
    shutil.copy(ROOT / "stack.toml", tmp_path)
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}{os.pathsep}{ROOT / '.tools/bin'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(service: Path, incidents: str) -> None:
    """Write incidents, with half an hour before and after."""
    (service / "alerts/drill/some.toml").write_text(f'before = "30m"\nafter = "30m"\n{incidents}')


def drill(service: Path, incidents: str, *arguments: str) -> Result:
    """Play incidents."""
    write(service, incidents)
    return CliRunner().invoke(obs, ["drill", *arguments])


def incident(wants: str, within: str, body: str, lasts: str = "20m") -> str:
    """Return one incident as a file holds it."""
    return f'[[incident]]\nname = "it"\nlasts = "{lasts}"\nwants = "{wants}"\nwithin = "{within}"\n{body}\n'


DEAD = "[incident.target]\nredis = 'down'"


def test_a_dead_exporter_is_told_by_one_ticket(service: Path) -> None:
    """Five minutes of `for` after the first failed scrape, and half a minute of Alertmanager's group_wait."""
    result = drill(service, incident("ticket", "10m", DEAD), "--json")

    assert result.exit_code == 0, result.output
    verdict = json.loads(result.output)[0]
    assert (verdict["told_by"], verdict["after"], verdict["tickets"]) == (
        ["RedisExporterDown"],
        345,
        ["RedisExporterDown"],
    )


@pytest.mark.parametrize(
    ("wants", "within", "body", "what"),
    [
        ("page", "10m", DEAD, "1 missed"),
        ("ticket", "5m", DEAD, "1 late"),
        ("silence", "0s", DEAD, "1 notifications that nobody wants"),
    ],
)
def test_what_is_not_as_wanted_is_counted(service: Path, wants: str, within: str, body: str, what: str) -> None:
    """A page that is missing, a ticket that is late, and one that nobody wants end the drill with 1."""
    result = drill(service, incident(wants, within, body))

    assert result.exit_code == 1
    assert what in result.output


def test_an_answer_is_kept(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run asks promtool nothing, and says the same."""
    first = drill(service, incident("ticket", "10m", DEAD), "--json")
    monkeypatch.setattr("obs.proofs.promtool.Promtool.test_rules", None)
    again = drill(service, incident("ticket", "10m", DEAD), "--json")

    assert again.output == first.output
    assert len(list((service / ".obs/drill").iterdir())) == 1


def test_rules_that_an_incident_cannot_reach_are_not_played(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left out is only what would have stayed silent: all rules together say the same."""
    dead = incident("ticket", "10m", f"{DEAD}\n[incident.series]\n'jobs_workers{{queue=\"mail\"}}' = 0")
    some = drill(service, dead, "--json")
    monkeypatch.setattr("obs.replay.reach.within", lambda groups, _: list(groups))
    every = drill(service, dead, "--json")

    assert every.output == some.output
    assert len(list((service / ".obs/drill").iterdir())) == 2


def test_another_incident_is_played_anew(service: Path) -> None:
    """What is kept belongs to the incident as it was: a longer one of the same name has its own answer."""
    drill(service, incident("ticket", "10m", DEAD), "--json")
    shorter = drill(service, incident("ticket", "10m", DEAD, lasts="2m"), "--json")

    assert json.loads(shorter.output)[0]["missed"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("[incident.series]\n'redis_uptime{job=\"redis\"}' = 1", "nobody writes redis_uptime"),
        ("[incident.series]\n'redis_up' = 1", 'needs the job that exposes it, as job="redis"'),
        ('[incident.series]\n\'redis_up{job="redis",shard="1"}\' = 1', "has no label 'shard'"),
        ("[incident.series]\n'jobs_workers' = 1", "lacks the label 'queue'"),
        ("[incident.series]\n'telemetry_flushes_total{result=\"maybe\"}' = 1", "label 'result' is never 'maybe'"),
        ("[incident.series]\n'jobs_workers{queue=\"mail\"}' = 'many'", "takes a number, 'to 5', 'gone', 'daily 8' or"),
        ("[incident.series]\n'jobs_queue_latency_seconds{queue=\"mail\"}' = 1", "is a histogram; takes"),
        ("[incident.target]\nredsi = 'down'", "there is no target 'redsi'; there is rce-api, redis"),
        ("colour = 'red'", "unknown key 'colour'"),
        ("[incident.detects]\nRedisDown = 'soon'", "detects.RedisDown = 'soon': takes a duration such as '5m'"),
        ("[incident.detects]\nRedisDwn = '5m'", "there is no alert 'RedisDwn'; did you mean 'RedisDown'?"),
        ("silent = ['RedisDwn']", "there is no alert 'RedisDwn'; did you mean 'RedisDown'?"),
        ("scrape = 'often'", "before, lasts, after, within, scrape: 'often' is not a duration"),
        ("[incident", "alerts/drill/some.toml: "),
    ],
)
def test_what_cannot_happen_is_refused(service: Path, body: str, says: str) -> None:
    """An incident that no source could write is named with what is wrong and what it takes; nothing is played."""
    result = drill(service, incident("page", "5m", body))

    assert says in str(result.exception)
    assert not (service / ".obs").exists()


def promised(within: str, *, silent: str = "") -> str:
    """Return the incident of a dead exporter, in which its alert fires ``within`` and another never does."""
    return incident(
        "ticket", "30m", f"silent = [{silent!r}]\n{DEAD}\n[incident.detects]\nRedisExporterDown = '{within}'"
    )


def test_a_promise_of_time_is_kept(service: Path) -> None:
    """The alert fires after its five minutes, and the one of Redis itself does not."""
    result = drill(service, promised("5m15s", silent="RedisDown"))

    assert result.exit_code == 0, result.output
    assert "0 promises of time broken" in result.output


@pytest.mark.parametrize(
    ("within", "silent", "says"),
    [
        ("5m", "RedisDown", "it: RedisExporterDown fires after 5m15s, and has to within 5m"),
        ("6m", "RedisExporterDown", "it: RedisExporterDown fires after 5m15s, and has to stay silent"),
    ],
)
def test_a_broken_promise_names_the_incident(service: Path, within: str, silent: str, says: str) -> None:
    """Told in time to the one on call, and still too late or too much for what its alert promises."""
    result = drill(service, promised(within, silent=silent))

    assert result.exit_code == 1
    assert says in result.output


def test_a_weakened_rule_breaks_its_promise(service: Path) -> None:
    """Whoever is told of what: the incident and the alert are named that is slower, or silent altogether."""
    write(service, promised("6m", silent="RedisDown"))
    for weaker, says in (('"12m"', "fires after 12m15s, and has to within 6m"), ('"3h"', "never fires, and has to")):
        told = (ROOT / "alerts/redis.py").read_text()
        (service / "alerts/redis.py").write_text(told.replace('hold="5m"', f"hold={weaker}", 1))
        command = [str(Path(sys.executable).with_name("obs")), "drill"]
        result = subprocess.run(command, cwd=service, capture_output=True, text=True, check=False)

        assert result.returncode == 1, result.stderr
        assert f"it: RedisExporterDown {says}" in result.stdout


def test_every_alert_promises_when_it_fires() -> None:
    """Each has an incident in which it fires within a time; only the watchdog, which always fires, has none."""
    here = stack.load(ROOT / "stack.toml")
    told = {name for one in scenario.read(here, content.here()) for name, _ in one.detects}

    assert {alert.name for group in rules.groups(here) for alert in group.alerts} - told == {"Watchdog"}


def test_ordinary_traffic_follows_the_hours() -> None:
    """Noon is busier than night, a weekday than Saturday, an hour like its neighbours; the same in every play."""
    traffic = Daily(10)
    noon, night, saturday = (traffic.at(3600 * hour) for hour in (13.5, 3.5, 5 * 24 + 13.5))

    assert 8 < noon < 10.5
    assert night < noon / 10
    assert noon / 5 < saturday < noon / 3
    assert Daily(10).at(3600 * 13.5) == noon


def test_a_long_story_is_scraped_less_often(service: Path) -> None:
    """With a sample and an evaluation a minute the alert is as fast as that allows."""
    result = drill(service, incident("ticket", "10m", f'scrape = "1m"\n{DEAD}'), "--json")

    assert json.loads(result.output)[0]["after"] == 6 * 60 + 30


def test_the_workbook_is_played_beside(service: Path) -> None:
    """Both rules see the same incident through the same routes; one that no promise is about is left out."""
    failing = """[incident.series]
'http_requests_total{method="GET",route="/v1/rooms",status="200"}' = 0
'http_requests_total{method="GET",route="/v1/rooms",status="500"}' = 8"""
    other = incident("ticket", "10m", DEAD).replace('"it"', '"other"')
    result = drill(service, incident("page", "2m", failing) + other, "--workbook", "--markdown")

    head, _, *rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in result.output.splitlines()]
    assert head[2:4] == ["paged after", "workbook"]
    assert [row[0] for row in rows] == ["it"]
    assert rows[0][4:] == ["1", "1", "0", "0"]


def test_a_changed_rule_is_compared_with_a_revision(service: Path) -> None:
    """The rules of a commit and those of the code are played side by side; only what ends otherwise is printed."""
    folder = "infra/observability"
    shutil.copytree(ROOT / folder, service / folder)
    rule = service / folder / "prometheus/rules/redis.yml"
    told = rule.read_text()
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    incidents = incident("ticket", "10m", DEAD)
    for command in (["init", "-q"], ["add", "infra"], ["commit", "-qm", "same"]):
        subprocess.run([*git, *command], check=True)
    same = drill(service, incidents, "--against", "HEAD")
    rule.write_text(told.replace("for: 5m", "for: 12m"))
    subprocess.run([*git, "commit", "-qam", "slower"], check=True)
    other = drill(service, incidents, "--against", "HEAD")

    assert "every incident ends as with the rules of HEAD" in same.output
    assert [part for part in re.split("  +|\n", other.output) if part in ("it (HEAD)", "12m45s LATE")] == [
        "it (HEAD)",
        "12m45s LATE",
    ]
    assert other.exit_code == 0


def test_what_cannot_be_kept_is_one_sentence(service: Path) -> None:
    """Where answers can't be written, the drill says which scenario, why, and what to do."""
    (service / ".obs").write_text("a file where the folder should be")

    result = drill(service, incident("ticket", "10m", DEAD))

    assert isinstance(result.exception, PlayingError)
    assert "'it' can't be played: " in str(result.exception)


def test_an_unknown_incident_is_told_with_the_nearest(service: Path) -> None:
    """A misspelt name is a usage error."""
    result = drill(service, incident("page", "5m", DEAD), "itt")

    assert result.exit_code == 2
    assert "there is no incident 'itt'; did you mean 'it'?" in result.output


CONFIG: Mapping[str, Any] = {
    "route": {
        "receiver": "pager",
        "group_by": ["alertname"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "1h",
        "routes": [{"matchers": ['severity="ticket"'], "receiver": "tickets", "group_wait": "1m"}],
    },
    "inhibit_rules": [
        {"source_matchers": ['alertname="Root"'], "target_matchers": ['alertname="Leaf"'], "equal": ["service"]}
    ],
}


def firing(name: str, start: float, end: float | None, **labels: str) -> Firing:
    """Return one alert that fires."""
    return Firing(tuple(sorted({"alertname": name, "service": "a", **labels}.items())), start, end)


def test_alerts_of_a_group_are_told_together() -> None:
    """What joins within group_wait is in the first message, what comes later waits for group_interval."""
    alerts = [
        firing("A", 0, None, instance="1"),
        firing("A", 20, None, instance="2"),
        firing("A", 40, None, instance="3"),
    ]

    sent = notifications(CONFIG, alerts, 1000)

    assert [(one.at, len(one.new)) for one in sent] == [(30, 2), (330, 1)]


def test_a_repetition_tells_of_nothing_new() -> None:
    """The same message is sent again at the first flush of its group that comes later than repeat_interval."""
    sent = notifications(CONFIG, [firing("A", 0, None)], 4000)

    assert [(one.at, len(one.new)) for one in sent] == [(30, 1), (3930, 0)]


def test_what_joins_an_open_group_wakes_nobody_again() -> None:
    """PagerDuty opens one incident for a group; another begins once the group's alerts have all ended."""
    alerts = [firing("A", 0, 900, instance="1"), firing("A", 400, 800, instance="2"), firing("A", 2000, None)]

    sent = notifications(CONFIG, alerts, 2500)

    assert [(one.at, one.joins) for one in sent if one.new] == [(30, False), (630, True), (2030, False)]


def test_a_child_takes_its_own_wait() -> None:
    """A node of the tree inherits the times it does not give."""
    sent = notifications(CONFIG, [firing("A", 0, None, severity="ticket")], 500)

    assert [(one.at, one.receiver) for one in sent] == [(60, "tickets")]


def test_an_inhibited_alert_is_told_when_its_source_ends() -> None:
    """A second page comes once what silenced it is over; another service's is not silenced at all."""
    leaf = firing("Leaf", 0, None)
    other = replace(leaf, labels=(("alertname", "Leaf"), ("service", "b")))

    sent = notifications(CONFIG, [firing("Root", 0, 400), leaf, other], 1000)

    assert [(one.at, one.new) for one in sent if "Leaf" in one.names] == [(30, (other,)), (630, (leaf,))]
