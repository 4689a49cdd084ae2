"""Does an existing dashboard become a module that builds it, and is every loss said?"""

import copy
import datetime as dt
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs import content
from obs.adopt.importing import Import, import_dashboard
from obs.adopt.remainder import unwrapped
from obs.boards import panels
from obs.boards.board import Dashboard, board
from obs.boards.panels import Column, Link, Panel, Query
from obs.cli.cli import obs
from obs.diff import diff_dashboard
from obs.proofs.questions import of_dashboard
from obs.stack import Stack, load
from tests.checkout import Checkout
from tests.diff.boards import any_dashboard
from tests.fake_grafana import FakeGrafana
from tests.fake_grafana.state import Dashboard as Stored

ROOT = Path(__file__).parents[2]
STACK = load(ROOT / "stack.toml")
Model = dict[str, Any]


def rebuilt(found: Import, stack: Stack = STACK) -> Model:
    """Run the module an import wrote and return what it builds."""
    names: Model = {}
    exec(compile(found.source, found.path, "exec"), names)  # noqa: S102 - the module is what is being tested
    model: Model = names["dashboard"](stack).model
    return model


@pytest.mark.parametrize("slug", content.here().dashboards)
def test_our_own_dashboards_survive_the_round_trip(slug: str) -> None:
    """Emitted, imported and emitted again, each dashboard is the same to the byte, and nothing is listed as lost."""
    model = content.here().dashboards[slug](STACK).model

    found = import_dashboard(model, STACK)

    assert rebuilt(found) == model
    assert found.losses.action == "unchanged"


UNTIMED = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
words = st.text("abcdefgh XYZ'\"\\{}$é\n", min_size=1, max_size=140).filter(lambda text: text.strip() == text)
numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
steps = st.sampled_from([(), panels.at_most(0.01), panels.at_least(1), panels.at_least(1, 2), panels.rated(1, 2)])
queries = st.builds(Query, words, words, exemplars=st.booleans())
shape = st.fixed_dictionaries(
    {},
    optional={
        "steps": steps | st.just(((None, "blue"), (3, "purple"))),
        "width": st.integers(1, 24),
        "height": st.integers(1, 12),
        "stacked": st.booleans(),
        "high": numbers,
        "low": st.none() | numbers,
        "decimals": st.integers(0, 4),
        "links": st.just((Link("Runbook", "https://example.org/x"),)),
    },
)
UNITS = st.sampled_from(["short", "s", "percentunit", "reqps"])


@st.composite
def members(draw: st.DrawFn) -> list[Panel]:
    """Draw panels of every word, with titles of their own."""
    made = []
    for index in range(draw(st.integers(1, 5))):
        title, why = f"Panel {index}", draw(words)
        more: Any = draw(shape)
        small: Model = {key: value for key, value in more.items() if key in {"width", "height", "steps", "links"}}
        flat = {key: value for key, value in small.items() if key != "steps"}
        made.append(
            draw(
                st.sampled_from(
                    [
                        panels.series(title, *draw(st.lists(queries, max_size=3)), why=why, unit=draw(UNITS), **more),
                        panels.number(title, draw(words), why=why, unit=draw(UNITS), **small),
                        panels.dial(title, draw(words), why=why, unit=draw(UNITS), **small),
                        panels.bars(title, Query("depth", "{{queue}}"), why=why, unit=draw(UNITS), **small),
                        panels.pie(title, Query("flushes", "{{result}}"), why=why, unit=draw(UNITS), **flat),
                        panels.table(title, {"A": Column("up"), "B": Column("down", "s")}, why=why, **flat),
                        panels.logs(title, draw(words), why=why, **flat),
                        panels.note(title, draw(words), why=why, **flat),
                    ]
                )
            )
        )
    return made


@UNTIMED
@given(members(), st.sampled_from(["6h", "1h", "7d"]), words)
def test_whatever_the_vocabulary_says_survives_the_round_trip(made: list[Panel], span: str, why: str) -> None:
    """Any texts, limits and sizes come back as they were, with quotes and Unicode."""
    rows = {"First": made[:2], "Second": made[2:]}
    model = board(STACK, slug="any", title="Any", why=why, jobs=("api",), rows=rows, span=span).model

    assert rebuilt(import_dashboard(model, STACK)) == model


