"""Which change to the Python source makes the code say what a person said in Grafana?"""

import ast
import importlib
import importlib.abc
import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from obs import content
from obs.adopt.hoisting import Named
from obs.adopt.panel import nearest, read_panel
from obs.adopt.source import Edit, Source, argument, edited, number_in_toml, read, replayed, unified
from obs.adopt.writing import IMPORTED
from obs.adopt.writing import panel as panel_source
from obs.adopt.writing import value as source
from obs.boards.board import with_lists
from obs.boards.grafana import laid_over
from obs.diff import ObjectChange, Sentence, diff_dashboard
from obs.diff.layout import panels
from obs.diff.normalise import pruned
from obs.diff.values import BLANK, objects, same, table
from obs.stack import Stack, loads
from obs.stack.identity import dashboard_uid
from obs.stack.thresholds import Threshold

Model = dict[str, Any]

KEYWORDS = {
    "unit": "unit",
    "description": "why",
    "min": "low",
    "max": "high",
    "decimals": "decimals",
    "width": "width",
    "height": "height",
}
"""The panel argument behind each field of a sentence, where it is one."""

FOLLOWS = {"title": "legend", "threshold": "soft max", "panel": "position"}
"""The field that follows from another: the vocabulary derives it, or the panels after it move."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do about one edit somebody made in Grafana.

    Where `after` differs from `before` (path to text) the code can say it: it was edited, built, and the difference was
    gone. Otherwise `reason` says why not, and `look` is what to look at: the JSON as it is live, or Python to paste for
    a panel that is new. The proposals of one dashboard build on each other.
    """

    sentence: Sentence
    before: Mapping[str, str]
    after: Mapping[str, str]
    reason: str = ""
    look: str = ""

    @property
    def mapped(self) -> bool:
        """Tell whether the source can say it."""
        return not self.reason


def propose(
    change: ObjectChange, live: Mapping[str, Any], *, root: Path, stack_file: Path, env: str = ""
) -> list[Proposal]:
    """Offer each visible sentence of a change from code to Grafana back as an edit of the source.

    `live` is the dashboard's model in Grafana, `root` the checkout, `stack_file` and `env` name the stack that was
    deployed. Every edit offered was tried: the dashboard built with it no longer differs there, nor anywhere new.
    """
    stack_text = stack_file.read_text(encoding="utf-8")
    stack = loads(stack_text, env, where=str(stack_file))
    modules = content.here().dashboards
    slug = next((one for one in modules if change.uid in {dashboard_uid(stack, name) for name in _slugs(one)}), "")
    shown = [sentence for sentence in change.sentences if not sentence.hidden]
    if change.kind != "dashboard" or not slug or change.action != "update":
        reason = (
            "it is not built by a module of dashboards/" if change.kind == "dashboard" else f"it is a {change.kind}"
        )
        return [Proposal(sentence, {}, {}, reason, _json(sentence.new)) for sentence in shown]
    name = stack_file.relative_to(root).as_posix() if stack_file.is_relative_to(root) else str(stack_file)
    texts = {**read(root, [f"dashboards/{slug}.py"]), name: stack_text}
    renamed = {str(sentence.new): str(sentence.old) for sentence in shown if sentence.field == "title"}
    trial = _Trial(slug, texts, name, env, dict(live), renamed)
    # Renames last: every other sentence knows its panel by the old title.
    return [_proposal(trial, sentence) for sentence in sorted(shown, key=lambda one: one.field == "title")]


def _slugs(module: str) -> tuple[str, ...]:
    """Return what the board of a module may be called: a slug may have dashes, a module of Python may not."""
    return module, module.replace("_", "-"), module.removeprefix("board_").replace("_", "-")


def patch(proposals: Sequence[Proposal]) -> str:
    """Return every edit offered, for one dashboard or several, as one patch for `git apply`; "" if there is none.

    Where two dashboards would change one line of the stack file differently, the first has it.
    """
    original: dict[str, str] = {}
    now: dict[str, str] = {}
    for proposal in proposals:
        for path, text in proposal.before.items():
            original.setdefault(path, text)
            now[path] = replayed(text, proposal.after[path], now.get(path, text))
    return unified(original, now)


