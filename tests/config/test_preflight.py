"""Is everything that would keep the stack from starting said at once, before anything starts?"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from obs.programs import preflight
from tests.stack.parts import settings, toml

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what `obs up` reads first."""
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "stack.toml").write_text((ROOT / "stack.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that something listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_first_run_writes_env_for_the_owner_alone(checkout: Path) -> None:
    """Nobody else on the machine may read it; no password is made up in it, for nobody could know an older one."""
    env = preflight.prepare_env(checkout)

    assert (checkout / ".env").stat().st_mode & 0o777 == 0o600
    assert {value for name, value in env.items() if name.endswith("_PASSWORD")} == {""}


def test_what_a_person_wrote_is_kept(checkout: Path) -> None:
    """A second run changes nothing."""
    text = "GRAFANA_ADMIN_PASSWORD=mine\nREDIS_PASSWORD=\n# a note\n"
    (checkout / ".env").write_text(text, encoding="utf-8")

    assert preflight.prepare_env(checkout) == {"GRAFANA_ADMIN_PASSWORD": "mine", "REDIS_PASSWORD": ""}
    assert (checkout / ".env").read_text(encoding="utf-8") == text


WAYS_ON = "restore it from where you keep it; `obs down --volumes` deletes the data"
PLAN = {"volumes": {"mongodb-data": {"name": "p_mongodb-data"}, "passwords": {"name": "p_passwords"}}}


@pytest.mark.parametrize(
    ("existing", "env", "told"),
    [
        (["p_mongodb-data"], {"MONGODB_PASSWORD": ""}, True),
        (["p_mongodb-data"], {"MONGODB_PASSWORD": "kept"}, False),
        (["p_mongodb-data", "p_passwords"], {}, False),
        (["other_mongodb-data"], {}, False),
        ([], {}, False),
    ],
)
def test_data_whose_passwords_are_gone_is_not_started(existing: list[str], env: dict[str, str], *, told: bool) -> None:
    """Data without any password for it would be locked; with `.env`, or the volume that keeps them, it is not."""
    found = list(preflight.locked_out(PLAN, env, existing))

    assert found == (
        ["p_mongodb-data: there is data here, and its passwords are not in .env: " + WAYS_ON] if told else []
    )


def test_each_unset_secret_is_named_with_what_is_lost() -> None:
    """Only the empty ones are named."""
    assert preflight.unset({"PAGERDUTY_ROUTING_KEY": "key", "WEBHOOK_URL": "", "DEADMAN_URL": "https://x"}) == [
        "WEBHOOK_URL is unset in .env: tickets would reach nobody; fill it in, or start with --mute"
    ]


def test_a_file_the_container_could_not_read_is_named(tmp_path: Path) -> None:
    """Missing files, and files closed to other users, are found before a container crashes over them."""
    closed = tmp_path / "loki"
    closed.mkdir()
    (closed / "loki.yml").write_text("", encoding="utf-8")
    (closed / "loki.yml").chmod(0o600)
    plan = {
        "services": {
            "loki": {"volumes": [{"type": "bind", "source": str(closed)}, {"type": "volume", "source": "loki-data"}]},
            "jaeger": {"volumes": [{"type": "bind", "source": str(tmp_path / "jaeger")}]},
        }
    }

    assert list(preflight.unreadable(plan)) == [
        f"{closed}/loki.yml can't be read by loki, which runs as another user; run `chmod -R o+rX {closed}`",
        f"{tmp_path}/jaeger, which jaeger mounts, does not exist; run `make dashboards`, or restore it from git",
    ]


def test_an_occupied_port_is_named(taken: int) -> None:
    """A port that something else holds is named with the service that needs it; our own, running, is not."""
    port = {"host_ip": "127.0.0.1", "published": str(taken), "target": 3000}
    plan = {"services": {"grafana": {"ports": [port]}, "loki": {}}}
    running = json.dumps({"Service": "grafana", "Publishers": [{"PublishedPort": taken}]})

    assert list(preflight.occupied(plan, ())) == [
        f"port {taken} of 127.0.0.1, for grafana, is taken; `ss -ltnp 'sport = :{taken}'` shows by whom"
    ]
    assert list(preflight.occupied(plan, preflight.published(running))) == []


def fake_docker(folder: Path, plan: Mapping[str, object], *, engine: bool) -> Path:
    """Write a `docker` that knows `compose version`, `config` and `ps`, and notes everything else it is told."""
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    program, running = folder / "docker", f"cat {folder}/running 2>/dev/null; exit 0"
    program.write_text(
        f"""#!/bin/sh
for word; do case "$word" in
version) exit 0 ;;
config) cat {folder}/plan.json; exit 0 ;;
volume) exit 0 ;;
info) cat {folder}/info 2>/dev/null; exit 0 ;;
ps) {running if engine else "echo 'Cannot connect to the Docker daemon' >&2; exit 1"} ;;
up|down|logs) echo "$@" >> {folder}/told; env >> {folder}/environ; exit 0 ;;
esac; done
""",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return program


def obs(checkout: Path, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `obs` in a folder, with only these programs on PATH."""
    return subprocess.run(
        [sys.executable, "-c", "from obs.cli.cli import main; main()", *arguments],
        cwd=checkout,
        env={"PATH": path, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_up_says_everything_that_is_wrong_and_starts_nothing(checkout: Path, tmp_path: Path, taken: int) -> None:
    """Unset secrets, a missing file, an occupied port and a silent engine: one error, exit 2, nothing started."""
    plan = {
        "services": {
            "grafana": {
                "ports": [{"host_ip": "127.0.0.1", "published": str(taken)}],
                "volumes": [{"type": "bind", "source": str(tmp_path / "grafana.ini")}],
            }
        }
    }
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, plan, engine=False)

    answer = obs(checkout, f"{bin_}:{os.defpath}", "up")

    assert answer.returncode == 2
    assert "nothing was started:" in answer.stderr
    for part in (
        "PAGERDUTY_ROUTING_KEY is unset",
        "grafana.ini, which grafana mounts",
        f"port {taken}",
        "no Docker engine",
    ):
        assert part in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (bin_ / "told").exists()
    assert not (checkout / ".obs").exists()


SHIPS = {"type": "bind", "source": "/var/lib/docker/containers", "target": "/var/lib/docker/containers"}
OWN = {"type": "bind", "source": str(ROOT / "stack.toml"), "target": "/stack.toml"}
DOCKER = {"DockerRootDir": "/var/lib/docker", "LoggingDriver": "json-file", "SecurityOptions": ["name=seccomp"]}
PODMAN = {"host": {"security": {"selinuxEnabled": False}}, "store": {}}


@pytest.mark.parametrize(
    ("info", "volumes", "told"),
    [
        (DOCKER, [SHIPS, OWN], []),
        (DOCKER | {"DockerRootDir": "/data/docker"}, [SHIPS], ["set DOCKER_DATA_ROOT=/data/docker in .env"]),
        (DOCKER | {"DockerRootDir": "/data/docker"}, [SHIPS | {"source": "/data/docker/containers"}], []),
        (DOCKER | {"DockerRootDir": "/data/docker"}, [OWN], []),
        (DOCKER | {"LoggingDriver": "journald"}, [SHIPS], ["hands its logs to journald"]),
        (DOCKER | {"SecurityOptions": ["name=selinux"]}, [SHIPS, OWN], [f"chcon -Rt container_file_t {OWN['source']}"]),
        (PODMAN, [SHIPS], ["Podman answers here"]),
        (PODMAN, [OWN], []),
        ({"host": {"security": {"selinuxEnabled": True}}}, [OWN], ["SELinux keeps containers from"]),
        ({}, [SHIPS, OWN], []),
    ],
)
def test_an_engine_that_would_hide_logs_or_files_is_said(
    info: dict[str, object], volumes: list[dict[str, str]], told: list[str]
) -> None:
    """Rootless, Podman, SELinux, a log driver: nothing fails at the start, and no line arrives."""
    found = list(preflight.engine(info, {"services": {"promtail": {"volumes": volumes}}}))

    assert len(found) == len(told)
    assert all(part in sentence for part, sentence in zip(told, found, strict=True))


def test_up_asks_the_engine_before_it_starts(checkout: Path, tmp_path: Path) -> None:
    """What the engine says of itself is held against what the stack mounts."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {"promtail": {"volumes": [SHIPS]}}}, engine=True)
    (bin_ / "info").write_text(json.dumps(DOCKER | {"DockerRootDir": "/home/me/docker"}), encoding="utf-8")

    answer = obs(checkout, f"{bin_}:{os.defpath}", "up", "--mute")

    assert answer.returncode == 2
    assert "set DOCKER_DATA_ROOT=/home/me/docker in .env" in answer.stderr
    assert not (bin_ / "told").exists()


def test_up_without_docker_says_where_to_get_it(checkout: Path, tmp_path: Path) -> None:
    """No Docker Compose at all is one sentence with an address."""
    answer = obs(checkout, str(tmp_path), "up")

    assert answer.returncode == 2
    assert answer.stderr.strip() == (
        "obs: Docker Compose is not installed; see https://docs.docker.com/engine/install/"
    )


def test_up_starts_both_files_and_prints_the_addresses(checkout: Path, tmp_path: Path) -> None:
    """With nothing wrong, or muted, compose is told to start and wait, and the addresses are printed."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    answer = obs(checkout, f"{bin_}:{os.defpath}", "up", "--mute")

    assert answer.returncode == 0, answer.stderr
    assert (bin_ / "told").read_text(encoding="utf-8").strip().endswith("up --detach --build --wait")
    assert "Grafana       http://localhost:3001" in answer.stdout
    assert "muted: nobody is told" in answer.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("down",), "down"),
        (("down", "--volumes"), "down --volumes"),
        (("logs", "loki"), "logs --follow --tail=100 loki"),
    ],
)
def test_down_and_logs_are_handed_to_compose(
    checkout: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    """Stopping and looking are compose's own work, on the same files."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    assert obs(checkout, f"{bin_}:{os.defpath}", *arguments).returncode == 0

    command = (bin_ / "told").read_text(encoding="utf-8").strip()
    assert command == f"compose --file docker-compose.yml --file docker-compose.observability.yml {told}"


def test_another_service_brings_its_own_compose_file(checkout: Path, tmp_path: Path) -> None:
    """COMPOSE_FILE of .env, which Docker Compose reads itself, is not overruled."""
    (checkout / ".env").write_text("COMPOSE_FILE=theirs.yml:docker-compose.observability.yml\n", encoding="utf-8")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    obs(checkout, f"{bin_}:{os.defpath}", "down")

    assert (bin_ / "told").read_text(encoding="utf-8").strip() == "compose down"


def test_muted_means_without_the_secrets_of_a_filled_env(checkout: Path, tmp_path: Path) -> None:
    """Compose gets each secret empty, which overrules `.env`; the same start without --mute leaves them to `.env`."""
    filled = "".join(f"{name}=https://real.example\n" for name in preflight.SECRETS)
    (checkout / ".env").write_text(filled, encoding="utf-8")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    assert obs(checkout, f"{bin_}:{os.defpath}", "up", "--mute").returncode == 0
    muted = (bin_ / "environ").read_text(encoding="utf-8").splitlines()
    (bin_ / "environ").unlink()
    assert obs(checkout, f"{bin_}:{os.defpath}", "up").returncode == 0
    paging = (bin_ / "environ").read_text(encoding="utf-8")

    assert {f"{name}=" for name in preflight.SECRETS} | {"GRAFANA_EXECUTE_ALERTS=false"} <= set(muted)
    assert not any(f"{name}=" in paging for name in (*preflight.SECRETS, "GRAFANA_EXECUTE_ALERTS"))


def test_samples_that_leave_the_machine_are_not_muted(checkout: Path, tmp_path: Path) -> None:
    """A stack that sends its samples elsewhere is not started as muted: what evaluates them there could page."""
    file = checkout / "stack.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('remote_write_url = ""', 'remote_write_url = "https://mimir.example/push"'))
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    answer = obs(checkout, f"{bin_}:{os.defpath}", "up", "--mute")

    assert answer.returncode == 2
    assert "prometheus.remote_write_url is set: samples would leave this machine" in answer.stderr
    assert not (bin_ / "told").exists()


def test_up_asks_for_the_secrets_of_what_is_there(checkout: Path, tmp_path: Path) -> None:
    """Without Alertmanager nobody is told by it; what others run is not started at all."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    fake_docker(bin_, {"services": {}}, engine=True)

    (checkout / "stack.toml").write_text(toml(settings("alertmanager")), encoding="utf-8")
    alone = obs(checkout, f"{bin_}:{os.defpath}", "up")
    (checkout / "stack.toml").write_text(toml(settings(others=True)), encoding="utf-8")
    others = obs(checkout, f"{bin_}:{os.defpath}", "up")

    assert alone.returncode == 0, alone.stderr
    assert others.returncode == 2
    assert others.stderr.startswith('obs: nothing was started: service.stack = "others"')


def test_what_changed_is_started_anew_and_said(checkout: Path, tmp_path: Path) -> None:
    """An edited file changes the label of the service that mounts it, and of no other; the second start is silent."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    plan: dict[str, dict[str, object]] = {"services": {}}
    for name in ("loki", "prometheus"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yml").write_text("a: 1\n", encoding="utf-8")
        plan["services"][name] = {"volumes": [{"type": "bind", "source": str(tmp_path / name)}]}
    fake_docker(bin_, plan, engine=True)

    def start() -> str:
        """Start, let the fake engine run what compose was told, and return what was said."""
        answer = obs(checkout, f"{bin_}:{os.defpath}", "up", "--mute")
        assert answer.returncode == 0, answer.stderr
        assert "--file .obs/compose.json up" in (bin_ / "told").read_text(encoding="utf-8").replace(f"{checkout}/", "")
        services = json.loads((checkout / ".obs/compose.json").read_text(encoding="utf-8"))["services"]
        lines = [
            json.dumps({"Service": name, "Labels": f"a=b,{preflight.LABEL}={service['labels'][preflight.LABEL]}"})
            for name, service in services.items()
        ]
        (bin_ / "running").write_text("\n".join(lines), encoding="utf-8")
        return answer.stdout

    assert "anew" not in start()
    (tmp_path / "loki" / "config.yml").write_text("a: 2\n", encoding="utf-8")
    assert "loki: its configuration changed; it is started anew\n" in (said := start())
    assert "prometheus" not in said.partition("Grafana")[0]
    assert "anew" not in start()
