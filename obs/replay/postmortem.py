"""How do the facts of an incident fill the post-mortem template?"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from string import Template

from obs.alerting.slo import Slo
from obs.replay.episodes import Episode


def write_up(
    template: str,
    *,
    title: str,
    start: datetime,
    end: datetime,
    history: Sequence[Episode],
    cost: Mapping[Slo, float | None],
) -> str:
    """
    Return the post-mortem as Markdown.

    ``template`` is the text of docs/operations/post-mortem-template.md, ``cost`` the share of each promise's budget
    that went (0.1 is a tenth of the month's). Raises KeyError for a placeholder that nothing fills.
    """
    return Template(template).substitute(
        title=title,
        date=f"{start:%Y-%m-%d}",
        start=_moment(start),
        end=_moment(end),
        duration=_words(end - start),
        budget="\n".join(_table(("promise", "objective", "budget spent"), [_cost(slo, cost[slo]) for slo in cost])),
        timeline="\n".join(_table(("time", "what"), _timeline(history))),
    )


def _timeline(history: Sequence[Episode]) -> list[tuple[str, ...]]:
    moments = [(episode.start, f"`{episode.alert}` ({episode.severity}) fires") for episode in history]
    moments += [(episode.end, f"`{episode.alert}` clears") for episode in history if episode.end]
    return [(_moment(at), what) for at, what in sorted(moments)] or [("", "No alert fired. Why not?")]


def _cost(slo: Slo, share: float | None) -> tuple[str, ...]:
    return slo.title, f"{slo.objective:.3%} over {slo.window}", "no traffic" if share is None else f"{share:.1%}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _words(span: timedelta) -> str:
    hours, minutes = divmod(round(span.total_seconds() / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
