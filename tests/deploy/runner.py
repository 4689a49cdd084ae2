"""A push in a process of its own, to be killed: `python -m tests.deploy.runner URL JOURNALS`."""

import sys
import threading
from pathlib import Path

from deploy.client import Client
from deploy.journal import open_journal
from deploy.patience import Patience
from deploy.plan import make_plan
from deploy.push import Author, Push
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