@dataclass(slots=True)
class _Trial:
    """A dashboard's module and stack file, edited step by step and built on the side."""

    slug: str
    texts: Mapping[str, str]
    stack_name: str
    env: str
    live: Model
    renamed: Mapping[str, str]
    left: dict[tuple[str, str], Sentence] = field(init=False)
    """What is still to be said, by its subject and text."""

    def __post_init__(self) -> None:
        """Say what differs before anything is edited."""
        self.left = self._said(self.texts)

    @property
    def module(self) -> Source:
        path = f"dashboards/{self.slug}.py"
        return Source(path, self.texts[path])

    def settled(self, sentence: Sentence, edits: Sequence[Edit]) -> bool:
        """Keep the edits if, built with them, the sentence goes and none comes but what follows of it.

        A legend follows a rename, and the reach of an axis the limit it has to show.
        """
        texts = edited(self.texts, edits)
        try:
            after = self._said(texts)
        except Exception:  # noqa: BLE001 - a candidate is code that nobody has run yet
            return False
        before = self.left
        follows = {said for said, one in after.items() if said not in before and _follows(one, sentence)}
        if (sentence.subject, sentence.text) in after or not after.keys() - follows < before.keys():
            return False
        self.texts, self.left = texts, after
        return True

    def done(self, sentence: Sentence) -> bool:
        """Tell whether an earlier edit has settled the sentence as well."""
        return (sentence.subject, sentence.text) not in self.left

    def model(self, texts: Mapping[str, str] | None = None) -> Model:
        """Build the dashboard with the edits that were kept, or from other texts."""
        found = texts or self.texts
        stack = loads(found[self.stack_name], self.env, where=self.stack_name)
        built: Model = _load(self.slug, found[f"dashboards/{self.slug}.py"])(stack).model
        return built

    def _said(self, texts: Mapping[str, str]) -> dict[tuple[str, str], Sentence]:
        sentences = diff_dashboard(self.model(texts), self.live).sentences
        return {(one.subject, one.text): one for one in sentences if not one.hidden}


def _follows(one: Sentence, edited: Sentence) -> bool:
    """Tell whether a sentence comes of another's edit; a panel that is new gains what every panel here has."""
    gained = edited.field == "panel" and one.subject == edited.subject and one.new in BLANK
    return gained or one.field == FOLLOWS.get(edited.field)


