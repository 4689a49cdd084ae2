"""Where does a query hold Grafana's variables, and what stands in for them where a parser or a program reads it?"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

# $name, ${name}, ${name.path}, ${name:format}, [[name]], [[name:format]]: Grafana's `variableRegex`
# (public/app/features/variables/utils.ts).
VARIABLE = re.compile(
    r"\$(?P<plain>\w+)|\$\{(?P<braces>\w+)(?:\.[^:^}]+)?(?::[^}]+)?\}|\[\[(?P<brackets>\w+)(?::[^\]]+)?\]\]"
)
STRING = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")
RANGE = re.compile(r"\[([^\[\]]*)\]")
OFFSET = re.compile(rf"(\boffset\s+-?)((?:{re.sub(r'[?]P<[a-z]+>', '?:', VARIABLE.pattern)})\w*)")
LABEL_VALUES = re.compile(r"\s*label_values\((?:(?P<expr>.+),\s*)?(?P<label>\w+)\s*\)\s*", re.DOTALL)
QUERY_RESULT = re.compile(r"\s*query_result\((?P<expr>.+)\)\s*", re.DOTALL)
MOST_TRIED = 3  # numeric variables in one query; each more doubles the work for a query nobody has
STAND_IN = "obs_stand_in_"

GIVEN = {
    "__rate_interval": "5m",
    "__interval": "1m",
    "__range": "1h",
    "__rate_interval_ms": "300000",
    "__interval_ms": "60000",
    "__range_s": "3600",
    "__range_ms": "3600000",
}
"""Values Grafana fills in, of the kind it fills in:
https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query variable asks Prometheus: a selector or an expression, and the label whose values it offers."""

    expr: str
    label: str = ""


def asked(text: str) -> Asked | None:
    """Read a variable's query; None for one that asks no series, such as `label_names()`."""
    if found := LABEL_VALUES.fullmatch(text):
        return Asked(found["expr"] or "", found["label"])
    result = QUERY_RESULT.fullmatch(text)
    return Asked(result["expr"]) if result else None


def names(text: str) -> list[str]:
    """Return the names of the variables in a text, in their order, one as often as it occurs."""
    return [_name(found) for found in VARIABLE.finditer(text)]


@lru_cache(maxsize=4096)
def located(text: str) -> Mapping[str, int]:
    """Return where the name of each variable in a text first stands."""
    found: dict[str, int] = {}
    if "$" not in text and "[[" not in text:
        return found
    for one in VARIABLE.finditer(text):
        found.setdefault(_name(one), one.start(one.lastgroup or 0))
    return found


def filled(text: str, values: Mapping[str, str], otherwise: str) -> str:
    """Replace every variable by its value, one that has none by ``otherwise``."""
    return VARIABLE.sub(lambda found: values.get(_name(found), otherwise), text)


def outside_strings(text: str) -> list[str]:
    """Split a query into code and texts in quotes: code at even places, texts at odd ones."""
    return STRING.split(text)


def _name(found: re.Match[str]) -> str:
    return found["plain"] or found["braces"] or found["brackets"]


def readings(*queries: str) -> Iterator["Substitution"]:
    """Yield every way to read the variables of some queries as names and numbers, the likeliest first."""
    code = (_today(piece) for query in queries for piece in outside_strings(query)[::2])
    found = {variable[0]: None for piece in code for variable in VARIABLE.finditer(piece)}
    for count in range(min(len(found), MOST_TRIED) + 1):
        for chosen in combinations(found, count):
            yield Substitution(frozenset(chosen))


def _today(query: str) -> str:
    """Spell [[name]] as ${name}, which Grafana reads alike."""
    return VARIABLE.sub(lambda found: f"${{{found[0][2:-2]}}}" if found["brackets"] else found[0], query)


@dataclass(slots=True)
class Substitution:
    """The stand-ins put into queries for their variables, one per variable, so that two queries compare alike.

    A variable outside a range stands for a name; those in `numeric` for a number, as in `topk($limit, ...)`.
    """

    numeric: frozenset[str] = frozenset()
    stand_ins: dict[str, str] = field(default_factory=dict)

    def into(self, query: str) -> str:
        """Replace every variable outside a string by what the grammar wants at that place."""
        pieces = outside_strings(query)
        return "".join(piece if index % 2 else self._code(piece) for index, piece in enumerate(pieces))

    def back(self, text: str) -> str:
        """Put the variables in their places again."""
        for variable, stand_in in self.stand_ins.items():
            text = re.sub(rf"(?<![0-9a-zA-Z.]){stand_in}(?![0-9.])", variable.replace("\\", r"\\"), text)
        return text

    def _code(self, piece: str) -> str:
        piece = _today(piece)
        if "$" not in piece:
            return piece
        piece = RANGE.sub(lambda found: f"[{self._durations(found[1])}]", piece)
        piece = OFFSET.sub(lambda found: found[1] + self._duration(found[2]), piece)
        return VARIABLE.sub(lambda found: self._word(found[0]), piece)

    def _durations(self, inside: str) -> str:
        parts = re.split(r":(?![^{]*\})", inside)
        return ":".join(self._duration(part.strip()) if VARIABLE.search(part) else part for part in parts)

    def _duration(self, variable: str) -> str:
        """Choose a duration nobody writes, spelled as the formatter spells it, so that it is found again."""
        return self.stand_ins.setdefault(variable, f"997d23h59m58s{len(self.stand_ins) + 1}ms")

    def _word(self, variable: str) -> str:
        count = len(self.stand_ins)
        return self.stand_ins.setdefault(
            variable, f"{90817260001 + count}" if variable in self.numeric else f"{STAND_IN}{count}_"
        )


@dataclass(slots=True)
class Likely(Substitution):
    """
    The values that Grafana is likely to fill in, so that a query can be judged: a window, a step, a number.

    With ``named`` a variable outside a range stands for the name of a metric or a function's argument instead.
    """

    named: bool = False

    def _duration(self, variable: str) -> str:
        found = VARIABLE.fullmatch(variable)
        return GIVEN.get(_name(found), "5m") if found else "5m"

    def _word(self, variable: str) -> str:
        found = VARIABLE.fullmatch(variable)
        name = _name(found) if found else variable
        return f"{STAND_IN}{name}" if self.named and name not in GIVEN else GIVEN.get(name, "1")
