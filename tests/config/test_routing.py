"""Would we be told if an alert no longer reached the human it is meant for?"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from obs import config, stack
from obs.alerting import Alert, Case, Severity
from obs.alerting.rules import groups
from obs.proofs.routes.files import ALERTMANAGER, GRAFANA, PROMETHEUS, TEMPLATES
from obs.proofs.routes.routing import faults
from obs.replay.notifying import notifications
from obs.replay.playing import Firing
from obs.stack import Stack
from watchkeeper.contract.labels import Label

ROOT = Path(__file__).parents[2]
PAGES, TICKETS = 1, 2
"""Where the routes of a severity are in the team's; before them is the one for a pager that fails."""

INTEGRATION = Label("integration", "Kind of receiver.")

Files = dict[str, str]
Configuration = dict[str, Any]


@pytest.fixture(scope="module")
def ours() -> Stack:
    """Return the stack of this repository."""
    return stack.load(ROOT / "stack.toml")


@pytest.fixture(scope="module")
def every(ours: Stack) -> list[Alert]:
    """Return every alert of the stack."""
    return [alert for group in groups(ours) for alert in group.alerts]


@pytest.fixture
def files(ours: Stack) -> Files:
    """Return every configuration file, to be broken."""
    return config.render(ours)


def problems(stack: Stack, alerts: list[Alert], files: Files | None = None) -> list[str]:
    """Return what is said of every fault, without how many alerts share it; that of a file begins with where it is."""
    said = []
    for fault in faults(stack, alerts, files):
        place = fault.place.file.startswith("infra/") and (fault.place.item or Path(fault.place.file).name)
        what = re.sub(r", like \d+ others?,", "", fault.what)
        said.append(f"{place}: " * bool(place) + what + f"; {fault.instead}" * bool(fault.instead))
    return said


def edited(files: Files, path: str, change: Callable[[Configuration], object]) -> Files:
    """Return the files with one of them changed by hand."""
    content = yaml.safe_load(files[path])
    change(content)
    return files | {path: yaml.safe_dump(content, sort_keys=False)}


def team(configuration: Configuration) -> Configuration:
    """Return the routing node of the team."""
    node: Configuration = next(node for node in configuration["route"]["routes"] if "routes" in node)
    return node


def named(items: list[Configuration], name: str) -> Configuration:
    """Return the receiver called ``name``."""
    return next(item for item in items if item["name"] == name)


def test_every_alert_reaches_its_human(ours: Stack, every: list[Alert]) -> None:
    """Every alert of the repository is routed, worded and scraped for."""
    assert problems(ours, every) == []


def test_a_missing_route_is_named_with_the_alerts_it_strands(ours: Stack, every: list[Alert], files: Files) -> None:
    """Without the route for pages, each page is said to land on the default receiver."""
    broken = edited(files, ALERTMANAGER, lambda content: team(content)["routes"].pop(PAGES))

    found = problems(ours, every, broken)

    assert any(
        sentence.startswith("ApiErrorRatioHigh (page) lands on the default receiver 'unrouted': no route takes ")
        and 'severity="page"' in sentence
        for sentence in found
    )
    assert not any("ApiLatencyP95OverSlo (ticket)" in sentence for sentence in found)


def test_a_missing_receiver_is_named(ours: Stack, every: list[Alert], files: Files) -> None:
    """Without the pager, each page is said to reach nobody."""
    broken = edited(
        files, ALERTMANAGER, lambda content: content["receivers"].remove(named(content["receivers"], "pager"))
    )

    assert (
        "ApiErrorRatioHigh (page) would reach nobody: its route names the receiver 'pager', which does not exist"
        in problems(ours, every, broken)
    )


def test_a_receiver_that_sends_nothing_is_named(ours: Stack, every: list[Alert], files: Files) -> None:
    """A page whose receiver has lost its integration wakes nobody."""
    broken = edited(files, ALERTMANAGER, lambda content: named(content["receivers"], "pager").pop("pagerduty_configs"))

    assert "ApiErrorRatioHigh (page) wakes nobody: it reaches 'pager', which has no pagerduty_configs" in problems(
        ours, every, broken
    )


