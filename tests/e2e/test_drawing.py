"""Do Grafana's own components, in a real Chromium, draw what a dashboard's JSON and its answers say?"""

import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from obs.boards.grafana import panel_json
from obs.boards.panels import Panel, Query, at_most, bars, dial, pie
from obs.preview.answers import Answers, Drawn, Layout, Target
from obs.preview.drawing import DrawingError, draw
from obs.programs.chromium import Chromium, Page
from tests.conftest import ROOT
from tests.e2e.programs import program
from tests.preview.documents import (
    END,
    MISSING,
    SPAN,
    STEPS,
    UP_OR_DOWN,
    asked,
    board,
    lines,
    now,
    over_time,
    panel,
    wave,
)

PNG = b"\x89PNG\r\n\x1a\n"
LEGEND = {"showLegend": True, "displayMode": "table", "placement": "right", "calcs": ["lastNotNull"]}
MERGED = [
    {"id": "merge", "options": {}},
    {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "for"}}},
]
KINDS = {
    "timeseries": panel("timeseries", over_time({"a": wave(40), "b": wave(60)}), defaults={"unit": "ops"}),
    "stat": panel("stat", now(a=72.3), defaults={"thresholds": STEPS, "unit": "percent"}),
    "gauge": panel("gauge", now(a=20, b=72, c=93), defaults={"thresholds": STEPS, "unit": "percent", "max": 100}),
    "bargauge": panel("bargauge", now(a=20, b=72, c=93), defaults={"thresholds": STEPS, "max": 100}),
    "table": panel("table", now(a=20, b=93, form="table"), transformations=MERGED),
    "heatmap": panel("heatmap", over_time({"0.1": wave(3), "1": wave(8)}, form="heatmap", label="le")),
    "state-timeline": panel("state-timeline", over_time({"a": [1] * 40 + [0] * 20}), defaults={"mappings": UP_OR_DOWN}),
    "status-history": panel("status-history", over_time({"a": [1, 0] * 30}), defaults={"thresholds": STEPS}),
    "barchart": panel("barchart", now(api=20, jobs=93, form="table"), defaults={"unit": "ops"}),
    "piechart": panel("piechart", now(api=20, jobs=60)),
    "histogram": panel("histogram", over_time({"a": wave(), "b": wave(phase=2)})),
    "logs": panel("logs", lines(error="GET /rooms 500", info="</script><b>started")),
    "text": panel("text", options={"content": "# On $environment\n[a **page**](https://example.org)"}),
}
PLOTTED = {"timeseries", "heatmap", "state-timeline", "status-history", "barchart", "histogram"}


@pytest.fixture(scope="module", autouse=True)
def _programs() -> None:
    """Fail, with what to install, where a program is missing."""
    for name in ("node", "npm", "chromium"):
        program(name)


