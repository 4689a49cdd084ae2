"""Does an existing dashboard become a module that builds it, and is every loss said?"""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs import content
from obs.adopt.importing import Import, import_dashboard
from obs.boards import panels
from obs.boards.board import board
from obs.boards.panels import Column, Link, Panel, Query
from obs.cli.cli import obs
from obs.stack import Stack, load
from tests.diff.boards import any_dashboard
from tests.fake_grafana import FakeGrafana
from tests.fake_grafana.state import Dashboard

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


def test_a_foreign_dashboard_becomes_the_nearest_words_and_a_list_of_losses() -> None:
    """A person learns what the module keeps and, by name, what it cannot say."""
    found = import_dashboard(copy.deepcopy(FOREIGN), STACK)

    said = {f"{one.subject}: {one.text}" if one.subject else one.text for one in found.losses.sentences}
    panels_built = {one["title"]: one for one in rebuilt(found)["panels"]}

    assert 'Load: visualisation "gauge" to "stat"' in said
    assert "Load: options.showThresholdLabels on removed" in said
    assert 'Where: visualisation "geomap" to "text"' in said
    assert any(one.startswith("tags: ") for one in said)
    assert panels_built["Load"]["targets"][0]["expr"] == "sum(load)"
    assert panels_built["Untitled timeseries"]["targets"][0]["legendFormat"] == "{{route}}"
    assert 'jobs=("web",)' in found.source
    assert 'span="1h"' in found.source


def test_panels_of_one_title_get_ids_of_their_own() -> None:
    """Two equal titles, which a dashboard module must tell apart, are."""
    model = {"title": "Twins", "panels": [copy.deepcopy(FOREIGN["panels"][0]) for _ in range(3)]}

    built = rebuilt(import_dashboard(model, STACK))["panels"]

    assert len({one["id"] for one in built}) == len(built) == 4


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
    assert 'visualisation "gauge" to "stat"  [Load]' in result.stderr


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "a dashboard is an object"),
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
        grafana.state.dashboards["legacy"] = Dashboard(
            "legacy", "", [({**FOREIGN, "uid": "legacy", "version": 1}, "", "ann")]
        )
        file = tmp_path / "stack.toml"
        text = (ROOT / "stack.toml").read_text(encoding="utf-8")
        file.write_text(text.replace(STACK.grafana.url, grafana.url), encoding="utf-8")
        monkeypatch.setenv("GRAFANA_TOKEN", grafana.token)

        fetched = CliRunner().invoke(obs, ["--stack", str(file), "import", "legacy"])
        absent = CliRunner().invoke(obs, ["--stack", str(file), "import", "nowhere"])

        assert 'slug="legacy"' in fetched.stdout
        assert 'visualisation "gauge" to "stat"  [Load]' in fetched.stderr
        assert "Dashboard not found" in str(absent.exception)
        assert grafana.written == []
