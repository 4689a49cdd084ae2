"""Do the pages say what the program does, and do their examples work as they are written?"""

import re
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from obs.cli.cli import VERBS, obs
from tests.checkout import Checkout
from tests.conftest import ROOT

ADOPTING = (ROOT / "docs/adopting.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
TARGETS = re.findall(r"^([a-z0-9-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_shows_an_example(verb: str) -> None:
    """`obs VERB --help` says what it does and shows it in use."""
    result = CliRunner().invoke(obs, [verb, "--help"])

    assert result.exit_code == 0, result.output
    command = obs.get_command(click.Context(obs), verb)
    subcommands = command.commands.values() if isinstance(command, click.Group) else ()
    assert any(f"obs {verb}" in (one.help or "") for one in (command, *subcommands) if one), verb


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_pages(verb: str) -> None:
    """No verb is known only to those who wrote it."""
    assert any(re.search(rf"\b(obs|make) (\S+ )?{verb}\b", page.read_text()) for page in PAGES)


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_is_one_line(target: str) -> None:
    """A Make target is a line over a command: what it does is in one place, for every CI."""
    recipe = re.search(rf"^{target}:.*\n((?:\t.*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert recipe is not None
    assert len(recipe[1].splitlines()) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file or a heading of this repository finds it."""
    shown = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)", shown):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {link}"


def test_the_steps_of_adoption_work(checkout: Checkout) -> None:
    """A metric, a panel and an alert, added as the page says, build, hold, and have their proof."""
    for patch in re.findall(r"````diff\n(.*?)````", ADOPTING, re.DOTALL):
        subprocess.run(["git", "apply", "--unidiff-zero"], cwd=checkout.root, input=patch, text=True, check=True)

    built, checked = checkout.obs("build"), checkout.obs("check")

    assert built.returncode == 0, built.stdout + built.stderr
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for extra in ((), ("--mutants",)):
        played = checkout.obs("alerts", "test", *extra, "RoomsNotCreated")
        assert played.returncode == 0, played.stdout + played.stderr


def test_completion_is_offered() -> None:
    """Every shell that is named gets a script."""
    for shell in ("bash", "zsh", "fish"):
        result = CliRunner().invoke(obs, ["completion", shell])
        assert result.exit_code == 0
        assert "_OBS_COMPLETE" in result.output