def test_two_pagers_are_refused(ours: Stack, every: list[Alert], files: Files) -> None:
    """A page that two receivers send to PagerDuty would wake two people, or one twice."""

    def twice(content: Configuration) -> None:
        first = team(content)["routes"][PAGES]
        team(content)["routes"].insert(PAGES, first | {"receiver": "second", "continue": True})
        content["receivers"].append(named(content["receivers"], "pager") | {"name": "second"})

    found = problems(ours, every, edited(files, ALERTMANAGER, twice))

    assert "ApiErrorRatioHigh (page) reaches two pagers, second and pager; remove one, or its 'continue: true'" in found


def test_a_ticket_must_not_wake_anyone(ours: Stack, every: list[Alert], files: Files) -> None:
    """A ticket routed to the pager is refused."""
    broken = edited(files, ALERTMANAGER, lambda content: team(content)["routes"][TICKETS].update(receiver="pager"))

    assert (
        "ApiLatencyP95OverSlo (ticket) is for the day and would wake someone: it reaches the pager 'pager'"
        in problems(ours, every, broken)
    )


def test_one_engine_pages(ours: Stack, every: list[Alert], files: Files) -> None:
    """With Grafana as the pager, Alertmanager sends pages to nobody, and a file that would is refused."""
    grafana_pages = dataclasses.replace(ours, grafana=dataclasses.replace(ours.grafana, pages=True))

    assert problems(grafana_pages, every) == []
    twice = "would be sent twice: grafana.pages = true, and Alertmanager sends it to 'pager' as well"
    assert f"ApiErrorRatioHigh (page) {twice}" in problems(grafana_pages, every, files)


def test_grafana_must_not_evaluate_while_alertmanager_pages(ours: Stack, every: list[Alert], files: Files) -> None:
    """The other way round: Grafana switched on by hand beside a paging Alertmanager is refused."""
    broken = files | {GRAFANA: files[GRAFANA].replace("execute_alerts = false", "execute_alerts = true")}

    assert problems(ours, every, broken) == [
        "grafana.ini: Grafana evaluates alerts while Alertmanager pages; set 'execute_alerts = false'"
    ]


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (
            ("runbook_url", "playbook_url"),
            "template 'message.runbook': it reads .Annotations.playbook_url, which is missing from ",
        ),
        (
            (".GroupLabels.service", ".GroupLabels.queue"),
            "receiver 'pager': it reads .GroupLabels.queue, which is missing from group_by, which is: service, ",
        ),
        (
            ('template "message.firing"', 'template "message.fired"'),
            "receiver 'pager' details: it uses the template 'message.fired', which no file defines; there is: ",
        ),
    ],
)
def test_a_message_reads_only_what_is_there(
    ours: Stack, every: list[Alert], files: Files, edit: tuple[str, str], sentence: str
) -> None:
    """An annotation, group label or template that does not exist would leave a hole in the page."""
    broken = {path: text.replace(*edit) for path, text in files.items()}

    assert any(found.startswith(sentence) for found in problems(ours, every, broken))


def test_a_template_reads_only_what_is_there(ours: Stack, every: list[Alert], files: Files) -> None:
    """What a template reads without asking first must be on every alert; what it asks for, on one at least."""
    since = "{{ .StartsAt"
    asked, unasked, unheard_of = (
        files | {TEMPLATES: files[TEMPLATES].replace(since, f"{added}{since}")}
        for added in (
            "{{ with .Labels.instance }}On {{ . }}.{{ end }} ",
            "{{ .Labels.instance }} ",
            "{{ with .Labels.instanse }}On {{ . }}.{{ end }} ",
        )
    )

    assert problems(ours, every, asked) == []
    for broken, label in ((unasked, "instance"), (unheard_of, "instanse")):
        (found,) = problems(ours, every, broken)
        assert found.startswith(f"template 'message.alert': it reads .Labels.{label}, which is missing from ")