def drawn(document: Answers, folder: Path) -> Layout:
    """Draw one board."""
    return draw({"board": document}, folder)["board"]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Drawn]:
    """Draw a panel of each kind."""
    layout = drawn(board(*KINDS.values()), tmp_path_factory.mktemp("kinds"))
    return {kind: layout["panels"][str(number)] for number, kind in enumerate(KINDS, start=1)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_panel_is_drawn(kind: str, kinds: dict[str, Drawn]) -> None:
    """None is an error or empty, and what has a plot gives it half of its panel."""
    found = kinds[kind]
    assert (found["title"], found["type"], found["error"], found["noData"]) == (kind, kind, None, False)
    assert (found["plot"] is not None) == (kind in PLOTTED)
    if found["plot"]:
        assert found["plot"]["width"] * found["plot"]["height"] > found["width"] * found["height"] / 3


def test_values_are_told_as_they_are_shown(kinds: dict[str, Drawn]) -> None:
    """Text with unit, number, and the colour's name in the dashboard, whose first threshold has no value."""
    assert kinds["stat"]["values"][0] | {"name": ""} == {
        "name": "",
        "text": "72.3%",
        "numeric": 72.3,
        "color": "orange",
    }
    assert kinds["gauge"]["colors"] == ["green", "orange", "red"]
    assert [value["text"] for value in kinds["bargauge"]["values"]] == ["20", "72", "93"]
    assert kinds["state-timeline"]["colors"] == ["red"]
    assert kinds["table"].get("rows") == [["a", "20"], ["b", "93"]]
    assert kinds["logs"].get("rows") == [["GET /rooms 500"], ["</script><b>started"]]
    assert [(axis["side"], axis["unit"]) for axis in kinds["timeseries"]["axes"]] == [("left", "ops")]
    assert {"On prod + staging", "page"} <= {text["text"] for text in kinds["text"]["texts"]}


def test_the_words_for_what_is_now_are_drawn(tmp_path: Path) -> None:
    """A dial and bars in the colour of their limits, orange where nothing is known; slices in that of their meaning."""
    grid = {"x": 0, "y": 0, "w": 8, "h": 8}
    results = Query("sum by (result) (flushes)", "{{result}}")
    words: list[tuple[Panel, Target]] = [
        (dial("Memory", "used", unit="percentunit", steps=at_most(0.9), why="Red: full."), now(a=0.95)),
        (dial("Disk", "used", unit="percentunit", steps=at_most(0.9), why="Red: full."), now(a=math.nan)),
        (bars("Queues", Query("depth", "{{name}}"), unit="short", steps=at_most(50), why="Long."), now(a=20, b=60)),
        (pie("Flushes", results, unit="short", why="Red: look."), now(ok=90, error=10)),
    ]
    found = drawn(board(*((panel_json(word, grid), [target]) for word, target in words)), tmp_path)["panels"]

    shown = {one["title"]: [(value["text"], value["color"]) for value in one["values"]] for one in found.values()}
    assert shown["Memory"] == [("95.0%", "red")]
    assert shown["Disk"] == [("no data", "orange")]
    assert shown["Queues"] == [("20", "green"), ("60", "red")]
    assert [text for text, _ in shown["Flushes"]] == ["90", "10"]
    assert {one["error"] for one in found.values()} == {None}


def test_a_field_is_drawn_as_its_configuration_says(tmp_path: Path) -> None:
    """Overrides by name and pattern, a soft maximum, thresholds on and off the axis, legends in a table."""
    by_name = {"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": "displayName", "value": "renamed"}]}
    by_pattern = {"matcher": {"id": "byRegexp", "options": "/^b/"}, "properties": [{"id": "unit", "value": "percent"}]}
    dashed = {"axisSoftMax": 70, "thresholdsStyle": {"mode": "dashed"}}
    graph = panel(
        "timeseries",
        over_time({"a": wave(40), "b": wave(5)}),
        defaults={"custom": dashed, "min": 0, "thresholds": STEPS},
        overrides=[by_name, by_pattern],
        options={"legend": LEGEND},
        gridPos={"x": 0, "y": 0, "w": 16, "h": 8},
    )
    found = drawn(board(graph), tmp_path)["panels"]["1"]

    assert [(axis["side"], axis["max"], axis["unit"]) for axis in found["axes"]] == [
        ("left", 70, ""),
        ("right", 70, "percent"),
    ]
    assert {limit["value"]: limit["inView"] for limit in found["thresholds"]} == {60: True, 85: False}
    assert found["legend"] is not None
    assert (found["legend"]["rows"], found["legend"]["hidden"]) == (2, 0)
    texts = {text["text"] for text in found["texts"]}
    assert {"renamed", "b", "Last *"} <= texts
    assert any(text.endswith("%") for text in texts)


