"""A push in a process of its own, to be killed: `python -m tests.deploy.runner URL JOURNALS`."""

import sys
import threading
from pathlib import Path

from obs.deploy.grafana.client import Client
from obs.deploy.grafana.patience import Patience
from obs.deploy.plan.plan import make_plan
from obs.deploy.push.journal import open_journal
from obs.deploy.push.push import Author, Push
from tests.deploy.world import NEW


def main(url: str, token: str, journals: str) -> int:
    """Push NEW; return 0 if everything is as planned."""
    client = Client(url, token, patience=Patience(5, 0.002, threading.Event()))
    with open_journal(Path(journals), url, NEW.owner) as journal:
        plan = make_plan(client, NEW)
        sys.stdout.write("planned\n")
        sys.stdout.flush()
        outcome = Push(client, plan, journal, Author("c1", "ci@test")).run()
    sys.stdout.write(f"{outcome.state}: {outcome.failure}\n")
    return 0 if outcome.state == "new" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
