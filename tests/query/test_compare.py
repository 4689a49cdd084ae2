"""Is a query compared by what it means, and shown by the part that changed?"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from obs.diff import diff_dashboard, diff_rule_group
from tests.diff.boards import Model, alert, board, panel, rules, words

QUERY = (
    'sum by (route, method) (rate(http_requests_total{job="api", status=~"5.."}[$__rate_interval]))'
    " / on (route, method) sum by (route, method) (rate(http_requests_total[$__rate_interval])) > $limit"
)


def told(old: str, new: str, source: str = "prometheus") -> list[tuple[str, str]]:
    """Return both sides of each changed part of a panel's query."""
    before, after = (board(panel(1, "P", expr=expr, datasource={"type": source, "uid": source})) for expr in (old, new))
    return [(one.before, one.after) for one in diff_dashboard(before, after).sentences]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sum(a) by (x)", "sum by (x) (a)"),
        ("sum by (x, y) (a)", "sum by (y,x)(a)"),
        ('a{x="1",y="2"}', 'a{ y = "2", x = "1" }'),
        ("a{x='1'}", 'a{x="1"}'),
        ("a{}", "a"),
        ("(a + b)", "a + b"),
        ("a + (b * c)", "a + b * c"),
        ("rate(a[60m])", "rate(a[1h])"),
        ("rate(a[$__rate_interval])", "rate(\n  a[$__rate_interval] # per second\n)"),
        ("a > 1e-2", "a > 0.01"),
        ("a{x=~'${v:regex}'}[[[w]]:$s]", 'a{x=~"${v:regex}"}[${w}:$s]'),
        ("topk($n, a)", "topk( $n, a )"),
        ('{app="x"} |= "error"', '{app="x"}   |=   "error"'),
    ],
)
def test_writing_a_query_anew_is_no_change(old: str, new: str) -> None:
    """Layout, order of labels and matchers, brackets and spellings of a number do not reach a reviewer."""
    assert told(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("rate(a[5m])", "rate(a[10m])", [("a[5m]", "a[10m]")]),
        ("rate(a[5m])", "irate(a[5m])", [("rate(a[5m])", "irate(a[5m])")]),
        ("sum by (x) (a)", "sum by (y) (a)", [("sum by (x) (a)", "sum by (y) (a)")]),
        ("a / b", "a / c", [("b", "c")]),
        ("aaa or bbb or ccc", "aaa or ccc", [("… or bbb", "")]),
        ("aaa or bbb", "bbb", [("aaa or …", "")]),
        ("aaa", "aaa or bbb", [("", "… or bbb")]),
        ("rate(aaa[5m]) or bbb or ccc", "rate(aaa[1m]) or ccc", [("aaa[5m]", "aaa[1m]"), ("… or bbb", "")]),
        ("aaa or bbb", "bbb or aaa", [("aaa or bbb", "bbb or aaa")]),
        ("aaaa or bb", "aaaa or on (x) bb", [("aaaa or bb", "aaaa or on (x) bb")]),
        ("(a + b) * c", "a + b * c", [("(a + b) * c", "a + b * c")]),
        ("rate(a[$__rate_interval])", "rate(a[$__interval])", [("a[$__rate_interval]", "a[$__interval]")]),
        ("topk($n, a)", "topk($m, a)", [("topk($n, a)", "topk($m, a)")]),
        ("${metric}_total", "${metric}_sum", [("${metric}_total", "${metric}_sum")]),
        ("a offset $o", "a offset 5m", [("a offset $o", "a offset 5m")]),
        ('{app="x"} |= "a  b"', '{app="x"} |= "a b"', [('{app="x"} |= "a  b"', '{app="x"} |= "a b"')]),
        (
            "histogram_quantile(0.99, sum by (le) (rate(latency_bucket[5m])))",
            "histogram_quantile(0.95, sum by (le) (rate(latency_bucket[5m])))",
            [("histogram_quantile(0.99, …)", "histogram_quantile(0.95, …)")],
        ),
        ("a + b + c + d", "e + f + g + h", [("a + b + c + d", "e + f + g + h")]),
    ],
)
def test_the_changed_part_is_shown_with_its_variables(old: str, new: str, parts: list[tuple[str, str]]) -> None:
    """A reader sees the smallest part that makes sense, long unchanged operands as …, many changes as a whole."""
    assert told(old, new) == parts


