"""What has to hold before anything is written or deployed, and who says so?"""

import datetime as dt
from collections.abc import Collection, Iterable
from pathlib import Path

from obs.output.built import Built
from obs.proofs import waivers
from obs.proofs.checks import CHECKS, Check
from obs.proofs.evidence import Evidence
from obs.proofs.finding import Finding
from obs.proofs.loading import LOADS, Loading


def check(built: Built, root: Path, *, written: bool = True) -> list[Finding]:
    """
    Return what is wrong with a compiled stack in the checkout ``root``, waivers applied; ``written`` as in `judged`.

    Raises PromtoolError when there is no promtool to ask, WaiverError when the waivers can't be read.
    """
    with Loading(root) as loading:
        loading.add(built)
        return judged(built, root, written=written) + unloaded(loading, root)


def judged(built: Built, root: Path, *, written: bool = True) -> list[Finding]:
    """
    Return what our own checks find, waivers applied; raise WaiverError.

    Where it is not ``written`` yet, what only a whole checkout shows is left out: runbooks, links to them, files on
    disk.
    """
    chosen = tuple(one for one in CHECKS if written or not one.whole)
    found = examine(Evidence(built, root, whole=written), chosen)
    return _waived(found, {one.id for one in chosen}, root)


def unloaded(loading: Loading, root: Path) -> list[Finding]:
    """Return what promtool refuses to load, waivers applied; raise PromtoolError and WaiverError."""
    return _waived(loading.found(), {LOADS}, root)


def examine(evidence: Evidence, chosen: Iterable[Check] = CHECKS) -> list[Finding]:
    """Run checks; return what is wrong, each problem once, in the order of the checks."""
    found = (Finding(fault, one.id) for one in chosen for fault in one.find(evidence))
    return list(dict.fromkeys(found))


def _waived(found: list[Finding], ids: Collection[str], root: Path) -> list[Finding]:
    # A run of some checks can't tell whether the waivers of others are stale.
    listed = tuple(waiver for waiver in waivers.load(root / waivers.WAIVERS) if waiver.check in ids)
    return waivers.apply(found, listed, dt.datetime.now(tz=dt.UTC).date())
