"""What another version of the tool makes otherwise is said in words, before anything is written."""

import re

from obs import __version__
from tests.checkout import Checkout

RULES = "infra/observability/prometheus/rules/api.yml"


def test_what_a_newer_tool_changes_is_said_in_the_words_of_the_diff(checkout: Checkout) -> None:
    """Rules, containers and configuration, with both versions; nothing is written, and a build writes what was said."""
    checkout.edit("infra/observability/files.txt", f"`obs build` {__version__}", "`obs build` 0.0.9")
    checkout.edit(RULES, "          0.02\n", "          0.05\n")
    checkout.edit("docker-compose.observability.yml", "mem_limit: 128m", "mem_limit: 96m", times=2)
    before = checkout.written()

    told = checkout.obs("upgrade")

    assert told.returncode == 0, told.stderr
    assert told.stderr == f"made by 0.0.9; this is {__version__}\n"
    assert "ApiErrorRatioHigh: threshold > 0.05 to > 0.02" in told.stdout
    assert re.search(r'services\.alertmanager: mem_limit "96m" to "128m"', told.stdout)
    assert checkout.written() == before
    assert checkout.obs("build").returncode == 0
    again = checkout.obs("upgrade")
    assert again.stderr == f"made by {__version__}; this is {__version__}\n"
    assert re.fullmatch(r"\d+ unchanged\n", again.stdout)


def test_output_of_a_version_that_did_not_say_so_is_compared_all_the_same(checkout: Checkout) -> None:
    """The list of files has not always named who made it."""
    listed = checkout.root / "infra/observability/files.txt"
    listed.write_text(listed.read_text().partition("\n")[2])

    told = checkout.obs("upgrade")

    assert told.returncode == 0
    assert told.stderr.startswith("made by a version that did not say so; this is ")


def test_a_folder_that_was_never_built_is_named(checkout: Checkout) -> None:
    """One sentence with what comes first."""
    (checkout.root / "infra/observability").rename(checkout.root / "infra/elsewhere")

    told = checkout.obs("upgrade")

    assert told.returncode == 2
    assert told.stderr.startswith("obs: there is no infra/observability in ")
