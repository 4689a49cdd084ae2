"""What tells the team that pages feel bad to the people who use them, and what proves that it does?"""

import math

from obs.alerting import Alert, PanelRef, Severity, clears, silent, tickets, told
from obs.alerting.histories import edge
from obs.query import promql
from obs.stack import Stack
from obs.stack.thresholds import Threshold
from watchkeeper.contract.labels import DEVICE, INSTANCE, JOB, LE, PAGE
from watchkeeper.contract.ratings import RATINGS, Rating

RUNBOOK = "ux.md"

POOR_RATIO = Threshold("web_vitals_poor_ratio", 0.25, "share of page views rated poor", below=1)
LCP, INP, CLS = (rating for rating in RATINGS if rating.core)

VISITS = 50
"""Visits an hour below which a quarter of them is chance."""


def lcp_poor(stack: Stack) -> Alert:
    """Pages show their main content too late."""
    return _poor(stack, LCP, "UxLcpPoor", "load their main content too slowly")


def inp_poor(stack: Stack) -> Alert:
    """Pages answer clicks and keys too late."""
    return _poor(stack, INP, "UxInpPoor", "answer clicks and keys too slowly")


def cls_poor(stack: Stack) -> Alert:
    """Pages move under the reader's eyes."""
    return _poor(stack, CLS, "UxClsPoor", "shift while they are read")


def _poor(stack: Stack, rating: Rating, name: str, symptom: str) -> Alert:
    """Return the alert that more than a share of visits is poor: at a quarter, the same as a poor 75th percentile."""
    job, limit, metric = JOB.eq(stack.targets.vitals.job), POOR_RATIO.of(stack), rating.metric
    by = (PAGE, DEVICE)
    not_poor = promql.share_within(metric, rating.poor, job, over="1h", by=by)
    visits = promql.total(promql.increase(metric.count, job, over="1h"), by=by)
    where = (PAGE.eq("/rooms/{id}"), DEVICE.eq("mobile"))

    def seen(fine: str, every: str) -> dict[str, str]:
        one = (job, INSTANCE.eq(stack.targets.vitals.address), *where)
        bucket = promql.select(metric.bucket, *one, edge(rating.poor))
        return {
            bucket: fine,
            promql.select(metric.bucket, *one, LE.eq("+Inf")): every,
            promql.select(metric.count, *one): every,
        }

    far = min(1.9 * limit, (1 + limit) / 2)
    few = int(30 * limit)
    fine, mostly = f"{10 * (1 - far):.12g}", f"{10 * (1 - 0.4 * limit):.12g}"

    return Alert(
        name=name,
        expr=f"1 - {not_poor} > {limit:g} and {visits} > {VISITS}",
        hold="15m",
        severity=Severity.TICKET,
        summary=f"Too many pages {symptom}.",
        description=f"{{{{ $value | humanizePercentage }}}} of {told(DEVICE)} visits to {told(PAGE)} rate poor.",
        runbook=RUNBOOK,
        panel=PanelRef("ux", f"{rating.words} ratings"),
        cases=(
            tickets(
                "far too many visits are poor",
                at="90m",
                by="20m",
                series=seen(f"0+{fine}x100", "0+10x100"),
                where=where,
                says=f"{100 * far:.4g}% of mobile visits to /rooms/{{id}} rate poor.",
            ),
            silent("a few visits are poor", series=seen(f"0+{mostly}x100", "0+10x100")),
            silent("the only visits at night are poor", series=seen("0x100", "0x40 1x3 2x3 3x60")),
            silent("a few poor minutes", series=seen(f"0+10x60 600x{few} 610+10x70", f"0+10x{131 + few}")),
            silent("no visits", series=seen("5x100", "10x100")),
            clears(
                "a fix is deployed",
                at=f"{90 + math.ceil(59 * (1 - limit / far))}m",
                series=seen(f"0+{fine}x90 {910 - 900 * far:.12g}+10x99", "0+10x190"),
            ),
        ),
    )


ALERTS = (lcp_poor, inp_poor, cls_poor)