def test_only_what_is_not_a_default_is_written() -> None:
    """A reader of the module sees what was chosen, nothing else."""
    plain = panels.series("Load", Query("sum(load)", "load"), why="Rising: add a server.", unit="short")
    chosen = panels.number("Up", "sum(up)", why="Red: restart.", unit="none", steps=panels.at_least(1), width=6)
    model = board(
        STACK, slug="small", title="Small", why="Is it up?", jobs=("api",), rows={"Now": [plain, chosen]}
    ).model

    source = import_dashboard(model, STACK).source

    assert source.endswith(
        """\
        rows={
            "Now": [
                panels.series(
                    "Load",
                    Query("sum(load)", "load"),
                    unit="short",
                    why="Rising: add a server.",
                ),
                panels.number(
                    "Up",
                    "sum(up)",
                    unit="none",
                    steps=at_least(1),
                    width=6,
                    why="Red: restart.",
                ),
            ],
        },
    )
"""
    )
    assert "from obs.boards.panels import Query, at_least\n" in source


@UNTIMED
@given(any_dashboard)
def test_any_dashboard_becomes_a_module_that_builds(model: Model) -> None:
    """Malformed JSON makes an odd module and a long list of losses, never a traceback."""
    assert rebuilt(import_dashboard(model, STACK))["panels"] is not None


FOREIGN: Model = {
    "id": 12,
    "uid": "cIBgcSjkk",
    "title": "Legacy service",
    "tags": ["legacy"],
    "time": {"from": "now-1h", "to": "now"},
    "panels": [
        {
            "id": 2,
            "type": "gauge",
            "title": "Load",
            "gridPos": {"x": 0, "y": 0, "w": 6, "h": 8},
            "datasource": {"type": "prometheus", "uid": "P1"},
            "targets": [{"refId": "A", "expr": "sum(load)"}],
            "options": {"showThresholdLabels": True},
        },
        {
            "id": 3,
            "type": "geomap",
            "title": "Where",
            "gridPos": {"x": 6, "y": 0, "w": 18, "h": 8},
            "targets": [],
        },
        {
            "id": 4,
            "type": "timeseries",
            "title": "",
            "gridPos": {"x": 0, "y": 8, "w": 24, "h": 8},
            "datasource": {"type": "prometheus", "uid": "P1"},
            "targets": [
                {"refId": "A", "expr": 'sum by (route) (rate(hits_total{job="web"}[5m]))', "legendFormat": "__auto"}
            ],
        },
    ],
}


def equal_panels(model: Model, stack: Stack = STACK) -> Import:
    """Import a dashboard and demand that every panel is equal when its module has run, and can be checked."""
    found = import_dashboard(copy.deepcopy(model), stack)
    made = rebuilt(found, stack)
    assert list(of_dashboard(Dashboard(found.slug, found.path, made))) is not None
    built = diff_dashboard(unwrapped(model), made)
    assert [one for one in built.sentences if one.subject and not one.hidden] == []
    assert found.unequal == 0
    return found


def test_a_foreign_dashboard_comes_over_whole() -> None:
    """What no word says is laid over as `raw`; a person learns what is otherwise."""
    found = equal_panels(FOREIGN)

    panels_built = {one.get("title", ""): one for one in rebuilt(found)["panels"]}

    assert found.panels == 3
    assert [one.text for one in found.losses.sentences if one.old is not None] == [
        'tags: "rce-api", "observability-as-code" added',
        'title "Legacy service" to "rce-api / Legacy service"',
        'uid "cIBgcSjkk" to "rce-api-cibgcsjkk"',
    ]
    assert panels_built["Load"]["type"] == "gauge"
    assert panels_built["Load"]["targets"][0]["expr"] == "sum(load)"
    assert panels_built["Where"]["type"] == "geomap"
    assert panels_built[""]["targets"][0]["legendFormat"] == "__auto"
    assert 'jobs=("web",)' in found.source
    assert 'span="1h"' in found.source


