"""What does a Prometheus or a Loki say about a stretch of time of another day?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from obs.programs.ask import AskError, innermost

TIMEOUT_SECONDS = 120
MOST_LINES = 100
"""Of a LogQL query; a panel shows a few dozen."""


class UnreachableError(AskError):
    """A program does not answer at all: no question after this one would be answered either."""


@dataclass(frozen=True)
class Server:
    """A Prometheus at an address."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def range(self, text: str, start: float, end: float, step: float) -> dict[str, Any]:
        """Return the data of a range query: resultType and result; raise AskError."""
        answer: dict[str, Any] = self._get("query_range", {"query": text, "start": start, "end": end, "step": step})
        return answer

    def instant(self, text: str, at: float) -> dict[str, Any]:
        """Return the data of an instant query; raise AskError."""
        answer: dict[str, Any] = self._get("query", {"query": text, "time": at})
        return answer

    def label_values(self, label: str, selector: str, start: float, end: float) -> list[str]:
        """Return the values of a label in the series of a selector, of all series for none; raise AskError."""
        asked: dict[str, Any] = {"start": start, "end": end} | ({"match[]": selector} if selector else {})
        answer: Any = self._get(f"label/{label}/values", asked)
        return list(answer)

    def newest(self) -> float | None:
        """Return when the newest sample was taken, in seconds since 1970; None where nothing is stored."""
        head = self._get("status/tsdb", {})["headStats"]
        return head["maxTime"] / 1000 if head["numSeries"] else None

    def version(self) -> str:
        """Return the version it says it is."""
        return str(self._get("status/buildinfo", {})["version"])

    def _get(self, path: str, asked: Mapping[str, Any]) -> Any:
        return answered(self.session, f"{self.url.rstrip('/')}/api/v1/{path}", asked)


@dataclass(frozen=True)
class Loki:
    """A Loki at an address, whose lines are ``later`` seconds later than they are told."""

    url: str
    later: int = 0
    session: requests.Session = field(default_factory=requests.Session)

    def range(self, text: str, start: float, end: float, step: float) -> dict[str, Any]:
        """Return the data of a LogQL query, newest lines first; raise AskError."""
        span = {"start": int((start + self.later) * 1e9), "end": int((end + self.later) * 1e9)}
        asked = {"query": text, **span, "step": step, "limit": MOST_LINES}
        found = answered(self.session, f"{self.url.rstrip('/')}/loki/api/v1/query_range", asked)
        result = [self._earlier(series, streams=found["resultType"] == "streams") for series in found["result"]]
        return {"resultType": found["resultType"], "result": sorted(result, key=lambda series: sorted(_labels(series)))}

    def _earlier(self, series: dict[str, Any], *, streams: bool) -> dict[str, Any]:
        if streams:
            values = [[str(int(at) - self.later * 10**9), *rest] for at, *rest in series["values"]]
        else:
            values = [[at - self.later, value] for at, value in series["values"]]
        return series | {"values": values}


def _labels(series: Mapping[str, Any]) -> list[tuple[str, str]]:
    return list((series.get("stream") or series.get("metric") or {}).items())


def answered(session: requests.Session, url: str, asked: Mapping[str, Any]) -> Any:
    """Return what a program answers; raise AskError with its own words, UnreachableError where it has none."""
    try:
        answer = session.get(url, params=dict(asked), timeout=TIMEOUT_SECONDS)
    except requests.ConnectionError as error:
        raise UnreachableError(f"{url} can't be asked: {type(error).__name__}") from error
    except requests.RequestException as error:
        raise AskError(f"{url} can't be asked: {innermost(error)}") from error
    try:
        body = answer.json()
    except ValueError:
        raise AskError(f"{url} answered {answer.status_code}: {answer.text.strip()[:300]}") from None
    if not isinstance(body, dict) or body.get("status") != "success":
        words = body.get("error", body) if isinstance(body, dict) else body
        raise AskError(f"{url.partition('?')[0]} answered {answer.status_code}: {words}")
    return body["data"]
