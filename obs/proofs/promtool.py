"""What does Prometheus' own checker say of rules, configurations, expositions and rule tests?"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from obs.proofs.promtool_output import Failure, Remark, failures, findings

OWN = Path(".tools/bin")
"""Where `obs tools` installs what the machine does not have, below the checkout."""

REMEDY = "run `obs tools`"
PATIENCE_SECONDS = 600
BRIEF = {"GOGC": "off", "GOMEMLIMIT": "1GiB", "GOMAXPROCS": "1"}
"""A check of one configuration lives for 30 ms: to collect its memory, on threads of their own, costs a third more."""

GOOD, BAD, LINT = 0, 1, 3  # promtool's exit codes; anything else is a crash


class PromtoolError(Exception):
    """There is no promtool to ask: it is missing, too old, or it crashed. Nothing has been proven either way."""


class Version(NamedTuple):
    """A release of Prometheus; compares in order."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


OLDEST = Version(2, 42, 0)
"""Debian 12 has it; tested with every release of this project."""


@dataclass(frozen=True, slots=True)
class Promtool:
    """A promtool that answers: the program and its release. Get one with `find`."""

    path: Path
    version: Version

    def check_rules(self, files: Iterable[Path]) -> tuple[Remark, ...]:
        """Return what is wrong with rule files, duplicates included; empty when nothing is."""
        return findings(self._ask("check", "rules", "--lint-fatal", *map(str, files)))

    def check_config(self, *files: Path) -> tuple[Remark, ...]:
        """Return what is wrong with each `prometheus.yml` and every rule file it names."""
        environ = BRIEF if len(files) == 1 else {}
        return findings(self._ask("check", "config", "--lint-fatal", *map(str, files), environ=environ))

    def check_metrics(self, exposition: str) -> tuple[str, ...]:
        """Return the complaints about a text exposition: syntax, names, units, missing help."""
        return tuple(self._ask("check", "metrics", stdin=exposition).splitlines())

    def test_rules(self, files: Iterable[Path]) -> tuple[Failure, ...]:
        """Return the expectations of rule test files that do not hold."""
        return failures(self._ask("test", "rules", *map(str, files)))

    def _ask(self, *arguments: str, stdin: str = "", environ: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return what promtool prints when it finds fault, empty when it does not; raise PromtoolError."""
        answer = _run(self.path, *arguments, stdin=stdin, environ=environ)
        if answer.returncode not in (GOOD, BAD, LINT) or "promtool: error:" in answer.stdout:
            last = answer.stdout.strip().splitlines()[-1:] or ["it said nothing"]
            raise PromtoolError(
                f"{self.path} {' '.join(arguments[:2])}: ended with status {answer.returncode}: {last[0]}; {REMEDY}"
            )
        return "" if answer.returncode == GOOD else answer.stdout


def find(root: Path, environ: Mapping[str, str] = os.environ) -> Promtool:
    """
    Return the first promtool that is new enough: `$PROMTOOL`, then PATH, then `.tools/bin` below ``root``.

    `$PROMTOOL` is a decision: it is used or refused, never passed over. Raises PromtoolError.
    """
    refused = []
    for path in _candidates(root, environ):
        version = _version(path)
        if isinstance(version, Version) and version >= OLDEST:
            return Promtool(path, version)
        was = version if isinstance(version, str) else f"is {version}; {OLDEST} is the oldest that will do"
        refused.append(f"{path} {was}")
        if environ.get("PROMTOOL"):
            break
    if refused:
        raise PromtoolError(f"promtool: {'; '.join(refused)}; {REMEDY}")
    raise PromtoolError(f"promtool: not on PATH nor in {OWN}, and $PROMTOOL is not set; {REMEDY}")


def _candidates(root: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    chosen = environ.get("PROMTOOL")
    if chosen:
        found = shutil.which(chosen, path=environ.get("PATH"))
        if not found:
            raise PromtoolError(f"promtool: $PROMTOOL is {chosen!r}, and no such program; unset it and {REMEDY}")
        yield Path(found)
    for folder in (environ.get("PATH", ""), str(root / OWN)):
        found = shutil.which("promtool", path=folder)
        if found:
            yield Path(found)


@cache
def _version(path: Path) -> Version | str:
    """Return the release, or why it is not known; asked once a run, however many stacks it proves."""
    try:
        answer = _run(path, "--version")
    except PromtoolError as error:
        return str(error).removeprefix(f"{path} --version: ")
    found = re.match(r"promtool, version (\d+)\.(\d+)\.(\d+)", answer.stdout)
    if answer.returncode != GOOD or not found:
        return f"did not tell its version (status {answer.returncode})"
    return Version(*map(int, found.groups()))


def _run(
    path: Path, *arguments: str, stdin: str = "", environ: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(path), *arguments],
            input=stdin,
            env={**os.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        what = " ".join(arguments[:2])
        raise PromtoolError(f"{path} {what}: no answer within {PATIENCE_SECONDS} s; {REMEDY}") from error
    except OSError as error:
        raise PromtoolError(
            f"{path} {' '.join(arguments[:2])}: can't be started: {error.strerror}; {REMEDY}"
        ) from error
