"""What do Prometheus, Loki and Jaeger answer, over the same HTTP interfaces that Grafana uses?"""

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 30


class AskError(requests.RequestException):
    """A program refused a question, or could not be asked; the message holds its own words."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def instant(self, expr: str) -> list[dict[str, Any]]:
        """Return the series of an instant query whose value is a number."""
        result = _get(f"{self.url}/api/v1/query", {"query": expr})["result"]
        return [series for series in result if not math.isnan(float(series["value"][1]))]

    def value(self, expr: str) -> float:
        """Return the sum of the values of an instant query; 0 for an empty answer."""
        return sum(float(series["value"][1]) for series in self.instant(expr))

    def range(self, expr: str, start: float, step: str) -> list[dict[str, Any]]:
        """Return the series of a range query from ``start`` (seconds since 1970) to now that hold a number."""
        asked = {"query": expr, "start": start, "end": time.time(), "step": step}
        result = _get(f"{self.url}/api/v1/query_range", asked)["result"]
        return [series for series in result if any(not math.isnan(float(value)) for _, value in series["values"])]

    def label_values(self, label: str, selector: str) -> list[str]:
        """Return the values a label has in the series of a selector."""
        return list(_get(f"{self.url}/api/v1/label/{label}/values", {"match[]": selector}))

    def labels(self, selector: str) -> list[str]:
        """Return the names of the labels that the series of a selector have."""
        return list(_get(f"{self.url}/api/v1/labels", {"match[]": selector}))

    def exemplars(self, expr: str, start: float) -> list[dict[str, str]]:
        """Return the labels of every exemplar stored since ``start`` for the series of an expression."""
        asked = {"query": expr, "start": start, "end": time.time()}
        found = _get(f"{self.url}/api/v1/query_exemplars", asked)
        return [exemplar["labels"] for series in found for exemplar in series["exemplars"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Return every pending and firing alert: its labels and state."""
        return list(_get(f"{self.url}/api/v1/alerts", {})["alerts"])


@dataclass(frozen=True, slots=True)
class Loki:
    """A running Loki."""

    url: str

    def range(self, expr: str, start: float, step: str, end: float | None = None) -> list[dict[str, Any]]:
        """Return the streams or series of a LogQL query from ``start`` to ``end``, or now (seconds since 1970)."""
        span = {"start": _nanoseconds(start), "end": _nanoseconds(end or time.time())}
        asked = {"query": expr, **span, "step": step, "limit": "1000"}
        return list(_get(f"{self.url}/loki/api/v1/query_range", asked)["result"])


@dataclass(frozen=True, slots=True)
class Jaeger:
    """A running Jaeger."""

    url: str

    def spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of a trace; none for one it does not know."""
        answer = requests.get(f"{self.url}/api/traces/{trace_id}", timeout=TIMEOUT_SECONDS)
        traces = answer.json().get("data") or [] if answer.ok else []
        return [span for trace in traces for span in trace["spans"]]


def innermost(failure: Exception) -> str:
    """Return the innermost sentence of a requests error, without addresses of objects."""
    said = str(failure)
    system = re.search(r"\[(?:SSL: \w+|Errno -?\d+)\] ([^('\")]+)", said)
    found = [system[1]] if system else re.findall(r"[A-Z][a-z]+ [a-z][a-z .-]{5,}", said)
    return (found[-1] if found else type(failure).__name__).strip(" .:")


def _nanoseconds(seconds: float) -> str:
    return str(int(seconds * 1e9))


def _get(url: str, parameters: Mapping[str, Any]) -> Any:
    answer = requests.get(url, params=dict(parameters), timeout=TIMEOUT_SECONDS)
    try:
        body = answer.json()
    except ValueError:
        raise AskError(f"{url} answered {answer.status_code}: {answer.text.strip()[:300]}") from None
    if body.get("status") != "success":
        raise AskError(f"{url} answered {answer.status_code}: {body.get('error', body)}")
    return body["data"]
