"""`scripts/install-promtool` leaves the machine with a promtool that was checked, or says why not."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.proofs.test_promtool import announcing, script

NEEDED = ("sh", "sed", "sort", "head", "tr", "uname", "cut", "mkdir", "mktemp", "rm", "mv", "chmod", "dirname", "id")
FETCHING = (*NEEDED, "sha256sum", "tar", "gzip")


class Machine:
    """A checkout with nothing but the script, and a PATH with nothing but the tools it is given."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.checkout = folder / "checkout"
        (self.checkout / "scripts").mkdir(parents=True)
        shutil.copy(root / "scripts" / "install-promtool", self.checkout / "scripts")
        self.path = folder / "bin"
        self.path.mkdir()

    def with_tools(self, *names: str) -> "Machine":
        """Put programs of this machine on the PATH."""
        for name in names:
            found = shutil.which(name)
            assert found, f"this machine has no {name}"
            (self.path / name).symlink_to(found)
        return self

    def publish(self, content: Path, *, promise: str = "") -> None:
        """Have curl answer with promtool in an archive; ``promise`` is the checksum expected, if not the archive's."""
        platform = f"{os.uname().sysname.lower()}-{os.uname().machine.replace('x86_64', 'amd64')}"
        platform = platform.replace("aarch64", "arm64")
        archive = content.parent / "archive.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(content, f"prometheus-3.15.0.{platform}/promtool")
        promise = promise or hashlib.sha256(archive.read_bytes()).hexdigest()
        own = self.checkout / "scripts" / "install-promtool"
        lines = [
            line.replace(line.split("echo ")[1].split(" ")[0], promise) if f"{platform})" in line else line
            for line in own.read_text().splitlines()
        ]
        own.write_text("\n".join(lines) + "\n")
        answer = f'while [ "$1" != -o ]; do shift; done; {shutil.which("cp")} {archive} "$2"'
        script(self.path / "curl", answer)

    def install(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the script."""
        command = ["sh", str(self.checkout / "scripts" / "install-promtool")]
        environ = {"PATH": str(self.path), **environ}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)

    @property
    def installed(self) -> Path:
        """Where it would be put."""
        return self.checkout / ".tools" / "bin" / "promtool"


@pytest.fixture
def machine(tmp_path: Path, root: Path) -> Machine:
    """Return a machine without any promtool."""
    return Machine(tmp_path, root)


def test_a_promtool_that_is_there_is_left_alone(machine: Machine) -> None:
    """One on PATH that is new enough: nothing is fetched, nothing is written."""
    announcing(machine.with_tools(*NEEDED).path, "2.42.0")

    done = machine.install()

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not machine.installed.exists()


def test_the_official_release_is_installed(machine: Machine, tmp_path: Path) -> None:
    """Its checksum holds: promtool is in .tools/bin, and the download is gone."""
    machine.with_tools(*FETCHING).publish(announcing(tmp_path / "release", "3.15.0"))

    done = machine.install()

    assert (done.returncode, done.stderr) == (0, "install-promtool: promtool 3.15.0 is in .tools/bin\n")
    assert [path.name for path in (machine.checkout / ".tools").iterdir()] == ["bin"]
    assert os.access(machine.installed, os.X_OK)


def test_an_old_one_is_replaced(machine: Machine, tmp_path: Path) -> None:
    """A promtool below 2.42 on PATH does not count."""
    machine.with_tools(*FETCHING).publish(announcing(tmp_path / "release", "3.15.0"))
    announcing(machine.path, "2.15.2")

    assert machine.install().returncode == 0
    assert machine.installed.exists()


def test_a_wrong_checksum_is_refused(machine: Machine, tmp_path: Path) -> None:
    """Nothing is installed, from there or anywhere else; both sums are named."""
    machine.with_tools(*FETCHING).publish(announcing(tmp_path / "release", "3.15.0"), promise="0" * 64)

    done = machine.install()

    assert done.returncode == 2
    assert f"not {'0' * 64}: not installed" in done.stderr
    assert not machine.installed.exists()


def test_debian_is_asked_where_the_release_is_out_of_reach(machine: Machine, tmp_path: Path) -> None:
    """The package is downloaded and unpacked; nothing is installed on the machine, no service started."""
    machine.with_tools(*FETCHING)
    script(machine.path / "curl", "echo 'curl: (6) Could not resolve host: github.com' >&2; exit 6")
    script(machine.path / "apt-get", f'echo "$@" >>{tmp_path}/asked; : >prometheus_2.42.0_amd64.deb')
    package = announcing(tmp_path / "package", "2.42.0")
    copy = f'{shutil.which("mkdir")} -p "$3/usr/bin" && {shutil.which("cp")} {package} "$3/usr/bin/promtool"'
    script(machine.path / "dpkg", f'[ "$1" = -x ] && {copy}')

    done = machine.install()

    assert done.stderr.splitlines() == [
        "install-promtool: the official release can't be reached: curl: (6) Could not resolve host: github.com",
        "install-promtool: promtool 2.42.0 is in .tools/bin",
    ]
    assert (tmp_path / "asked").read_text() == "download -qq prometheus\n"


def test_without_any_source_the_way_out_is_named(machine: Machine) -> None:
    """No network and no Debian: exit code 2, and what a person can do."""
    done = machine.with_tools(*NEEDED).install()

    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "install-promtool: no promtool; install Prometheus 2.42.0 or newer, or set PROMTOOL=/path/to/promtool"
    )
    assert list((machine.checkout / ".tools").iterdir()) == []
