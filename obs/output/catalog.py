"""What is there to ask, to see and to be woken by, and who uses what? `docs/catalog.md` answers."""

from collections.abc import Iterable, Iterator, Sequence

from obs import content
from obs.alerting import Alert, Group, Recording
from obs.alerting.recording import RECORDED, unanswered
from obs.alerting.slo import availability, latency
from obs.boards.board import Dashboard
from obs.boards.model import panels
from obs.query import expr
from obs.stack import Stack
from obs.stack.names import STANDARD
from obs.stack.thresholds import Threshold
from watchkeeper.contract.metrics import Metric

PATH = "docs/catalog.md"
HEADER = "<!-- Made by `obs build`: edit metrics/, alerts/ or dashboards/ instead, then run `make dashboards`. -->\n"


def catalog(stack: Stack, groups: Sequence[Group], dashboards: Sequence[Dashboard]) -> str:
    """Return the page: metrics, dashboards, alerts and promises of one stack, as Markdown."""
    readers, found = _readers(groups, dashboards), content.here().of(stack)
    files = {alert.source.file for group in groups for alert in group.alerts if alert.source}
    standard = [metric for role in stack.targets.KNOWN for metric in found.metrics.get(role, ())]
    recorded = [rule.metric for group in groups for rule in group.rules if isinstance(rule, Recording)]
    sections = (
        f"# Catalog of {stack.service.name}\n\nWhat is measured, shown and watched, and who uses what.\n",
        _metrics("Metrics of the service", f"`GET {stack.targets.api.path}` answers these.", found.own, readers),
        *_lacking(stack),
        _metrics("Recorded series", "Prometheus computes these, for long ranges and promises.", recorded, readers),
        _metrics(
            "Metrics of others",
            "Read from exporters, and from what Prometheus writes itself.",
            [metric for metric in found.exporters if metric not in standard or _used(metric, readers)],
            readers,
        ),
        _dashboards(dashboards),
        _alerts([alert for group in groups for alert in group.alerts]),
        _promises(stack),
        _thresholds(stack, [threshold for threshold, users in found.thresholds.items() if users & files]),
    )
    return HEADER + "\n" + "\n".join(sections)


def _metrics(title: str, words: str, metrics: Iterable[Metric], readers: dict[str, list[str]]) -> str:
    rows = [
        (
            f"`{metric.name}`",
            metric.kind,
            metric.unit or "-",
            ", ".join(label.name for label in metric.labels) or "-",
            metric.help,
            ", ".join(_used(metric, readers)) or "nobody yet",
        )
        for metric in metrics
    ]
    return _section(title, words, ("metric", "type", "unit", "labels", "means", "used by"), rows)


def _lacking(stack: Stack) -> Iterator[str]:
    """Yield the section of standard series that the service does not have, where that is so."""
    if gone := unanswered(stack):
        words = "What would ask for them is left out: alerts, panels and recorded series."
        listed = sorted(set(gone) & {*STANDARD, *(metric.name for metric in RECORDED)})
        yield _section("Standard series without a counterpart", words, ("series",), [(f"`{one}`",) for one in listed])


def _dashboards(dashboards: Sequence[Dashboard]) -> str:
    rows = [
        (
            f"`{board.slug}`",
            board.model["title"],
            str(sum(panel["type"] != "row" for panel in board.model["panels"])),
            board.model["description"],
        )
        for board in dashboards
    ]
    return _section("Dashboards", "", ("slug", "title", "panels", "answers"), rows)


def _alerts(alerts: Sequence[Alert]) -> str:
    rows = [
        (
            f"[{alert.name}](operations/{alert.runbook}#{alert.name.lower()})",
            alert.severity.value,
            alert.hold or "0s",
            alert.summary,
            f"{alert.panel.dashboard}: {alert.panel.title}" if alert.panel else "-",
        )
        for alert in alerts
    ]
    words = "Each links to its runbook. Below: what each is shown to do."
    table = _section("Alerts", words, ("alert", "severity", "for", "says", "panel"), rows)
    return table + "\n" + "\n".join(_cases(alert) for alert in alerts)


def _cases(alert: Alert) -> str:
    lines = (f"- {case.verdict}: {case.name}" for case in alert.cases)
    return "\n".join((f"### {alert.name}", "", *lines, ""))


def _promises(stack: Stack) -> str:
    rows = [(slo.title, f"{100 * slo.objective:g} %", slo.window) for slo in (availability(stack), latency(stack))]
    words = f"Latency counts requests answered within {stack.slo.latency.threshold_seconds:g} s."
    return _section("Promises", words, ("promise", "of all requests", "over"), rows)


def _thresholds(stack: Stack, declared: Sequence[Threshold]) -> str:
    rows = [
        (f"`{threshold.name}`", f"{threshold.of(stack):g}", f"{threshold.default:g}", threshold.why)
        for threshold in sorted(declared, key=lambda one: one.name)
    ]
    words = "Keys of `[thresholds]` in stack.toml, each declared beside the rule that asks for it."
    return _section("Thresholds", words, ("key", "here", "without it", "is"), rows)


def _section(title: str, words: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"## {title}", "", *([words, ""] if words else []), _row(head), _row(["---"] * len(head))]
    return "\n".join([*lines, *(_row(row) for row in rows), ""])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _readers(groups: Sequence[Group], dashboards: Sequence[Dashboard]) -> dict[str, list[str]]:
    """Return who reads a series, by its name: dashboards by title, rules by name."""
    readers: dict[str, list[str]] = {}
    for reader, text in _asked(groups, dashboards):
        for name in expr.names(text):
            if reader not in readers.setdefault(name, []):
                readers[name].append(reader)
    return readers


def _asked(groups: Sequence[Group], dashboards: Sequence[Dashboard]) -> Iterator[tuple[str, str]]:
    for board in dashboards:
        for target in (target for panel in panels(board.model) for target in panel.get("targets", ())):
            yield f"{board.slug} board", target.get("expr", "")
    for rule in (rule for group in groups for rule in group.rules):
        yield (rule.name if isinstance(rule, Alert) else f"`{rule.metric.name}`"), rule.expr


def _used(metric: Metric, readers: dict[str, list[str]]) -> list[str]:
    parts = ("", "_bucket", "_count", "_sum") if metric.kind in ("histogram", "summary") else ("",)
    return list(dict.fromkeys(reader for part in parts for reader in readers.get(metric.name + part, ())))
