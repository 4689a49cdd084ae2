"""Which panel of the new dashboard is which of the old one?"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable

from obs.diff.layout import Panel
from obs.diff.pairing import Pairing
from obs.diff.values import objects, table

ALIKE = 0.4  # share of common traits from which a panel without a common id or title counts as the same, renamed
HINTED = 0.2  # the same where the panel id agrees
COMMON = 64  # a trait of more panels than this distinguishes none and is not searched by


def match(old: list[Panel], new: list[Panel]) -> Pairing[Panel]:
    """Pair panels by id and title, then by row and title, by title, by id with like content, by content alone.

    Cheap first: panels equal in id and title are most of any dashboard. An id alone is no proof: dashboards with
    counted ids renumber every panel below an added one.
    """
    found = Pairing(old, new)
    keys: tuple[Callable[[Panel], Hashable], ...] = (
        lambda panel: panel.title and (panel.number, panel.title, panel.kind == "row"),
        lambda panel: panel.title and (panel.row, panel.title, panel.kind),
        lambda panel: panel.title and (panel.row, panel.title, panel.kind == "row"),
        lambda panel: panel.title and (panel.title, panel.kind == "row"),
    )
    for key in keys:
        found.by(key, lambda panel: panel.model)
    _pair_alike(found)
    return found


def _pair_alike(found: Pairing[Panel]) -> None:
    """Pair the most alike first; only panels that share a telling trait are compared, so thousands stay quick."""
    taken: set[int] = set()
    for _, before, after in sorted(_scores(found), key=lambda score: (-score[0], score[1], score[2])):
        old, new = found.removed[before], found.added[after]
        if not taken & {id(old), id(new)}:
            taken |= {id(old), id(new)}
            found.pairs.append((old, new))
    found.settle()


def _scores(found: Pairing[Panel]) -> Iterable[tuple[float, int, int]]:
    holders: dict[Hashable, list[int]] = defaultdict(list)
    traits = [_traits(panel) for panel in found.removed]
    for index, counted in enumerate(traits):
        for trait in counted:
            holders[trait].append(index)
    for index, panel in enumerate(found.added):
        mine = _traits(panel)
        near = {old for trait in mine if len(holders.get(trait, ())) <= COMMON for old in holders.get(trait, ())}
        for old in near:
            other = found.removed[old]
            same_id = panel.number is not None and panel.number == other.number
            score = (mine & traits[old]).total() / max((mine | traits[old]).total(), 1)
            if (panel.kind == "row") == (other.kind == "row") and score >= (HINTED if same_id else ALIKE):
                yield score + same_id, old, index


def _traits(panel: Panel) -> Counter[Hashable]:
    """Weigh what makes a panel itself: its queries most, then its text, its id and row, its type and unit."""
    model = panel.model
    traits: Counter[Hashable] = Counter()
    for target in objects(model.get("targets")):
        traits["query", str(target.get("expr") or target.get("query") or "").strip()] += 4
    defaults = table(table(model.get("fieldConfig")).get("defaults"))
    told = {
        "text": (model.get("description") or table(model.get("options")).get("content"), 2),
        "id": (model.get("id"), 1),
        "row": (panel.row, 1),
        "type": (panel.kind, 1),
        "unit": (defaults.get("unit"), 1),
        "nested": (len(objects(model.get("panels"))) or None, 1),
    }
    for name, (value, weight) in told.items():
        if value is not None and value != "":
            traits[name, str(value)] += weight
    return traits
