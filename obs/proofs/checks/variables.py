"""Does every variable of a dashboard choose what its reader thinks it chooses?"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from obs.boards.board import Dashboard
from obs.boards.model import panels
from obs.place import Place
from obs.proofs.checks.check import Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault
from obs.proofs.questions import Question
from obs.query import logql, positions
from obs.query.expr import Condition, Parsed
from obs.query.positions import Part
from obs.query.series import Contract
from obs.query.values import jobs
from obs.query.variables import located
from obs.query.variables import names as variables_in
from watchkeeper.contract.labels import TARGET

GIVEN = re.compile(r"__\w+|timeFilter|timezone")
"""Variables Grafana brings itself."""


OF_TARGET = frozenset(label.name for label in TARGET)


def variables(evidence: Evidence) -> Iterator[Fault]:
    """Find variables that are used and not there, and those that are there and not used."""
    for board in evidence.built.dashboards:
        listed = board.model.get("templating", {}).get("list", ())
        names = [variable["name"] for variable in listed]
        used: set[str] = set()
        for where, text in _texts(board):
            found = located(text)
            used |= found.keys()
            for name in sorted(found.keys() - set(names)):
                if not GIVEN.fullmatch(name) and not name.isdigit():
                    what, instead = f"there is no variable '{name}'", f"there is {', '.join(names)}"
                    yield Fault(where, what, instead, text, name, found[name])
        for name in names:
            if name not in used:
                yield Fault(board.place(f"variable '{name}'"), "nothing uses it", "use it, or leave it out")


def exact(evidence: Evidence) -> Iterator[Fault]:
    """Find variables with several values that are compared with `=`."""
    several = {board.slug: _several(board) for board in evidence.built.dashboards}
    for question, condition, written in _conditions(evidence):
        if condition.operator in ("=", "!="):
            for name in sorted(several.get(question.board, set()) & set(variables_in(condition.value))):
                what = f"'{name}' may have several values, and {condition} is met by none of them then"
                better = "=~" if condition.operator == "=" else "!~"
                yield question.fault(what, f'write {condition.label}{better}"{condition.value}"', written())


def ignored(evidence: Evidence) -> Iterator[Fault]:
    """Find panels whose series carry the label of a variable, and do not ask for it."""
    for board in evidence.built.dashboards:
        fed, asked = _fed(evidence, board), _asked(evidence, board)
        followed: dict[Place, set[str]] = {}
        for question, query in asked:
            followed.setdefault(question.where, set()).update(variables_in(query.text))
        for name, (variable, feeding) in fed.items():
            if any(name in names for names in followed.values()):
                for question, query in asked:
                    if name not in followed[question.where] and _chooses(variable, feeding, query, evidence.contract):
                        what = f"it shows the same whatever is chosen for '{name}'"
                        yield question.fault(what, f'ask {variable.label}=~"${name}", or say why not in a waiver')


def misfed(evidence: Evidence) -> Iterator[Fault]:
    """Find variables whose values come from series that have nothing to do with those they are used on."""
    for board in evidence.built.dashboards:
        uses: dict[str, list[tuple[Parsed, str]]] = {}
        for _, query in _asked(evidence, board):
            for names, label in _filters(query):
                for name in names:
                    uses.setdefault(name, []).append((query, label))
        series = [evidence.contract.series[one.name] for _, query in _asked(evidence, board) for one in query.selectors]
        for name, (question, query) in _fed(evidence, board).items():
            # A label that everything on the board carries tells targets apart, and any of their series knows it.
            shared = question.label in OF_TARGET or all(question.label in one.labels for one in series)
            if name in uses and (what := _misfed(question, query, uses[name], evidence.contract, shared=shared)):
                yield question.fault(*what, question.text.strip())


def _several(board: Dashboard) -> set[str]:
    """Return the variables that may have several values at once; a panel that is repeated for each has one."""
    repeated = {panel.get("repeat") for panel in (*board.model.get("panels", ()), *panels(board.model))}
    return {one["name"] for one in _listed(board) if one.get("multi") or one.get("includeAll")} - repeated


def _fed(evidence: Evidence, board: Dashboard) -> dict[str, tuple[Question, Parsed]]:
    """Return what feeds each variable of a dashboard."""
    asked = evidence.by_board.get(board.slug, ())
    return {q.where.item.partition("'")[2][:-1]: (q, query) for q, query in asked if q.origin == "variable"}


def _asked(evidence: Evidence, board: Dashboard) -> list[tuple[Question, Parsed]]:
    return [(q, query) for q, query in evidence.by_board.get(board.slug, ()) if q.origin == "panel"]


def _misfed(
    variable: Question, feeding: Parsed, uses: list[tuple[Parsed, str]], contract: Contract, *, shared: bool
) -> tuple[str, str] | None:
    labels = sorted({label for _, label in uses})
    if variable.label and variable.label not in labels:
        return f"it offers values of '{variable.label}', and is compared with '{labels[0]}'", f"offer {labels[0]}"
    of_feeding, of_uses = jobs(feeding.tree, contract), [jobs(query.tree, contract) for query, _ in uses]
    if of_feeding and all(of_uses) and not any(of_feeding & one for one in of_uses):
        return f"its values come from {_words(of_feeding)}, and are asked of {_words(of_uses[0])}", "feed it from there"
    if shared:
        return None
    read = {_family(contract, s.name) for query, _ in uses for s in query.selectors}
    fed = {_family(contract, s.name) for s in feeding.selectors}
    if fed & read:
        return None
    return f"its values come from {_words(fed)}, which no panel that uses it reads", f"take one of {_words(read)}"


def _chooses(variable: Question, feeding: Parsed, query: Parsed, contract: Contract) -> bool:
    """Tell whether a query is about one job, its series carry the variable's label, and the same values of it."""
    series = [contract.series[selector.name] for selector in query.selectors]
    about, fed = jobs(query.tree, contract), {_family(contract, selector.name) for selector in feeding.selectors}
    if len(about) != 1 or not about <= jobs(feeding.tree, contract):
        return False
    carried = all(variable.label in one.labels for one in series)
    return carried and (variable.label in OF_TARGET or bool(fed & {one.family.name for one in series}))


