"""Every form of a Grafana variable is read in one way, by checks, by the diff and by whoever fills it in."""

import pytest

from obs.durations import canonical, parse, seconds
from obs.query import expr, variables, windows
from obs.query.compare import differences, formatted
from obs.query.variables import Asked

FORMS = ["$n", "${n}", "${n:csv}", "${n.value}", "${n.value:csv}", "[[n]]", "[[n:csv]]"]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_found_and_filled(form: str) -> None:
    """Name, format and path are told apart, and the variable is replaced whole."""
    assert variables.names(f"topk({form}, up)") == ["n"]
    assert variables.filled(f"topk({form}, up)", {"n": "3"}, ".*") == "topk(3, up)"
    assert variables.filled(f"topk({form}, up)", {}, ".*") == "topk(.*, up)"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("query", ["topk({}, up)", "rate(up[{}])", "up offset {}", 'up{{job="{}"}}', "up > {}"])
def test_a_query_with_any_form_at_any_place_is_read(form: str, query: str) -> None:
    """As a number, a range, an offset or a text: it parses, and it still reads what it reads."""
    assert [selector.name for selector in expr.parse(query.format(form)).selectors] == ["up"]


@pytest.mark.parametrize("form", FORMS)
def test_a_metric_may_be_a_variable(form: str) -> None:
    """Which series it reads is not known then, and nothing else is claimed."""
    assert [selector.name for selector in expr.parse(f"rate({form}[5m])").selectors] == ["$n"]


@pytest.mark.parametrize("form", FORMS)
def test_the_diff_reads_the_same_forms(form: str) -> None:
    """A change beside a variable is told beside the variable, and layout alone is none."""
    assert differences(f"topk({form}, up)", f"topk( {form} ,up)") == ()
    (part,) = differences(f"topk({form}, up > 1)", f"topk({form}, up > 2)")
    assert (part.before, part.after) == ("up > 1", "up > 2")
    assert "obs_stand_in" not in formatted(f"topk({form}, up)")


def test_what_grafana_fills_in_is_a_window() -> None:
    """Ranges and steps become durations, whatever stands beside the variable in the brackets."""
    query = "rate(up[$__rate_interval]) + avg_over_time(up[${w}m:$__interval]) + max_over_time(up[$__range])"

    assert variables.Likely().into(query) == "rate(up[5m]) + avg_over_time(up[5m:1m]) + max_over_time(up[1h])"


def test_a_variable_in_a_text_stays() -> None:
    """What stands in quotes is the label's business."""
    assert variables.Likely().into("up{a=\"$x\",b='${y}',c=`[[z]]`}") == "up{a=\"$x\",b='${y}',c=`[[z]]`}"


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("label_values(up, job)", Asked("up", "job")),
        (' label_values(up{job="a, b"}, instance) ', Asked('up{job="a, b"}', "instance")),
        ("label_values(job)", Asked("", "job")),
        ("query_result(topk(3, up))", Asked("topk(3, up)")),
        ("label_names()", None),
    ],
)
def test_a_variable_asks(text: str, asked: Asked | None) -> None:
    """The functions of Grafana's Prometheus variables, as checks and the end-to-end run read them."""
    assert variables.asked(text) == asked


@pytest.mark.parametrize(
    ("text", "milliseconds", "written"),
    [
        ("0", 0, "0s"),
        ("90s", 90_000, "1m30s"),
        ("1h30m", 5_400_000, "1h30m"),
        ("1h0m0s", 3_600_000, "1h"),
        ("24h", 86_400_000, "1d"),
        ("1500ms", 1_500, "1s500ms"),
        ("2w", 1_209_600_000, "2w"),
        ("1y", 31_536_000_000, "1y"),
    ],
)
def test_durations_are_prometheus(text: str, milliseconds: int, written: str) -> None:
    """A year has 365 days, and Grafana writes a duration back in its largest units."""
    assert (parse(text), canonical(text), seconds(text)) == (milliseconds, written, milliseconds / 1000)


@pytest.mark.parametrize("text", ["5", "m", "5 m", "5m3", "-5m", "5mm"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The error names what was given and what a duration looks like."""
    with pytest.raises(ValueError, match="is not a duration; write for example 90s, 5m or 1h30m"):
        parse(text)


def test_windows_are_rewritten_and_nothing_else() -> None:
    """Ranges, steps and offsets change; names, texts and numbers stay."""
    query = 'rate(m5m{a="[5m]"}[5m] offset 1h) > 5 and max_over_time(up[1d:5m])'

    assert windows.rewritten(query, lambda text: f"<{text}>") == (
        'rate(m5m{a="[5m]"}[<5m>] offset <1h>) > 5 and max_over_time(up[<1d>:<5m>])'
    )