class _Edited(importlib.abc.SourceLoader):
    """Loads a module from text that is on no disk yet."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text

    def get_filename(self, fullname: str) -> str:
        """Return the path the text is meant for."""
        del fullname
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        """Return the text, whatever is on disk."""
        del path
        return self._text.encode()


def _load(slug: str, text: str) -> Callable[[Stack], Any]:
    loader = _Edited(f"dashboards/{slug}.py", text)
    spec = importlib.util.spec_from_loader(f"dashboards.{slug}", loader)
    if spec is None:
        raise ValueError(f"dashboards/{slug}.py cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    build: Callable[[Stack], Any] = module.dashboard
    return build


def _proposal(trial: _Trial, sentence: Sentence) -> Proposal:
    before = trial.texts
    if trial.done(sentence) or any(trial.settled(sentence, edits) for edits in _candidates(trial, sentence)):
        return Proposal(sentence, before, trial.texts)
    reason, look = "the code computes it, shares it with other panels, or has no argument for it", _json(sentence.new)
    if sentence.path[:1] == ("panels",) and not trial.module.calls(sentence.subject.rpartition(" / ")[2]):
        reason = f"dashboards/{trial.slug}.py computes this panel whole: its title is written nowhere"
    name = str(table(sentence.old).get("name") or "")
    if sentence.field == "variable" and sentence.verb == "removed" and _asks_for(trial.live, name):
        reason = f"panels or other variables still ask for ${name}: take it out of their queries first"
    if sentence.field == "panel" and sentence.verb == "added":
        reason = f"paste it into its row of dashboards/{trial.slug}.py"
        look = _pasteable(trial, sentence)
    return Proposal(sentence, before, before, reason, look)


def _candidates(trial: _Trial, sentence: Sentence) -> Iterator[list[Edit]]:
    """Yield edits that may say the sentence, the most direct first."""
    module = trial.module
    if not sentence.subject:
        yield from _of_board(module, sentence, trial)
        return
    if sentence.field == "position":
        yield from _orders(module, trial)
        return
    if sentence.field == "panel":
        yield from _arrivals(module, trial, sentence) if sentence.verb == "added" else _departures(module, sentence)
        return
    board = module.call_of("board")
    if sentence.subject.startswith("row ") and sentence.field == "title" and board:
        edit = module.constant(board, sentence.old, sentence.new)
        yield from [[edit]] if edit else []
    for call in module.calls(sentence.subject) or module.calls(sentence.subject.rpartition(" / ")[2]):
        yield from ([edit] for edit in _of_panel(module, call, sentence, trial) if edit)
        if sentence.field == "title":
            yield from _renames(module, call, sentence)
        yield from _written_out(module, call, sentence)
        yield from _laid_over(module, call, *_overlay(trial.live, sentence), laid_over)


def _of_board(module: Source, sentence: Sentence, trial: _Trial) -> Iterator[list[Edit]]:
    call = module.call_of("board")
    if call is None:
        return
    new = str(sentence.new or "")
    prefix = loads(trial.texts[trial.stack_name], trial.env, where=trial.stack_name).service.name
    arguments = {
        "description": ("why", new),
        "title": ("title", new.removeprefix(f"{prefix} / ")),
        "time range from": ("span", new.removeprefix("now-")),
    }
    if sentence.field in arguments:
        edit = module.keyword(call, *arguments[sentence.field])
        yield from [[edit]] if edit else []
    if sentence.path[:1] == ("templating",) or sentence.field == "variables":
        yield from _variables(module, call, sentence, trial)
    where, value = _down(trial.live, sentence.path)
    if sentence.verb == "added" and isinstance(sentence.new, dict):
        value = [sentence.new]
    elif isinstance(value, list):
        value = [one for one in value if not isinstance(sentence.old, list) or one not in sentence.old]
    yield from _laid_over(module, call, where, value, _added_to)


def _variables(module: Source, call: ast.Call, sentence: Sentence, trial: _Trial) -> Iterator[list[Edit]]:
    """Yield the variables as they are in Grafana: one changed or gone, or all of them in another order."""
    given = argument(call, "variables")
    own = given.elts if isinstance(given, ast.Tuple | ast.List) else []
    if given is not None and not isinstance(given, ast.Tuple | ast.List):
        return
    texts = {_variable_name(one): module.text[slice(*module.span(one))] for one in own}
    built, live = (_by_name(model) for model in (trial.model(), trial.live))
    depth = module.depth(call)
    for name in [name for name in built if name not in live and not _asks_for(trial.live, name)]:
        left = {one: text for one, text in texts.items() if one != name}
        yield [_variables_edit(module, call, left, depth)] if name in texts else _without(module, call, name)
    for name, one in ((name, one) for name, one in live.items() if name in built and not same(one, built[name])):
        for node in (node for node in own if _variable_name(node) == name):
            changed = module.constant(node, sentence.old, sentence.new)
            yield from [[changed]] if changed else []
        differing = {key: value for key, value in one.items() if not same(value, built[name].get(key))}
        laid = []
        if name in texts and built[name].keys() <= one.keys():
            laid = [f"{texts[name]} | {source(differing, depth + 1, len(texts[name]) + len(' | '))}"]
        for text in (*laid, source(one, depth + 1)):
            own_texts = {**texts, name: text}
            ordered = {key: own_texts[key] for key in (*live, *built) if key in own_texts}
            yield [_variables_edit(module, call, ordered, depth)]
    if sentence.field == "variables":
        whole = {name: texts.get(name, source(one, depth + 1)) for name, one in live.items()}
        yield [_variables_edit(module, call, whole, depth)]


def _variables_edit(module: Source, call: ast.Call, texts: Mapping[Any, str], depth: int) -> Edit:
    written = source(tuple(Named(text) for text in texts.values()), depth, len("variables="))
    return module.written(call, "variables", written)


def _without(module: Source, call: ast.Call, name: str) -> list[Edit]:
    given = argument(call, "without")
    left_out = [*ast.literal_eval(given)] if given else []
    return [module.written(call, "without", source((*left_out, name), module.depth(call), len("without=")))]


def _variable_name(node: ast.expr) -> str:
    """Return what a variable is called that is written out, as a call or as a dict; "" for one that is computed."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call) and ast.unparse(one.func).split(".")[-1] == "variable" and one.args:
            return str(one.args[0].value) if isinstance(one.args[0], ast.Constant) else ""
        if isinstance(one, ast.Dict):
            named = (value for key, value in zip(one.keys, one.values, strict=True) if _says(key, "name"))
            return next((str(value.value) for value in named if isinstance(value, ast.Constant)), "")
    return ""


