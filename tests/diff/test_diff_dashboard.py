"""Does a changed dashboard yield exactly the sentence that says so?"""

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs.diff import DiffError, diff_dashboard
from tests.diff.boards import Model, any_dashboard, board, panel, row, usual, words


def edited(edit: Callable[[Model], Any]) -> list[str]:
    """Return what is said of the usual dashboard after an edit."""
    after = usual()
    edit(after)
    return words(diff_dashboard(usual(), after))


def defaults(after: Model, at: int = 1) -> Model:
    """Return a panel's field defaults."""
    found: Model = after["panels"][at]["fieldConfig"]["defaults"]
    return found


def put(*path: Any, value: Any) -> Callable[[Model], None]:
    """Return the edit that sets one value."""

    def edit(after: Model) -> None:
        place: Any = after
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return edit


STEPS = ("panels", 1, "fieldConfig", "defaults", "thresholds", "steps")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (put(*STEPS, 1, "value", value=0.02), ["Error ratio: threshold 1 % to 2 %"]),
        (put(*STEPS, 1, "color", value="orange"), ['Error ratio: colour from 1 % "red" to "orange"']),
        (
            put(*STEPS, value=[{"color": "green", "value": None}]),
            ["Error ratio: thresholds green, red from 1 % to green"],
        ),
        (put("panels", 1, "fieldConfig", "defaults", "unit", value="s"), ["Error ratio: unit percentunit to s"]),
        (put("panels", 1, "fieldConfig", "defaults", "max", value=1), ["Error ratio: max set to 1"]),
        (put("panels", 1, "title", value="Failures"), ['Error ratio: renamed to "Failures"']),
        (
            put("panels", 1, "description", value="New."),
            ['Error ratio: description "What Error ratio means." to "New."'],
        ),
        (put("panels", 1, "type", value="stat"), ['Error ratio: visualisation "timeseries" to "stat"']),
        (put("panels", 1, "datasource", "uid", value="mimir"), ["Error ratio: data source prometheus to mimir"]),
        (
            put("panels", 1, "options", "legend", "displayMode", value="table"),
            ['Error ratio: legend mode "list" to "table"'],
        ),
        (put("panels", 1, "options", "odd", value={"deep": 1}), ["Error ratio: options.odd.deep set to 1"]),
        (put("panels", 1, "targets", 0, "legendFormat", value="all"), ['Error ratio: legend "{{route}}" to "all"']),
        (put("panels", 1, "gridPos", "w", value=6), ["Error ratio: width 12 to 6 of 24"]),
        (put("panels", 1, "id", value=99), ["(panel id 2 to 99)"]),
        (put("panels", 0, "title", value="Load"), ['row "Requests": renamed to "Load"']),
        (put("panels", 0, "collapsed", value=True), ['row "Requests": collapsed']),
        (put("title", value="Service"), ['title "API" to "Service"']),
        (put("tags", value=["api", "slo"]), ['tags: "slo" added']),
        (put("time", "from", value="now-1h"), ['time range from "now-6h" to "now-1h"']),
        (put("refresh", value="1m"), ['refresh every set to "1m"']),
        (put("folderUid", value="team"), ['folder set to "team"']),
        (put("templating", "list", 0, "multi", value=True), ['variable "route": several values selectable on']),
        (put("templating", "list", value=[]), ['variable "route" removed']),
        (put("annotations", "list", 0, "enable", value=False), ['annotation "Deploys": shown off']),
        (put("links", value=[]), ['link "Runbook" removed']),
    ],
    ids=lambda value: str(value[0]) if isinstance(value, list) else "",
)
def test_one_edit_is_one_sentence(edit: Callable[[Model], Any], said: list[str]) -> None:
    """Each kind of edit is said in its own words, and nothing else is."""
    assert edited(edit) == said


def test_a_changed_query_shows_only_the_part_that_changed() -> None:
    """The reader sees the selector that changed, formatted on both sides, not the whole ratio."""
    after = usual()
    target = after["panels"][1]["targets"][0]
    target["expr"] = target["expr"].replace("5..", "4..")

    (sentence,) = diff_dashboard(usual(), after).sentences

    assert (sentence.subject, sentence.text) == ("Error ratio", "query")
    assert sentence.before == 'http_requests_total{status=~"5..", …}[$__rate_interval]'
    assert sentence.after == 'http_requests_total{status=~"4..", …}[$__rate_interval]'


def test_queries_come_go_and_change_order_by_letter() -> None:
    """A second query is added under its letter; swapping two is an order, not two changes."""
    two = [{"refId": "A", "expr": "up"}, {"refId": "B", "expr": "down"}]
    before, after = board(panel(1, "Up", targets=two[:1])), board(panel(1, "Up", targets=two))

    assert words(diff_dashboard(before, after)) == ["Up: query B added"]
    swapped = board(panel(1, "Up", targets=two[::-1]))
    assert words(diff_dashboard(after, swapped)) == ["Up: queries: order changed to B, A"]


