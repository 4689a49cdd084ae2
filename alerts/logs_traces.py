"""What tells us that logs or traces get lost, and what proves that it does?"""

from urllib.parse import urlsplit

from alerts.targets import RUNBOOK, up
from metrics import jaeger, loki, otelcol, promtail
from metrics.loki import CALL_METHOD, CALL_ROUTE, STATUS_CODE
from metrics.promtail import HOST
from obs.alerting import Alert, Case, PanelRef, Severity, clears, silent, tickets
from obs.alerting.histories import at
from obs.query import promql
from obs.stack import Stack
from obs.stack.settings import Target
from watchkeeper.contract.labels import INSTANCE, JOB, Matcher
from watchkeeper.contract.metrics import Metric
from watchkeeper.contract.scraping import UP

LOKI_ERROR_RATIO = 0.1
"""As the Loki mixin has it: https://github.com/grafana/loki/tree/main/production/loki-mixin."""

SHIPPERS = {"Otelcol": "The OpenTelemetry Collector", "Promtail": "Promtail"}
"""What sends log lines to Loki, by the first word of its alerts."""


def loki_errors(*where: Matcher, over: str) -> tuple[str, str]:
    """Return calls answered 5xx and all calls per second, by handler."""
    by = (INSTANCE, JOB, CALL_ROUTE)
    failed = promql.total(promql.rate(loki.REQUESTS.count, *where, STATUS_CODE.re("5.."), over=over), by=by)
    return failed, promql.total(promql.rate(loki.REQUESTS.count, *where, over=over), by=by)


def loki_request_errors(stack: Stack) -> Alert:
    """Loki fails to take lines, or to find them."""
    target, push = stack.targets.loki, CALL_ROUTE.eq("loki_api_v1_push")
    post = CALL_METHOD.eq("POST")
    taken, refused, invalid = (
        promql.select(loki.REQUESTS.count, *at(target), post, push, STATUS_CODE.eq(code))
        for code in ("204", "500", "400")
    )
    return Alert(
        name="LokiRequestErrors",
        expr=promql.above(*loki_errors(JOB.eq(target.job), over="5m"), LOKI_ERROR_RATIO),
        hold="15m",
        severity=Severity.TICKET,
        summary=f"Loki answers more than {LOKI_ERROR_RATIO:.0%} of its calls with an error.",
        description="{{ $value | humanizePercentage }} of the calls to {{ $labels.route }} fail.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Loki errors"),
        cases=(
            tickets(
                "every other push fails",
                at="40m",
                by="16m",
                series={taken: "0+30x50", refused: "0+30x50"},
                where=(*at(target), push),
                says="50% of the calls to loki_api_v1_push fail.",
            ),
            silent("one push in twenty fails", series={taken: "0+95x50", refused: "0+5x50"}),
            silent(
                "a restart fails calls for five minutes",
                series={taken: "0+30x50", refused: "0x20 30+30x5 180x30"},
            ),
            silent("lines are too old, which is their sender's fault", series={invalid: "0+30x50"}),
            silent("nobody calls", series={taken: "30x50", refused: "30x50"}),
            clears("pushes succeed again", at="44m", series={taken: "0+30x60", refused: "0+30x40 1200x20"}),
        ),
    )


def loki_disk_full(stack: Stack) -> Alert:
    """Lines are held in memory alone: a restart loses them."""
    target = stack.targets.loki
    full = promql.select(loki.DISK_FULL, *at(target))
    return Alert(
        name="LokiDiskFull",
        expr=f"{promql.increase(loki.DISK_FULL, JOB.eq(target.job), over='5m')} > 0",
        hold="5m",
        severity=Severity.TICKET,
        summary="Loki's disk is full: lines it takes are lost with a restart.",
        description="Loki {{ $labels.instance }} could not write its log to disk for five minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Loki trouble"),
        cases=(
            tickets(
                "the disk fills up",
                at="20m",
                by="11m",
                series={full: "0x5 4+4x30"},
                where=at(target),
                says=f"Loki {target.address} could not write its log to disk for five minutes.",
            ),
            silent("it was full for a moment", series={full: "0x10 4x30"}),
            silent("it was full yesterday", series={full: "40x30"}),
            clears("the disk has room again", at="24m", series={full: "0+4x20 80x20"}),
        ),
    )