def test_a_missing_scrape_job_is_named_with_the_alerts_it_silences(
    ours: Stack, every: list[Alert], files: Files
) -> None:
    """Without its scrape job, nobody would hear of Redis."""
    broken = edited(
        files,
        PROMETHEUS,
        lambda content: content["scrape_configs"].remove(
            next(job for job in content["scrape_configs"] if job["job_name"] == "redis")
        ),
    )

    (found,) = problems(ours, every, broken)

    assert found.startswith("prometheus.yml: it does not scrape targets.redis, job 'redis' at redis-exporter:9121: ")
    assert "RedisDown" in found


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("rule_files", "prometheus.yml: it loads no rule_files: no alert is ever evaluated"),
        ("alerting", "prometheus.yml: it sends alerts to nobody, not to alertmanager:9093"),
    ],
)
def test_prometheus_must_evaluate_and_tell(
    ours: Stack, every: list[Alert], files: Files, key: str, sentence: str
) -> None:
    """Prometheus without rules, or without Alertmanager, is silent for ever."""
    assert problems(ours, every, edited(files, PROMETHEUS, lambda content: content.pop(key))) == [sentence]


def inhibiting(source: str, target: str) -> Callable[[Configuration], None]:
    """Return the edit that lets one alert silence another."""
    rule = {
        "source_matchers": [f'alertname="{source}"'],
        "target_matchers": [f'alertname="{target}"'],
        "equal": ["service", "environment"],
    }

    def edit(content: Configuration) -> None:
        content["inhibit_rules"] = [rule]

    return edit


def test_an_inhibition_must_not_hide_something_worse(ours: Stack, every: list[Alert], files: Files) -> None:
    """A ticket that silences a page is refused."""
    broken = edited(files, ALERTMANAGER, inhibiting("ApiLatencyP95OverSlo", "ApiDown"))

    assert problems(ours, every, broken) == [
        "inhibit_rules[1]: ApiLatencyP95OverSlo (ticket) would silence ApiDown (page), which is worse"
    ]


def test_an_inhibition_must_be_able_to_act(ours: Stack, every: list[Alert], files: Files) -> None:
    """A rule that names an alert which no longer exists is refused."""
    broken = edited(files, ALERTMANAGER, inhibiting("ApiGone", "ApiDown"))

    assert problems(ours, every, broken) == [
        'inhibit_rules[1]: it never acts: no alert has its source: alertname="ApiGone"'
    ]


def test_two_alerts_must_not_silence_each_other(ours: Stack, every: list[Alert], files: Files) -> None:
    """Two alerts that silence each other are heard by nobody while both fire."""

    def circle(content: Configuration) -> None:
        for source, target in (("ApiDown", "ApiMostRequestsFail"), ("ApiMostRequestsFail", "ApiDown")):
            rules = content["inhibit_rules"]
            inhibiting(source, target)(content)
            content["inhibit_rules"] = [*rules, *content["inhibit_rules"]]

    assert (
        "inhibit_rules: ApiDown and ApiMostRequestsFail silence each other: while both fire, nobody hears of either"
        in problems(ours, every, edited(files, ALERTMANAGER, circle))
    )


def test_an_unreadable_matcher_is_quoted(ours: Stack, every: list[Alert], files: Files) -> None:
    """A matcher that Alertmanager would refuse is refused here, in words."""
    broken = edited(files, ALERTMANAGER, lambda content: team(content).update(matchers=["team is backend"]))

    assert problems(ours, every, broken) == [
        "alertmanager.yml: matcher 'team is backend': takes label=\"value\", with =, !=, =~ or !~"
    ]


def test_the_dead_mans_switch_is_fed_every_minute(ours: Stack, files: Files) -> None:
    """Whoever waits for a sign each minute gets one each minute: repetition and interval don't add up to two."""
    labels = {"alertname": "Watchdog", "severity": "none", "team": ours.service.team}
    watchdog = Firing(tuple(sorted(labels.items())), 0.0, None)

    sent = notifications(yaml.safe_load(files[ALERTMANAGER]), [watchdog], until=300)

    assert [(one.at, one.receiver) for one in sent] == [(minute * 60.0, "deadman") for minute in range(6)]


def test_a_cause_is_said_once(ours: Stack, every: list[Alert], files: Files) -> None:
    """One receiver that is gone is one sentence, however many alerts it strands."""
    broken = edited(
        files, ALERTMANAGER, lambda content: content["receivers"].remove(named(content["receivers"], "pager"))
    )

    (fault,) = faults(ours, every, broken)

    pages = [alert for alert in every if alert.severity is Severity.PAGE]
    assert f", like {len(pages) - 1} others, would reach nobody" in fault.what