def test_boards_of_older_grafanas_are_drawn_as_today(tmp_path: Path) -> None:
    """Mappings in the form of Grafana 7, a transformation by its former name; the time axis has no label of values."""
    mappings = [
        {"id": 0, "op": "=", "text": "N/A", "type": 1, "value": "null"},
        {"id": 1, "type": 1, "value": "93", "text": "full"},
        {"id": 2, "type": 2, "from": "1", "to": "50", "text": "fine"},
    ]
    joined = [{"id": "seriesToColumns", "options": {"byField": "name"}}]
    tables = (now(a=1, b=2, form="table", ref="A"), now(a=3, b=4, form="table", ref="B"))
    labelled = {"custom": {"axisLabel": "Cores"}, "unit": "s", "min": 0}
    layout = drawn(
        board(
            panel("stat", now(a=93, b=20), defaults={"mappings": mappings}),
            panel("table", *tables, transformations=joined),
            panel("timeseries", over_time({"a": wave()}), defaults=labelled),
            panel("timeseries", over_time({"a": wave()}), defaults=labelled | {"custom": {}}),
        ),
        tmp_path,
    )
    stat, table, named, unnamed = layout["panels"].values()
    assert [value["text"] for value in stat["values"]] == ["full", "fine"]
    assert [row[0] for row in table.get("rows", [])] == ["a", "b"]
    assert (table["error"], len(table.get("rows", [])[0])) == (None, 5)
    assert named["plot"] is not None
    assert unnamed["plot"] is not None
    assert named["plot"]["height"] == unnamed["plot"]["height"]
    assert named["plot"]["width"] < unnamed["plot"]["width"]


def test_what_is_missing_failed_or_unknown_is_seen(tmp_path: Path) -> None:
    """No value is orange by its mapping; an error is told, in red; what only Grafana draws is named."""
    nothing = {"resultType": "vector", "result": []}
    layout = drawn(
        board(
            panel("stat", asked(nothing, instant=True), defaults={"mappings": MISSING, "thresholds": STEPS}),
            panel("table", asked(nothing, form="table", instant=True), defaults={"noValue": "nothing pages"}),
            panel("timeseries", asked(None, error="1:3: parse error")),
            panel("geomap", over_time({"a": wave()})),
            panel("timeseries", over_time({"a": wave()}), transformations=[{"id": "joinByLabels", "options": {}}]),
            panel("timeseries", over_time({"a": [math.nan] * 10})),
        ),
        tmp_path,
    )
    stat, table, failed, unknown, transformed, empty = layout["panels"].values()
    assert (stat["noData"], stat["colors"], stat["values"][0]["numeric"]) == (True, ["orange"], None)
    assert table["noData"]
    assert "nothing pages" in {text["text"] for text in table["texts"]}
    assert failed["error"] == "A: 1:3: parse error"
    assert any(text["text"] == "A: 1:3: parse error" and text["color"] == "#ff7383" for text in failed["texts"])
    assert any("geomap" in text["text"] for text in unknown["texts"])
    assert "joinByLabels" in str(transformed["error"])
    assert empty["noData"]


def test_hidden_legends_and_cut_texts_are_measured(tmp_path: Path) -> None:
    """Thirty series in a small panel hide rows of the legend; a title longer than its panel is cut."""
    many = over_time({f"series with a long name {n}": wave(n) for n in range(30)})
    title = "A title that says far more than a panel of this width has room for, whatever the font may be"
    found = drawn(board(panel("timeseries", many, title=title)), tmp_path)["panels"]["1"]
    assert found["legend"] is not None
    assert found["legend"]["rows"] == 30
    assert found["legend"]["hidden"] > 10
    assert next(text["cut"] for text in found["texts"] if text["text"] == title)


