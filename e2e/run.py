"""In which order is everything shown, so that no part spoils what a later one looks at?"""

from pathlib import Path

from e2e import boards, endurance, faults, tracing, validity, vitals
from e2e.report import Report
from e2e.running import running
from obs.programs.programs import Programs
from obs.stack import Stack


def run(stack: Stack, root: Path, folder: Path, programs: Programs, report: Report) -> None:
    """
    Show everything there is a program for, below ``folder``, and report it.

    Raises ProcessError or NeverHappenedError when the stack itself does not start.
    """
    report.versions = programs.versions()
    validity.check(stack, root, folder / "committed", programs, report)
    with running(stack, root, folder, programs, report) as live:
        trace_id = tracing.check(live, report)
        vitals.check(live, report)
        faults.check(live, report, faults.CRASHES)
        endurance.check(live, report)
        # Last: these burn error budgets, whose windows remember it.
        faults.check(live, report, faults.DEGRADATIONS)
        boards.check(live, report, trace_id)
        faults.nothing_else(live, report)
        report.notifications = live.sink.counted()
