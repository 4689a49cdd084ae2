"""Who hears of an alert, how is it worded, and what silences what?"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from obs.alerting import Alert, Group, Severity, Silence
from obs.config.document import ORIGIN, document, lines
from obs.config.prometheus import deployment
from obs.query import logql, promql
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import ALERTNAME, SERVICE, SEVERITY, SLO, TEAM

PAGER, TICKETS, DEADMAN, UNROUTED = "pager", "tickets", "deadman", "unrouted"
"""The receivers. Nothing is meant to reach the last one, the default: a check proves that no alert of ours does."""

DEPLOYMENT = (SERVICE.name, logql.ENVIRONMENT)
"""What tells one deployment from another: alerts group, and silence each other, within it alone."""

TIMES = {"group_wait": "30s", "group_interval": "5m", "repeat_interval": "4h"}
"""What holds where a route says nothing else; also where Grafana pages."""

OF_A_PROMISE, OF_TICKETS = {"group_wait": "15s"}, {"repeat_interval": "1d"}
FED = {"group_interval": "30s", "repeat_interval": "45s"}
"""Feeds the dead man's switch every minute: at the first look that comes later than the repetition, the second one."""


def render(stack: Stack, groups: Sequence[Group]) -> dict[str, str]:
    """Return both configurations, paging and muted, how one is chosen, the message templates, and the flags."""
    paging = configuration(stack, groups)
    return {
        "alertmanager/alertmanager.yml": document(paging),
        "alertmanager/muted.yml": document(muted(paging)),
        "alertmanager/start.sh": _start(stack),
        "alertmanager/templates/messages.tmpl": _messages(stack),
        "alertmanager/flags": lines(f"--web.external-url={stack.alertmanager.url}", "--web.route-prefix=/"),
    }


def _has_logs(stack: Stack) -> bool:
    return "loki" in stack.datasources and bool(stack.grafana.url)


def configuration(stack: Stack, groups: Sequence[Group]) -> dict[str, Any]:
    """Return the content of ``alertmanager.yml``."""
    return {
        "global": {"pagerduty_url": stack.notify.pagerduty_url},
        "templates": ["templates/*.tmpl"],
        "route": _route(stack),
        "receivers": _receivers(stack),
        "inhibit_rules": _inhibitions(stack, groups),
    }