def placed(number: int, kind: str, x: int, y: int, **more: Any) -> Model:
    """Return a panel 12 wide and 8 high."""
    return {"id": number, "type": kind, "title": f"P{number}", "gridPos": {"x": x, "y": y, "w": 12, "h": 8}} | more


PROMETHEUS = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
COLUMNS: Model = {
    "targets": [
        {"refId": ref, "expr": f"sum({ref})", "format": "table", "instant": True} for ref in ("rps", "p50", "p90")
    ],
    "fieldConfig": {
        "defaults": {},
        "overrides": [
            {
                "matcher": {"id": "byName", "options": f"Value #{ref}"},
                "properties": [{"id": "displayName", "value": ref}, {"id": "unit", "value": "s"}],
            }
            for ref in ("rps", "p50", "p90")
        ],
    },
}
HIDDEN: Model = {
    "targets": [{"refId": "A", "expr": "up"}],
    "fieldConfig": {
        "overrides": [
            {
                "matcher": {"id": "byValue", "options": {"reducer": "allIsZero", "op": "gte", "value": 0}},
                "properties": [{"id": "custom.hideFrom", "value": {"legend": True}}],
            }
        ]
    },
}
ROW: Model = {"id": 50, "type": "row", "title": "Node $node", "gridPos": {"h": 1, "w": 24, "x": 0, "y": 8}}
WIDE = {"h": 4, "w": 24, "x": 0, "y": 0}


@pytest.mark.parametrize(
    "model",
    [
        pytest.param({"panels": [placed(1, "table", 0, 0, targets=[])]}, id="a table without queries"),
        pytest.param({"panels": [placed(1, "table", 0, 0, **COLUMNS)]}, id="a table of three columns"),
        pytest.param({"panels": [placed(1, "timeseries", 0, 0, **HIDDEN)]}, id="an override for what is all zero"),
        pytest.param(
            {
                "panels": [
                    placed(1, "timeseries", 0, 0, targets=[{"refId": "A", "rawSql": "SELECT now()"}]),
                    placed(2, "timeseries", 12, 0, datasource="Loki", targets=[{"refId": "A", "expr": '{a="b"}'}]),
                    placed(3, "timeseries", 0, 8, targets=[{"refId": "C", "expression": "$A * 2", "type": "math"}]),
                ]
            },
            id="other data sources and expressions",
        ),
        pytest.param(
            {
                "templating": {"list": [{"name": "instance", "type": "query", "query": "label_values(x, instance)"}]},
                "panels": [placed(1, "timeseries", 0, 0, targets=[{"refId": "A", "expr": 'x{instance="$instance"}'}])],
            },
            id="a variable that has a standard name",
        ),
        pytest.param(
            {
                "panels": [
                    placed(1, "stat", 0, 0),
                    ROW
                    | {"collapsed": True, "repeat": "node", "panels": [placed(2, "stat", 12, 9), placed(3, "x", 0, 9)]},
                    ROW | {"id": 51, "gridPos": WIDE | {"h": 1, "y": 9}},
                    placed(4, "stat", 6, 12, repeat="node", maxPerRow=4),
                ]
            },
            id="rows that are folded, repeated, of one title, and panels off the flow",
        ),
        pytest.param(
            {
                "rows": [
                    {
                        "title": "Old",
                        "height": "250px",
                        "panels": [{"id": 1, "type": "graph", "title": "G", "span": 6}],
                    },
                    {"title": "", "panels": [{"id": 2, "type": "singlestat", "title": "S", "span": 12}]},
                ]
            },
            id="the rows of Grafana 4",
        ),
        pytest.param(
            {
                "panels": [
                    placed(1, "timeseries", 0, 0, libraryPanel={"uid": "l", "name": "Shared"}),
                    placed(1, "text", 12, 0, options={"content": "\"'\\ é\n" * 60}, description="Why " * 60),
                    placed(3, "barchart", 0, 8, links=[{"title": "a", "url": "b"}], transformations=[{"id": "merge"}]),
                ],
                "annotations": {"list": [{"name": "Mine", "enable": True, "expr": "changes(x[1m])"}]},
                "links": [{"title": "Home", "type": "link", "url": "https://example.org"}],
                "timepicker": {"hidden": True},
                "refresh": "1m",
            },
            id="library panels, ids given twice, texts, links, annotations",
        ),
    ],
)
def test_every_panel_of_a_published_dashboard_comes_over_whole(model: Model) -> None:
    """Whatever people publish is equal in the normal form once the module is built, and nothing but names is lost."""
    found = equal_panels({"title": "Published", "uid": "u", **model})

    lost = {one.field for one in found.losses.sentences if one.old is not None and not one.hidden}
    assert lost <= {"title", "uid", "refresh every"}


