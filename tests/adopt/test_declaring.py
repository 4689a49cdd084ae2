"""A target's scrape becomes a module of metrics/ that says what the target says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from obs import stack
from obs.adopt import recognising
from obs.adopt.declaring import declare
from obs.adopt.exposition import ExpositionError, read
from obs.cli.cli import Selection
from obs.cli.contract import contract
from obs.content import here
from obs.stack.names import merged
from tests.conftest import ROOT
from tests.exposition.recording import RECORDINGS
from tests.stack.parts import settings, toml
from watchkeeper.contract.metrics import Metric

SHOP = """\
# HELP shop_orders_total Orders, \\"test\\" ones too.
# TYPE shop_orders_total counter
shop_orders_total{channel="web",state=""} 3
shop_orders_total{channel="app {1}"} 4 1700000000000
# HELP shop_checkout_duration_seconds Time a checkout took.
# TYPE shop_checkout_duration_seconds histogram
shop_checkout_duration_seconds_bucket{le="0.5"} 1
shop_checkout_duration_seconds_bucket{le="1.0"} 2
shop_checkout_duration_seconds_bucket{le="+Inf"} 2
shop_checkout_duration_seconds_sum 1.2
shop_checkout_duration_seconds_count 2
# TYPE shop_latency_seconds summary
shop_latency_seconds{quantile="0.5"} NaN
shop_latency_seconds_sum 0
shop_latency_seconds_count 0
shop_odd 1
# TYPE go_goroutines gauge
go_goroutines 7
"""


def series(text: str, known: tuple[Metric, ...] = ()) -> dict[str, Metric]:
    """Run the module that a scrape becomes, and return its series by name."""
    names: dict[str, tuple[Metric, ...]] = {}
    exec(declare(read(text), "the shop", known).source, names)  # noqa: S102 - the module is what is being tested
    return {metric.name: metric for metric in names["SERIES"]}


def test_names_types_labels_edges_and_units_come_from_the_scrape() -> None:
    """Help, kind, labels, bucket edges and unit stand in the module; a label without a value is none."""
    found = series(SHOP)

    orders, checkout = found["shop_orders_total"], found["shop_checkout_duration_seconds"]
    assert (orders.kind, orders.help) == ("counter", 'Orders, "test" ones too.')
    assert [(label.name, label.help) for label in orders.labels] == [("channel", "Seen: app {1}, web.")]
    assert (checkout.kind, checkout.buckets, checkout.unit) == ("histogram", (0.5, 1.0), "seconds")
    assert [label.name for label in checkout.labels] == []
    assert found["shop_latency_seconds"].kind == "summary"
    assert (found["shop_odd"].kind, found["shop_odd"].exposed) == ("gauge", "untyped")
    assert "go_goroutines" not in found


def test_openmetrics_is_read_too() -> None:
    """Its counters are called by what they are queried by, its units count, its exemplars and `_created` do not."""
    found = series(
        "# TYPE jobs counter\n# UNIT jobs seconds\n# HELP jobs Time in jobs.\n"
        'jobs_total{queue="a"} 5.0 # {trace_id="1"} 1.0\njobs_created{queue="a"} 1.7e9\n# EOF\n'
    )

    assert [(metric.name, metric.unit, metric.kind) for metric in found.values()] == [
        ("jobs_total", "seconds", "counter")
    ]


def test_a_unit_that_only_the_help_says_counts() -> None:
    """Exporters that keep a program's own names say the unit in words."""
    found = series("# TYPE lag gauge\n# HELP lag Lag in bytes between master and slave\nlag 1\n")

    assert found["lag"].unit == "bytes"