def test_names_along_an_axis_are_measured(tmp_path: Path) -> None:
    """Those of states and bars are painted, and told: whole, cut, or left out for want of room."""
    long = "a_name_that_is_far_too_long_for_the_side_of_a_panel_of_this_width_by_any_measure"
    few = panel("state-timeline", over_time({"short": [1] * 9, long: [0] * 9}), defaults={"mappings": UP_OR_DOWN})
    many = panel("state-timeline", over_time({f"row {n}": [1] * 9 for n in range(40)}))
    bars = panel(
        "barchart",
        now(form="table", api=3, a_name_that_is_far_too_long_for_the_side_of_a_panel_of_this_width_by_any_measure=4),
    )
    layout = drawn(board(few, many, bars), tmp_path)
    cut = [{text["text"]: text["cut"] for text in found["texts"]} for found in layout["panels"].values()]
    assert (cut[0]["short"], cut[0][long]) == (False, True)
    assert sum(cut[1][f"row {n}"] for n in range(40)) > 10
    assert (cut[2]["api"], cut[2][long]) == (False, True)


def test_the_same_answers_give_the_same_bytes_and_are_not_drawn_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures are compared byte by byte; what is there already needs no browser, until it changes."""
    document = board(KINDS["timeseries"], KINDS["table"], folded=[KINDS["heatmap"]])
    first = draw({"board": document}, tmp_path / "a", panels=[("board", 3)])
    draw({"board": document}, tmp_path / "b", panels=[("board", 3)])
    names = {"board.html", "board.png", "board.first.png", "board.panel-3.png", "board.layout.json"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == names
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    for name in ("board.png", "board.first.png", "board.panel-3.png"):
        assert (tmp_path / "a" / name).read_bytes().startswith(PNG)

    monkeypatch.setenv("PATH", str(tmp_path))
    assert draw({"board": document}, tmp_path / "a", panels=[("board", 3)]) == first
    (tmp_path / "a" / "board.first.png").unlink()
    with pytest.raises(DrawingError, match="chromium is neither on PATH"):
        draw({"board": document}, tmp_path / "a")
    assert (tmp_path / "a" / "board.panel-3.png").exists()


def test_panels_of_a_closed_row_are_measured_open(tmp_path: Path) -> None:
    """They are no part of the page's height, and their layout says so."""
    layout = drawn(board(KINDS["stat"], folded=[KINDS["heatmap"]]), tmp_path)
    assert layout["panels"]["2"].get("collapsed")
    assert layout["panels"]["2"]["plot"] is not None
    assert layout["pageHeight"] <= 1080
    with pytest.raises(DrawingError, match="board: no panel has the id 12"):
        draw({"board": board(KINDS["stat"])}, tmp_path, panels=[("board", 12)])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Open a page from disk, as a reader does."""
    folder = tmp_path_factory.mktemp("page")
    paged = {"name": "Pages", "color": "red", "text": "ApiDown", "tags": []}
    marks: Any = [paged | {"time": (END - SPAN / 2) * 1000, "timeEnd": (END - 60) * 1000}]
    drawn(board(KINDS["timeseries"], KINDS["heatmap"], folded=[KINDS["stat"]], annotations=marks), folder)
    with Chromium(str(program("chromium"))) as chromium, chromium.page(width=1920, height=1080) as opened:
        opened.open((folder / "board.html").as_uri())
        opened.evaluate("preview.settled()")
        yield opened


def pressed(page: Page, key: str) -> None:
    """Press a key and wait until nothing moves."""
    page.evaluate(f"dispatchEvent(new KeyboardEvent('keydown', {{key: {key!r}}})), preview.settled()")


def test_a_page_asks_nobody_for_anything(page: Page) -> None:
    """Fonts, icons and answers are in it."""
    asked_for = (
        "performance.getEntriesByType('resource').map(one => one.name).filter(name => !/^(data:.*)?$/.test(name))"
    )
    assert page.evaluate(asked_for) == []
    assert page.evaluate("[...document.fonts].filter(font => font.status === 'error').length") == 0
    assert page.evaluate("document.querySelectorAll('svg path').length > 2")


def test_a_mark_stands_on_every_graph_with_a_time_axis(page: Page) -> None:
    """The region of an alert, with its words."""
    assert (
        page.evaluate("[...document.querySelectorAll('.annotation')].map(mark => mark.title)") == ["Pages: ApiDown"] * 2
    )


def test_the_crosshair_is_shared(page: Page) -> None:
    """The mouse on one graph moves the line on the other to the same time."""
    place = page.evaluate("preview.measure().panels['1'].plot")
    page.ask(
        "Input.dispatchMouseEvent",
        {"type": "mouseMoved", "x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2},
    )
    page.evaluate("preview.settled()")
    shift = (
        "[...document.querySelectorAll('.u-cursor-x')].map(line => new DOMMatrix(getComputedStyle(line).transform).e)"
    )
    widths = page.evaluate("[...document.querySelectorAll('.u-over')].map(plot => plot.getBoundingClientRect().width)")
    for found, width in zip(page.evaluate(shift), widths, strict=True):
        assert found == pytest.approx(width / 2, abs=2)


def test_keys_lead_through_the_board(page: Page) -> None:
    """Next and previous panel, one alone and back, rows, dark and light, the list of keys."""
    focused = "document.activeElement.closest('[data-panel]')?.dataset.panel"
    shown = "[...document.querySelectorAll('[data-panel]')].map(one => one.dataset.panel)"
    pressed(page, "j")
    pressed(page, "j")
    assert page.evaluate(focused) == "2"
    pressed(page, "v")
    assert page.evaluate(shown) == ["2"]
    pressed(page, "Escape")
    assert page.evaluate(shown) == ["1", "2"]
    pressed(page, "r")
    assert page.evaluate(shown) == ["1", "2", "3"]
    pressed(page, "r")
    assert page.evaluate(shown) == ["1", "2"]
    pressed(page, "r")
    pressed(page, "t")
    assert page.evaluate("[document.body.className, preview.measure().panels['3'].colors]") == [
        "theme-light",
        ["orange"],
    ]
    pressed(page, "?")
    assert page.evaluate("document.querySelector('.keys').textContent.includes('dark or light')")


def said(path: Path) -> bytes:
    """Return the command line of a process, nothing of one that has just ended."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_an_interrupt_leaves_nothing_running_and_no_file(tmp_path: Path) -> None:
    """Ctrl-C while it draws: the browser ends, its profile and half-drawn files go."""
    (tmp_path / "answers.json").write_bytes(orjson.dumps(board(*KINDS.values())))
    script = (
        "import orjson, pathlib\nfrom obs.preview.drawing import draw\n"
        "document = orjson.loads(pathlib.Path('answers.json').read_bytes())\n"
        "told = lambda text: print(text, flush=True)\n"
        "draw({str(n): document for n in range(50)}, pathlib.Path('out'), progress=told)\n"
    )
    # The path of a socket has room for 107 letters, which pytest's own folders use up.
    with tempfile.TemporaryDirectory(prefix="obs-") as work:
        environ = os.environ | {"TMPDIR": work, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", script]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            assert running.stdout
            while "drawing 1" not in running.stdout.readline():
                assert running.poll() is None, running.communicate()
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
        assert list(Path(work).iterdir()) == []
        assert {path.name.split(".")[0] for path in (tmp_path / "out").iterdir()} == {"0"}
        assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if work.encode() in said(path)]


def test_a_browser_that_dies_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last line it wrote is quoted, and nothing is left in the folder."""
    drawn(board(KINDS["stat"]), tmp_path / "warm")
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "chromium").write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo Chromium 130.0.1; exit; }\necho no display >&2\nexit 3\n'
    )
    (bin_folder / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    with pytest.raises(DrawingError, match=r"chromium ended with status 3: no display$"):
        drawn(board(KINDS["text"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_network_npm_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where packages are to be installed and can't be, the reason is npm's, and nothing is left behind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    with pytest.raises(
        DrawingError, match=r"^Grafana's components can't be installed: npm ci ended with status 1: .*127\.0\.0\.1"
    ):
        drawn(board(KINDS["text"]), tmp_path / "out")
    assert [path.name for path in (tmp_path / "cache/watchkeeper-obs/preview").iterdir()] == ["lock"]
    shutil.rmtree(tmp_path / "npm")