def test_an_exported_input_becomes_a_variable() -> None:
    """Grafana's import page asks for the data source of an export; a provisioned board has a variable for it."""
    model = {
        "__inputs": [{"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "pluginId": "prometheus"}],
        "__requires": [{"type": "grafana", "version": "11.0.0"}],
        "title": "Exported",
        "panels": [placed(1, "timeseries", 0, 0, datasource=PROMETHEUS)],
    }

    variables = rebuilt(equal_panels(model))["templating"]["list"]

    assert {"name": "DS_PROMETHEUS", "label": "Prometheus", "type": "datasource", "query": "prometheus"} in variables


def test_a_resource_is_imported() -> None:
    """A dashboard in Grafana's newer envelope is the same dashboard."""
    resource = {"apiVersion": "dashboard.grafana.app/v1beta1", "metadata": {"name": "shop"}, "spec": FOREIGN}

    found = import_dashboard(resource, STACK)

    assert (found.slug, found.panels, found.unequal) == ("shop", 3, 0)


@pytest.mark.parametrize(("uid", "slug"), [("1a9a", "board-1a9a"), ("class", "board-class"), ("a_b", "a-b")])
def test_a_module_has_a_name_that_python_can_import(uid: str, slug: str) -> None:
    """Neither a digit in front nor a word of the language."""
    found = import_dashboard({**FOREIGN, "uid": uid}, STACK)

    assert found.slug == slug
    assert found.path.removeprefix("dashboards/").removesuffix(".py").isidentifier()


def alike() -> Model:
    """Return a board of many panels whose settings repeat, with texts of every length and quote."""
    custom = {"lineWidth": 2, "fillOpacity": 5, "axisLabel": "requests per second", "showPoints": "never"}
    made = [
        placed(
            number,
            "timeseries",
            number % 2 * 12,
            number // 2 * 8,
            datasource=PROMETHEUS,
            description='It\'s "so" ' * number,
            fieldConfig={"defaults": {"custom": custom, "unit": "s" if number % 3 else "reqps"}, "overrides": []},
            options={"legend": {"displayMode": "table", "placement": "bottom", "calcs": ["mean", "max"]}},
            targets=[
                {"refId": "A", "expr": f"sum(rate(x{number}[5m])) " + "+ y " * (number % 20), "datasource": PROMETHEUS}
            ],
        )
        for number in range(40)
    ]
    return {"title": "Alike", "panels": made}


def test_what_panels_share_is_written_once() -> None:
    """A module takes at most half the bytes of the JSON that Grafana exports."""
    model = alike()

    source = equal_panels(model).source

    assert len(source.encode()) < 0.5 * len(json.dumps(model, indent=2))
    assert source.count('"requests per second"') == 1


def test_a_module_passes_the_formatter(tmp_path: Path) -> None:
    """The first thing an adopter's hook does with it changes nothing."""
    for name, model in (("alike", alike()), ("foreign", FOREIGN)):
        (tmp_path / f"{name}.py").write_text(import_dashboard(model, STACK).source, encoding="utf-8")

    ruff = Path(sys.executable).with_name("ruff")
    done = subprocess.run(
        (ruff, "format", "--isolated", "--line-length=120", "--diff", tmp_path), capture_output=True, check=False
    )

    assert done.returncode == 0, done.stdout.decode()


def test_panels_of_one_title_get_ids_of_their_own() -> None:
    """Two equal titles, which a dashboard module must tell apart, are."""
    model = {"title": "Twins", "panels": [copy.deepcopy(FOREIGN["panels"][0]) for _ in range(3)]}

    built = rebuilt(import_dashboard(model, STACK))["panels"]

    assert len({one["id"] for one in built}) == len(built) == 3


def run(*arguments: str) -> Result:
    """Run `obs import`."""
    return CliRunner().invoke(obs, ["--stack", str(ROOT / "stack.toml"), "import", *arguments])


def test_the_verb_prints_the_module_and_lists_the_losses_apart(tmp_path: Path) -> None:
    """Standard output is the module alone, so it can be redirected."""
    file = tmp_path / "legacy.json"
    file.write_text(json.dumps({"meta": {}, "dashboard": FOREIGN}), encoding="utf-8")

    result = run(str(file))

    assert result.exit_code == 0
    compile(result.stdout, "legacy.py", "exec")
    assert "3 panels: 3 equal to the original, 0 not." in result.stderr
    assert 'title "Legacy service" to "rce-api / Legacy service"  [the dashboard]' in result.stderr


def test_losses_are_read_like_any_finding(tmp_path: Path) -> None:
    """Place, kind, what and what instead: as JSON for a program, as Markdown for a review; the module stays apart."""
    file = tmp_path / "legacy.json"
    file.write_text(json.dumps(FOREIGN), encoding="utf-8")

    beside, alone = run(str(file), "--json"), run(str(file), "--json", "--out", str(tmp_path / "legacy.py"))
    review = run(str(file), "--format", "markdown", "--slug", "old", "--out", str(tmp_path / "old.py"))

    losses = json.loads(alone.stdout)
    (loss,) = [one for one in losses if one["check"] == "import/title"]
    assert json.loads(beside.stderr) == losses
    compile(beside.stdout, "legacy.py", "exec")
    assert (loss["file"], loss["item"]) == ("dashboards/cibgcsjkk.py", "the dashboard")
    assert loss["what"] == 'title "Legacy service" to "rce-api / Legacy service"'
    assert '- **dashboards/old.py the dashboard**: title "Legacy' in review.stdout


def test_the_verb_never_writes_over_a_file(tmp_path: Path) -> None:
    """What exists is kept."""
    file, out = tmp_path / "legacy.json", tmp_path / "legacy.py"
    file.write_text(json.dumps(FOREIGN), encoding="utf-8")

    assert run(str(file), "--out", str(out)).exit_code == 0
    written = out.read_text(encoding="utf-8")
    again = run(str(file), "--out", str(out), "--slug", "other")

    assert again.exit_code != 0
    assert "exists; move it away" in again.output
    assert out.read_text(encoding="utf-8") == written


def test_the_series_of_a_foreign_board_are_declared_with_it(tmp_path: Path) -> None:
    """A board of a service nobody declared is checked from the first minute: its contract comes from a scrape."""
    file, scrape, out = tmp_path / "shop.json", tmp_path / "shop.prom", tmp_path / "dashboards" / "shop.py"
    file.write_text(json.dumps(FOREIGN), encoding="utf-8")
    scrape.write_text("# TYPE shop_orders_total counter\nshop_orders_total 1\n", encoding="utf-8")
    for folder in ("dashboards", "metrics"):
        (tmp_path / folder).mkdir()

    done = run(str(file), "--out", str(out), "--contract", str(scrape))
    again = run(str(file), "--out", str(out), "--contract", str(scrape))
    nowhere = run(str(file), "--contract", str(scrape))

    (tmp_path / "metrics" / "shop.py").rename(tmp_path / "kept.py")
    half = run(str(file), "--out", str(out), "--contract", str(scrape))

    assert done.exit_code == 0
    assert "declared: 1 series" in done.stderr
    assert '"shop_orders_total"' in (tmp_path / "kept.py").read_text(encoding="utf-8")
    assert f"{out} exists" in half.output
    assert not (tmp_path / "metrics" / "shop.py").exists()
    assert f"{out} exists" in again.output
    assert (nowhere.exit_code, "--out" in nowhere.output) == (2, True)


def test_a_board_that_explains_nothing_is_built_at_once_and_asked_for_it_until_a_day(checkout: Checkout) -> None:
    """The waiver says what is missing, in this module alone; without it the build is refused, as for any board."""
    (checkout.root / "shop.prom").write_text("# TYPE shop_orders_total counter\nshop_orders_total 1\n")
    panel = {"type": "timeseries", "title": "Orders", "gridPos": {"h": 8, "w": 12, "x": 0, "y": 0}}
    source = {"type": "prometheus", "uid": STACK.datasources.prometheus.uid}
    query = {"refId": "A", "expr": "sum(rate(shop_orders_total[5m]))", "legendFormat": "orders", "datasource": source}
    (checkout.root / "shop.json").write_text(json.dumps({"title": "Shop", "panels": [panel | {"targets": [query]}]}))
    waivers = (checkout.root / "waivers.toml").read_text()
    into = "dashboards/online_shop.py"

    done = checkout.obs("import", "shop.json", "--slug", "online-shop", "--out", into, "--contract", "shop.prom")
    built, held = checkout.obs("build"), checkout.obs("check")
    waived = (checkout.root / "waivers.toml").read_text()
    (checkout.root / "waivers.toml").write_text(waivers)
    refused = checkout.obs("build")

    assert "1 of 1 panels lack a title, a description or a query: waived in waivers.toml until" in done.stderr
    assert (done.returncode, built.returncode, held.returncode) == (0, 0, 0), built.stderr + held.stderr
    (one,) = tomllib.loads(waived)["waiver"]
    assert (one["place"], one["check"]) == (into, "dashboard/explained")
    assert one["expires"] > dt.datetime.now(tz=dt.UTC).date()
    assert refused.returncode == 1
    assert f"{into}:" in refused.stdout
    assert "[dashboard/explained]\n1 problem;" in refused.stdout


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "a dashboard is an object"),
        ('{"name": "package"}', "holds no dashboard"),
        ('{"panels": ' + "[" * 3000 + "]" * 3000 + "}", "nested too deeply"),
        ('{"elements": {}, "layout": {}}', "v2 schema"),
    ],
)
def test_what_is_no_dashboard_is_refused_in_words(tmp_path: Path, text: str, reason: str) -> None:
    """The message says what is wrong with the file."""
    file = tmp_path / "x.json"
    file.write_text(text, encoding="utf-8")

    result = run(str(file))

    assert result.exit_code != 0
    assert reason in f"{result.output} {result.exception}"