@pytest.mark.parametrize("recording", sorted(RECORDINGS.glob("*.prom")), ids=lambda path: path.name)
def test_every_recorded_exporter_becomes_a_module_that_passes_our_formatter(recording: Path, tmp_path: Path) -> None:
    """Whatever an exporter exposes, the module runs, is formatted as ours are, and declares every family once."""
    text = recording.read_text(encoding="utf-8")
    found = declare(read(text), recording.name)
    module = tmp_path / "module.py"
    module.write_text(found.source, encoding="utf-8")

    command = [sys.executable, "-m", "ruff", "format", "--check", "--config", str(ROOT / "pyproject.toml"), str(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(series(text)) == sorted(found.declared)
    assert {*found.declared, *found.recognised, *found.runtime, *found.odd} == set(read(text))


def test_a_declared_module_says_what_ours_say_by_hand() -> None:
    """For every series of redis_exporter that metrics/redis.py declares, kind, labels and edges are the same."""
    text = (RECORDINGS / "redis-7.0.15-primary.prom").read_text(encoding="utf-8")
    found, ours = series(text), {metric.name: metric for metric in here().metrics["redis"]}

    shared = found.keys() & ours.keys()
    assert len(shared) > 25
    for name in shared:
        # One counter is exposed as a gauge, and only a person knows that.
        assert found[name].kind == (ours[name].exposed or ours[name].kind)
        assert {label.name for label in ours[name].labels} == {label.name for label in found[name].labels}
        assert found[name].buckets == ours[name].buckets


def test_standard_series_are_recognised_and_the_missing_named() -> None:
    """A service that counts requests alone is told which series the latency alerts would need."""
    found = declare(read('# TYPE http_requests_total counter\nhttp_requests_total{method="GET"} 1\nup 1\n'), "it")

    assert found.recognised == ("http_requests_total",)
    assert "http_request_duration_seconds" in found.missing["HTTP"]
    assert list(found.missing) == ["HTTP"]


def test_what_another_module_declares_is_not_declared_again() -> None:
    """Two exporters may expose one family; its name is spelled once."""
    found = declare(read(SHOP), "the shop", [Metric("shop_odd", "gauge", "Known.")])

    assert found.known == ("shop_odd",)
    assert "shop_odd" not in found.declared


def ran(*arguments: str) -> Result:
    """Run `obs contract`."""
    return CliRunner().invoke(contract, arguments, obj=Selection((Path("stack.toml"),), ""))


def test_the_verb_writes_the_module_and_reports_beside_it(tmp_path: Path) -> None:
    """The module goes to the file, what was left out to the terminal; a second run writes over nothing."""
    scrape, out = tmp_path / "shop.prom", tmp_path / "shop.py"
    scrape.write_text(SHOP + "http_requests_total 1\n", encoding="utf-8")

    done = ran(str(scrape), "--title", "the shop", "--out", str(out))
    again = ran(str(scrape), "--out", str(out))

    assert done.exit_code == 0
    assert out.read_text().startswith('"""Which series of the shop do we read?"""\n')
    assert "declared: 4 series\n" in done.output
    assert "standard series, which alerts and boards know already: http_requests_total\n" in done.output
    assert "of the client library, left out: go_goroutines\n" in done.output
    assert (again.exit_code, again.output) == (1, f"Error: {out} exists; move it away or choose another --out\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it has no sample; give the address or a saved answer of a /metrics endpoint"),
        ("<html>\n", "line 1 is no sample: '<html>'; a scrape has lines such as 'up 1'"),
        ("up 1\nbroken{a=b} 1 2 3\n", "line 2 is no sample: 'broken{a=b} 1 2 3'; a scrape has lines such as 'up 1'"),
    ],
)
def test_what_is_no_scrape_is_named_by_its_line(text: str, sentence: str) -> None:
    """A page of HTML, an empty answer and a broken line each end in one sentence."""
    with pytest.raises(ExpositionError, match="^" + re.escape(sentence)):
        read(text)


def test_an_address_that_does_not_answer_is_named() -> None:
    """A closed port is one sentence, at once."""
    done = ran("http://127.0.0.1:9/metrics")

    assert done.exit_code == 1
    assert done.output.startswith("Error: http://127.0.0.1:9/metrics can't be read: Connection refused")


def timed(name: str, labels: str, edges: tuple[str, ...] = ("0.1", "1.0")) -> str:
    """Return the exposition of a histogram with one series."""
    buckets = "".join(f'{name}_bucket{{{labels},le="{edge}"}} 1\n' for edge in (*edges, "+Inf"))
    return f"# TYPE {name} histogram\n{buckets}{name}_sum{{{labels}}} 1\n{name}_count{{{labels}}} 1\n"


