"""How long does a diff of 1,000 dashboards of 50 panels take, 1 % of the panels changed, next to a text diff?

The peer is `difflib.unified_diff` over the pretty-printed JSON: a text diff of JSON is what grizzly and Terraform show.
Run `python benchmarks/diff.py`.
"""

import difflib
import gc
import json
import time
from collections.abc import Callable
from typing import Any

import orjson

from obs.diff import render_markdown
from obs.diff.sources import diff_files

DASHBOARDS, PANELS, EVERY = 1_000, 50, 100
LIMIT_SECONDS = 2.0


def panel(number: int, title: str, window: str, limit: float) -> dict[str, Any]:
    """Return a panel as grafanalib writes it, with one query."""
    selector = f'http_requests_total{{route="/v1/{number}",status=~"5.."}}'
    thresholds = {"mode": "absolute", "steps": [{"color": "green", "value": None}, {"color": "red", "value": limit}]}
    return {
        "id": number,
        "title": title,
        "type": "timeseries",
        "description": "Server faults only: a 4xx is the caller's.",
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": number % 3 * 8, "y": number // 3 * 8, "w": 8, "h": 8},
        "fieldConfig": {"defaults": {"unit": "percentunit", "thresholds": thresholds}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": "A", "expr": f"sum by (method) (rate({selector}[{window}]))", "legendFormat": "{{method}}"}
        ],
    }


def dashboards(*, changed: bool) -> dict[str, bytes]:
    """Return path to JSON; every hundredth panel's query and threshold differ when changed."""
    files = {}
    for board in range(DASHBOARDS):
        panels = []
        for number in range(PANELS):
            edited = changed and (board * PANELS + number) % EVERY == 0
            panels.append(panel(number, f"Panel {number}", "10m" if edited else "5m", 0.02 if edited else 0.01))
        model = {"uid": f"board-{board}", "title": f"Board {board}", "schemaVersion": 39, "panels": panels}
        files[f"{board}.json"] = orjson.dumps(model)
    return files


def text_diff(old: dict[str, bytes], new: dict[str, bytes]) -> str:
    """Return what the peers show: the unified diff of both texts, unequal files only."""
    lines: list[str] = []
    for path, text in old.items():
        if text != new[path]:
            lines.extend(difflib.unified_diff(pretty(text), pretty(new[path]), path, path, lineterm=""))
    return "\n".join(lines)


def pretty(text: bytes) -> list[str]:
    """Return the lines of the JSON as the peers print it."""
    return json.dumps(json.loads(text), indent=2, sort_keys=True).splitlines()


def timed(work: Callable[[], str]) -> tuple[float, str]:
    """Return the CPU seconds the work took, which a busy machine does not stretch, and what it said."""
    started = time.process_time()
    said = work()
    return time.process_time() - started, said


def main() -> None:
    """Print seconds, the ratio to the peer, and how many lines a reviewer gets to read."""
    gc.set_threshold(100_000)  # as the command does
    old, new = dashboards(changed=False), dashboards(changed=True)
    unchanged, _ = timed(lambda: render_markdown(diff_files(old, old)))
    ours, said = timed(lambda: render_markdown(diff_files(old, new), limit=1 << 30))
    peer, text = timed(lambda: text_diff(old, new))
    size = sum(map(len, old.values())) / 1e6
    print(f"{DASHBOARDS} dashboards of {PANELS} panels, {size:.0f} MB a side, one panel in {EVERY} changed")
    print(f"  sentences           {ours:6.2f} s  {len(said.splitlines()):6} lines  (allowed: {LIMIT_SECONDS:g} s)")
    print(f"  difflib of the JSON {peer:6.2f} s  {len(text.splitlines()):6} lines")
    print(f"  nothing changed     {unchanged:6.2f} s")
    print(f"  ratio to difflib    {ours / peer:6.2f}")
    if ours > LIMIT_SECONDS:
        raise SystemExit(f"{ours:.1f} s is over {LIMIT_SECONDS:g} s")


if __name__ == "__main__":
    main()
