"""Where does Grafana read from, which dashboards does it load, and may it page?"""

import configparser
import io
from typing import Any

from obs.config.document import ORIGIN, document
from obs.query import logql, promql
from obs.stack import Stack
from obs.stack.names import speaking
from watchkeeper.contract.labels import JOB, STATUS
from watchkeeper.contract.metrics import REQUESTS

TRACE_ID = "trace_id"
"""The exemplar label and the log field that hold a trace's id."""

AROUND = {"spanStartTimeShift": "-5m", "spanEndTimeShift": "5m"}
"""How far around a span its logs and metrics are looked for."""


def render(stack: Stack) -> dict[str, str]:
    """Return ``grafana.ini`` and the provisioning of data sources and dashboards."""
    sources = [SOURCES[kind](stack) for kind in SOURCES if kind in stack.datasources]
    return {
        "grafana/grafana.ini": _ini(stack),
        "grafana/provisioning/datasources/stack.yml": document(
            {"apiVersion": 1, "prune": True, "datasources": sources}
        ),
        "grafana/provisioning/dashboards/stack.yml": document({"apiVersion": 1, "providers": [_provider(stack)]}),
    }


def _source(stack: Stack, kind: str, **settings: Any) -> dict[str, Any]:
    source = stack.datasources[kind]
    return {
        "name": kind.capitalize(),
        "type": kind,
        "uid": source.uid,
        "url": source.url,
        "access": "proxy",
        "isDefault": kind == "prometheus",
        "editable": False,
        "jsonData": settings,
    }


def _prometheus(stack: Stack) -> dict[str, Any]:
    traces: dict[str, Any] = {}
    if "jaeger" in stack.datasources:
        traced = [{"name": TRACE_ID, "datasourceUid": stack.datasources.jaeger.uid}]
        traces = {"exemplarTraceIdDestinations": traced}
    return _source(
        stack,
        "prometheus",
        prometheusType="Prometheus",
        httpMethod="POST",
        timeInterval=stack.prometheus.scrape_interval,
        **traces,
    )


def _loki(stack: Stack) -> dict[str, Any]:
    if "jaeger" not in stack.datasources:
        return _source(stack, "loki", maxLines=1000)
    trace = {
        "name": TRACE_ID,
        "matcherRegex": rf'"{TRACE_ID}":\s*"([0-9a-f]{{32}})"',
        "datasourceUid": stack.datasources.jaeger.uid,
        "url": _literal("${__value.raw}"),
        "urlDisplayLabel": "Trace",
    }
    # What a panel makes a sentence of keeps the id as a label alone.
    label = trace | {"name": "trace", "matcherType": "label", "matcherRegex": TRACE_ID}
    return _source(stack, "loki", maxLines=1000, derivedFields=[trace, label])


def _jaeger(stack: Stack) -> dict[str, Any]:
    job = JOB.eq(stack.targets.api.job)
    with speaking(stack):
        queries = {
            "Requests per second": promql.total(promql.rate(REQUESTS, job, over="$__rate_interval"), by=(STATUS,)),
            "Failed requests per second": promql.total(
                promql.rate(REQUESTS, job, STATUS.re("5.."), over="$__rate_interval"), by=(JOB,)
            ),
        }
    logs: dict[str, Any] = {}
    if "loki" in stack.datasources:
        to = {"datasourceUid": stack.datasources.loki.uid, "tags": [{"key": "service.name", "value": logql.SERVICE}]}
        logs = {"tracesToLogsV2": {**to, "filterByTraceID": True, **AROUND}}
    return _source(
        stack,
        "jaeger",
        nodeGraph={"enabled": True},
        **logs,
        tracesToMetrics={
            "datasourceUid": stack.datasources.prometheus.uid,
            "queries": [{"name": name, "query": _literal(query)} for name, query in queries.items()],
            **AROUND,
        },
    )


def _alertmanager(stack: Stack) -> dict[str, Any]:
    return _source(stack, "alertmanager", implementation="prometheus", handleGrafanaManagedAlerts=False)


SOURCES = {"prometheus": _prometheus, "loki": _loki, "jaeger": _jaeger, "alertmanager": _alertmanager}


def _provider(stack: Stack) -> dict[str, Any]:
    return {
        "name": stack.service.name,
        "folder": stack.grafana.folder,
        "type": "file",
        # A board whose file is gone, retired or renamed, leaves Grafana as well.
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": "/etc/grafana/dashboards"},
    }


def _ini(stack: Stack) -> str:
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_dict(
        {
            "server": {"root_url": stack.grafana.url},
            "security": {"cookie_secure": _yes(stack.grafana.url.startswith("https:")), "disable_gravatar": "true"},
            "users": {"allow_sign_up": "false"},
            "auth.anonymous": {"enabled": "false"},
            "analytics": {"reporting_enabled": "false", "check_for_updates": "false"},
            "plugins": {"preinstall_disabled": "true"},
            "metrics": {"enabled": "true"},
            # One engine pages. Where that is Alertmanager, Grafana must not even evaluate a copy of the rules.
            "unified_alerting": {"execute_alerts": _yes(stack.grafana.pages)},
        }
    )
    text = io.StringIO()
    settings.write(text)
    return f"; {ORIGIN}\n{text.getvalue().rstrip()}\n"


def _literal(text: str) -> str:
    """Keep Grafana from reading ``$name`` as an environment variable of its own when it loads the file."""
    return text.replace("$", "$$")


def _yes(condition: bool) -> str:
    return "true" if condition else "false"
