"""Which problems do we live with, why, and until when?"""

import datetime as dt
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from obs import toml
from obs.place import Place
from obs.proofs.finding import Fault, Finding

WAIVERS = Path("waivers.toml")
ID = "waiver/stale"
LINE = re.compile(r"(?<=\.py|\.md):\d+")


class WaiverError(ValueError):
    """The file of waivers can't be read; the message names the mistake."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """
    One problem that is left alone: its ``place``, whatever the line, its ``check``, a ``reason`` and a last day.

    A place that is a file alone stands for everything in it.
    """

    place: str
    check: str
    reason: str
    expires: dt.date

    def covers(self, problem: Finding) -> bool:
        """Tell whether a problem is one that is waived."""
        place = replace(problem.fault.place, line=0)
        return LINE.sub("", self.place, count=1) in {str(place), place.file} and problem.check == self.check

    def __str__(self) -> str:
        """Return it as an entry of the file."""
        given = {"place": self.place, "check": self.check, "reason": self.reason}
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in given.items()]
        return "\n".join(["[[waiver]]", *lines, f"expires = {self.expires.isoformat()}\n"])


def load(path: Path) -> tuple[Waiver, ...]:
    """Read the waivers, none where there is no file; raise WaiverError."""
    try:
        listed = toml.parse(path.read_text(encoding="utf-8")).get("waiver", [])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise WaiverError(f"{path}: can't be read: {error}") from error
    return tuple(_waiver(path, number, one) for number, one in enumerate(listed, 1))


def apply(problems: Iterable[Finding], waivers: tuple[Waiver, ...], today: dt.date) -> list[Finding]:
    """Return the problems nobody waived, and the waivers that are past their day or cover nothing."""
    found = list(problems)
    for waiver in waivers:
        covered = [problem for problem in found if waiver.covers(problem)]
        where = Place(str(WAIVERS), item=f"'{waiver.place}' {waiver.check}")
        if waiver.expires < today:
            found.append(
                Finding(Fault(where, f"it expired on {waiver.expires}", "fix what it covers, or argue again"), ID)
            )
            continue
        if not covered:
            found.append(Finding(Fault(where, "it covers nothing", "remove it"), ID))
        found = [problem for problem in found if problem not in covered]
    return found


def _waiver(path: Path, number: int, listed: dict[str, object]) -> Waiver:
    takes = "takes place, check and reason in words, and expires as a date such as 2027-01-31"
    if unknown := set(listed) - set(Waiver.__dataclass_fields__):
        raise WaiverError(f"{path}: waiver {number}: {', '.join(sorted(unknown))}: {takes}")
    match listed:
        case {"place": str(place), "check": str(check), "reason": str(reason), "expires": dt.date() as expires}:
            if place and check and reason:
                return Waiver(place, check, reason, expires)
    raise WaiverError(f"{path}: waiver {number}: something is missing or of the wrong kind: {takes}")