def loki_panics(stack: Stack) -> Alert:
    """Loki crashes on something it was sent."""
    target = stack.targets.loki
    panics = promql.select(loki.PANICS, *at(target))
    return Alert(
        name="LokiRequestPanics",
        expr=f"{promql.increase(loki.PANICS, JOB.eq(target.job), over='10m')} > 0",
        hold="0s",
        severity=Severity.TICKET,
        summary="Loki crashes while it serves requests.",
        description="Loki {{ $labels.instance }} crashed while it served a request within the last ten minutes.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Loki trouble"),
        cases=(
            tickets(
                "a query crashes it",
                at="12m",
                by="9m",
                series={panics: "0x8 1x20"},
                where=at(target),
                says=f"Loki {target.address} crashed while it served a request within the last ten minutes.",
            ),
            silent("it crashed yesterday", series={panics: "3x30"}),
            clears("ten minutes pass", at="18m", series={panics: "0x8 1x30"}),
        ),
    )


def promtail_lines_dropped(stack: Stack) -> Alert:
    """Lines are given up after all retries: they are gone."""
    return _dropped("Promtail", stack.targets.promtail, promtail.LINES_DROPPED, HOST.eq(_loki(stack)))


def promtail_silent(stack: Stack) -> Alert:
    """Promtail lives, and Loki has taken no line from it for long: the next incident has no log."""
    target = stack.targets.promtail
    lines = promql.total(promql.increase(promtail.LINES_SENT, JOB.eq(target.job), over="15m"), by=(INSTANCE, JOB))
    sent = promql.select(promtail.LINES_SENT, *at(target), HOST.eq(_loki(stack)))
    return _silent("Promtail", target, f"{lines} == 0", sent)


def otelcol_lines_dropped(stack: Stack) -> Alert:
    """Lines are given up after all retries, or with a batch of which Loki refused a line."""
    refused = (otelcol.ERROR.eq("InvalidArgument"), otelcol.PERMANENT.eq("true"))
    return _dropped("Otelcol", stack.targets.otelcol, otelcol.LINES_DROPPED, *_taken(stack), *refused)


def otelcol_silent(stack: Stack) -> Alert:
    """The collector lives, and Loki has taken no line from it for long; one that never sent a line counts none."""
    target = stack.targets.otelcol
    lines = promql.total(promql.increase(otelcol.LINES_SENT, JOB.eq(target.job), over="15m"), by=(INSTANCE, JOB))
    answers = promql.select(UP, JOB.eq(target.job))
    lives = promql.total(f"{answers} offset 15m and {answers} == 1", by=(INSTANCE, JOB))
    sent = promql.select(otelcol.LINES_SENT, *at(target), *_taken(stack))
    never = tickets(
        "it never sent a line",
        at="50m",
        by="30m",
        series={up(target): "1x60"},
        where=at(target),
        says=f"Loki has taken no line from {SHIPPERS['Otelcol']} {target.address} for half an hour.",
    )
    return _silent("Otelcol", target, f"({lines} or {lives} * 0) == 0", sent, never)


def _loki(stack: Stack) -> str:
    return urlsplit(stack.datasources.loki.url).netloc


def _taken(stack: Stack) -> tuple[Matcher, ...]:
    """Return the labels of what the collector counts about Loki, for a case."""
    host, _, port = _loki(stack).partition(":")
    at_loki = (otelcol.ADDRESS.eq(host), otelcol.PORT.eq(port), otelcol.PATH.eq("/otlp/v1/logs"))
    return (otelcol.EXPORTER.eq("otlp_http"), *at_loki)


