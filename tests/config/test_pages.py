"""Can every block of every page be run as it stands, and do the commands of runbooks do something in these images?"""

import ast
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from obs.cli.cli import obs
from obs.config import compose as containers
from tests.config.test_compose import SERVICES
from tests.conftest import ROOT
from tests.stack.parts import SHIPPERS, shipping

FAULTS = ROOT / "docs/checks"  # each page there shows the part of a file that is wrong
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")} - {*FAULTS.glob("*.md")})
RUNBOOKS = sorted((ROOT / "docs/operations").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)

STARTED = {
    *SERVICES,
    *(name for shipper in SHIPPERS for name in containers.configuration(shipping(shipper))["services"]),
}
"""Every service, whichever program ships the log lines."""

INSIDE = {
    "prometheus": {"/probe/busybox", "promtool"},
    "alertmanager": {"/probe/busybox", "amtool"},
    "redis": {"redis-cli", "df", "sh"},
    "mongodb": {"mongosh", "df", "cat"},
    "prepare": {"rm"},
}
"""What may be called in a container: its image has it. Other images of the stack have the lent busybox alone."""

ON_THE_HOST = {"docker", "curl", "git", "grep", "head", "sed", "sort", "uniq", "make", "obs"}
UP_AND_DOWN = {"ps", "logs", "up", "exec", "top", "kill", "stop", "restart", "run"}


def shell(text: str) -> None:
    """Let a shell read a block without running it."""
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=20)


def session(text: str) -> None:
    """Let a shell read the commands of a block that shows their output as well."""
    shell("\n".join(line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")))


PARSED: dict[str, Callable[[str], object]] = {
    "sh": shell,
    "console": session,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
    "python": ast.parse,
}
ELSEWHERE = {
    "promql": "tests/proofs: `obs check` reads those of runbooks",
    "logql": "tests/config/test_logql.py",
    "js": "tests/e2e/test_runbooks.py, which needs node",
    "diff": "tests/cli/test_docs.py applies them",
    "mermaid": "a drawing",
    "": "what Grafana shows",
}
"""Where the blocks of a language that is not parsed here are looked at."""

BLOCKS = [(page, language, text) for page in PAGES for language, text in BLOCK.findall(page.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("page", "language", "text"), BLOCKS, ids=[f"{page.name}-{index}" for index, (page, _, _) in enumerate(BLOCKS)]
)
def test_a_block_is_what_it_says(page: Path, language: str, text: str) -> None:
    """Shell, JSON, TOML, YAML and Python are read by their own parser; no language goes unread without a reason."""
    if language in ELSEWHERE:
        return
    try:
        PARSED[language](text)
    except (ValueError, SyntaxError, yaml.YAMLError, subprocess.CalledProcessError) as error:
        pytest.fail(f"{page.relative_to(ROOT)}: {language}: {error}\n{text}", pytrace=False)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield each command of a runbook's shell blocks, a part of a pipe each, and those within its sentences."""
    text = page.read_text("utf-8")
    blocks = [line for language, block in BLOCK.findall(text) if language == "sh" for line in block.splitlines()]
    inline = re.findall(r"`((?:docker|make|obs|curl) [^`]+)`", BLOCK.sub("", text))
    for line in [*blocks, *inline]:
        words = shlex.shlex(line, posix=True, punctuation_chars="|&;")
        words.whitespace_split = True
        command: list[str] = []
        for word in words:
            if set(word) <= set("|&;"):
                yield command
                command = []
            else:
                command.append(word)
        yield command


COMMANDS = [(page, command) for page in RUNBOOKS for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[" ".join(command) for _, command in COMMANDS])
def test_a_command_of_a_runbook_works_in_these_images(page: Path, command: list[str]) -> None:
    """Programs are where they are called, services exist, addresses are opened; nobody learns it during an outage."""
    assert command[0] in ON_THE_HOST, page
    if command[:2] == ["docker", "compose"]:
        compose(command[2], command[3:])
    elif command[0] == "obs":
        assert CliRunner().invoke(obs, [*command[1:2], "--help"]).exit_code == 0
    elif command[0] == "curl":
        opened = {port.split(":")[-2] for service in SERVICES.values() for port in service.get("ports", ())}
        assert all(port in opened for word in command for port in re.findall(r"localhost:(\d+)", word))
    elif command[0] in {"git", "grep"}:
        assert all((ROOT / word).exists() for word in command if word.startswith(("infra/", "stack.toml")))


def compose(verb: str, arguments: list[str]) -> None:
    """Judge one command of docker compose."""
    assert verb in UP_AND_DOWN
    if verb in {"exec", "run"}:
        service, program, *words = [word for word in arguments if word != "--rm"]
        if program == "sh":
            # Passwords first, then the command that needs them.
            found = re.fullmatch(r"\. /run/passwords/(\w+); (\S+) .*", words[1])
            assert found
            assert found[1] == service
            program = found[2]
        assert program in INSIDE.get(service, {"/probe/busybox"}), f"{service} has no {program}"
        assert program != "/probe/busybox" or "probe:/probe:ro" in SERVICES[service]["volumes"]
        return
    valued = {"--tail", "--since", "-s", "--scale"}
    named = [
        word
        for before, word in zip(["", *arguments], arguments, strict=False)
        if not word.startswith(("-", "<")) and before not in valued
    ]
    assert set(named) <= STARTED


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)
def test_what_stands_in_a_file_is_read_anew(page: Path) -> None:
    """`docker compose restart` keeps environment and limits: where these change, a step says `up`, by name."""
    for step in re.split(r"\n(?=\d+\. |\n|#)", BLOCK.sub("", page.read_text("utf-8"))):
        if re.match(r"\d+\. ", step.strip()) and re.search(r"into `\.env`|raise `mem_limit`", step):
            assert re.search(r"`make up`|`docker compose up -d \w+`", step), step
        assert "docker compose restart" not in step, step


def test_a_scrape_refused_for_its_size_has_its_branch() -> None:
    """ApiDown: the service answers, Prometheus takes nothing; its own words for it are on the page, and a way on."""
    section = (ROOT / "docs/operations/api.md").read_text("utf-8").partition("## ApiDown\n")[2]

    assert "sample limit exceeded" in section
    assert "lastError" in section
    assert "roll back the deploy that brought the label" in section
