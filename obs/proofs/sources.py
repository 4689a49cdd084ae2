"""Who exposes a series, and under which job is it scraped?"""

from collections.abc import Iterator, Mapping

from obs import content
from obs.alerting import Recording
from obs.output.built import Built
from obs.query import expr
from obs.query.series import Values
from obs.stack.names import spoken
from watchkeeper.contract.labels import ALERTNAME, JOB
from watchkeeper.contract.scraping import ALERTS, SCRAPING

LIBRARIES = ("process_", "go_", "promhttp_", "python_", "scrape_")
"""What clients and Prometheus expose for every target: such a series tells nothing of its job."""

BUILT_OF = "otelcol_"
"""What is built of the OpenTelemetry Collector, as Jaeger is, counts in its words: the module says whose they are."""


def decided(built: Built) -> Mapping[str, Values]:
    """Return the labels that the stack gives series, metric to label to every value: jobs, and names of alerts."""
    targets = built.stack.targets
    roles = {role: target.job for role, target in targets.items()}
    found: dict[str, Values] = {metric.name: {JOB.name: tuple(roles.values())} for metric in SCRAPING}
    called = spoken(built.stack).metrics
    there = (role for role in content.STANDARD if targets.has(role))
    for role, series in ((role, content.STANDARD[role]) for role in there):
        found |= {called.get(metric.name, metric).name: {JOB.name: (getattr(targets, role).job,)} for metric in series}
    for module, series in content.here().metrics.items():
        for metric in series:
            if jobs := tuple(_jobs(metric.name, module, roles)):
                found[metric.name] = {JOB.name: jobs}
    found |= dict(_recorded(built, found))
    alerts = tuple(alert.name for group in built.groups for alert in group.alerts)
    found[ALERTS.name] = {ALERTNAME.name: alerts}
    return found


def _jobs(metric: str, module: str, roles: Mapping[str, str]) -> Iterator[str]:
    """Yield the jobs of a metric by its name (`alertmanager_alerts`), else by the module that declares it."""
    if metric.startswith(LIBRARIES):
        return
    named = [role for role in roles if metric.startswith(f"{role}_") and not metric.startswith(BUILT_OF)]
    if module == content.OWN:
        yield roles["api"]
    elif named:
        yield roles[named[0]]
    elif module in roles:
        yield roles[module]


def _recorded(built: Built, known: Mapping[str, Values]) -> Iterator[tuple[str, Values]]:
    """Yield the jobs of recorded series: those of what their rules read."""
    for rule in (rule for group in built.groups for rule in group.rules):
        if isinstance(rule, Recording):
            families = (known.get(name, known.get(_family(name), {})) for name in expr.names(rule.expr))
            read = [family.get(JOB.name, ()) for family in families]
            if read and all(read):
                yield rule.metric.name, {JOB.name: tuple(dict.fromkeys(job for jobs in read for job in jobs))}


def _family(name: str) -> str:
    """Return the family of a histogram's part."""
    for suffix in ("_bucket", "_count", "_sum"):
        name = name.removesuffix(suffix)
    return name
