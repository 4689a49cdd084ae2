"""Do the programs load what is written? Prometheus' own checker reads it, of several stacks at once."""

import re
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from obs.output.built import FOLDER, Built
from obs.place import Place
from obs.proofs import promtool
from obs.proofs.finding import Fault, Finding
from obs.proofs.promtool import Promtool
from obs.proofs.promtool_output import Remark
from obs.proofs.questions import place

LOADS = "rule/promtool"
CONFIG = "prometheus/prometheus.yml"
LACKING = re.compile(r"field (\w+_sd_configs) not found in type")

TOGETHER = 8
"""Stacks in one question: to start the program takes twice as long as to read one stack, and each takes memory."""


class Loading:
    """
    Compiled stacks, put before promtool while other checks run.

    ``stacks`` is how many will be added. Raises PromtoolError from ``found`` when there is no promtool to ask.
    """

    def __init__(self, root: Path, stacks: int = 1) -> None:
        self._root, self._missing, self._number = root, stacks, 0
        self._waiting: list[_Written] = []
        self._answers: list[Future[list[Finding]]] = []
        self._pool = ThreadPoolExecutor(1)
        self._folder = tempfile.TemporaryDirectory(prefix="obs-")

    def __enter__(self) -> Self:
        """Begin with nothing asked."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for what was asked, and remove the files."""
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def add(self, built: Built) -> None:
        """Add a stack; as soon as enough wait, or it is the last, promtool is asked."""
        self._waiting.append(_write(built, Path(self._folder.name) / str(self._number)))
        self._number, self._missing = self._number + 1, self._missing - 1
        if len(self._waiting) == TOGETHER or not self._missing:
            self._ask()

    def found(self) -> list[Finding]:
        """Return what promtool refuses, once it has read all that were added; raise PromtoolError."""
        if self._waiting:
            self._ask()
        return [finding for answer in self._answers for finding in answer.result()]

    def _ask(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._answers.append(self._pool.submit(lambda: _loaded(promtool.find(self._root), waiting)))


def loads(tool: Promtool, built: Built) -> list[Finding]:
    """Have promtool check the configuration with every rule file it loads; raise PromtoolError."""
    with tempfile.TemporaryDirectory(prefix="obs-") as folder:
        return _loaded(tool, [_write(built, Path(folder))])


@dataclass(frozen=True, slots=True)
class _Written:
    """A stack as promtool reads it: the folder, and where each alert is written. The stack itself is kept no longer."""

    folder: Path
    sources: dict[str, Place]

    @property
    def config(self) -> Path:
        return self.folder / FOLDER / CONFIG


def _write(built: Built, folder: Path) -> _Written:
    """Write the configuration of Prometheus and its rules as promtool can read them without a Prometheus."""
    texts = {folder / path: text for path, text in built.texts.items() if path.startswith(f"{FOLDER}/prometheus/")}
    for parent in {path.parent for path in texts}:
        parent.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    written = _Written(folder, {alert.name: place(alert) for group in built.groups for alert in group.alerts})
    config = written.config
    # Where others run Prometheus, theirs loads our rules.
    text = config.read_text(encoding="utf-8") if config.exists() else "rule_files: [rules/*.yml]\n"
    config.write_text(_with_secrets(built, text, folder), encoding="utf-8")
    return written


def _loaded(tool: Promtool, stacks: Sequence[_Written]) -> list[Finding]:
    """Return what promtool refuses of stacks that are written below a folder each."""
    configs = [one.config for one in stacks]
    remarks = tool.check_config(*configs)
    while lacking := _discovery_lacking(remarks):
        for config in configs:
            config.write_text(_without(config.read_text(encoding="utf-8"), lacking), encoding="utf-8")
        remarks = tool.check_config(*configs)
    return [_finding(one, remark) for one in stacks for remark in remarks if remark.file.startswith(f"{one.folder}/")]


def _with_secrets(built: Built, text: str, folder: Path) -> str:
    """Put files in the place of those that only Prometheus has: promtool asks whether they are there."""
    for target in built.stack.targets.values():
        for file in (target.bearer_token_file, target.password_file, target.ca_file, target.cert_file, target.key_file):
            if file:
                stand_in = folder / "secrets" / file.replace("/", "_")
                stand_in.parent.mkdir(exist_ok=True)
                stand_in.touch()
                text = re.sub(rf"{re.escape(file)}(?=\s*$)", str(stand_in), text, flags=re.MULTILINE)
    return text


def _discovery_lacking(remarks: Iterable[Remark]) -> str:
    """Return the discovery that a promtool was built without, as Debian's are; nothing where it knows all of them."""
    return next((found[1] for remark in remarks if (found := LACKING.search(remark.message))), "")


def _without(text: str, discovery: str) -> str:
    config = yaml.load(text, yaml.CSafeLoader)
    managers = (manager for manager in config.get("alerting", {}).get("alertmanagers", ()))
    for one in (*config.get("scrape_configs", ()), *managers):
        one.pop(discovery, None)
    return yaml.dump(config, Dumper=yaml.CSafeDumper, sort_keys=False)


def _finding(stack: _Written, remark: Remark) -> Finding:
    """Name the Python constant that a finding comes from, or the file where it is about no single rule."""
    where = Place(remark.file.removeprefix(f"{stack.folder}/"))
    if remark.rule:
        where = stack.sources.get(remark.rule, Place("obs/alerting/recording.py", item=remark.rule))
    return Finding(Fault(where, remark.message.replace(f"{stack.folder}/", "")), LOADS)