NIGHT = {"name": "night", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "07:00"}]}]}


@pytest.mark.parametrize(
    ("key", "defined", "said"),
    [
        ("mute_time_intervals", [NIGHT], "it is muted at times, and ApiDown,"),
        ("active_time_intervals", [NIGHT], "it is muted at times, and ApiDown,"),
        ("mute_time_intervals", [], "it names the time interval 'night'; define it below time_intervals"),
    ],
)
def test_a_page_is_heard_at_every_hour(
    ours: Stack, files: Files, key: str, defined: list[Configuration], said: str
) -> None:
    """A pager muted at night or on weekdays wakes nobody then; an interval nobody defined keeps Alertmanager down."""
    alerts = [alert for group in groups(ours) for alert in group.alerts]

    def mute(content: Configuration) -> None:
        content["time_intervals"] = defined
        team(content)["routes"][PAGES][key] = ["night"]

    assert any(said in one for one in problems(ours, alerts, edited(files, ALERTMANAGER, mute)))


def test_a_ticket_may_wait_for_the_morning(ours: Stack, every: list[Alert], files: Files) -> None:
    """Muting tickets at night is what a ticket is for."""

    def mute(content: Configuration) -> None:
        content["time_intervals"] = [NIGHT]
        team(content)["routes"][TICKETS]["mute_time_intervals"] = ["night"]

    assert problems(ours, every, edited(files, ALERTMANAGER, mute)) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"target_matchers": ['alertname="Watchdog"'], "source_matchers": ['alertname="ApiDown"']},
            "it silences Watchdog, so the dead man's switch would call",
        ),
        ({"equal": ["service"]}, "it silences alerts of other environments; add environment to 'equal'"),
        ({"equal": ["service", "environment", "slo"]}, "its sources and targets never agree on"),
        (
            {"target_matchers": ['alertname=~"ApiLatencyP95OverSlo|ApiGone"']},
            "no alert is called 'ApiGone'; leave it out, or write the name of an alert",
        ),
    ],
)
def test_an_inhibition_keeps_to_its_part(
    ours: Stack, every: list[Alert], files: Files, changed: Configuration, said: str
) -> None:
    """It leaves the dead man's switch and other environments alone, and names alerts that are there."""

    def edit(content: Configuration) -> None:
        inhibiting("ApiAvailabilityFastBurn", "ApiLatencyP95OverSlo")(content)
        content["inhibit_rules"][0]["source_matchers"] = ['slo="availability"', 'severity="page"']
        content["inhibit_rules"][0] |= changed

    assert any(said in one for one in problems(ours, every, edited(files, ALERTMANAGER, edit)))


def test_a_branch_behind_one_that_takes_everything_is_named(ours: Stack, every: list[Alert], files: Files) -> None:
    """Nobody is told through it, whatever its matchers say."""

    def shadow(content: Configuration) -> None:
        routes = team(content)["routes"]
        routes.append(routes[PAGES] | {"matchers": ['severity="page"', 'alertname="ApiDown"'], "receiver": "tickets"})

    (said,) = problems(ours, every, edited(files, ALERTMANAGER, shadow))

    assert said.startswith('route to \'tickets\' of severity="page", alertname="ApiDown": it is never reached: ')


def test_a_channel_does_not_tell_that_it_fails(ours: Stack, every: list[Alert], files: Files) -> None:
    """That pages do not get through can't be told by a page alone."""
    alert = next(one for one in every if one.name == "AlertmanagerFailedToSendAlerts")
    where = (INTEGRATION.eq("pagerduty"),)
    broken = Case("no page arrives", "fires", "30m", {}, where, "No page arrives.", severity=Severity.PAGE)
    paging = [replace(one, severity=Severity.PAGE) if one.verdict == "fires" else one for one in alert.cases]
    told = replace(alert, name="PagerFails", severity=Severity.PAGE, cases=(broken, *paging))
    said = "PagerFails tells that pagerduty fails, and is told by pagerduty alone"
    alone = edited(files, ALERTMANAGER, lambda content: team(content)["routes"].pop(0))

    assert any(said in one for one in problems(ours, [*every, told], alone))
    assert not any(said in one for one in problems(ours, [*every, told], files))