def _dropped(program: str, target: Target, counter: Metric, *where: Matcher) -> Alert:
    shipper = SHIPPERS[program]
    dropped = promql.select(counter, *at(target), *where)
    rate = promql.rate(counter, JOB.eq(target.job), over="5m")
    return Alert(
        name=f"{program}LinesDropped",
        expr=f"{promql.total(rate, by=(INSTANCE, JOB))} > 0",
        hold="5m",
        severity=Severity.TICKET,
        summary=f"{shipper} loses log lines.",
        description=f'{shipper} {{{{ $labels.instance }}}} gives up {{{{ $value | printf "%.1f" }}}} lines a second.',
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Log lines"),
        cases=(
            tickets(
                "Loki is gone for long",
                at="20m",
                by="11m",
                series={dropped: "0x5 600+600x30"},
                where=at(target),
                says=f"{shipper} {target.address} gives up 10.0 lines a second.",
            ),
            silent("a single batch is given up", series={dropped: "0x10 600x30"}),
            silent("Loki restarts, and retries succeed", series={dropped: "0x30"}),
            silent(f"{shipper} restarts and counts from zero", series={dropped: "90x15 0x15"}),
            clears("Loki is back", at="24m", series={dropped: "0+600x20 12000x20"}),
        ),
    )


def _silent(program: str, target: Target, expr: str, sent: str, *more: Case) -> Alert:
    shipper = SHIPPERS[program]
    return Alert(
        name=f"{program}PushesNothing",
        expr=expr,
        hold="15m",
        severity=Severity.TICKET,
        summary=f"{shipper} pushes no log lines.",
        description=f"Loki has taken no line from {shipper} {{{{ $labels.instance }}}} for half an hour.",
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Lines sent"),
        cases=(
            tickets(
                "it reads no file any more",
                at="80m",
                by="59m",
                series={sent: "0+1800x30 54000x60"},
                where=at(target),
                says=f"Loki has taken no line from {shipper} {target.address} for half an hour.",
            ),
            silent("one line every ten minutes", series={sent: " ".join(f"{n}x9" for n in range(12)) + " stale"}),
            silent("twenty quiet minutes", series={sent: "0+1800x30 54000x20 55800+1800x60 stale"}),
            clears("it reads on", at="81m", series={sent: "0+1800x30 54000x49 55800+1800x60 stale"}),
            *more,
        ),
    )


def jaeger_spans_lost(stack: Stack) -> Alert:
    """Spans are turned away or not stored: traces have holes."""
    target = stack.targets.jaeger
    job = JOB.eq(target.job)
    refused, lost = (promql.select(metric, *at(target)) for metric in (jaeger.SPANS_REFUSED, jaeger.SPANS_LOST))
    turned_away, not_stored = (
        promql.total(promql.rate(metric, job, over="5m"), by=(INSTANCE, JOB))
        for metric in (jaeger.SPANS_REFUSED, jaeger.SPANS_LOST)
    )
    return Alert(
        name="JaegerSpansLost",
        expr=f"{turned_away} > 0 or {not_stored} > 0",
        hold="10m",
        severity=Severity.TICKET,
        summary="Jaeger loses spans.",
        description='Jaeger {{ $labels.instance }} loses {{ $value | printf "%.1f" }} spans a second.',
        runbook=RUNBOOK,
        panel=PanelRef("stack", "Spans"),
        cases=(
            tickets(
                "memory is short and spans are turned away",
                at="30m",
                by="16m",
                series={refused: "0x5 60+60x40", lost: "0x45"},
                where=at(target),
                says=f"Jaeger {target.address} loses 1.0 spans a second.",
            ),
            tickets(
                "storage fails, and nothing was ever refused",
                at="30m",
                by="16m",
                series={lost: "0x5 120+120x40"},
                where=at(target),
                says=f"Jaeger {target.address} loses 2.0 spans a second.",
            ),
            silent("five minutes of memory pressure", series={refused: "0x20 60+60x5 360x30", lost: "0x50"}),
            silent("all are stored", series={refused: "0x45", lost: "0x45"}),
            silent("a few were lost long ago", series={refused: "7x45", lost: "7x45"}),
            clears("storage is back", at="34m", series={refused: "0x50", lost: "0+60x30 1800x20"}),
        ),
    )


ALERTS = (
    loki_request_errors,
    loki_disk_full,
    loki_panics,
    otelcol_lines_dropped,
    otelcol_silent,
    promtail_lines_dropped,
    promtail_silent,
    jaeger_spans_lost,
)
