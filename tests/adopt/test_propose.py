"""Is an edit made in Grafana offered back as a change of the source that really says it?"""

import copy
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from obs import content
from obs.adopt import Proposal, patch, propose
from obs.diff import diff_dashboard, diff_rule_group
from obs.stack import load
from tests.diff.boards import alert, rules, words

ROOT = Path(__file__).parents[2]
STACK = load(ROOT / "stack.toml")
Model = dict[str, Any]


def offered(slug: str, edit: Callable[[dict[str, Model], Model], Any]) -> list[Proposal]:
    """Return what is proposed after a person edited a dashboard's panels (by title) or itself."""
    code = content.here().dashboards[slug](STACK).model
    live = orjson.loads(orjson.dumps(code))  # not a copy: panels of one style share their inside
    edit({panel["title"]: panel for panel in live["panels"] if panel["type"] != "row"}, live)
    return propose(diff_dashboard(code, live), live, root=ROOT, stack_file=ROOT / "stack.toml")


def steps(panel: Model) -> list[Model]:
    """Return a panel's threshold steps."""
    found: list[Model] = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return found


def swap(one: Model, other: Model) -> None:
    """Exchange the places of two panels."""
    one["gridPos"], other["gridPos"] = other["gridPos"], one["gridPos"]


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda panels, _: panels["Uptime"].update(description="New."), '+            why="New.",'),
        (lambda panels, _: panels["Uptime"].update(title="Age"), '+            "Age",'),
        (lambda panels, _: panels["Uptime"]["fieldConfig"]["defaults"].update(unit="h"), '+            unit="h",'),
        (
            lambda panels, _: panels["Hit ratio"]["fieldConfig"]["defaults"].update(decimals=2),
            "+            decimals=2,",
        ),
        (lambda panels, _: steps(panels["Memory used of maxmemory"])[1].update(value=0.7), "+redis_memory_ratio = 0.7"),
        (lambda panels, _: swap(panels["Redis up"], panels["Exporter up"]), '+            "Exporter up",'),
        (lambda _, live: live["time"].update({"from": "now-2d"}), '+        span="2d",'),
        (lambda _, live: live.update(title=f"{STACK.service.name} / Cache"), '+        title="Cache",'),
        (lambda _, live: live.update(description="New."), '+        why="New.",'),
    ],
)
def test_an_edit_that_is_an_argument_becomes_a_patch(edit: Callable[[dict[str, Model], Model], Any], line: str) -> None:
    """Title, unit, threshold, description, order and range go back into Python or the stack file they come from."""
    proposals = offered("redis", edit)

    assert proposals
    assert all(proposal.mapped for proposal in proposals)
    assert line in patch(proposals).splitlines()


def test_a_limit_and_the_axis_that_shows_it_are_one_edit() -> None:
    """The reach of the axis follows from the threshold, so moving the one in Grafana is enough."""
    (proposal,) = offered("stack", lambda panels, _: steps(panels["Alertmanagers"])[1].update(value=2))

    assert proposal.mapped
    assert "+            steps=at_least(2)," in patch([proposal]).splitlines()


def test_a_renamed_panel_keeps_its_id() -> None:
    """Saved links survive, because the old title stays as the slug."""
    (proposal,) = offered("redis", lambda panels, _: panels["Uptime"].update(title="Age"))

    assert '+            slug="Uptime",' in patch([proposal]).splitlines()


