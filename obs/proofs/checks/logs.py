"""Does every LogQL query select streams that exist, and ask for what their lines hold?"""

from collections.abc import Iterator, Mapping

from obs.nearest import nearest
from obs.proofs.checks.check import Check, Judged
from obs.proofs.checks.selectors import impossible, in_one_line
from obs.proofs.compose import elsewhere, services
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.query.logql import CONTAINER, ENVIRONMENT, LEVEL, LEVELS, SERVICE, STREAM_LABELS, UNKNOWN, Streams, selected
from obs.query.pipeline import FORMATS, PARSERS, TEXTS, grouped, known, metrics, renamed, stages
from obs.query.positions import Part


def streams(evidence: Evidence) -> Iterator[Fault]:
    """Find LogQL that selects streams by labels or values they do not have."""
    values = _values(evidence)
    for question in evidence.questions:
        if question.language == "logql":
            for what, instead, part in _stream(question.text, values):
                yield question.fault(f"'{in_one_line(question.text)}': {what}", instead, part)


def lines(evidence: Evidence) -> Iterator[Fault]:
    """Find pipelines that Loki refuses, or that ask for fields no line has."""
    service = evidence.built.stack.service.name
    for question in evidence.questions:
        if question.language == "logql":
            ours = all(_is(one, service) for one in selected(question.text))
            for what, instead, part in _pipeline(question.text, ours=ours):
                yield question.fault(f"'{in_one_line(question.text)}': {what}", instead, part)


def _values(evidence: Evidence) -> Mapping[str, tuple[str, ...]]:
    """Return the values of stream labels that are known."""
    service = evidence.built.stack.service
    started = [name for _, name, _ in services(evidence.root)]
    there = {*started, *elsewhere(evidence.root, evidence.built.stack)} if started else set()
    containers = tuple(sorted(there))
    values = {LEVEL: (*LEVELS, UNKNOWN), ENVIRONMENT: (service.environment,)}
    return values | ({CONTAINER: containers, SERVICE: (service.name, *containers)} if containers else {})


def _stream(text: str, values: Mapping[str, tuple[str, ...]]) -> Judged:
    if named := metrics(text):
        what = f"'{named[0].text}{{' names a metric, which is PromQL"
        yield what, "ask Prometheus, or begin with {service=...}", named[0]
        return
    found = list(selected(text))
    if not found:
        yield "it selects no stream", 'begin with {service="..."}', Part("", 0)
    for one in found:
        if one.conditions is None:
            yield f"'{one.part.text}' is no selector", 'write {label="value", ...}', one.part
        for condition, part in one.conditions or ():
            if condition.label not in STREAM_LABELS:
                instead = f"streams have {', '.join(STREAM_LABELS)}; filter after | json"
                yield f"no stream has the label '{condition.label}'", instead, Part(condition.label, part.start)
            elif instead := impossible(condition, values.get(condition.label, ())):
                yield f"no stream is {condition}", instead, part


def _is(streams: Streams, service: str) -> bool:
    return any(str(condition) == f'{SERVICE}="{service}"' for condition, _ in streams.conditions or ())


def _pipeline(text: str, *, ours: bool) -> Judged:
    words = (*PARSERS, *FORMATS)
    for stage in stages(text):
        if not stage.filters and stage.word not in words:
            yield f"'| {stage.word}' is no parser", nearest(stage.word, words), Part(stage.word, stage.start)
        for one in stage.filters:
            field = Part(one.field, one.start)
            if not stage.parsed and one.field not in STREAM_LABELS:
                yield f"'{one.field}' is compared before the line is parsed", "write | json before it", field
            elif ours and not renamed(text) and not known(one.field):
                yield f"no line has the field '{one.field}'", nearest(one.field, TEXTS, ""), field
            elif one.numeric and (one.field in TEXTS or one.value[:1] in '"`'):
                yield f"{one.text} compares a text as a number", f'write {one.field}="..."', Part(one.text, one.start)
    for label in grouped(text) if ours and not renamed(text) else ():
        if not known(label.text):
            what = f"it groups by '{label.text}', which no line has"
            yield what, "group by a field that docs/telemetry.md lists", label


CHECKS = (
    Check(
        "query/log-stream",
        "every LogQL query selects streams by labels and values they have",
        streams,
        why="Loki finds streams by labels alone; what varies per line is a field, filtered after the parser.",
        fails='{service="rce-api", host="a"} | json',
        remedy='Select by service, level, container and environment, then `| json | field = "..."`.',
        language="logql",
    ),
    Check(
        "query/log-line",
        "pipelines are parsed, and ask for fields that lines have",
        lines,
        why="An unknown parser is an error; a field no line has, or a text compared as a number, finds nothing.",
        fails='{service="rce-api"} | jsonn | status >= 500',
        remedy="Take `json`, and the fields that docs/telemetry.md lists.",
        language="logql",
    ),
)
