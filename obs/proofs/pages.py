"""What does each check demand, and why? A page for each, made from the checks themselves."""

from collections.abc import Iterable
from pathlib import Path

from obs.proofs.checks.check import Check

INDEX = "docs/checks/README.md"
MADE = "<!-- Made by `make check-pages`: edit obs/proofs/checks/ instead. -->\n\n"

HEAD = """# Checks

`obs check` holds all of these, offline. What has to stay for a while is waived in waivers.toml.

Every example is planted in the suite as it stands, and found by its check. What an `Alert(...)`, a `Panel(...)` or
JSON does not name is as it should be.

`obs check --live http://localhost:9090` asks a running Prometheus instead: which series, labels and values that rules,
panels, variables, templates and runbooks ask for it does not have, and which of its series nobody asks for. What
appears with the first event, such as a failed job, is missing until then.

"""


def pages(checks: Iterable[Check]) -> dict[str, str]:
    """Return the page of every check and their index, path below the checkout to text."""
    listed = sorted(checks, key=lambda check: check.id)
    rows = "".join(f"| [`{check.id}`]({check.page.rpartition('/')[2]}) | {check.claim} |\n" for check in listed)
    index = f"{MADE}{HEAD}| check | holds when |\n| --- | --- |\n{rows}"
    return {INDEX: index} | {check.page: MADE + page(check) for check in listed}


def page(check: Check) -> str:
    """Return what a check demands, why, an example that it refuses, and what to do."""
    return (
        f"# {check.id}\n\n**Demands** that {check.claim}.\n\n{check.why}\n\n"
        f"## Refused\n\n```{check.language}\n{check.fails}\n```\n\n## Instead\n\n{check.remedy}\n"
    )


if __name__ == "__main__":
    from obs.proofs.checks import CHECKS

    for path, text in pages(CHECKS).items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
