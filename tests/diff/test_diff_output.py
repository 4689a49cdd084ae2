"""Can a reader of any output say what changed, and can no title break it?"""

import copy
import html.parser
import json
import re
from collections.abc import Callable

import click
import pytest

from obs.diff import ObjectChange, diff_trees, render_html, render_json, render_markdown, render_terminal
from tests.diff.boards import alert, board, panel, rules, usual

HOSTILE = "</style><script>alert(1)</script> @team #12 *bold* `x` <img src=x onerror=y>"


def several() -> tuple[ObjectChange, ...]:
    """Return a changed, an added, a removed and an unchanged object."""
    after = usual()
    after["panels"][1]["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] = 0.02
    after["panels"][1]["targets"][0]["expr"] = "sum(errors)"
    for one in after["panels"][1:]:
        one["gridPos"]["y"] += 1
    same = {**usual(), "uid": "same", "title": "Same"}
    return diff_trees(
        {"api.json": usual(), "gone.json": {**usual(), "uid": "gone", "title": "Gone"}, "same.json": same},
        {"api.json": after, "same.json": same, "rules.yml": {"groups": [rules(alert())]}},
    )


def test_the_terminal_says_dashboard_panel_and_change_on_one_line() -> None:
    """A changed panel is one line that can be searched for; its query follows, both sides."""
    text = click.unstyle(render_terminal(several()))

    assert "    API / Error ratio: threshold 1 % to 2 %; query:\n      - " in text
    assert "\n      + sum(errors)\n" in text
    assert "    4 panels moved down by one grid row (hidden)" in text
    assert text.endswith("1 new, 1 changed, 1 deleted, 1 unchanged")


def test_nothing_to_say_is_said_in_one_line() -> None:
    """No change is no noise."""
    unchanged = diff_trees({"a.json": usual()}, {"a.json": usual()})

    assert render_terminal(unchanged) == "1 unchanged"
    assert render_markdown(unchanged) == "No dashboard or rule changes.\n"


def test_markdown_folds_away_what_only_follows() -> None:
    """The comment leads with what matters; layout is one click away."""
    text = render_markdown(several())

    assert "- **API / Error ratio**: threshold 1 % to 2 %; query:\n  ```diff\n  - " in text
    assert "<details><summary>Layout only</summary>\n\n4 panels moved down by one grid row\n" in text


def test_titles_cannot_command_a_terminal() -> None:
    """Escape sequences and line breaks in a title are shown, not obeyed."""
    old, new = board(panel(1, "a\x1b[2Jb\nc\u202ed")), board(panel(1, "a\x1b[2Jb\nc\u202ed", expr="up"))

    text = click.unstyle(render_terminal(diff_trees({"a": old}, {"a": new})))

    assert "\x1b" not in text
    assert "API / a\ufffd[2Jb\ufffdc\ufffdd: query:" in text


@pytest.mark.parametrize("limit", [65_536, 5_000, 400])
def test_a_comment_never_exceeds_its_limit_and_says_what_it_left_out(limit: int) -> None:
    """GitHub refuses a comment over 65,536 characters; a shortened one must not read as complete."""
    old = {f"{n}.json": board(panel(1, f"P{n}"), uid=str(n), title=f"Board {n}") for n in range(900)}
    new = {path: {**model, "tags": [HOSTILE * 5]} for path, model in old.items()}

    text = render_markdown(diff_trees(old, new), limit=limit)

    assert len(text) <= limit
    assert "900 changed" in text
    assert "Shortened to fit one comment" in text


def test_a_comment_keeps_whole_what_fits() -> None:
    """One huge change costs itself its detail, not the others."""
    old = {"a.json": board(uid="a", title="Small"), "b.json": board(uid="b", title="Huge")}
    new = {
        "a.json": board(uid="a", title="Small", refresh="1m"),
        "b.json": board(*(panel(n, f"Panel {n}", expr="x" * 900) for n in range(100)), uid="b", title="Huge"),
    }

    text = render_markdown(diff_trees(old, new))

    assert 'refresh every set to "1m"' in text
    assert "dashboard **Huge** changed: 100 changes" in text


@pytest.mark.parametrize("render", [render_terminal, render_markdown, render_html])
def test_a_change_repeated_over_a_board_is_said_once(render: Callable[..., str]) -> None:
    """Ten panels of which the same is said share a line, all named; what is said of one alone has its own."""
    before = board(*(panel(number, f"P{number}", y=number * 8) for number in range(10)))
    after = copy.deepcopy(before)
    for one in after["panels"]:
        one["fieldConfig"]["defaults"]["unit"] = "s"
    after["panels"][4]["description"] = "Other."

    text = render(diff_trees({"a": before}, {"a": after}))

    assert text.count("unit percentunit to s") == 1
    assert "P0, P1, P2, P3, P4, P5, P6, P7, P8, P9" in text
    assert re.search("P4[^,]+Other", text)


def test_what_an_upgrade_of_grafana_writes_into_every_panel_is_one_line() -> None:
    """A save in a newer Grafana writes its defaults into each panel; a reader sees that once."""
    before = board(*(panel(number, f"P{number}", y=number * 8, pluginVersion="10.4.2") for number in range(10)))
    after = copy.deepcopy(before)
    for one in after["panels"]:
        one["pluginVersion"] = "11.2.0"
        one["options"]["tooltip"] = {"hideZeros": False, "mode": "single"}
    after["panels"][3]["targets"][0]["expr"] = "sum(errors)"

    lines = click.unstyle(render_terminal(diff_trees({"a": before}, {"a": after}))).splitlines()

    assert [line.split(": ", 1)[0] for line in lines if " / " in line and line.startswith("    API")] == [
        "    API / P0, P1, P2, P3, P4, P5, P6, P7, P8, P9",
        "    API / P3",
    ]
    assert 'options.tooltip.hideZeros off; tooltip set to "single"' in lines[1]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("sum(rate(a[5m]))", "sum(rate(a[10m]))", ["- a[5m]", "+ a[10m]", "    ^^^"]),
        ('a{x="1"}', "a", ['- a{x="1"}', "   ^^^^^^^", "+ a"]),
        ("up", "absent(x)", ["- up", "+ absent(x)"]),
    ],
)
def test_a_caret_points_at_what_changed_in_a_line(before: str, after: str, shown: list[str]) -> None:
    """A long query differs in one word: the eye is led to it, in the terminal and in a comment."""
    changes = diff_trees({"a": board(panel(1, "P", expr=before))}, {"a": board(panel(1, "P", expr=after))})

    assert click.unstyle(render_terminal(changes)).splitlines()[2:-1] == [f"      {line}" for line in shown]
    assert "".join(f"  {line}\n" for line in shown) in render_markdown(changes)


