"""How does the fake write a duration back? Its own arithmetic, so that the code under test cannot agree with itself."""

import re

SECONDS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


def canonical(text: str) -> str:
    """Return a duration in Prometheus's spelling, weeks only where nothing remains."""
    total = sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))
    if total == 0:
        return "0s"
    if total % SECONDS["w"] == 0:
        return f"{total // SECONDS['w']}w"
    written = ""
    for unit in "dhms":
        count, total = divmod(total, SECONDS[unit])
        written += f"{count}{unit}" if count else ""
    return written
