"""Is everything quiet, and who has been told what since a moment?"""

from e2e.running import Running
from e2e.sink import Arrival
from obs.programs.waiting import until

QUIET_SECONDS = 120


def background(run: Running) -> set[tuple[str, str]]:
    """Return what fires in any case, as alert and job: the dead man's switch, and the parts that can't be had here."""
    roles = ("grafana", "loki", "promtail", "jaeger", "alertmanager")
    down = {
        ("StackTargetDown", getattr(run.stack.targets, role).job) for role in roles if role not in run.programs.found
    }
    if "alertmanager" not in run.programs.found:
        down.add(("PrometheusNotificationsDropped", run.stack.targets.prometheus.job))
    if "redis_exporter" not in run.programs.found:
        down.add(("RedisExporterDown", run.stack.targets.redis.job))
    return {("Watchdog", "")} | down


def quiet(run: Running) -> None:
    """Wait until nothing is pending or firing beyond the background; raise NeverHappenedError."""
    expected = background(run)

    def only_background() -> bool:
        now = {(name, job) for name, job, _ in active(run)}
        return now <= expected and not open_troubles(run, {name for name, _ in expected})

    until("silence before the next fault", only_background, within=QUIET_SECONDS)


def active(run: Running) -> set[tuple[str, str, str]]:
    """Return what Prometheus holds for true now: alert, job, and `pending` or `firing`."""
    return {
        (alert["labels"]["alertname"], alert["labels"].get("job", ""), alert["state"])
        for alert in run.prometheus.alerts()
    }


def fires(run: Running, alert: str) -> bool:
    """Tell whether an alert fires now."""
    return any(name == alert and state == "firing" for name, _, state in active(run))


def open_troubles(run: Running, expected: set[str]) -> set[str]:
    """Return the alerts somebody was told of and has not been told the end of."""
    latest = {arrival.key: arrival for arrival in run.sink.since(0)}
    return {arrival.alert for arrival in latest.values() if arrival.firing} - expected


def told(run: Running, since: float, alert: str, *, firing: bool) -> list[Arrival]:
    """Return what was said about an alert since a moment (monotonic seconds)."""
    return [arrival for arrival in run.sink.since(since) if arrival.alert == alert and arrival.firing is firing]