def test_a_dashboard_is_fetched_by_its_uid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody built in the stack's Grafana becomes a module without an export; nothing is written there."""
    with FakeGrafana() as grafana:
        grafana.state.dashboards["legacy"] = Stored(
            "legacy", "", [({**FOREIGN, "uid": "legacy", "version": 1}, "", "ann")]
        )
        file = tmp_path / "stack.toml"
        text = (ROOT / "stack.toml").read_text(encoding="utf-8")
        file.write_text(text.replace(STACK.grafana.url, grafana.url), encoding="utf-8")
        monkeypatch.setenv("GRAFANA_TOKEN", grafana.token)

        fetched = CliRunner().invoke(obs, ["--stack", str(file), "import", "legacy"])
        absent = CliRunner().invoke(obs, ["--stack", str(file), "import", "nowhere"])
        grafana.state.edited_by("ann", "legacy", elements={}, layout={"kind": "TabsLayout"})
        tabs = CliRunner().invoke(obs, ["--stack", str(file), "import", "legacy"])

        assert 'slug="legacy"' in fetched.stdout
        assert "3 panels: 3 equal to the original, 0 not." in fetched.stderr
        assert "Dashboard not found" in str(absent.exception)
        assert str(tabs.exception).endswith("export it from Grafana as Classic")
        assert grafana.written == []