def _says(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text


def _by_name(model: Model) -> dict[str, Model]:
    listed = objects(table(model.get("templating")).get("list"))
    return {str(one.get("name")): pruned(one) for one in listed}


def _asks_for(model: Model, name: str) -> bool:
    """Tell whether anything in a dashboard still reads a variable."""
    return re.search(rf"\$\{{?{re.escape(name)}\b|\[\[{re.escape(name)}\b", json.dumps(model)) is not None


def _added_to(given: Mapping[str, Any], patch: Mapping[str, Any]) -> Model:
    """Lay settings over others as a board does, which adds to its lists."""
    return laid_over(given, with_lists(given, patch))


def _laid_over(
    module: Source,
    call: ast.Call,
    where: Sequence[str],
    value: Any,
    merge: Callable[[Mapping[str, Any], Mapping[str, Any]], Model],
) -> Iterator[list[Edit]]:
    """Yield the setting in Grafana's own JSON, as `raw`, which says what no word does."""
    given = argument(call, "raw")
    try:
        laid = ast.literal_eval(given) if given else {}
    except ValueError:
        return
    if not where or not isinstance(laid, dict):
        return
    patch: Any = value
    for name in reversed(where):
        patch = {name: patch}
    written = source(merge(laid, patch), module.depth(call), len("raw="))
    edit = module.argument(call, "raw", written)
    yield from [[edit]] if edit else []


def _overlay(live: Model, sentence: Sentence) -> tuple[list[str], Any]:
    """Return the path inside its panel of what a sentence is about, and what stands there in Grafana."""
    for panel in panels(live):
        if panel.kind != "row" and sentence.path[: len(panel.path)] == panel.path:
            return _down(panel.model, sentence.path[len(panel.path) :])
    return [], None


def _down(model: Any, path: Sequence[str | int]) -> tuple[list[str], Any]:
    """Follow a path as long as it leads through objects; a list is taken whole."""
    where: list[str] = []
    for step in path:
        if not isinstance(model, dict) or not isinstance(step, str):
            break
        where.append(step)
        model = model.get(step)
    return where, model


def _of_panel(module: Source, call: ast.Call, sentence: Sentence, trial: _Trial) -> Iterator[Edit | None]:
    field, old, new = sentence.field, sentence.old, sentence.new
    if field in KEYWORDS:
        yield module.keyword(call, KEYWORDS[field], new)
    if field == "thresholds" and isinstance(new, list):
        yield module.keyword(call, "steps", tuple((step.get("value"), step.get("color")) for step in new))
    if field in {"query", "legend"} and isinstance(old, str):
        yield module.constant(call, old, new)
    if field == "threshold":
        steps = next((one.value for one in call.keywords if one.arg == "steps"), call)
        yield module.constant(steps, old, new)
        text = trial.texts[trial.stack_name]
        for name in dict.fromkeys(_thresholds(steps, trial.slug)):
            yield number_in_toml(trial.stack_name, text, name, old, new)


def _thresholds(steps: ast.AST, slug: str) -> Iterator[str]:
    """Yield the keys of the stack file behind the limits of a panel."""
    names = vars(importlib.import_module(f"dashboards.{slug}"))
    for node in ast.walk(steps):
        value = names.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(value, Threshold):
            yield value.name


def _written_out(module: Source, call: ast.Call, sentence: Sentence) -> Iterator[list[Edit]]:
    """Yield a query, or a legend, as the text it is in Grafana in the place of the words that compute it."""
    if sentence.field not in {"query", "legend"} or not isinstance(sentence.new, str):
        return
    at = 0 if sentence.field == "query" else 1
    asked = [one for one in call.args if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("Query")]
    nodes = [one.args[at] for one in asked if len(one.args) > at]
    nodes += [legend for one in asked if at and (legend := argument(one, "legend"))]
    nodes += call.args[1:2] if not at and not asked else []
    for node in nodes:
        yield [module.replaced(node, source(sentence.new, module.depth(call)))]


def _departures(module: Source, sentence: Sentence) -> Iterator[list[Edit]]:
    """Yield the lists of panels without the one that was removed."""
    title = str(table(sentence.old).get("title") or "")
    for listed in module.lists():
        yield from ([module.without(listed, one)] for one in listed.elts if title and _title(one) == title)


def _arrivals(module: Source, trial: _Trial, sentence: Sentence) -> Iterator[list[Edit]]:
    """Yield a new panel in the words that come nearest, then with all it says, beside its neighbours of its row."""
    shown = [panel for panel in panels(trial.live) if panel.kind != "row"]
    new = next((panel for panel in shown if panel.path == sentence.path), None)
    if new is None:
        return
    ordered = sorted((one for one in shown if one.row == new.row), key=lambda panel: (panel.box[1], panel.box[0]))
    place = ordered.index(new)
    beside = [(one, True) for one in reversed(ordered[:place])] + [(one, False) for one in ordered[place + 1 :]]
    neighbours = [
        (element, after)
        for neighbour, after in beside
        for listed in module.lists()
        for element in listed.elts
        if _title(element) == neighbour.title
    ]
    for made in (nearest(new), read_panel(new, set())) if neighbours else ():
        element, after = neighbours[0]
        edit = module.beside(element, partial(panel_source, made), after=after)
        names = [name for name in IMPORTED if re.search(rf"(?<!\.)\b{name}\(", edit.text)]
        imports = module.importing("obs.boards.panels", names)
        yield [edit, *([imports] if imports else [])]


def _renames(module: Source, call: ast.Call, sentence: Sentence) -> Iterator[list[Edit]]:
    """Yield a new title, with the old one kept as the slug so that the panel's id and saved links stay."""
    edit = module.constant(call, sentence.old, sentence.new)
    if edit and not any(one.arg == "slug" for one in call.keywords):
        kept = module.keyword(call, "slug", sentence.old)
        yield from [[edit, kept]] if kept else []
    if edit:
        yield [edit]


def _orders(module: Source, trial: _Trial) -> Iterator[list[Edit]]:
    """Yield the order of a row's panels as they stand in Grafana, for each list of panels written out."""
    shown = [panel for panel in panels(trial.live) if panel.kind != "row"]
    placed = sorted(shown, key=lambda panel: (panel.box[1], panel.box[0]))
    ranks = {trial.renamed.get(panel.title, panel.title): rank for rank, panel in enumerate(placed)}
    for listed in module.lists():
        titles = [_title(element) for element in listed.elts]
        if len(titles) < 2 or not all(title in ranks for title in titles):  # noqa: PLR2004 - one cannot be reordered
            continue
        order = sorted(range(len(titles)), key=lambda index: ranks[titles[index]])
        texts = [module.text[slice(*module.span(element))] for element in listed.elts]
        if order != sorted(order):
            yield [
                module.replaced(slot, texts[index])
                for slot, index in zip(listed.elts, order, strict=True)
                if slot is not listed.elts[index]
            ]


def _title(element: ast.expr) -> str:
    first = element.args[0] if isinstance(element, ast.Call) and element.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def _pasteable(trial: _Trial, sentence: Sentence) -> str:
    found = next((panel for panel in panels(trial.live) if panel.title == sentence.subject), None)
    return panel_source(nearest(found)) if found else _json(sentence.new)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)