def test_a_patch_applies_and_the_dashboard_then_matches_grafana(tmp_path: Path) -> None:
    """Several edits make one patch; git takes it, and the patched code builds what a person sees in Grafana."""
    live: Model = {}

    def edit(panels: dict[str, Model], model: Model) -> None:
        panels["Hit ratio"]["fieldConfig"]["defaults"]["decimals"] = 2
        swap(panels["Redis up"], panels["Exporter up"])
        panels["Commands"] |= {"title": "Commands per second", "description": 'Quoted "words", and ünïcode.'}
        model["time"]["from"] = "now-2d"
        live.update(copy.deepcopy(model))

    proposals = offered("redis", edit)
    for package in ("alerts", "dashboards", "metrics"):
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "stack.toml", tmp_path)
    subprocess.run(("git", "init", "-q"), cwd=tmp_path, check=True)
    subprocess.run(("git", "apply", "-"), cwd=tmp_path, input=patch(proposals).encode(), check=True)
    built = (
        "import sys, orjson, pathlib; from obs import content, stack;"
        "model = content.here().dashboards['redis'](stack.load(pathlib.Path('stack.toml'))).model;"
        "sys.stdout.buffer.write(orjson.dumps(model))"
    )
    made = subprocess.run((sys.executable, "-c", built), cwd=tmp_path, capture_output=True, check=True).stdout

    assert all(proposal.mapped for proposal in proposals)
    left = ['Commands per second: legend "Commands per second" to "Commands"']  # unseen: `number` repeats its title
    assert words(diff_dashboard(orjson.loads(made), live)) == left


def test_nothing_on_disk_changes_by_asking() -> None:
    """A proposal is an offer: the checkout is as it was."""
    before = (ROOT / "dashboards" / "redis.py").read_bytes(), (ROOT / "stack.toml").read_bytes()

    offered("redis", lambda panels, _: panels["Uptime"].update(title="Age"))

    assert before == ((ROOT / "dashboards" / "redis.py").read_bytes(), (ROOT / "stack.toml").read_bytes())


def test_a_computed_query_is_taken_over_as_it_is_written_in_grafana() -> None:
    """What words compute gives way to the text, in the place of the words and nowhere else."""
    offers = offered(
        "redis",
        lambda panels, _: (
            panels["Hit ratio"]["targets"][0].update(expr="vector(1)"),
            panels["Commands"]["targets"][0].update(expr="sum(redis_commands_processed_total)"),
        ),
    )

    lines = patch(offers).splitlines()

    assert all(offer.mapped for offer in offers)
    assert any("vector(1)" in line for line in lines if line.startswith("+"))
    assert '+            "sum(redis_commands_processed_total)",' in [
        line.replace("    " * 2, "  ") for line in lines
    ] or any("sum(redis_commands_processed_total)" in line for line in lines if line.startswith("+"))