def _conditions(evidence: Evidence) -> Iterator[tuple[Question, Condition, Callable[[], Part]]]:
    """Yield every matcher, and what finds it in its text."""
    for question, query in evidence.parsed:
        for selector in query.selectors:
            for condition in selector.conditions:
                yield question, condition, partial(positions.matcher, query, selector, condition)
    for question in evidence.questions:
        if question.language == "logql":
            for streams in logql.selected(question.text):
                for condition, part in streams.conditions or ():
                    yield question, condition, partial(Part, part.text, part.start)


def _filters(query: Parsed) -> Iterator[tuple[list[str], str]]:
    for selector in query.selectors:
        for condition in selector.conditions:
            if found := variables_in(condition.value):
                yield found, condition.label


def _family(contract: Contract, name: str) -> str:
    return contract.series[name].family.name


def _words(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _listed(board: Dashboard) -> list[Mapping[str, Any]]:
    return list(board.model.get("templating", {}).get("list", ()))


def _texts(board: Dashboard) -> Iterator[tuple[Place, str]]:
    """Yield every text of a model in which Grafana fills in variables, and where it stands."""
    for variable in board.model.get("templating", {}).get("list", ()):
        holders: Iterable[Any] = (variable.get("query"), variable.get("datasource"))
        yield from ((board.place(f"variable '{variable['name']}'"), text) for text in _strings(list(holders)))
    for key in ("annotations", "links"):
        yield from ((board.place(key), text) for text in _strings(board.model.get(key)))
    rows = [panel for panel in board.model.get("panels", ()) if panel.get("type") == "row"]
    for panel in (*rows, *panels(board.model)):
        # Grafana leaves a dollar sign alone in words that name no variable, such as MongoDB's $indexStats.
        asks = {key: value for key, value in panel.items() if key not in ("description", "panels")}
        where = board.place_of(panel)
        yield from ((where, text) for text in _strings(asks))


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts inside a value that could name a variable."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if "$" in one or "[[" in one:
                yield one
        elif isinstance(one, dict):
            waiting.extend(reversed(one.values()))
        elif isinstance(one, list):
            waiting.extend(reversed(one))


CHECKS = (
    Check(
        "dashboard/variable",
        "every variable that is used is there, and the other way round",
        variables,
        why=(
            "A query with a variable that is not there is sent with the dollar sign; "
            "a variable nobody uses promises a choice that changes nothing."
        ),
        fails='up{instance=~"$zone"}',
        remedy="Declare the variable, or take it out of the query.",
    ),
    Check(
        "variable/exact-match",
        "a variable with several values is matched with =~",
        exact,
        why="Grafana joins several values with a bar, `(a|b)`: compared with `=`, no series is called that.",
        fails='rate(http_requests_total{instance="$environment"}[5m])',
        remedy='Write `=~"$name"`.',
    ),
    Check(
        "variable/ignored",
        "panels follow the variables of their dashboard",
        ignored,
        why="Who has chosen one instance reads every panel as that instance's.",
        fails='up{job="rce-api"}',
        remedy="Ask for the variable's label in every panel whose series carry it.",
    ),
    Check(
        "variable/fed-elsewhere",
        "a variable offers values of the series it is used on",
        misfed,
        why="Values of other series offer choices that answer nothing, and hide those that would.",
        fails="label_values(redis_up, instance)",
        remedy="Feed it with `label_values(metric, label)` of a metric that the panels read.",
        language="text",
    ),
)