def test_an_added_row_pushes_panels_without_a_word_each() -> None:
    """What is pushed down is counted in one hidden sentence, so the addition stands out."""

    def insert(after: Model) -> None:
        for one in after["panels"]:
            one["gridPos"]["y"] += 1
        after["panels"].insert(0, row(9, "Promises", 0))

    assert edited(insert) == ['row "Promises": added', "(4 panels moved down by one grid row)"]


def test_an_added_panel_is_named_with_its_row_and_query() -> None:
    """An addition says where and what it reads."""
    after = usual()
    after["panels"].append(panel(6, "Queue", y=17, expr="sum (waiting)"))

    (sentence,) = diff_dashboard(usual(), after).sentences

    assert (sentence.subject, sentence.text) == ("Queue", 'added in row "Requests" (timeseries)')
    assert (sentence.before, sentence.after) == ("", "sum(waiting)")


def test_a_removed_panel_is_named() -> None:
    """A removal says from where."""
    assert edited(lambda after: after["panels"].pop(4)) == ['Uploads: removed from row "Requests" (timeseries)']


def test_the_panel_somebody_moved_is_told_from_those_it_pushed() -> None:
    """Taking the top panel to the bottom moves one panel; the others only follow."""
    stack = [panel(n, f"P{n}", y=8 * n) for n in range(5)]
    after = copy.deepcopy(stack)
    after[0]["gridPos"]["y"] = 40

    change = diff_dashboard(board(*stack), board(*after))

    assert words(change) == ["P0: moved down by 40 grid rows"]


def test_moving_to_another_row_names_both() -> None:
    """A move between rows is told by the rows' titles."""
    before = board(row(1, "Top", 0), panel(2, "A", y=1), row(3, "Low", 9), panel(4, "B", y=10))
    after = copy.deepcopy(before)
    after["panels"][1]["gridPos"]["y"] = 18

    assert words(diff_dashboard(before, after))[0] == 'A: moved from row "Top" to row "Low"'


def test_counted_ids_do_not_turn_every_panel_into_another() -> None:
    """Panels are the same by title where an added one renumbers all below it."""
    before = board(*(panel(n, f"P{n}", y=8 * n, expr=f"m{n}") for n in range(1, 5)))
    added = panel(2, "New", y=16, expr="new")
    after = board(before["panels"][0], added, *(panel(n + 1, f"P{n}", y=8 * n + 8, expr=f"m{n}") for n in range(2, 5)))

    assert words(diff_dashboard(before, after)) == [
        "New: added (timeseries)",
        *[f"(panel id {n} to {n + 1})" for n in range(2, 5)],
        "(3 panels moved down by 8 grid rows)",
    ]


def test_a_renamed_panel_with_a_new_id_is_recognised_by_its_content() -> None:
    """A rename is a rename even where ids are made from titles."""

    def rename(after: Model) -> None:
        after["panels"][2] |= {"title": "Slowest requests", "id": 77}

    assert edited(rename) == ['Latency: renamed to "Slowest requests"', "(panel id 3 to 77)"]


def test_panels_of_one_title_are_told_apart() -> None:
    """A reader learns which of two equal titles is meant."""
    before = board(row(1, "Top", 0), panel(2, "CPU", y=1), row(3, "Low", 9), panel(4, "CPU", y=10))
    after = copy.deepcopy(before)
    defaults(after, 3)["unit"] = "s"

    assert words(diff_dashboard(before, after)) == ["Low / CPU: unit percentunit to s"]


def test_overrides_are_told_by_what_they_match() -> None:
    """An override names its series and the property."""
    override = {"matcher": {"id": "byName", "options": "p99"}, "properties": [{"id": "unit", "value": "s"}]}
    before = board(panel(1, "Latency"))
    after = board(panel(1, "Latency"))
    after["panels"][0]["fieldConfig"]["overrides"] = [override]
    third = copy.deepcopy(after)
    third["panels"][0]["fieldConfig"]["overrides"][0]["properties"][0]["value"] = "ms"

    assert words(diff_dashboard(before, after)) == ['Latency: override for "p99" added (unit)']
    assert words(diff_dashboard(after, third)) == ['Latency: override for "p99": unit "s" to "ms"']


def test_a_limit_in_an_override_is_said_like_any_other() -> None:
    """A column's limit is a threshold in the column's unit."""
    limits = [{"id": "unit", "value": "percentunit"}, {"id": "thresholds", "value": {"steps": [{"value": 0.02}]}}]
    before = board(panel(1, "Routes"))
    before["panels"][0]["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byName", "options": "Errors"}, "properties": limits}
    ]
    after = copy.deepcopy(before)
    after["panels"][0]["fieldConfig"]["overrides"][0]["properties"][1]["value"]["steps"][0]["value"] = 0.05

    assert words(diff_dashboard(before, after)) == ['Routes: override for "Errors": threshold 2 % to 5 %']


