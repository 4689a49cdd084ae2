"""How are pinned packages of npm installed, and what is said when they can't be?"""

import re
import subprocess
from pathlib import Path

INSTALL_SECONDS = 600
PINNED = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--loglevel=error")
"""What the lock says and nothing else: hashes are checked, and no package runs anything of its own."""


class NpmError(Exception):
    """Packages can't be installed; the message quotes npm."""


def install(npm: str, folder: Path) -> None:
    """Install what the package-lock.json in ``folder`` pins, into its node_modules; raise NpmError."""
    try:
        done = subprocess.run(
            [npm, *PINNED], cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NpmError(f"npm ci did not end within {INSTALL_SECONDS} s; is the npm registry reachable?") from error
    except OSError as error:
        raise NpmError(f"{npm} can't be started: {error.strerror}") from error
    if done.returncode:
        raise NpmError(f"npm ci ended with status {done.returncode}: {_reason(done.stderr)}")


def _reason(written: str) -> str:
    """Return npm's first sentence, which says what is wrong; those after it say where its log is."""
    said = [re.sub(r"^npm (error|ERR!)\s*", "", line).strip() for line in written.splitlines()]
    told = [line for line in said if line and not re.match(r"(code|errno|syscall|type|path) ", line)]
    return told[0] if told else "it wrote nothing"