def test_of_a_long_query_the_lines_that_changed_are_shown() -> None:
    """What stayed is an ellipsis in the terminal; the page shows both sides whole, with marks."""
    before = " + ".join(f"sum by (job) (rate(counter_{number}_total[5m]))" for number in range(20))
    after = before
    for number in (0, 1, 2, 3):
        after = after.replace(f"counter_{number}_total", f"other_{number}_total")
    changes = diff_trees({"a": board(panel(1, "P", expr=before))}, {"a": board(panel(1, "P", expr=after))})

    lines = [line.strip() for line in click.unstyle(render_terminal(changes)).splitlines()]

    assert "…" in lines
    assert not any("counter_9_total" in line for line in lines)
    assert sum("other_2_total" in line for line in lines) == 1
    assert "counter_9_total" in render_html(changes)
    assert "<mark>other_2_total</mark>" in render_html(changes)


def test_a_tile_says_its_state_in_words_and_leads_to_its_sentences() -> None:
    """Colour alone tells nothing to whom does not see it, and a picture of many panels is an index."""
    text = render_html(several())
    ids = set(re.findall(r'<dt id="([^"]+)"', text))
    links = re.findall(r'<a href="#(change-\d+-\d+)" class="tile (\w+)"[^>]*>[^<]*<span>([^<]*)</span></a>', text)

    assert {anchor for anchor, _, _ in links} <= ids
    assert ("changed", "timeseries, ~ changed") in {(kind, words) for _, kind, words in links}
    assert text.count("<details") == text.count('<details class="boards" open>') > 0


def test_titles_cannot_smuggle_markup_into_a_comment() -> None:
    """A title shows as it is: it pings nobody, links nothing and closes no fence."""
    old, new = board(panel(1, HOSTILE)), board(panel(1, HOSTILE, expr="up # ``` @team"))

    text = render_markdown(diff_trees({"a": old}, {"a": new}))
    prose = re.sub(r"(?s) *(````+).*?\1", "", text)

    assert not re.search(r"@\w|#\d", prose)
    assert not re.search(r"(?<!\\)(<script|<img|`x)", prose)
    assert r"\*bold\*" in prose


def test_json_is_strict_and_complete() -> None:
    """A program gets every sentence with its place, NaN as null."""
    old, new = board(panel(1, "P")), board(panel(1, "P", options={"x": float("inf"), "y": 2}))
    said = json.loads(render_json(diff_trees({"a": old}, {"a": new})), parse_constant=pytest.fail)

    assert said["counts"] == {"update": 1}
    assert [one["where"] for one in said["changes"][0]["sentences"]] == ["API / P"] * 3
    assert [one["path"][-1] for one in said["changes"][0]["sentences"]] == ["displayMode", "x", "y"]


class Page(html.parser.HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.tiles: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and a tile's class and place."""
        self.tags.append(tag)
        if tag not in {"meta", "!doctype"}:
            self.open.append(tag)
        given = dict(attrs)
        if "tile" in (given.get("class") or "").split():
            self.tiles.append((given["class"] or "", given["style"] or ""))

    def handle_endtag(self, tag: str) -> None:
        """Demand that tags close in order."""
        assert self.open.pop() == tag


def test_the_page_draws_both_grids_and_needs_nothing_from_elsewhere() -> None:
    """Every panel has its tile before and after, the changed one marked; the page is whole and self-contained."""
    text = render_html(several())
    page = Page()
    page.feed(text)

    assert page.open == []
    assert not {"script", "img", "link", "iframe"} & set(page.tags)
    assert "http" not in re.sub(r"http_requests\w*", "", text.split("</style>")[0])
    assert [place for kind, place in page.tiles if kind == "tile changed"] == [
        "grid-area:4/1/span 8/span 12",
        "grid-area:5/1/span 8/span 12",
    ]
    assert len(page.tiles) == 3 * 5


def test_titles_cannot_smuggle_markup_into_the_page() -> None:
    """A dashboard is data, whatever its title holds."""
    page = Page()
    page.feed(render_html(diff_trees({}, {"a": board(panel(1, HOSTILE), title=HOSTILE)})))

    assert not {"script", "img"} & set(page.tags)
