"""What did promtool mean? Its complaints, as it has printed them from 2.42 to 3.16, read back into values."""

import json
import re
from dataclasses import dataclass

RULE = re.compile(
    r'(?P<file>.+?): (?:\d+:\d+: )?group "(?P<group>[^"]*)", rule \d+, "(?P<rule>[^"]*)": (?P<message>.+)', re.DOTALL
)
FILE = re.compile(r"Checking (?P<file>.+)")
TEST = re.compile(r"(?:Processing test file:|Unit Testing:) +(?P<file>.+)")
EXPECTATION = re.compile(
    r"(?: +name: (?P<name>[^\n]*),\n)? +alertname: (?P<alert>\S+), time: (?P<at>\S+), *\n"
    r" +exp:\[(?P<expected>.*?)\], *\n +got:\[(?P<got>.*?)\]\n",
    re.DOTALL,
)
EXPRESSION = re.compile(
    r"(?: +name: [^\n]*,\n)? +expr: (?P<expr>\"(?:[^\"\\]|\\.)*\"), time: (?P<at>[^\s,]+), *\n"
    r" +exp: ?(?P<expected>[^\n]*)\n +got: ?(?P<got>[^\n]*)\n"
)
FIRING = re.compile(r"^ +Labels:\{(?P<labels>.*)\}\n +Annotations:\{(?P<annotations>.*)\},?$", re.MULTILINE)
PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True, slots=True)
class Remark:
    """Something promtool refuses. ``group`` and ``rule`` are empty where it is not about one rule."""

    file: str
    group: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires: its labels, `alertname` included, and its annotations."""

    labels: dict[str, str]
    annotations: dict[str, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """
    An expectation of a rule test that does not hold: the test file, the test's name, the alert and the moment.

    ``expr`` is what was asked where the expectation is not about an alert; promtool leaves out the name then.
    ``told`` are the samples found instead, as promtool prints them.
    ``message`` says why nothing could be compared (a series that does not parse, an evaluation error); all else is
    empty then.
    """

    file: str
    name: str = ""
    alert: str = ""
    at: str = ""
    expected: tuple[Firing, ...] = ()
    got: tuple[Firing, ...] = ()
    expr: str = ""
    told: str = ""
    message: str = ""


def findings(output: str) -> tuple[Remark, ...]:
    """Return what `check rules` or `check config` complained about."""
    found: list[Remark] = []
    for file, complaints in _sections(output, FILE):
        lines = complaints.partition("FAILED:")[2].strip()
        for complaint in _paragraphs(lines):
            rule = RULE.fullmatch(complaint)
            found.append(Remark(**rule.groupdict()) if rule else Remark(file, "", "", complaint))
    return tuple(found)


def failures(output: str) -> tuple[Failure, ...]:
    """Return the expectations that `test rules` found wanting."""
    found: list[Failure] = []
    for file, section in _sections(output, TEST):
        complaints = section.partition("FAILED:\n")[2] + "\n"
        for match in EXPECTATION.finditer(complaints):
            name, alert, at, expected, got = match.groups()
            found.append(Failure(file, name or "", alert, at, _firing(expected), _firing(got)))
        found += [
            Failure(file, at=match["at"], expr=_unquoted(match["expr"]), told=match["got"])
            for match in EXPRESSION.finditer(complaints)
        ]
        rest = EXPRESSION.sub("", EXPECTATION.sub("", complaints)).split("\n")
        found += [Failure(file, message=line.strip()) for line in rest if line.strip()]
    return tuple(found)


def _sections(output: str, opening: re.Pattern[str]) -> list[tuple[str, str]]:
    """Split at the lines that open a file: pairs of file and what follows it."""
    parts = re.split(opening.pattern.replace("(?P<file>.+)", "(.+)"), output)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _paragraphs(text: str) -> list[str]:
    """Return one text per complaint: lines that do not open with a file belong to the complaint above them."""
    paragraphs: list[str] = []
    for line in text.splitlines():
        if paragraphs and not RULE.match(line.strip()):
            paragraphs[-1] += f"\n{line.strip()}"
        elif line.strip():
            paragraphs.append(line.strip())
    return [paragraph.strip() for paragraph in paragraphs]


def _firing(text: str) -> tuple[Firing, ...]:
    return tuple(Firing(_pairs(match["labels"]), _pairs(match["annotations"])) for match in FIRING.finditer(text))


def _pairs(text: str) -> dict[str, str]:
    return {name: _unquoted(quoted) for name, quoted in PAIR.findall(text)}


def _unquoted(text: str) -> str:
    r"""Read Go's quoting: JSON's, but for escapes such as ``\x07``, which stay as they are."""
    try:
        return str(json.loads(text))
    except ValueError:
        return text[1:-1]