def test_a_number_compared_with_is_a_threshold() -> None:
    """The limit of an alert is said as one, with its sign."""
    before, after = rules(alert(expr="errors / requests > 0.01")), rules(alert(expr="errors / requests > 0.02"))

    assert words(diff_rule_group(before, after)) == ["ApiErrors: threshold > 0.01 to > 0.02"]


UNTIMED = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
names = st.sampled_from(["up", "http_requests_total", "$metric"])
selectors = st.builds(lambda name, value: f'{name}{{job="{value}", route=~"$route"}}', names, st.sampled_from("abc"))
ranges = st.sampled_from(["5m", "90s", "$__rate_interval", "${w}"])
expressions = st.recursive(
    selectors | st.builds("rate({}[{}])".format, selectors, ranges),
    lambda inner: st.one_of(
        st.builds("sum by (b, a) ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["+", "/", "and", "> bool"]), inner),
        st.builds("topk($n, {})".format, inner),
        st.builds("({}) * 0.5".format, inner),
    ),
    max_leaves=5,
)


@UNTIMED
@given(expressions)
def test_formatting_any_query_changes_nothing(expr: str) -> None:
    """Whatever a query holds, spreading it over lines and sorting its labels the other way is not a change."""
    spread = expr.replace("(", "(\n ").replace(")", "\n)").replace("b, a", "a,b")

    assert told(expr, spread) == []


@UNTIMED
@given(expressions, st.sampled_from([("[", "offset 1h["), ('"$route"', '"/v1"'), ("job=", "job!=")]))
def test_no_edit_of_a_query_is_lost(expr: str, edit: tuple[str, str]) -> None:
    """An edit that means something is shown, and both sides differ to the eye."""
    edited = expr.replace(*edit, 1) if edit[0] != "[" else f"{expr} + 1"

    parts = told(expr, edited)

    assert parts
    assert all(before != after for before, after in parts)
    assert not any("obs_" in side or "997d" in side or "9081726" in side for part in parts for side in part)


def test_a_formatted_part_is_valid_where_nothing_is_left_out() -> None:
    """The model behind a sentence keeps the whole query for a program to read."""
    before, after = board(panel(1, "P", expr="rate(a[5m])")), board(panel(1, "P", expr="rate(a[10m])"))

    (sentence,) = diff_dashboard(before, after).sentences

    assert (sentence.old, sentence.new) == ("rate(a[5m])", "rate(a[10m])")


def group(expr: str) -> Model:
    """Return a group with one alert."""
    return rules(alert(expr=expr))


def test_several_limits_are_each_said_once() -> None:
    """Two windows with one limit make one sentence."""
    old, new = (f"ratio_1h > {limit} and ratio_5m > {limit}" for limit in (0.0144, 0.0288))

    assert words(diff_rule_group(group(old), group(new))) == ["ApiErrors: threshold > 0.0144 to > 0.0288"]


def test_a_limit_and_a_query_that_both_changed_are_said_apart() -> None:
    """A new limit does not hide behind the whole expression."""
    old = "sum(rate(http_requests_failed_total[5m])) / sum(rate(http_requests_total[5m])) > 0.01"

    change = diff_rule_group(
        group(old), group(old.replace("failed_total[5m]", "failed_total[10m]").replace("0.01", "0.02"))
    )

    assert words(change) == ["ApiErrors: threshold > 0.01 to > 0.02", "ApiErrors: query"]
    assert change.sentences[1].before == "http_requests_failed_total[5m]"
