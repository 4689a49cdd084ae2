"""How does a query that holds Grafana variables become one that a PromQL parser accepts, and back?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

# $name, ${name}, ${name:format}, ${name.field}: Grafana's `variableRegex` (public/app/features/variables/utils.ts).
VARIABLE = re.compile(r"\$\w+|\$\{\w+(?:\.[^:^}]+)?(?::[^}]+)?\}")
OLD_VARIABLE = re.compile(r"\[\[(\w+(?::\w+)?)\]\]")
STRING = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")
RANGE = re.compile(r"\[([^\[\]]*)\]")
OFFSET = re.compile(rf"(\boffset\s+-?)((?:{VARIABLE.pattern})\w*)")
MOST_TRIED = 3  # numeric variables in one query; each more doubles the work for a query nobody has


def readings(*queries: str) -> Iterator["Substitution"]:
    """Yield every way to read the variables of some queries as names and numbers, the likeliest first."""
    found = {variable: None for query in queries for variable in VARIABLE.findall(STRING.sub("", _today(query)))}
    for count in range(min(len(found), MOST_TRIED) + 1):
        for chosen in combinations(found, count):
            yield Substitution(frozenset(chosen))


def _today(query: str) -> str:
    """Spell [[name]] as ${name}, which Grafana reads alike."""
    return OLD_VARIABLE.sub(r"${\1}", query)


@dataclass(slots=True)
class Substitution:
    """The stand-ins put into queries for their variables, one per variable, so that two queries compare alike.

    A variable outside a range stands for a name; those in `numeric` for a number, as in `topk($limit, ...)`.
    """

    numeric: frozenset[str] = frozenset()
    stand_ins: dict[str, str] = field(default_factory=dict)

    def into(self, query: str) -> str:
        """Replace every variable outside a string by what the grammar wants at that place."""
        pieces = STRING.split(_today(query))
        return "".join(piece if index % 2 else self._code(piece) for index, piece in enumerate(pieces))

    def back(self, text: str) -> str:
        """Put the variables in their places again."""
        for variable, stand_in in self.stand_ins.items():
            text = re.sub(rf"(?<![0-9a-zA-Z.]){stand_in}(?![0-9.])", variable.replace("\\", r"\\"), text)
        return text

    def _code(self, piece: str) -> str:
        piece = RANGE.sub(lambda found: f"[{self._durations(found[1])}]", piece)
        piece = OFFSET.sub(lambda found: found[1] + self._duration(found[2]), piece)
        return VARIABLE.sub(lambda found: self._name(found[0]), piece)

    def _durations(self, inside: str) -> str:
        parts = re.split(r":(?![^{]*\})", inside)
        return ":".join(self._duration(part.strip()) if VARIABLE.search(part) else part for part in parts)

    def _duration(self, variable: str) -> str:
        """Choose a duration nobody writes, spelled as the formatter spells it, so that it is found again."""
        return self.stand_ins.setdefault(variable, f"997d23h59m58s{len(self.stand_ins) + 1}ms")

    def _name(self, variable: str) -> str:
        count = len(self.stand_ins)
        return self.stand_ins.setdefault(
            variable, f"{90817260001 + count}" if variable in self.numeric else f"obs_stand_in_{count}_"
        )
