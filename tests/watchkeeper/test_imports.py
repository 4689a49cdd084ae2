"""What the line imports is what it uses: start time is counted in modules, for seconds depend on the machine."""

import json
import os
import subprocess
import sys

import pytest

from tests.watchkeeper.servers import ROOT

TELL = """
import json
import sys
loaded = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(json.dumps([sorted(name for name in loaded if not name.startswith("_")), len(sys.modules)]))
"""
LINE = "from watchkeeper import instrument\n"
USED = LINE + "async def app(scope, receive, send): ...\ninstrument(app, logs=False{})\n"


def imported(code: str, **environment: str) -> tuple[set[str], int]:
    """Return the packages beyond the standard library that code imports, and the number of modules."""
    done = subprocess.run(
        [sys.executable, "-c", code + TELL],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    packages, modules = json.loads(done.stdout)
    return set(packages), modules


def test_the_line_imports_next_to_nothing() -> None:
    """Redis, OpenTelemetry, Sentry, prometheus_client and the frameworks stay away until they are used."""
    packages, modules = imported(USED.format(""))

    assert packages == {"pythonjsonlogger", "watchkeeper"}
    assert modules < 300  # 255 of them are the standard library's


def test_a_declaration_needs_the_standard_library_alone() -> None:
    """Who only reads or declares series pays for nothing else."""
    packages, _ = imported('from watchkeeper import Counter\nCounter("orders_total", "Orders.")\n')

    assert packages == {"watchkeeper"}


@pytest.mark.parametrize(
    ("setting", "package"),
    [
        (', redis_url="redis://127.0.0.1:1"', "redis"),
        (", process_metrics=True", "prometheus_client"),
        (', sentry_dsn="https://key@127.0.0.1:1/1"', "sentry_sdk"),
    ],
)
def test_what_is_used_is_imported(setting: str, package: str) -> None:
    """Each part comes with the setting that asks for it."""
    packages, _ = imported(USED.format(setting))

    assert package in packages
