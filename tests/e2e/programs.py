"""Where are the programs these tests run, and what is said when one is missing?"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

SOURCES = {
    "prometheus": "apt-get install prometheus",
    "promtool": "make tools",
    "alertmanager": "apt-get install prometheus-alertmanager, 0.26 or newer, and link it as alertmanager",
    "amtool": "go install github.com/prometheus/alertmanager/cmd/amtool@v0.34.2",
    "loki": "go install github.com/grafana/loki/v3/cmd/loki@v3.7.8, or its release",
    "otelcol": "sh scripts/build-otelcol",
    "promtail": "a release of Promtail, up to 3.5",
    "jaeger": "go install github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0, which is 2.13, or its release",
    "docker-compose": "apt-get install docker-compose, 2.x",
    "cortex": "go build github.com/cortexproject/cortex/cmd/cortex@v1.21.1 from its module, -tags netgo,slicelabels",
    "node": "apt-get install nodejs",
    "npm": "apt-get install npm",
    "chromium": "apt-get install chromium",
    "victoria-metrics": "apt-get install victoria-metrics",
}


def program(name: str) -> Path:
    """Return a program from PATH or `.tools/bin`; a missing one fails the test with the way to get it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools" / "bin")]))
    if not found:
        pytest.fail(f"{name} is neither on PATH nor in .tools/bin; get it with: {SOURCES[name]}", pytrace=False)
    return Path(found)


def run(name: str, *arguments: str | Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said, errors together with output."""
    return subprocess.run(
        [program(name), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
