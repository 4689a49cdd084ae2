"""Is everything scraped that the alerts ask about, and does Prometheus tell anyone?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obs.alerting import Alert
from obs.proofs.finding import Fault
from obs.proofs.routes.files import PROMETHEUS, below
from obs.query import expr
from obs.stack import Stack
from watchkeeper.contract.labels import JOB


def faults(stack: Stack, alerts: Sequence[Alert], config: Mapping[str, Any]) -> Iterator[Fault]:
    """Find every target that is not scraped, and rules or alerts that go nowhere."""
    scraped = {
        (job["job_name"], address)
        for job in config.get("scrape_configs", ())
        for group in job.get("static_configs", ())
        for address in group["targets"]
    }
    found = {
        job["job_name"] for job in config.get("scrape_configs", ()) if any(key.endswith("_sd_configs") for key in job)
    }
    for role, target in stack.targets.items():
        if (target.job, target.address) not in scraped and not (target.discovered and target.job in found):
            deaf = [alert.name for alert in alerts if target.job in expr.values(alert.expr, JOB.name)]
            unheard = f"nobody would ever hear of {', '.join(deaf)}" if deaf else "its dashboards would be empty"
            what = f"it does not scrape targets.{role}, job '{target.job}' at {target.address}: {unheard}"
            yield Fault(below(PROMETHEUS), what)
    if not config.get("rule_files"):
        yield Fault(below(PROMETHEUS), "it loads no rule_files: no alert is ever evaluated")
    told = {
        address
        for manager in config.get("alerting", {}).get("alertmanagers", ())
        for group in manager.get("static_configs", ())
        for address in group["targets"]
    }
    if stack.targets.alertmanager.address not in told and not stack.targets.alertmanager.discovered:
        whom = ", ".join(sorted(told)) or "nobody"
        what = f"it sends alerts to {whom}, not to {stack.targets.alertmanager.address}"
        yield Fault(below(PROMETHEUS), what)
