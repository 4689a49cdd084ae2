"""What has to hold before anything is written or deployed, and who says so?"""

import datetime as dt
import re
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from obs.output.built import FOLDER, Built
from obs.place import Place
from obs.proofs import promtool, waivers
from obs.proofs.checks import CHECKS, Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Fault, Finding
from obs.proofs.promtool import Promtool
from obs.proofs.promtool_output import Remark
from obs.proofs.questions import place

LOADS = "rule/promtool"
CONFIG = "prometheus/prometheus.yml"
LACKING = re.compile(r"field (\w+_sd_configs) not found in type")


def check(built: Built, root: Path, *, written: bool = True) -> list[Finding]:
    """
    Return what is wrong with a compiled stack in the checkout ``root``, waivers applied.

    Where it is not ``written`` yet, what only a whole checkout shows is left out: runbooks, links to them, files on
    disk. Raises PromtoolError when there is no promtool to ask, WaiverError when the waivers can't be read.
    """
    chosen = tuple(one for one in CHECKS if written or not one.whole)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(lambda: loads(promtool.find(root), built))
        found = examine(Evidence(built, root, whole=written), chosen)
        found += loading.result()
    ids = {one.id for one in chosen} | {LOADS}
    # A run of some checks can't tell whether the waivers of others are stale.
    listed = tuple(waiver for waiver in waivers.load(root / waivers.WAIVERS) if waiver.check in ids)
    return waivers.apply(found, listed, dt.datetime.now(tz=dt.UTC).date())


def examine(evidence: Evidence, chosen: Iterable[Check] = CHECKS) -> list[Finding]:
    """Run checks; return what is wrong, each problem once, in the order of the checks."""
    found = (Finding(fault, one.id) for one in chosen for fault in one.find(evidence))
    return list(dict.fromkeys(found))


def loads(tool: Promtool, built: Built) -> list[Finding]:
    """Have promtool check the configuration with every rule file it loads; raise PromtoolError."""
    with tempfile.TemporaryDirectory(prefix="obs-") as folder:
        for path, text in built.texts.items():
            if path.startswith(f"{FOLDER}/prometheus/"):
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        config = Path(folder) / FOLDER / CONFIG
        # Where others run Prometheus, theirs loads our rules.
        text = config.read_text(encoding="utf-8") if config.exists() else "rule_files: [rules/*.yml]\n"
        config.write_text(_with_secrets(built, text, Path(folder)), encoding="utf-8")
        remarks = tool.check_config(config)
        while lacking := _discovery_lacking(remarks):
            config.write_text(_without(config.read_text(encoding="utf-8"), lacking), encoding="utf-8")
            remarks = tool.check_config(config)
        return [_finding(built, remark, folder) for remark in remarks]


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


def _finding(built: Built, remark: Remark, folder: str) -> Finding:
    """Name the Python constant that a finding comes from, or the file where it is about no single rule."""
    sources = {alert.name: place(alert) for group in built.groups for alert in group.alerts}
    where = Place(remark.file.removeprefix(f"{folder}/"))
    if remark.rule:
        where = sources.get(remark.rule, Place("obs/alerting/recording.py", item=remark.rule))
    return Finding(Fault(where, remark.message.replace(f"{folder}/", "")), LOADS)
