"""What is planted into a picture is found without eyes: the real Prometheus answers, the real Chromium draws."""

import copy
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from obs import content
from obs.alerting import rules
from obs.alerting.render import group_body
from obs.boards.model import panels
from obs.preview import history, judging, lint
from obs.preview.answering import Data, answered, committed
from obs.preview.answers import Answers, Layout
from obs.preview.drawing import draw
from obs.preview.history import Blocks
from obs.preview.serving import ServingError
from obs.preview.story import Teller
from obs.programs import programs
from obs.programs.waiting import until
from obs.replay import scenario
from obs.stack import Stack
from tests.e2e.programs import program

EVERYTHING = 'ALERTS{alertstate="firing"}'
FAILS = "One route of many fails"
DEAD = "Redis is dead, and the API with it"

Board = dict[str, Any]


@pytest.fixture(scope="module")
def boards(root: Path) -> dict[str, Board]:
    """Return the committed dashboards."""
    return committed(root)


@pytest.fixture(scope="module")
def teller(production: Stack) -> Teller:
    """Return who tells the stories of the committed stack."""
    return Teller(production, content.here())


@pytest.fixture(scope="module")
def data(production: Stack, root: Path, teller: Teller) -> Data:
    """Return an ordinary hour, evaluated by the committed rules."""
    for name in ("prometheus", "node"):
        program(name)
    bodies = [group_body(production, group) for group in rules.groups(production)]
    return Data(programs.find(root), production, bodies, teller.ordinary())


def only(board: Board, *titles: str) -> Board:
    """Return a board with these panels alone, below each other."""
    kept = [copy.deepcopy(panel) for panel in panels(board) if panel.get("title") in titles]
    assert len(kept) == len(titles)
    y = 0
    for panel in kept:
        panel["gridPos"] |= {"x": 0, "y": y}
        y += panel["gridPos"]["h"]
    return copy.deepcopy({key: value for key, value in board.items() if key != "panels"}) | {"panels": kept}


def planted(boards: dict[str, Board]) -> Board:
    """Return a board with one fault of each kind that an ordinary hour shows."""
    board = only(boards["api"], "Failing", "Error ratio", "Latency")
    number, ratio, latency = board["panels"]
    del number["targets"][0]["instant"]
    number["targets"][0]["range"] = True
    whole = ratio["targets"][0]["expr"]
    ratio["targets"][0]["expr"] = whole[: whole.index(" or 0 * ")] + ")" + whole[whole.index(" / (") :]
    latency["fieldConfig"]["defaults"]["thresholds"]["steps"][-1]["value"] = 300
    (pages,) = [one for one in board["annotations"]["list"] if one["name"] == "Pages"]
    pages["expr"] = EVERYTHING
    return board


