"""Does a review show a changed panel as it was and as it is, over what a real Prometheus answers?"""

import shutil
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from obs.boards.model import panels
from obs.cli.cli import obs
from tests.conftest import ROOT
from tests.e2e.programs import program

BOARDS = ROOT / "infra/observability/grafana/dashboards"


def test_a_review_shows_both_states_of_a_changed_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures of the panel whose limit was moved, and no other."""
    for name in ("prometheus", "node", "npm", "chromium"):
        program(name)
    for side in ("old", "new"):
        shutil.copytree(BOARDS, tmp_path / side)
    file = tmp_path / "new/jobs.json"
    board = orjson.loads(file.read_bytes())
    changed = next(panel for panel in panels(board) if panel.get("title") == "Failure ratio")
    changed["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"] = 0.5
    file.write_bytes(orjson.dumps(board))

    monkeypatch.chdir(ROOT)
    page = tmp_path / "review.html"
    command = ["diff", str(tmp_path / "old"), str(tmp_path / "new"), "--html", str(page), "--pictures"]
    done = CliRunner().invoke(obs, command)

    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert text.count('<img alt="Failure ratio" src="data:image/png;base64,') == 2
    assert text.count("<img ") == 2
    assert "1 changed" in done.stdout