def test_a_panel_added_in_grafana_is_added_beside_its_neighbours() -> None:
    """The new panel is written in the vocabulary, with the names it needs imported."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 900}]
    new = {
        "id": 77,
        "title": "Open files",
        "type": "stat",
        "gridPos": {"x": 0, "y": 500, "w": 4, "h": 4},
        "targets": [{"refId": "A", "expr": "sum(process_open_fds)", "instant": True}],
        "fieldConfig": {"defaults": {"thresholds": {"mode": "absolute", "steps": steps}}},
    }

    (proposal,) = offered("redis", lambda _, live: live["panels"].append(new))

    lines = [line.strip("+ ") for line in patch([proposal]).splitlines() if line.startswith("+")]
    assert proposal.mapped
    assert '"Open files",' in lines
    assert '"sum(process_open_fds)",' in lines


def test_a_panel_without_neighbours_comes_as_python_to_paste() -> None:
    """Where the code has no list to put it into, the reader gets the panel."""

    def alone(_: dict[str, Model], live: Model) -> None:
        live["panels"] = [{"id": 1, "title": "Alone", "type": "stat", "gridPos": {"x": 0, "y": 0, "w": 4, "h": 4}}]

    offers = {offer.sentence.subject: offer for offer in offered("redis", alone)}

    assert not offers["Alone"].mapped
    assert "paste it into its row of dashboards/redis.py" in offers["Alone"].reason
    assert offers["Alone"].look.startswith("panels.")


STALLED = ("Oldest waiting", "Oldest waiting job")
"""The panels of Jobs that one threshold colours."""

EDITS: dict[str, Callable[[Model], Any]] = {
    "threshold": lambda panel: steps(panel)[-1].update(value=0.123),
    "query": lambda panel: panel["targets"][0].update(expr="vector(1)"),
    "unit": lambda panel: panel["fieldConfig"]["defaults"].update(unit="lux"),
    "width": lambda panel: panel["gridPos"].update(w=3),
    "legend": lambda panel: panel["targets"][0].update(legendFormat="mine"),
    "legend's place": lambda panel: panel["options"]["legend"].update(placement="right", displayMode="table"),
    "colour": lambda panel: panel["fieldConfig"]["defaults"].update(color={"mode": "fixed", "fixedColor": "purple"}),
    "stacking": lambda panel: panel["fieldConfig"]["defaults"].setdefault("custom", {}).update(fillOpacity=77),
    "description": lambda panel: panel.update(description="Otherwise."),
    "links": lambda panel: panel.update(links=[{"title": "Wiki", "url": "https://wiki.example.org"}]),
}
"""What people change in a panel."""


@pytest.mark.parametrize("kind", EDITS)
def test_what_people_edit_in_a_panel_is_offered(kind: str) -> None:
    """Each edit of a panel is a patch that was built and compared, whatever words made the panel."""
    edited = ("Error ratio", "Requests by status") if kind != "threshold" else ("Error ratio",)

    offers = offered("api", lambda panels, _: [EDITS[kind](panels[title]) for title in edited])

    assert {offer.sentence.subject for offer in offers} == {*edited}
    assert [(offer.sentence.subject, offer.sentence.text) for offer in offers if not offer.mapped] == []


def test_a_panel_that_is_computed_whole_is_said_to_be() -> None:
    """The reader learns why there is no patch, and sees what Grafana holds."""
    (offer,) = offered("api", lambda panels, _: panels["Latency budget left"].update(description="Otherwise."))

    assert (offer.mapped, offer.look) == (False, '"Otherwise."')
    assert offer.reason == "dashboards/api.py computes this panel whole: its title is written nowhere"


@pytest.mark.parametrize(
    "edit",
    [
        lambda live: live.update(refresh="5m"),
        lambda live: live.update(timezone="utc"),
        lambda live: live.update(tags=[*live["tags"], "mine"]),
        lambda live: live["templating"]["list"].append({"name": "mine", "type": "custom", "query": "a,b"}),
        lambda live: live["annotations"]["list"].append({"name": "Mine", "enable": True, "expr": "up == 0"}),
        lambda live: live["links"].append({"title": "Wiki", "type": "link", "url": "https://wiki.example.org"}),
        lambda live: live["panels"].remove(next(one for one in live["panels"] if one["title"] == "Uptime")),
    ],
)
def test_what_people_edit_in_a_board_is_offered(edit: Callable[[Model], Any]) -> None:
    """Refresh, time zone, tags, a variable, an annotation, a link, a panel that went."""
    offers = offered("redis", lambda _, live: edit(live))

    assert offers
    assert [(offer.sentence.text, offer.reason) for offer in offers if not offer.mapped] == []


def variable(live: Model, name: str) -> Model:
    """Return a variable of a dashboard."""
    found: Model = next(one for one in live["templating"]["list"] if one["name"] == name)
    return found


ASKED_BY_JOB = {"query": {"query": "label_values(up, job)", "refId": "x"}, "definition": "label_values(up, job)"}


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (lambda live: variable(live, "route").update(label="Path"), 'JOB.eq(stack.targets.api.job), words="Path"),),'),
        (lambda live: variable(live, "route").update(multi=False), 'words="Route") | {"multi": False}'),
        (lambda live: variable(live, "route").update(ASKED_BY_JOB), '"definition": "label_values(up, job)",'),
        (lambda live: variable(live, "instance").update(ASKED_BY_JOB), '"definition": "label_values(up, job)",'),
        (lambda live: variable(live, "environment").update(hide=2), '"hide": 2,'),
        (
            lambda live: variable(live, "instance").update(current={"text": ["a"], "value": ["a"]}),
            '"current": {"text": ["a"], "value": ["a"]},',
        ),
        (
            lambda live: live["templating"].update(
                list=[
                    {"name": "instance", "type": "custom", "query": "a,b"} if one["name"] == "instance" else one
                    for one in live["templating"]["list"]
                ]
            ),
            '{"name": "instance", "type": "custom", "query": "a,b"},',
        ),
        (lambda live: live["templating"]["list"].reverse(), '"name": "logs",'),
    ],
)
def test_a_variable_that_people_changed_is_offered(edit: Callable[[Model], Any], line: str) -> None:
    """One of the board's own, in its own words where they can say it, or one that every board has."""
    offers = offered("api", lambda _, live: edit(live))

    assert offers
    assert [(offer.sentence.text, offer.reason) for offer in offers if not offer.mapped] == []
    assert any(line in one for one in patch(offers).splitlines() if one.startswith("+"))


