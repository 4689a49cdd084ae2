"""The catalog lists what there is, and who uses it."""

from obs import content
from obs.alerting.recording import RECORDED
from obs.output import Built
from obs.output.catalog import catalog
from watchkeeper.contract.metrics import CONTRACT, REQUESTS


def rows(page: str, section: str) -> dict[str, list[str]]:
    """Return the cells of a section's table, by the first of each row."""
    lines = page.partition(f"## {section}\n")[2].partition("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells[2:]}


def test_every_metric_is_listed(built: Built) -> None:
    """Those of the service, those that are recorded, and those of others that a board or a rule reads."""
    page = built.texts["docs/catalog.md"]
    read = "".join(text for path, text in built.texts.items() if path.startswith("infra/"))

    for section, metrics in (
        ("Metrics of the service", CONTRACT),
        ("Recorded series", RECORDED),
        ("Metrics of others", [metric for metric in content.here().exporters if metric.name in read]),
    ):
        assert list(rows(page, section)) == [f"`{metric.name}`" for metric in metrics]


def test_a_metric_tells_its_type_labels_and_readers(built: Built) -> None:
    """Whoever wants to change it sees whom that concerns."""
    kind, unit, labels, means, used = rows(built.texts["docs/catalog.md"], "Metrics of the service")[
        f"`{REQUESTS.name}`"
    ]

    assert (kind, unit, labels, means) == ("counter", "-", "method, route, status", "Finished HTTP requests.")
    assert {"api board", "`job:http_requests:rate5m`", "ApiErrorRatioHigh"} <= set(used.split(", "))


def test_dashboards_alerts_and_promises_are_listed(built: Built) -> None:
    """Panels are counted, alerts lead to their runbook."""
    page = built.texts["docs/catalog.md"]
    boards, alerts = rows(page, "Dashboards"), rows(page, "Alerts")
    panels = [
        panel
        for panel in next(board for board in built.dashboards if board.slug == "api").model["panels"]
        if panel["type"] != "row"
    ]

    assert boards["`api`"][1] == str(len(panels))
    assert alerts["[RedisDown](operations/redis.md#redisdown)"][:3] == ["page", "1m", "Redis is down."]
    assert rows(page, "Promises") == {"Availability": ["99.9 %", "30d"], "Latency": ["95 %", "30d"]}


def test_what_nobody_reads_is_said(built: Built) -> None:
    """Without dashboards and rules, nobody uses anything."""
    page = catalog(built.stack, (), ())

    assert {row[-1] for row in rows(page, "Metrics of the service").values()} == {"nobody yet"}
