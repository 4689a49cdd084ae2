"""Only what the web-vitals library really sends is believed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.contract.metrics import CLS, LCP
from watchkeeper.vitals.reports import InvalidReportError, device, parse

SENT = {
    "name": "LCP",
    "value": 2500.5,
    "delta": 2500.5,
    "rating": "needs-improvement",
    "id": "v5-1700000000000-1234567890123",
    "entries": [{"url": "https://chat.example/?token=s3cr3t"}],
    "navigationType": "navigate",
    "page": "/rooms/7",
}


def body(**changes: Any) -> bytes:
    """Return a body with one report, changed."""
    return json.dumps({**SENT, **changes}).encode()


def test_a_report_of_the_library_is_read() -> None:
    """Milliseconds become seconds; what is not needed, entries above all, is dropped."""
    (report,) = parse(body())

    assert (report.metric, report.value, report.page) == (LCP, 2.5005, "/rooms/7")
    assert "s3cr3t" not in repr(report)


def test_a_layout_shift_is_a_score_and_may_be_zero() -> None:
    """CLS has no unit, and a page that never moved reports 0."""
    (report,) = parse(body(name="CLS", value=0))

    assert (report.metric, report.value) == (CLS, 0.0)


def test_a_batch_is_read_whole() -> None:
    """A list of reports comes out in order."""
    batch = json.dumps(
        [{**SENT, "value": 1, "name": name} for name in ("LCP", "INP", "FID", "CLS", "FCP", "TTFB")]
    ).encode()

    assert [report.metric.name for report in parse(batch)] == [
        "web_vitals_lcp_seconds",
        "web_vitals_inp_seconds",
        "web_vitals_fid_seconds",
        "web_vitals_cls",
        "web_vitals_fcp_seconds",
        "web_vitals_ttfb_seconds",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the body is empty"),
        (b"\xff\xfe", "the body is not UTF-8"),
        (b"{", "the body is not JSON"),
        (b"LCP", "the body is not JSON"),
        (b"[]", "the body has 0 reports; it takes 1 to 64"),
        (json.dumps([SENT] * 65).encode(), "the body has 65 reports; it takes 1 to 64"),
        (b"[" * 30_000, "the body is nested too deeply"),
        (b'{"value": 1' + b"0" * 6000 + b"}", "the body is not JSON"),
        (b'"LCP"', "report 1 is a long text; it takes an object"),
        (b"null", "report 1 is missing or null; it takes an object"),
        (json.dumps([SENT, 7]).encode(), "report 2 is a number; it takes an object"),
        (body(name="XYZ"), 'name is "XYZ"; it takes: LCP, INP'),
        (body(name=["LCP"]), "name is a list; it takes"),
        (body(name="x" * 1000), "name is a long text"),
        (body(id=""), 'id is ""; it takes 1 to 128'),
        (body(id=7), "id is 7; it takes"),
        (body(id="x" * 129), "id is a long text"),
        (body(id="a\nb"), "id is"),
        (body(page=7), "page is a number; it takes a text"),
        (body(device="toaster"), 'device is "toaster"; it takes: mobile'),
        (body(device=["mobile"]), "device is a list; it takes: mobile"),
        (body(value=float("nan")), "the body holds NaN, which is not JSON"),
        (body(value=float("inf")), "the body holds Infinity, which is not JSON"),
        (body().replace(b"2500.5", b"1e400"), "value is Infinity; it takes a number"),
        (body(value=-1), "value is -1; it takes a number from 0 to 600000 milliseconds"),
        (body(value=600_001), "value is 600001; it takes"),
        (body(value=10**400), "value is a huge number; it takes"),
        (body(value=True), "value is true; it takes"),
        (body(value="2500"), 'value is "2500"; it takes'),
        (body(value=None), "value is missing or null; it takes"),
        (body(name="CLS", value=101), "value is 101; it takes a number from 0 to 100"),
    ],
)
def test_anything_else_is_refused_with_a_reason(content: bytes, message: str) -> None:
    """The message says where, what, and what would be right."""
    with pytest.raises(InvalidReportError) as refused:
        parse(content)

    assert message in str(refused.value)
    assert len(str(refused.value)) < 200


@given(st.binary() | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_no_body_does_worse_than_be_refused(content: bytes) -> None:
    """Whatever arrives, the answer is reports or a refusal."""
    try:
        parse(content)
    except InvalidReportError as refusal:
        json.dumps(str(refusal))


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/131.0 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 15; SM-X910) Chrome/131.0 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) Mobile/15E148", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131.0", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.0", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0", "desktop"),
        ("curl/8.5.0", "other"),
        ("", "other"),
    ],
)
def test_a_user_agent_names_a_kind_of_device(agent: str, kind: str) -> None:
    """Phones, tablets and desktops are told apart; anything else is 'other'."""
    assert device(agent) == kind
