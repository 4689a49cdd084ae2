"""What did a browser report with the web-vitals library, and is it believable?"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from watchkeeper.contract.labels import DEVICE
from watchkeeper.contract.metrics import CLS, FCP, FID, INP, LCP, TTFB, Metric

METRICS: Mapping[str, Metric] = {"LCP": LCP, "INP": INP, "FID": FID, "CLS": CLS, "FCP": FCP, "TTFB": TTFB}
"""By the name the library gives them: https://github.com/GoogleChrome/web-vitals#metric."""

MAX_REPORTS = 64
"""Reports in one body; a page has six vitals, and one more set for each time it is restored or navigated."""

MAX_MILLISECONDS = 600_000
MAX_SHIFT = 100
"""Beyond ten minutes or a hundred screens a value says that a clock jumped, not how a page felt."""

_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_MOBILE = re.compile(r"Mobi|iPhone|iPod", re.IGNORECASE)
_TABLET = re.compile(r"iPad|Tablet|Android(?!.*Mobi)|Kindle|Silk/", re.IGNORECASE)
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11|CrOS|Linux", re.IGNORECASE)


class InvalidReportError(ValueError):
    """A body is not what the web-vitals library sends; the message says where, what, and what it takes instead."""


@dataclass(frozen=True, slots=True)
class Report:
    """One vital of one page view; ``value`` is in the metric's unit. ``page`` and ``device`` are "" if not told."""

    metric: Metric
    value: float
    id: str
    page: str
    device: str


def parse(body: bytes) -> list[Report]:
    """Return the reports in a body, one object or a list of them; raise InvalidReportError unless all are sound."""
    if not body:
        raise InvalidReportError("the body is empty; it takes what the web-vitals library reports, as JSON")
    try:
        found = json.loads(body.decode(), parse_constant=_refuse_constant)
    except InvalidReportError:
        raise
    except UnicodeDecodeError:
        raise InvalidReportError("the body is not UTF-8") from None
    except RecursionError:
        raise InvalidReportError("the body is nested too deeply") from None
    except ValueError:
        raise InvalidReportError("the body is not JSON") from None
    reports = found if isinstance(found, list) else [found]
    if not 1 <= len(reports) <= MAX_REPORTS:
        raise InvalidReportError(f"the body has {len(reports)} reports; it takes 1 to {MAX_REPORTS}")
    return [_report(f"report {number}", report) for number, report in enumerate(reports, 1)]


def device(user_agent: str) -> str:
    """Return which kind of device a User-Agent names: mobile, tablet, desktop or other."""
    for kind, pattern in (("tablet", _TABLET), ("mobile", _MOBILE), ("desktop", _DESKTOP)):
        if pattern.search(user_agent[:512]):
            return kind
    return "other"


def _report(where: str, found: Any) -> Report:
    if not isinstance(found, dict):
        raise InvalidReportError(f"{where} is {_kind(found)}; it takes an object with name, value and id")
    name = found.get("name")
    metric = METRICS.get(name) if isinstance(name, str) else None
    if metric is None:
        raise InvalidReportError(f"{where}: name is {_shown(name)}; it takes: {', '.join(METRICS)}")
    identity = found.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise InvalidReportError(f"{where}: id is {_shown(identity)}; it takes 1 to 128 letters, digits, '-_.:'")
    page = found.get("page", "")
    if not isinstance(page, str):
        raise InvalidReportError(f"{where}: page is {_kind(page)}; it takes a text such as location.pathname")
    kind = found.get("device", "")
    if kind != "" and kind not in DEVICE.values:
        raise InvalidReportError(f"{where}: device is {_shown(kind)}; it takes: {', '.join(DEVICE.values)}")
    return Report(metric, _value(where, metric, found.get("value")), identity, page, kind)


def _value(where: str, metric: Metric, value: Any) -> float:
    limit, unit = (MAX_SHIFT, "") if metric is CLS else (MAX_MILLISECONDS, " milliseconds")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= limit:
        raise InvalidReportError(f"{where}: value is {_shown(value)}; it takes a number from 0 to {limit}{unit}")
    return float(value) if metric is CLS else value / 1000


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidReportError(f"the body holds {name}, which is not JSON")


def _shown(value: Any) -> str:
    """Return ``value`` for a message: short texts and numbers as they are, anything else by its kind."""
    if isinstance(value, str | float | int) and len(text := _text(value)) <= 40:  # noqa: PLR2004 - a message's width
        return text
    return _kind(value)


def _text(value: str | float) -> str:
    return json.dumps(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a long text", type(None): "missing or null", bool: "a boolean"}
    return kinds.get(type(value), "a number")