def test_a_new_dashboard_lists_its_panels() -> None:
    """Creation and deletion say how much comes and goes."""
    assert words(diff_dashboard(None, usual())) == [
        "added with 4 panels, 1 row, 1 variable: Error ratio; Latency; Traffic; Uploads"
    ]
    assert diff_dashboard(usual(), None).action == "delete"
    assert diff_dashboard(None, None).action == "unchanged"


def test_what_the_server_assigns_is_no_change() -> None:
    """The id and version of one Grafana mean nothing elsewhere."""
    assert edited(lambda after: after.update(id=7, version=12)) == []


def test_an_envelope_is_opened_and_its_folder_compared() -> None:
    """What GET answers compares with a bare model; the folder counts."""
    wrapped = {"dashboard": usual(), "meta": {"folderUid": "team", "version": 3}}

    assert words(diff_dashboard({"dashboard": usual(), "folderUid": "team"}, wrapped)) == []
    assert words(diff_dashboard({"dashboard": usual(), "folderUid": "other"}, wrapped)) == ['folder "other" to "team"']


def test_a_v2_dashboard_is_refused_with_the_way_out() -> None:
    """The new schema has no panels to compare; the message says what to export."""
    v2 = {
        "apiVersion": "dashboard.grafana.app/v2",
        "metadata": {"name": "x"},
        "spec": {"title": "New", "elements": {}, "layout": {}},
    }

    with pytest.raises(DiffError, match=r'dashboard "New" has the v2 schema.*export it from Grafana as Classic'):
        diff_dashboard(usual(), v2)


def test_rows_of_old_grafana_are_read() -> None:
    """Panels in the row list of Grafana 4 are found and compared."""
    before: Model = {
        "title": "Old",
        "rows": [{"title": "Top", "height": "240px", "panels": [panel(1, "A"), panel(2, "B")]}],
    }
    after = copy.deepcopy(before)
    after["rows"][0]["panels"].pop()

    assert words(diff_dashboard(before, after)) == ['B: removed from row "Top" (timeseries)']


@pytest.mark.parametrize("blank", [None, [], {}, "", math.nan])
def test_null_empty_nan_and_absent_are_the_same(blank: Any) -> None:
    """Grafana cannot tell them apart, so no reader is asked to."""
    assert edited(lambda after: defaults(after).update(links=blank, noValue=blank)) == []


def test_five_thousand_panels_that_all_changed_are_compared() -> None:
    """A huge dashboard, renamed and renumbered throughout, is matched, not given up."""
    before = board(*(panel(n, f"Before {n}", y=8 * n, expr=f"metric_{n}") for n in range(5000)))
    after = board(*(panel(n + 5000, f"After {n}", y=8 * n, expr=f"metric_{n}") for n in range(5000)))

    change = diff_dashboard(before, after)

    assert sum(sentence.verb == "renamed" for sentence in change.sentences) == 5000
    assert {sentence.verb for sentence in change.sentences} == {"renamed", "changed"}


def test_five_megabytes_of_text_make_a_short_sentence() -> None:
    """A sentence stays readable whatever a panel holds; Unicode is kept."""
    before, after = board(panel(1, "日本語 🎛")), board(panel(1, "日本語 🎛", description="é" * 5_000_000))

    (said,) = words(diff_dashboard(before, after))

    assert said.startswith("日本語 🎛: description")
    assert len(said) < 300


def test_a_malformed_field_is_reported_by_its_path() -> None:
    """Where a list should be and something else is, the change is still said."""
    assert edited(put("panels", 1, "links", value="none")) == ['Error ratio: links set to "none"']


UNTIMED = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@UNTIMED
@given(any_dashboard)
def test_a_dashboard_compared_with_its_copy_says_nothing(model: Model) -> None:
    """No difference, no sentence, whatever JSON a dashboard holds."""
    assert diff_dashboard(model, copy.deepcopy(model)).action == "unchanged"


@UNTIMED
@given(any_dashboard, any_dashboard)
def test_any_two_dashboards_can_be_compared(old: Model, new: Model) -> None:
    """Malformed models make odd sentences, never a traceback; every sentence is one line."""
    change = diff_dashboard(old, new)

    assert (change.action == "update") == bool(change.sentences)
    assert all(sentence.text and "\n" not in sentence.text for sentence in change.sentences)


@UNTIMED
@given(st.sampled_from(["options", "fieldConfig", "x"]), st.text(min_size=1, max_size=5), st.integers(1, 9))
def test_no_difference_goes_unsaid(section: str, field: str, value: int) -> None:
    """A field nobody has a name for is still reported, by its path."""
    after = usual()
    after["panels"][1].setdefault(section, {})[field] = value

    assert len(diff_dashboard(usual(), after).sentences) == 1