OTEL = 'http_request_method="GET",http_route="/rooms",http_response_status_code="200",url_scheme="http"'
EXPOSED = {
    "OpenTelemetry": timed("http_server_request_duration_seconds", OTEL),
    "Micrometer": timed("http_server_requests_seconds", 'method="GET",uri="/rooms",status="200",exception="None"')
    + "# TYPE jvm_threads_live_threads gauge\njvm_threads_live_threads 20\n",
    "Micrometer without buckets": "# TYPE http_server_requests_seconds summary\n"
    'http_server_requests_seconds_count{method="GET",uri="/rooms",status="200"} 1\n'
    'http_server_requests_seconds_sum{method="GET",uri="/rooms",status="200"} 1\n',
    "Go": timed("request_duration_seconds", 'handler="rooms",method="get"')
    + '# TYPE requests_total counter\nrequests_total{code="200",handler="rooms",method="get"} 1\n'
    + "# TYPE in_flight_requests gauge\nin_flight_requests 1\n"
    + timed("response_size_bytes", 'handler="rooms"', ("200.0",))
    + '# TYPE promhttp_metric_handler_requests_total counter\npromhttp_metric_handler_requests_total{code="200"} 3\n',
}
PROPOSED = {
    "OpenTelemetry": (
        "http_server_request_duration_seconds_count",
        "http_server_request_duration_seconds",
        "http_route",
    ),
    "Micrometer": ("http_server_requests_seconds_count", "http_server_requests_seconds", "uri"),
    "Micrometer without buckets": ("http_server_requests_seconds_count", "", "uri"),
    "Go": ("requests_total", "request_duration_seconds", "handler"),
}


@pytest.mark.parametrize("habit", EXPOSED)
def test_the_standard_series_are_recognised_under_other_names(habit: str) -> None:
    """What is proposed is a legal table of stack.toml, with which a second reading proposes nothing."""
    families = read(EXPOSED[habit])

    found = declare(families, "it")

    assert found.proposed
    names = merged(found.proposed)
    requests, duration, route = PROPOSED[habit]
    assert names.metrics["http_requests_total"] == requests
    assert names.metrics["http_request_duration_seconds"] == duration
    assert names.labels["route"] == route
    raw = settings("websockets", "jobs", "vitals", "telemetry")
    raw |= tomllib.loads(recognising.toml(found.proposed))
    raw["slo"]["latency"]["threshold_seconds"] = 0.1
    chosen = stack.loads(toml(raw))
    again = declare(families, "it", (), chosen.names)
    assert again.proposed is None
    assert {requests.removesuffix("_count")} <= set(again.recognised)
    assert not {requests, duration} & set(again.declared)


def test_only_a_preset_is_certain() -> None:
    """The exporter of something else may count requests too: then its series are declared, and the table is shown."""
    guessed = declare(read(EXPOSED["Go"]), "it")
    known = declare(read(EXPOSED["OpenTelemetry"]), "it")

    assert "requests_total" in guessed.declared
    assert known.declared == ()
    assert known.recognised == ("http_server_request_duration_seconds",)


NODE = """\
# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 362812.7890625
# HELP node_filesystem_avail_bytes Filesystem space available to non-root users in bytes.
# TYPE node_filesystem_avail_bytes gauge
node_filesystem_avail_bytes{device="/dev/sda1",fstype="ext4",mountpoint="C:\\\\ProgramData"} 2.08e+10
# TYPE node_netstat_Tcp_CurrEstab untyped
node_netstat_Tcp_CurrEstab 3
# HELP pg_stat_database_xact_commit Number of transactions in this database that have been committed
# TYPE pg_stat_database_xact_commit counter
pg_stat_database_xact_commit{datid="5",datname="postgres"} 1047
# HELP pg_settings_max_connections Server Parameter: max_connections
# TYPE pg_settings_max_connections gauge
pg_settings_max_connections{server="localhost:5432"} 100
# HELP pg_up Whether the last scrape of metrics from PostgreSQL was able to connect to the server (1 for yes, 0 for no).
# TYPE pg_up gauge
pg_up 1
"""


def test_exporters_of_machines_and_databases_become_contracts() -> None:
    """Nothing of theirs is taken for a service's HTTP series; counters without `_total` stay counters."""
    found, declared = series(NODE), declare(read(NODE), "them")

    assert declared.proposed is None
    assert declared.missing == {}
    assert found["pg_stat_database_xact_commit"].kind == "counter"
    assert (found["node_cpu_seconds_total"].unit, found["node_filesystem_avail_bytes"].unit) == ("seconds", "bytes")
    assert [label.name for label in found["pg_stat_database_xact_commit"].labels] == ["datid", "datname"]
    assert found["node_netstat_Tcp_CurrEstab"].exposed == "untyped"


def test_the_proposal_is_told(tmp_path: Path) -> None:
    """On the terminal, beside the module, ready to be copied."""
    scrape = tmp_path / "shop.prom"
    scrape.write_text(EXPOSED["OpenTelemetry"], encoding="utf-8")

    done = ran(str(scrape))

    assert 'put into stack.toml:\n[names]\npreset = "opentelemetry"\n[names.buckets]\n' in done.output
    assert "missing of the standard series for HTTP: http_requests_in_progress, " in done.output
