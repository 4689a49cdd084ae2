"""What does every panel of a dashboard get for an answer, over one stretch of time?"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from obs.boards.board import COLUMNS
from obs.boards.model import panels
from obs.preview.answers import Annotation, Answered, Answers, Target
from obs.preview.asking import Loki, Server, UnreachableError
from obs.preview.filling import Choice, built_in, chosen, filled, interval, least_step
from obs.preview.repeating import repeated
from obs.programs.ask import AskError

WIDTH = 1920
MARGIN = 32
"""Pixels at the sides of a page that belong to no panel."""

PADDING = 16
"""Pixels of a panel's frame: Grafana asks for as many points as the inside is wide."""

NO_LOKI = "no Loki was asked: give one with --loki URL, or put `loki` on PATH"
Source = Literal["prometheus", "loki", "other"]


@dataclass(frozen=True)
class Asker:
    """
    Asks what boards ask, from ``start`` to ``end`` (seconds since 1970).

    ``scrape`` is the time between two scrapes, in seconds, which a data source tells Grafana.
    """

    prometheus: Server
    loki: Loki | None
    start: float
    end: float
    scrape: float

    def board(self, model: Mapping[str, Any]) -> Answers:
        """
        Return the answers to a dashboard's JSON; a query that fails has its error beside it.

        Raises UnreachableError where a server is gone: nothing of what it would have said is known.
        """
        declared = model.get("templating", {}).get("list", [])
        taken = list(chosen(declared, self._label_values))
        choices = {name: choice for name, choice, _ in taken}
        whole = repeated(dict(model), {name: options for name, _, options in taken}, choices)
        return {
            "dashboard": whole,
            "range": {"from": round(self.start * 1000), "to": round(self.end * 1000)},
            "timezone": "utc",
            "variables": {name: _shown(choice) for name, choice in choices.items()},
            "width": WIDTH,
            "panels": {str(panel["id"]): self._panel(panel, choices) for panel in panels(whole) if "id" in panel},
            "annotations": list(self._annotations(whole, choices)),
        }

    def _label_values(self, label: str, selector: str) -> list[str]:
        try:
            return self.prometheus.label_values(label, selector, self.start, self.end)
        except UnreachableError:
            raise
        except AskError:
            return []  # a variable nobody can ask offers nothing, and the panels say what is wrong

    def _panel(self, panel: Mapping[str, Any], choices: Mapping[str, Choice]) -> Answered:
        own = {name: Choice(one["value"], text=one["text"]) for name, one in panel.get("scopedVars", {}).items()}
        shown = [target for target in panel.get("targets", ()) if not target.get("hide")]
        return {"targets": [self._target(panel, target, {**choices, **own}) for target in shown]}

    def _target(self, panel: Mapping[str, Any], target: Mapping[str, Any], choices: Mapping[str, Choice]) -> Target:
        width = panel.get("maxDataPoints") or panel.get("gridPos", {}).get("w", 12) * (WIDTH - MARGIN) / COLUMNS
        span = self.end - self.start
        step = interval(span, width - PADDING, least_step(panel, target, self.scrape))
        source = _source(panel, target)
        text = filled(target.get("expr", ""), {**choices, **built_in(span, step, self.scrape)})
        instant = bool(target.get("instant")) and not target.get("range") and source == "prometheus"
        formed = "logs" if source == "loki" else target.get("format") or "time_series"
        answer: Target = {
            "refId": target.get("refId", ""),
            "expr": text,
            "instant": instant,
            "format": formed,
            "legendFormat": target.get("legendFormat") or "",
            "step": 0 if instant else step,
            "result": None,
            "error": None,
            "datasource": source,
        }
        try:
            answer["result"] = self._answer(source, text, step, instant=instant)
        except UnreachableError:
            raise
        except AskError as error:
            answer["error"] = str(error)
        return answer

    def _answer(self, source: Source, text: str, step: float, *, instant: bool) -> dict[str, Any]:
        if source == "other":
            raise AskError("this data source is neither Prometheus nor Loki: nobody was asked")
        if source == "loki":
            if self.loki is None:
                raise AskError(NO_LOKI)
            return self.loki.range(text, self.start, self.end, step)
        if instant:
            return self.prometheus.instant(text, self.end)
        return self.prometheus.range(text, _floor(self.start, step), _floor(self.end, step), step)

    def _annotations(self, model: Mapping[str, Any], choices: Mapping[str, Choice]) -> Iterator[Annotation]:
        for one in model.get("annotations", {}).get("list", ()):
            if not one.get("enable", True) or not one.get("expr"):
                continue
            step = interval(self.end - self.start, WIDTH, least_step({}, {"interval": one.get("step")}, self.scrape))
            text = filled(one["expr"], {**choices, **built_in(self.end - self.start, step, self.scrape)})
            try:
                found = self.prometheus.range(text, _floor(self.start, step), _floor(self.end, step), step)
            except UnreachableError:
                raise
            except AskError:
                continue  # Grafana draws no mark for what it can't ask
            for series in found["result"]:
                yield from _marks(one, series, step)


def _marks(one: Mapping[str, Any], series: Mapping[str, Any], step: float) -> Iterator[Annotation]:
    """Yield a stretch of time for each run of samples above zero, as Grafana's Prometheus data source does."""
    stretches: list[list[float]] = []
    for at, value in series["values"]:
        if not float(value) > 0:
            continue
        if stretches and at - stretches[-1][1] <= step:
            stretches[-1][1] = at
        else:
            stretches.append([at, at])
    labels = series["metric"]
    title, text = (_worded(one.get(key) or "", labels) for key in ("titleFormat", "textFormat"))
    tags = [labels[key] for key in str(one.get("tagKeys", "")).split(",") if key in labels]
    for first, last in stretches:
        yield {
            "name": one.get("name", ""),
            "color": one.get("iconColor", "red"),
            "time": first * 1000,
            "timeEnd": last * 1000 if last > first else None,
            "text": " ".join(filter(None, (title, text))),
            "tags": tags,
        }


def _worded(template: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), template)


def _source(panel: Mapping[str, Any], target: Mapping[str, Any]) -> Source:
    named = target.get("datasource") or panel.get("datasource")
    kind = str(named.get("type", "") if isinstance(named, dict) else named or "prometheus").lower()
    if kind in ("", "datasource", "none") or "prometheus" in kind:
        return "prometheus"
    return "loki" if "loki" in kind else "prometheus" if target.get("expr") and not isinstance(named, dict) else "other"


def _shown(choice: Choice) -> str | list[str]:
    return (
        choice.text if choice.text == "All" else choice.value if isinstance(choice.value, str) else list(choice.value)
    )


def _floor(at: float, step: float) -> float:
    """Return a moment on the step's own grid, where Grafana asks."""
    return math.floor(at / step) * step