def muted(paging: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of ``muted.yml``: the same tree, and no receiver that could send anything anywhere."""
    return {**paging, "global": {}, "receivers": [{"name": receiver["name"]} for receiver in paging["receivers"]]}


def _start(stack: Stack) -> str:
    """Return the shell script that starts Alertmanager; it uses nothing but what a shell has built in."""
    files = {
        "PAGERDUTY_ROUTING_KEY": stack.notify.pagerduty_routing_key_file,
        "WEBHOOK_URL": stack.notify.webhook_url_file,
        "DEADMAN_URL": stack.notify.deadman_url_file,
    }
    written = "\n".join(f"    keep {name} {shlex.quote(file)}" for name, file in files.items())
    return (
        START.replace("ORIGIN", ORIGIN)
        .replace("ALL", "".join(f"${name}" for name in files))
        .replace("WRITTEN", written)
    )


def _route(stack: Stack) -> dict[str, Any]:
    """Return the tree: the dead man's switch, then the team by severity; what falls through is still sent somewhere."""
    deadman = {
        "matchers": [str(SEVERITY.eq(Severity.NONE))],
        "receiver": DEADMAN,
        "group_wait": "0s",
        **FED,
    }
    # A page about the pager itself is told by the other channel besides.
    pager_fails = {
        "matchers": ['integration="pagerduty"'],
        "receiver": TICKETS,
        "continue": True,
    }
    # All that breaks one promise is one page, whichever rule is first
    promise = {"matchers": [str(SLO.ne(""))], "group_by": [SLO.name, *deployed(stack)], **OF_A_PROMISE}
    page = {"matchers": [str(SEVERITY.eq(Severity.PAGE))], "receiver": PAGER, "routes": [promise]}
    ticket = {"matchers": [str(SEVERITY.eq(Severity.TICKET))], "receiver": TICKETS, **OF_TICKETS}
    return {
        "receiver": UNROUTED,
        "group_by": [ALERTNAME.name, *deployed(stack)],
        **TIMES,
        "routes": [deadman, {"matchers": [str(TEAM.eq(stack.service.team))], "routes": [pager_fails, page, ticket]}],
    }


def _receivers(stack: Stack) -> list[dict[str, Any]]:
    """Return the receivers; where Grafana is the engine that pages, those for people send nothing."""
    webhook = {"url_file": stack.notify.webhook_url_file, "send_resolved": True}
    deadman = {"url_file": stack.notify.deadman_url_file, "send_resolved": False}
    people: dict[str, dict[str, Any]] = {
        PAGER: {"pagerduty_configs": [_pagerduty(stack)]},
        TICKETS: {"webhook_configs": [webhook]},
        UNROUTED: {"webhook_configs": [webhook]},
    }
    return [
        *({"name": name} | ({} if stack.grafana.pages else channels) for name, channels in people.items()),
        {"name": DEADMAN, "webhook_configs": [deadman]},
    ]


def _pagerduty(stack: Stack) -> dict[str, Any]:
    """Return a page; the fields: https://developer.pagerduty.com/docs/events-api-v2/trigger-events/."""
    return {
        "routing_key_file": stack.notify.pagerduty_routing_key_file,
        "send_resolved": True,
        "severity": "critical",
        "description": '{{ template "message.title" . }}',
        "class": '{{ template "message.name" . }}',
        "component": "{{ .GroupLabels.service }}",
        "group": "{{ .GroupLabels.environment }}",
        "client": "Alertmanager",
        "client_url": '{{ template "message.alertmanager" . }}',
        "details": {
            "firing": '{{ template "message.firing" . }}',
            "resolved": '{{ template "message.resolved" . }}',
        },
        "links": [
            {"text": "Runbook", "href": '{{ template "message.runbook" . }}'},
            *([{"text": "Dashboard", "href": '{{ template "message.dashboard" . }}'}] if stack.grafana.url else []),
            *([{"text": "Logs", "href": '{{ template "message.logs" . }}'}] if _has_logs(stack) else []),
        ],
    }


def deployed(stack: Stack) -> tuple[str, ...]:
    """Return what tells one deployment from another, its region too where it has one."""
    return (*DEPLOYMENT, *(name for name in deployment(stack) if name not in DEPLOYMENT))


def _inhibitions(stack: Stack, groups: Sequence[Group]) -> list[dict[str, Any]]:
    page, ticket = SEVERITY.eq(Severity.PAGE), SEVERITY.eq(Severity.TICKET)
    # Labels that both lack count as equal, so alerts without a promise must be left out by name.
    promised = str(SLO.ne(""))
    burning = {
        "source_matchers": [str(page), promised],
        "target_matchers": [str(ticket), promised],
        "equal": [SLO.name, *deployed(stack)],
    }
    files = {group.file: group.alerts for group in groups}
    causes = (alert for alerts in files.values() for alert in alerts)
    with speaking(stack):
        repeated = [_repeated(stack, cause, silence, files) for cause in causes for silence in cause.silences]
    return [burning, *filter(None, repeated)]


def _repeated(
    stack: Stack, cause: Alert, silence: Silence, files: Mapping[str, Sequence[Alert]]
) -> dict[str, Any] | None:
    """Return the rule by which one alert silences others; None where the stack has none of them."""
    silenced = [
        alert.name
        for file in silence.files
        for alert in files.get(file, ())
        if alert.name != cause.name and (cause.severity is Severity.PAGE or alert.severity is Severity.TICKET)
    ]
    if not silenced:
        return None
    return {
        "source_matchers": [str(ALERTNAME.eq(cause.name))],
        "target_matchers": [str(ALERTNAME.re("|".join(silenced)))],
        "equal": [*map(promql.called, silence.same), *deployed(stack)],
    }


def _messages(stack: Stack) -> str:
    """Return the templates; the links of what is not there are left out."""
    parts = {"ORIGIN": ORIGIN, "GRAFANA": stack.grafana.url.rstrip("/")}
    # Nanoseconds: templates can't multiply.
    parts |= {"FROM": _moment("-3600000000000"), "TO": _moment("1800000000000")}
    dashboards = bool(stack.grafana.url)
    text = MESSAGES + (IN_GRAFANA if dashboards and "alertmanager" in stack.datasources else IN_ALERTMANAGER)
    text += DASHBOARD if dashboards else ""
    text += LOGS.replace("LOGS_URL", _logs_url(stack)) if _has_logs(stack) else ""
    text += MOMENTS if dashboards else ""
    for name, part in parts.items():
        text = text.replace(name, part)
    return text


def _moment(offset: str) -> str:
    """Return the template of a moment around the alert's beginning, in milliseconds, as Grafana takes it."""
    return f"{{{{ ((index .Alerts 0).StartsAt.Add {offset}).UnixMilli }}}}"


def _logs_url(stack: Stack) -> str:
    """Return the address of Grafana's Explore with the service's errors between the words FROM and TO."""
    source = {"type": "loki", "uid": stack.datasources.loki.uid}
    pane = {
        "datasource": source["uid"],
        "queries": [{"refId": "A", "expr": logql.query(stack, "errors").expr, "datasource": source}],
        "range": {"from": "FROM", "to": "TO"},
    }
    panes = quote(json.dumps({"logs": pane}, separators=(",", ":")), safe="")
    return f"{stack.grafana.url.rstrip('/')}/explore?schemaVersion=1&panes={panes}"


START = """\
# ORIGIN
# Alertmanager reads secrets from files alone: they are written here, in memory, from the environment. Without any of
# them it starts with receivers that send nothing; with some of them it does not start.
set -eu
umask 077
folder=${0%/*}

keep() {
    eval "value=\\$$1"
    if [ -z "$value" ]; then
        echo "$1 is unset: who is told through it would hear nothing; fill it in, or empty all three to be muted" >&2
        exit 1
    fi
    printf %s "$value" >"$2"
    unset "$1"
}

config=alertmanager.yml
if [ -z "ALL" ]; then
    echo "muted: no secret is set, so nobody is told of any alert" >&2
    config=muted.yml
else
WRITTEN
fi
exec alertmanager "@$folder/flags" "--config.file=$folder/$config" "$@"
"""

# Alerts of one promise share a message, and have a summary, runbook and panel each: the first that fires has the word.
# Alertmanager reads a page's details as YAML again once they are rendered, and keeps what is no YAML, or a text, as it
# was written. A line that begins like a folded block and goes on in words is never anything else.
MESSAGES = """\
{{- /* ORIGIN */ -}}

{{ define "message.title" -}}
[{{ .Status | toUpper }}] {{ template "message.name" . }} ({{ .GroupLabels.environment }}):
{{- " " }}{{ with or .Alerts.Firing .Alerts }}{{ (index . 0).Annotations.summary }}{{ end }}
{{- end }}

{{ define "message.name" }}{{ with or .Alerts.Firing .Alerts }}{{ (index . 0).Labels.alertname }}{{ end }}{{ end }}

{{ define "message.runbook" }}
{{- with or .Alerts.Firing .Alerts }}{{ (index . 0).Annotations.runbook_url }}{{ end }}{{ end }}

{{ define "message.alert" -}}
> {{ .Annotations.description }} Since {{ .StartsAt.UTC.Format "15:04:05" }} UTC.
{{ end }}

{{ define "message.firing" }}{{ range .Alerts.Firing }}{{ template "message.alert" . }}{{ end }}{{ end }}

{{ define "message.resolved" }}{{ range .Alerts.Resolved }}{{ template "message.alert" . }}{{ end }}{{ end }}
"""

IN_GRAFANA = """
{{ define "message.alertmanager" }}GRAFANA/alerting/groups?alertmanager=Alertmanager{{ end }}
"""

IN_ALERTMANAGER = """
{{ define "message.alertmanager" }}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{ end }}
"""

DASHBOARD = """
{{ define "message.dashboard" }}
{{- with or .Alerts.Firing .Alerts }}{{ with (index . 0).Annotations.dashboard_url -}}
{{ . }}&from={{ template "message.from" $ }}&to={{ template "message.to" $ }}
{{- end }}{{ end }}{{ end }}
"""

LOGS = """
{{ define "message.logs" }}LOGS_URL{{ end }}
"""

MOMENTS = """
{{ define "message.from" }}FROM{{ end }}

{{ define "message.to" }}TO{{ end }}
"""