@pytest.mark.parametrize(("slug", "name"), [("redis", "environment"), ("redis", "instance"), ("jobs", "queue")])
def test_a_variable_that_people_removed_is_offered_once_nothing_asks_for_it(slug: str, name: str) -> None:
    """Without it the queries that still ask for it would find nothing, so that comes first."""

    def remove(live: Model) -> None:
        live["templating"]["list"].remove(variable(live, name))

    def unasked(live: Model) -> None:
        remove(live)
        text = re.sub(rf',?\s*\w+=~\\"\${name}\\"', "", orjson.dumps(live).decode()).replace(f"${{{name}", "${other")
        model = orjson.loads(re.sub(rf"\${name}\b", "", text))
        live.clear()
        live.update(model)

    (still,) = offered(slug, lambda _, live: remove(live))
    gone = next(one for one in offered(slug, lambda _, live: unasked(live)) if one.sentence.field == "variable")

    assert (still.mapped, still.reason) == (
        False,
        f"panels or other variables still ask for ${name}: take it out of their queries first",
    )
    assert gone.mapped
    assert (f'without=("{name}",)' in patch([gone])) == (name != "queue")


@pytest.mark.parametrize("slug", content.here().dashboards)
def test_every_edit_of_every_panel_gets_an_answer_that_holds(slug: str) -> None:
    """Whatever the panel, a new unit is either a patch that was built and compared, or the live value and a reason."""

    def edit(panels: dict[str, Model], _: Model) -> None:
        for panel in panels.values():
            if "unit" in panel.get("fieldConfig", {}).get("defaults", {}):
                panel["fieldConfig"]["defaults"]["unit"] = "lux"

    for proposal in offered(slug, edit):
        assert proposal.sentence.field == "unit"
        assert proposal.mapped or (proposal.look == '"lux"' and proposal.reason)


def test_what_no_module_builds_is_shown_and_explained() -> None:
    """Rules and foreign dashboards are not guessed at."""
    change = diff_rule_group(rules(alert()), rules(alert() | {"for": "10m"}))

    (proposal,) = propose(change, {}, root=ROOT, stack_file=ROOT / "stack.toml")

    assert (proposal.mapped, proposal.look) == (False, '"10m"')
    assert "rule-group" in proposal.reason


def test_an_edit_changes_no_other_panel() -> None:
    """The limit of the error ratio also colours the table of routes: it is laid over this panel alone."""
    (proposal,) = offered("api", lambda panels, _: steps(panels["Error ratio"])[1].update(value=0.05))

    assert proposal.mapped
    assert any("raw=" in line for line in patch([proposal]).splitlines() if line.startswith("+"))


def test_edits_of_several_dashboards_make_one_patch() -> None:
    """The stack file, which both share, gets both edits."""
    redis = offered("redis", lambda panels, _: steps(panels["Memory used of maxmemory"])[1].update(value=0.7))
    jobs = offered("jobs", lambda panels, _: [steps(panels[title])[1].update(value=600) for title in STALLED])

    lines = patch([*redis, *jobs]).splitlines()

    assert [line for line in lines if line.startswith("+++")] == ["+++ b/stack.toml"]
    assert {"+redis_memory_ratio = 0.7", "+job_stalled_seconds = 600"} <= set(lines)