@pytest.fixture(scope="module")
def ordinary(data: Data, boards: dict[str, Board], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what is said of a board with faults in an ordinary hour."""
    answers = answered(data, {"planted": planted(boards), "sound": only(boards["api"], "Failing", "Error ratio")})
    layouts = draw(answers, tmp_path_factory.mktemp("ordinary"))
    return [str(flaw) for flaw in judging.ordinary(answers, layouts, ())]


@pytest.mark.parametrize(
    "said",
    [
        "planted / Failing: shows the last value of a range: what is dead keeps it, in green; ask once, with instant",
        "planted / Error ratio: shows 'No data' in an ordinary hour: say with empty= what that means",
        "planted / Latency: its limit 300 is off the axis: let the axis reach it",
        "planted: the annotation 'Pages' marks an ordinary hour: Watchdog",
    ],
)
def test_each_kind_is_named_with_its_panel(ordinary: list[str], said: str) -> None:
    """Instant removed, a ratio without its zero, a limit beyond the axis, the Watchdog among the pages."""
    assert said in [line.rstrip() for line in ordinary]


def test_nothing_is_said_of_what_is_sound(ordinary: list[str]) -> None:
    """The same panels as they are committed have no fault."""
    assert [line for line in ordinary if line.startswith("sound")] == []


def drawn_incident(data: Data, teller: Teller, board: Board, into: Path, name: str = FAILS) -> tuple[Answers, Layout]:
    """Return a board in an incident, asked and drawn."""
    told = next(one for one in scenario.read(teller.stack, teller.content) if one.name == name)
    inside = Data(data.programs, data.stack, data.groups, teller.incident(told))
    answers = answered(inside, {"routes": board})
    return answers["routes"], draw(answers, into)["routes"]


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "sorted the other way"])
def test_a_table_begins_with_the_worst(
    data: Data, teller: Teller, boards: dict[str, Board], tmp_path: Path, turned: bool
) -> None:
    """In an incident the broken route is the first row; sorted the other way, the table is named."""
    board = only(boards["api"], "Routes")
    (sort,) = board["panels"][0]["options"]["sortBy"]
    sort["desc"] = sort["desc"] is not turned

    _, layout = drawn_incident(data, teller, board, tmp_path)

    said = "routes / Routes: the first row is well and row 2 is not"
    assert [str(flaw) for flaw in lint.incident("routes", layout)] == ([said] if turned else [])


def test_no_number_of_a_dead_api_is_green(data: Data, teller: Teller, boards: dict[str, Board], tmp_path: Path) -> None:
    """What looks back over an hour, or over a day of visits, says so too where nothing counts any more."""
    windows = only(boards["api"], "Failing", "Burn rate, 1 h", "Requests answered in time, 1 h")
    windows["panels"] += only(boards["ux"], "LCP p75")["panels"]

    _, layout = drawn_incident(data, teller, windows, tmp_path, DEAD)

    shown = {one["title"]: [(v["text"], v["color"]) for v in one["values"]] for one in layout["panels"].values()}
    assert shown == {title: [("no data", "orange")] for title in shown}
    assert len(shown) == 4


def test_an_alert_whose_panel_shows_no_trouble_is_named(
    data: Data, teller: Teller, boards: dict[str, Board], tmp_path: Path
) -> None:
    """Without its limits a panel stays green inside the firing case; as committed it does not."""
    alerts = [alert for group in rules.groups(data.stack) for alert in group.alerts if alert.name == "RedisMemoryFull"]
    sound = only(boards["redis"], "Memory used of maxmemory")
    green = copy.deepcopy(sound)
    green["panels"][0]["fieldConfig"]["defaults"]["thresholds"]["steps"] = [{"color": "green"}]

    found = []
    for number, board in enumerate((sound, green)):
        links = list(judging.linked(alerts, {"redis": board}))
        drawing = partial(draw, into=tmp_path / str(number))
        found.append(judging.firing(data, teller, {"redis": board}, links, draw=drawing, progress=lambda _: None))

    assert found[0] == []
    (flaw,) = found[1]
    assert (flaw.board, flaw.panel) == ("redis", "Memory used of maxmemory")
    assert flaw.what.startswith("shows no trouble while RedisMemoryFull fires")


def test_a_story_is_told_once(data: Data, teller: Teller, boards: dict[str, Board], monkeypatch: Any) -> None:
    """What was asked before is not asked again: no program is started."""
    first = answered(data, {"jobs": boards["jobs"]})

    def refuse(*_: object, **__: object) -> Iterator[None]:
        raise AssertionError("a server was started")

    monkeypatch.setattr(history, "opened", refuse)
    assert json.dumps(answered(data, {"jobs": boards["jobs"]}), sort_keys=True) == json.dumps(first, sort_keys=True)


def test_a_prometheus_that_dies_half_way_is_one_error(
    data: Data, boards: dict[str, Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said how it ended; nothing is kept of what it answered before, and nothing is left of it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    board = only(boards["jobs"], "Waiting", "Depth") | {"title": f"asked in {tmp_path}"}

    def kill(said: str) -> None:
        if said.startswith("asking"):
            (server,) = servers(tmp_path)
            os.kill(int(server.name), signal.SIGKILL)
            until("its end", lambda: not servers(tmp_path), within=10)

    with pytest.raises(ServingError, match=r"^prometheus ended with status -9: [^(]*$"):
        answered(data, {"board": board}, kill)
    assert list(tmp_path.iterdir()) == []
    assert list(running(tmp_path)) == []

    again = answered(data, {"board": board})["board"]

    assert {target["error"] for one in again["panels"].values() for target in one["targets"]} == {None}


def said_by(process: Path) -> bytes:
    """Return the command line of a process, nothing of one that has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def running(folder: Path) -> list[Path]:
    """Return the processes that were started with a file below ``folder``."""
    return [one for one in Path("/proc").glob("[0-9]*") if str(folder).encode() in said_by(one)]


def servers(folder: Path) -> list[Path]:
    """Return the Prometheus that has its data below ``folder``."""
    return [one for one in running(folder) if b"--storage.tsdb.path" in said_by(one)]


def test_an_interrupt_while_a_server_is_asked_leaves_nothing(data: Data, root: Path) -> None:
    """Ctrl-C before anything is drawn: one word, and neither a Prometheus nor its folder."""
    with tempfile.TemporaryDirectory(prefix="obs-") as work:
        new = ["--last", f"{3600 + os.getpid() % 1000}s"]  # asked for the first time
        command = [shutil.which("obs") or "obs", "preview", "jobs", "--out", f"{work}/out", *new]
        environ = os.environ | {"TMPDIR": work}
        with subprocess.Popen(command, cwd=root, env=environ, stderr=subprocess.PIPE, text=True) as begun:
            until("a Prometheus", lambda: servers(Path(work)), within=60)
            begun.send_signal(signal.SIGINT)
            _, said = begun.communicate(timeout=60)
        assert (begun.returncode, said.strip().splitlines()[-1]) == (2, "obs: interrupted")
        assert [path.name for path in Path(work).iterdir() if path.name != "out"] == []
        assert running(Path(work)) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(root: Path, tmp_path: Path) -> None:
    """The file is named; exit code 2."""
    taken = tmp_path / "an-ordinary-hour/jobs.answers.json"
    taken.mkdir(parents=True)

    done = subprocess.run(
        [shutil.which("obs") or "obs", "preview", "jobs", "--out", tmp_path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (2, f"obs: {taken}: can't be written: Is a directory\n")


def test_exported_blocks_are_asked_where_they_end(data: Data, boards: dict[str, Board], tmp_path: Path) -> None:
    """A folder of a Prometheus' data, copied from where it ran, answers as the story it holds; it is left as it is."""
    with history.opened(data.programs, data.groups, data.source):
        pass  # told, and kept
    kept = history.KEPT / "stories" / history.key(data.source, data.groups)
    before = sorted(path.name for path in kept.rglob("*"))
    blocks = Data(data.programs, data.stack, (), Blocks(kept, 3600))

    found = answered(blocks, {"redis": boards["redis"]})["redis"]

    assert found["range"]["to"] == answered(data, {"redis": boards["redis"]})["redis"]["range"]["to"]
    targets = [target for one in found["panels"].values() for target in one["targets"]]
    assert all(target["error"] is None for target in targets)
    assert any(target["result"] and target["result"]["result"] for target in targets)
    assert sorted(path.name for path in kept.rglob("*")) == before
