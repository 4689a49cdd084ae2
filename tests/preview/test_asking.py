"""What is put in the place of variables, what repeats, what rules would have written, and what a case becomes."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from obs import content
from obs.alerting import rules
from obs.alerting.samples import expand
from obs.preview import lint, playing
from obs.preview.answers import Drawn
from obs.preview.ask import NO_LOKI
from obs.preview.filling import Choice, built_in, chosen, filled, interval
from obs.preview.remote import RemoteWriteError, write
from obs.preview.repeating import repeated
from obs.preview.story import HOUR, NOW, Series, Story, Teller
from obs.replay import scenario
from obs.stack import Stack


@pytest.fixture(scope="module")
def teller(production: Stack) -> Teller:
    """Return who tells the stories of the committed stack."""
    return Teller(production, content.here())


@pytest.mark.parametrize(
    ("span", "width", "step"),
    [(3600, 620, 15), (6 * 3600, 620, 30), (6 * 3600, 1880, 15), (24 * 3600, 620, 120), (30 * 86400, 620, 3600)],
)
def test_a_step_is_rounded_as_grafana_does(span: float, width: float, step: float) -> None:
    """As many points as a panel is wide, in round steps, and never less than a scrape."""
    assert interval(span, width, 15) == step


def test_windows_follow_step_and_scrape() -> None:
    """A rate looks back over four scrapes at least; a range is that of the page."""
    told = {name: choice.value for name, choice in built_in(3600, 15, 15).items()}

    assert (told["__rate_interval"], told["__interval"], told["__range"], told["__range_s"]) == (
        "60s",
        "15s",
        "3600s",
        "3600",
    )
    assert built_in(86400, 120, 15)["__rate_interval"].value == "135s"


@pytest.mark.parametrize(
    ("choice", "text", "query"),
    [
        (Choice("a.b"), 'x{l="$v"}', 'x{l="a.b"}'),
        (Choice(("a.b",)), 'x{l=~"$v"}', 'x{l=~"a\\\\.b"}'),
        (Choice(("a", "b|c")), 'x{l=~"${v}"}', 'x{l=~"(a|b\\\\|c)"}'),
        (Choice(("a", "b"), ".*", "All"), 'x{l=~"[[v]]"}', 'x{l=~".*"}'),
        (Choice(("a", "b")), "${v:csv} ${v:pipe}", "a,b a|b"),
        (Choice(("a", "b")), "${v:json} ${v:doublequote}", '["a", "b"] "a","b"'),
        (Choice("a"), "$other $v", "$other a"),
    ],
)
def test_a_variable_is_written_as_the_data_source_does(choice: Choice, text: str, query: str) -> None:
    """One value as it is, several as a pattern, All as the board says, and what is unknown stays."""
    assert filled(text, {"v": choice}) == query


def test_variables_are_chosen_in_their_order() -> None:
    """All stands for what the board says; a value that is gone gives way to the first there is; chains are filled."""
    asked: list[tuple[str, str]] = []

    def ask(label: str, selector: str) -> Sequence[str]:
        asked.append((label, selector))
        return ["b", "a"]

    declared: list[Mapping[str, Any]] = [
        {"name": "source", "type": "datasource", "current": {"value": "prometheus"}},
        {
            "name": "env",
            "type": "query",
            "query": {"query": "label_values(up, env)"},
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": ".+",
            "current": {"value": ["$__all"]},
        },
        {"name": "job", "type": "query", "query": 'label_values(up{env=~"$env"}, job)', "current": {"value": "gone"}},
        {"name": "most", "type": "custom", "query": "5, 10", "current": {"value": "10"}},
    ]
    found = {name: (choice.value, choice.text, options) for name, choice, options in chosen(declared, ask)}

    assert found["source"][0] == "prometheus"
    assert found["env"] == (("a", "b"), "All", ("a", "b"))
    assert found["job"][0] == "b"
    assert found["most"] == ("10", "10", ("5", "10"))
    assert asked == [("env", "up"), ("job", 'up{env=~".+"}')]


def test_what_repeats_is_there_once_a_value() -> None:
    """A repeated panel takes its place and pushes down what is below; its first copy keeps the id of links."""
    panels: list[dict[str, Any]] = [
        {"id": 1, "type": "stat", "title": "$db", "repeat": "db", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 4}},
        {"id": 2, "type": "stat", "title": "below", "gridPos": {"x": 0, "y": 4, "w": 24, "h": 4}},
        {"id": 3, "type": "row", "title": "of ${db}", "repeat": "db", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}},
        {"id": 4, "type": "stat", "title": "in $db", "gridPos": {"x": 0, "y": 9, "w": 12, "h": 4}},
    ]
    panels[0]["repeatDirection"] = "v"
    model = {"panels": copy.deepcopy(panels)}
    found = repeated(model, {"db": ("a", "b")}, {"db": Choice(("a", "b"), ".*", "All")})["panels"]

    assert [(one["title"], one["gridPos"]["y"]) for one in found] == [
        ("a", 0),
        ("b", 4),
        ("below", 8),
        ("of a", 12),
        ("in a", 13),
        ("of b", 17),
        ("in b", 18),
    ]
    assert [one["id"] for one in found if one["title"] in ("a", "of a", "in a")] == [1, 3, 4]
    assert len({one["id"] for one in found}) == len(found)
    assert model["panels"] == panels


@pytest.mark.parametrize(
    ("rule", "true", "states"),
    [
        ({}, {30}, {30: "F"}),
        ({"for": "1m"}, {0, 30, 60, 90}, {0: "p", 30: "p", 60: "F", 90: "F"}),
        ({"for": "1m"}, {0, 60, 90, 120}, {0: "p", 60: "p", 90: "p", 120: "F"}),
        ({"for": "30s", "keep_firing_for": "1m"}, {0, 30}, {0: "p", 30: "F", 60: "F"}),
    ],
)
def test_alerts_are_pending_and_fire_as_in_prometheus(
    rule: dict[str, str], true: set[int], states: dict[int, str]
) -> None:
    """A condition holds for as long as the rule says before it fires, and a gap begins anew."""
    found = playing.states_of(rule, frozenset(true), range(0, 150, 30))

    assert {at: "F" if active.fires else "p" for at, active in found.items()} == states


def test_promtools_notation_is_read() -> None:
    """Numbers that rise, repeat, are left out, or end."""
    assert expand("1+2x2 5x1 _x2 -1 stale") == [1, 3, 5, 5, 5, None, None, -1, "stale"]


def named(story: Story, name: str, job: str = "") -> list[Series]:
    """Return the series of a story by name and job."""
    return [one for one in story.tell() if one.name == name and (not job or one.job == job)]


def test_an_ordinary_hour_has_every_series_and_ends_at_the_same_moment(teller: Teller) -> None:
    """Every metric that the content declares is there, so that no panel is empty for want of data."""
    story = teller.ordinary()
    there = {one.name for one in story.tell()}

    assert (story.end, story.end - story.start) == (NOW, HOUR)
    assert {"up", "http_requests_total", "redis_up", "mongodb_up", "web_vitals_lcp_seconds_bucket"} <= there
    assert max(at for one in story.tell() for at, _ in one.samples) <= NOW * 1000


def test_a_target_that_is_down_exposes_nothing(teller: Teller, production: Stack) -> None:
    """In a case that tells of `up` alone, the other series of the target end where it goes down."""
    alert = next(a for group in rules.groups(production) for a in group.alerts if a.name == "RedisExporterDown")
    story = teller.case(alert, next(case for case in alert.cases if case.verdict == "fires"))

    (up, *_) = [one for one in named(story, "up", "redis") if one.samples[-1][0] > (NOW - 60) * 1000]
    assert up.samples[-1][1] == 0
    for one in named(story, "redis_up", "redis"):
        assert one.samples[-1][1] is None
    assert all(one.samples[-1][1] is not None for one in named(story, "http_requests_in_progress"))


def test_an_incident_is_seen_while_it_goes_on(teller: Teller) -> None:
    """At most half an hour after it began, with an ordinary time before it."""
    told = next(one for one in scenario.read(teller.stack, teller.content) if one.name == "Redis fills up")
    story = teller.incident(told)
    (used,) = named(story, "redis_memory_used_bytes")
    levels = [value for _, value in used.samples if value is not None]

    assert levels[0] == levels[len(levels) // 3]
    assert levels[-1] > levels[0]


def test_equal_stories_are_known_before_they_are_told(teller: Teller, production: Stack) -> None:
    """What they are kept under depends on what they are made from, and on nothing else."""
    again = Teller(production, content.here())

    assert teller.ordinary().identity == again.ordinary().identity
    assert teller.ordinary().identity != teller.ordinary(2 * HOUR).identity


def drawn(**facts: Any) -> Drawn:
    """Return how a panel came out: a sound plot, but for what is given."""
    plot = {"x": 0, "y": 0, "width": 600, "height": 200}
    sound: dict[str, Any] = {"title": "It", "type": "timeseries", "x": 0, "y": 0, "width": 620, "height": 300}
    sound |= {"plot": plot, "legend": None, "texts": [], "noData": False, "error": None, "axes": [], "thresholds": []}
    whole: Drawn = {**sound, "colors": [], "values": [], **facts}  # type: ignore[typeddict-item]
    return whole


def value(text: str, numeric: float | None, color: str = "green", name: str = "it") -> dict[str, Any]:
    """Return a value as it is drawn."""
    return {"text": text, "numeric": numeric, "color": color, "name": name}


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ""),
        ({"plot": {"x": 0, "y": 0, "width": 300, "height": 200}}, "plot takes 32%"),
        ({"legend": {"rows": 8, "hidden": 5}}, "5 of 8 rows of its legend are hidden"),
        ({"noData": True}, "'No data' in an ordinary hour"),
        ({"thresholds": [{"value": 900, "color": "red", "inView": False}]}, "limit 900 is off the axis"),
        ({"axes": [{"side": "left", "min": 0, "max": 100, "unit": "ops"}], "values": [value("0", 0)]}, "runs to 100"),
        ({"texts": [{"text": "mongodb-exp", "cut": True, "fontSize": 12, "color": "#fff"}]}, "'mongodb-exp' is cut"),
        ({"error": "A: parse error"}, "a query fails: A: parse error"),
        ({"error": f"A: {NO_LOKI}", "type": "logs", "plot": None}, ""),
    ],
)
def test_each_fault_of_a_picture_is_named(facts: dict[str, Any], said: str) -> None:
    """One fault, one sentence; none for what is sound."""
    model = {"id": 1, "type": "timeseries", "title": "It", "targets": []}
    layout: Any = {"pageHeight": 900, "panels": {"1": drawn(**facts)}}
    answers: Any = {"dashboard": {"panels": [model]}, "annotations": []}
    found = [flaw.what for flaw in lint.ordinary("board", answers, layout)]

    assert len(found) == bool(said)
    assert all(said in what for what in found)


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        *(("99.973%", True), ("7.5 ms", True), ("1.28 GiB", True), ("0.07", True), ("12", True), ("100%", True)),
        *(("0.00267%", False), ("800.00 ms", False), ("87.1234 ms", False), ("96.668%", False)),
    ],
)
def test_a_number_has_the_digits_that_are_read(text: str, readable: bool) -> None:
    """Four digits at most, no zeros behind the point; the nines of a promise are what is read of it."""
    model = {"id": 1, "type": "stat", "title": "It", "targets": [{"instant": True}]}
    layout: Any = {"pageHeight": 900, "panels": {"1": drawn(type="stat", plot=None, values=[value(text, 1)])}}
    answers: Any = {"dashboard": {"panels": [model]}, "annotations": []}

    assert [flaw.what for flaw in lint.ordinary("board", answers, layout)] == (
        [] if readable else [f"'{text}' has more digits than anybody reads: say decimals="]
    )


def test_numbers_beside_each_other_are_of_one_size_and_a_page_is_three_screens() -> None:
    """The smaller of two numbers in a row is named, and a page that nobody scrolls through."""
    texts = [[{"text": "1", "cut": False, "fontSize": size, "color": "#fff"}] for size in (36, 60)]
    model = {"type": "stat", "targets": [{"instant": True}]}
    layout: Any = {
        "pageHeight": 4800,
        "panels": {
            "1": drawn(type="stat", title="Small", plot=None, texts=texts[0]),
            "2": drawn(type="stat", title="Large", plot=None, texts=texts[1]),
        },
    }
    answers: Any = {"dashboard": {"panels": [model | {"id": 1}, model | {"id": 2}]}, "annotations": []}

    assert [str(flaw) for flaw in lint.ordinary("board", answers, layout)] == [
        "board: is 4.4 screens high, 3 are read: fold rows that are rarely read",
        "board / Small: its number is 36 px high, that of 'Large' beside it 60",
    ]


def test_trouble_is_a_value_over_its_limit_or_a_series_named_for_it() -> None:
    """Green and empty are no trouble; a failed share that is above nothing is."""
    red = {"id": "color", "value": {"mode": "shades", "fixedColor": "red"}}
    named_so = {"matcher": {"id": "byRegexp", "options": "/(^| )failed$/"}, "properties": [red]}
    model = {"fieldConfig": {"overrides": [named_so]}}

    assert lint.trouble(drawn(values=[value("1%", 0.01)])) == ""
    assert lint.trouble(drawn(values=[value("9%", 0.09, "red")])) == "9% in red"
    assert lint.trouble(drawn(values=[value("2", 2, name="mail failed")]), model) == "mail failed 2 in red"
    assert lint.trouble(drawn(values=[value("0", 0, name="mail failed")]), model) == ""
    assert [flaw.what for flaw in lint.firing("Bad", "b", model, drawn(noData=True))] == ["is empty while Bad fires"]


def test_of_a_server_that_is_dead_nothing_is_exposed_but_that(teller: Teller, production: Stack) -> None:
    """An exporter that can't reach its server says so, and has no numbers that would look well."""
    alert = next(a for group in rules.groups(production) for a in group.alerts if a.name == "RedisDown")
    story = teller.case(alert, next(case for case in alert.cases if case.verdict == "fires"))

    assert any(value == 0 for one in named(story, "redis_up") for _, value in one.samples)
    for one in named(story, "redis_commands_total"):
        assert one.samples[-1][1] is None
    assert all(one.samples[-1][1] is not None for one in named(story, "mongodb_ss_uptime"))


def test_a_server_that_takes_no_samples_is_said_so() -> None:
    """Where it is, and how it failed: one error of this project, whatever the network raised."""
    with pytest.raises(RemoteWriteError, match=r"^http://127\.0\.0\.1:9 takes no samples: ConnectionError$"):
        write("http://127.0.0.1:9", [Series((("__name__", "up"),), ((0, 1.0),))])
