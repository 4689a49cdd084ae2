"""How do totals read as text: the Prometheus format and OpenMetrics, byte for byte as prometheus_client writes them?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import accumulate

from watchkeeper.counts.family import Totals, lines_per_series, width, yield_turn
from watchkeeper.counts.series import Exemplar, ExemplarKey, escape

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@cache
def _reference() -> Callable[[float], str]:
    from prometheus_client.utils import floatToGoString  # noqa: PLC0415 - it costs start time, and a scrape comes later

    written: Callable[[float], str] = floatToGoString
    return written


def _go_float(value: float) -> str:
    return _reference()(value)


SLICE_LINES = 1000
"""Lines written before other threads get their turn, in about a millisecond."""


def choose_format(accept: str) -> str:
    """
    Return the content type to answer an `Accept` header with: OpenMetrics only to who prefers it to plain text.

    Prometheus asks for both; a browser, curl and anything unreadable gets plain text.
    """
    weights = {"text/plain": 0.0, "application/openmetrics-text": 0.0}
    for part in accept.lower().split(","):
        kind, *parameters = (item.strip() for item in part.split(";"))
        if kind in weights and not _other_version(kind, parameters):
            weights[kind] = max(weights[kind], _weight(parameters))
    wins = weights["application/openmetrics-text"] > weights["text/plain"]
    return OPENMETRICS if wins else TEXT


def _other_version(kind: str, parameters: list[str]) -> bool:
    known = {"text/plain": "version=0.0.4", "application/openmetrics-text": "version=1.0.0"}
    return any(item.startswith("version=") and item != known[kind] for item in parameters)


def _weight(parameters: list[str]) -> float:
    try:
        return next((float(item[2:]) for item in parameters if item.startswith("q=")), 1.0)
    except ValueError:
        return 0.0


def expose(
    families: Iterable[Totals], content_type: str = TEXT, exemplars: Mapping[ExemplarKey, Exemplar] | None = None
) -> bytes:
    """Return the exposition of merged totals; exemplars appear in OpenMetrics alone, which has a place for them."""
    openmetrics = content_type == OPENMETRICS
    chunks = []
    for totals in families:
        chunks.append(_header(totals, openmetrics=openmetrics))
        chunks += _samples(totals, (exemplars or {}) if openmetrics else {})
    if openmetrics:
        chunks.append("# EOF\n")
    return "".join(chunks).encode()


def _header(totals: Totals, *, openmetrics: bool) -> str:
    metric = totals.metric
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    name = metric.name
    if openmetrics:
        text = text.replace('"', r"\"")
        name = name.removesuffix("_total") if metric.kind == "counter" else name
    return f"# HELP {name} {text}\n# TYPE {name} {metric.kind}\n"


def _samples(totals: Totals, exemplars: Mapping[ExemplarKey, Exemplar]) -> Iterator[str]:
    write = _WRITERS.get(totals.metric.kind, _plain)
    step = SLICE_LINES // lines_per_series(totals.metric)
    for start in range(0, len(totals.texts), step):
        if start:
            yield_turn()
        yield write(totals, slice(start, start + step), exemplars)


def _plain(totals: Totals, chosen: slice, _: Mapping[ExemplarKey, Exemplar]) -> str:
    name = totals.metric.name
    pairs = zip(totals.texts[chosen], totals.numbers[chosen], strict=True)
    lines = [f"{name}{{{text}}} {_number(value)}\n" if text else f"{name} {_number(value)}\n" for text, value in pairs]
    return "".join(lines)


def _summaries(totals: Totals, chosen: slice, _: Mapping[ExemplarKey, Exemplar]) -> str:
    name, lines = totals.metric.name, []
    for place, text in enumerate(totals.texts[chosen], chosen.start):
        count, total = totals.numbers[2 * place : 2 * place + 2]
        labels = f"{{{text}}}" if text else ""
        lines.append(f"{name}_count{labels} {_number(count)}\n{name}_sum{labels} {_number(total)}\n")
    return "".join(lines)


def _histograms(totals: Totals, chosen: slice, exemplars: Mapping[ExemplarKey, Exemplar]) -> str:
    name, size = totals.metric.name, width(totals.metric)
    edges = [f'le="{_go_float(edge)}"' for edge in (*totals.metric.buckets, float("inf"))]
    lines: list[str] = []
    for place, text in enumerate(totals.texts[chosen], chosen.start):
        before, _, after = text.partition("\n")
        opening = f"{name}_bucket{{{before}," if before else f"{name}_bucket{{"
        closing = f",{after}}}" if after else "}"
        numbers = totals.numbers[place * size : (place + 1) * size]
        counts = list(accumulate(numbers[:-1]))
        first = len(lines)
        lines += [f"{opening}{le}{closing} {_number(count)}\n" for le, count in zip(edges, counts, strict=True)]
        if exemplars:
            _attach(lines, first, [exemplars.get((name, text, bucket)) for bucket in range(len(edges))])
        both = f"{{{before}{',' if before and after else ''}{after}}}" if before or after else ""
        lines.append(f"{name}_count{both} {_number(counts[-1])}\n{name}_sum{both} {_number(numbers[-1])}\n")
    return "".join(lines)


def _attach(lines: list[str], first: int, exemplars: Iterable[Exemplar | None]) -> None:
    for place, exemplar in enumerate(exemplars, first):
        if exemplar is not None:
            trace = f'{{trace_id="{escape(exemplar.trace_id)}"}}'
            lines[place] = f"{lines[place][:-1]} # {trace} {_go_float(exemplar.value)} {exemplar.timestamp}\n"


def _number(value: float) -> str:
    # Below a million Python and Go write a float alike; most values are.
    return repr(value) if -1e6 < value < 1e6 else _go_float(value)  # noqa: PLR2004


_WRITERS = {"histogram": _histograms, "summary": _summaries}
