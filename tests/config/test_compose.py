"""Do the compose files keep what they promise: pinned, limited, closed, and started as the dashboards need it?"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from metrics import mongodb
from obs import config, stack
from obs.programs import preflight
from tests.stack.parts import PARTS, settings, toml, without

ROOT = Path(__file__).parents[2]
STACK = stack.load(ROOT / "stack.toml")
REFERENCE, ADD_ON = (
    yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    for name in ("docker-compose.yml", "docker-compose.observability.yml")
)
SERVICES: dict[str, dict[str, Any]] = {**REFERENCE["services"], **ADD_ON["services"]}

REACHED = {
    "prometheus": 9090,
    "alertmanager": None,
    "grafana": 3000,
    "jaeger": 16686,
    "loki": None,
    "promtail": None,
    "redis_exporter": None,
    "mongodb_exporter": None,
    "api": 4000,
    "worker": None,
    "mongodb": None,
    "redis": None,
}
"""Every service, and the port of its container that is opened."""

ENDING = {"prepare", "passwords"}
"""What runs once, before the others."""

ROOT_USER = {
    "promtail": "reads Docker's log files, which belong to root",
    "prepare": "gives Jaeger its directory and readers their passwords, and ends",
    "passwords": "gives each reader its own, and ends",
}


def test_every_service_is_there_on_its_port() -> None:
    """The services, and the ports a person opens."""
    opened = {
        name: {int(port.rpartition(":")[2]) for port in service.get("ports", ())} for name, service in SERVICES.items()
    }

    assert set(opened) == {*REACHED, *ENDING}
    assert {name: port in opened[name] for name, port in REACHED.items() if port} == {
        name: True for name, port in REACHED.items() if port
    }
    assert all(not opened[name] for name, port in REACHED.items() if port is None)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_closed_and_limited(name: str) -> None:
    """Nothing is root without a reason, writes outside its volumes, grows without limit or opens to the network."""
    service = SERVICES[name]

    assert service.get("read_only") is True
    assert service.get("cap_drop") == ["ALL"]
    assert service.get("security_opt") == ["no-new-privileges:true"]
    assert service.get("mem_limit")
    assert service["logging"]["options"]["max-size"]
    assert all(port.startswith("${BIND_ADDRESS:-127.0.0.1}:") for port in service.get("ports", ()))
    assert (str(service.get("user", "0")).split(":")[0] == "0") == (name in ROOT_USER)
    if name not in ENDING:
        assert service.get("restart") == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {*ENDING, "worker"}))
def test_a_service_says_whether_it_is_well(name: str) -> None:
    """Everything with a port has a health check; the worker's heartbeat is an alert, JobWorkersMissing."""
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned(name: str) -> None:
    """A version to the patch, or built here."""
    assert "build" in SERVICES[name] or re.search(r":v?\d+\.\d+\.\d+", SERVICES[name]["image"])


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (name, volume.split(":")[0])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
        if volume.startswith("./")
    ],
)
def test_what_is_mounted_is_written_and_only_read(name: str, source: str) -> None:
    """Every mounted file is one that `render` writes or the repository holds, mounted read-only."""
    written = {*config.render(STACK), "grafana/dashboards/", "prometheus/rules/"}
    below = source.removeprefix("./infra/observability/")

    assert (ROOT / source).exists() or any(path == below or path.startswith(f"{below}/") for path in written)
    assert any(volume.startswith(f"{source}:") and volume.endswith(":ro") for volume in SERVICES[name]["volumes"])


def test_named_volumes_are_declared_and_used() -> None:
    """What must survive a restart has a name."""
    used = {
        source(volume)
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if not source(volume).startswith((".", "/"))
    }

    assert used == {*REFERENCE["volumes"], *ADD_ON["volumes"]}
    assert "grafana-data" in used


def test_the_mongodb_exporter_is_started_with_every_collector_the_dashboards_need() -> None:
    """Without its flags the exporter exposes one series."""
    assert set(mongodb.BY_FLAG) <= set(SERVICES["mongodb_exporter"]["command"])


def test_slow_queries_are_counted_once_a_scrape() -> None:
    """The exporter's window for slow queries is the scrape interval, or a query is counted twice or never."""
    seconds = STACK.prometheus.scrape_interval.removesuffix("s")

    assert f"--collector.profile-time-ts={seconds}" in SERVICES["mongodb_exporter"]["command"]


def aliases(networks: Any) -> list[str]:
    """Return the further names a service has in its networks."""
    named = networks.values() if isinstance(networks, dict) else ()
    return [alias for network in named if network for alias in network["aliases"]]


def test_what_can_silence_or_delete_is_out_of_the_services_reach() -> None:
    """Alertmanager takes a silence from any origin, Loki any line: both are reached from the stack's network alone."""
    inner = {name for name, service in ADD_ON["services"].items() if service.get("networks") == ["observability"]}

    assert inner == {"alertmanager", "grafana", "loki", "promtail"}
    assert not any("networks" in service for service in REFERENCE["services"].values())
    assert [name for name in inner if SERVICES[name].get("ports")] == ["grafana"]


def test_everything_is_scraped_where_compose_puts_it() -> None:
    """Host and port of every target are a service of compose, by its name or alias."""
    names = {
        name: service
        for service_name, service in SERVICES.items()
        for name in (service_name, *aliases(service.get("networks", [])))
    }
    hosts = {target.address.rpartition(":")[0] for target in STACK.targets.values()} - {"localhost"}

    assert hosts <= set(names)


def test_secrets_are_kept_in_memory_alone() -> None:
    """Each variable of a secret reaches Alertmanager; the files of `[notify]` lie below a folder that is no disk."""
    alertmanager, notify = SERVICES["alertmanager"], STACK.notify
    (memory,) = (mount.split(":")[0] for mount in alertmanager["tmpfs"])

    assert alertmanager["environment"] == {name: f"${{{name}:-}}" for name in preflight.SECRETS}
    assert all(
        file.startswith(f"{memory}/")
        for file in (notify.pagerduty_routing_key_file, notify.webhook_url_file, notify.deadman_url_file)
    )


def test_no_password_has_a_default() -> None:
    """A password is from .env, and goes to what hands passwords out alone; nothing else is given one."""
    for name, service in SERVICES.items():
        given = {key: value for key, value in service.get("environment", {}).items() if "PASSWORD" in key}
        assert given == ({key: f"${{{key}:-}}" for key in given} if name in ENDING else {}), name
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"^\w*PASSWORD=(.*)$", example, re.MULTILINE) == [""] * 5


def test_every_reader_of_a_password_is_handed_it_as_its_own_user() -> None:
    """Who reads `/run/passwords/READER` waits for it, and is the user it is written for."""
    handed: dict[str, tuple[str, str]] = {}
    for name in ENDING:
        found = re.findall(r"\b(\w+):(\d+):[A-Z]", str(SERVICES[name]["command"]))
        handed |= {reader: (uid, name) for reader, uid in found}
    named = {"redis": "999", "mongodb": "999"}  # what these names are in the images
    read = set()
    for service in SERVICES.values():
        script = str([service.get("entrypoint", ""), service.get("command", "")])
        for reader in re.findall(r"\. /run/passwords/(\w+)", script):
            read.add(reader)
            uid, waits_for = handed[reader]
            user = str(service["user"]).partition(":")[0]
            assert named.get(user, user) == uid
            assert service["depends_on"][waits_for] == {"condition": "service_completed_successfully"}
            assert "passwords:/run/passwords:ro" in service["volumes"]

    assert read == set(handed)


def prepare(folder: Path, *readers: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Hand passwords out below a folder, as the containers do."""
    command = ["sh", str(ROOT / "infra/passwords/prepare.sh"), str(folder), *readers]
    environ = {"PATH": os.environ["PATH"], **environ}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


def password(folder: Path, reader: str, name: str) -> str:
    """Return what a reader's shell makes of its file."""
    script = f'. {folder}/{reader}; printf %s "${name}"'
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=20).stdout


def test_passwords_nobody_chose_are_random_and_kept(tmp_path: Path) -> None:
    """Two stacks differ; a second run, and another container at the same time, find the first one's."""
    readers = [f"{name}:{os.getuid()}:REDIS_PASSWORD" for name in ("one", "two")]
    for folder in ("a", "a", "b"):
        assert prepare(tmp_path / folder, *readers).returncode == 0
    at_once = [
        subprocess.Popen(["sh", ROOT / "infra/passwords/prepare.sh", tmp_path / "c", reader]) for reader in readers
    ]
    assert [process.wait(timeout=60) for process in at_once] == [0, 0]

    both = ("one", "two")
    found = {folder: {password(tmp_path / folder, reader, "REDIS_PASSWORD") for reader in both} for folder in "abc"}
    assert [len(each) for each in found.values()] == [1, 1, 1]
    assert len(set().union(*found.values())) == 3
    assert all(re.fullmatch(r"[\w-]{32}", each) for one in found.values() for each in one)
    assert (tmp_path / "a/one").stat().st_mode & 0o777 == 0o400


@pytest.mark.parametrize("given", ["plain", 'it\'s $HOME \\ "quoted" `x`', "ünï #1 = 2"])
def test_a_chosen_password_arrives_as_it_is(tmp_path: Path, given: str) -> None:
    """Whatever stands in it, the reader's shell gets that by the name it wants, and runs nothing."""
    assert prepare(tmp_path, f"redis:{os.getuid()}:REDIS_PASSWORD=REDISCLI_AUTH", REDIS_PASSWORD=given).returncode == 0

    assert password(tmp_path, "redis", "REDISCLI_AUTH") == given


def test_another_password_than_that_of_the_data_is_refused(tmp_path: Path) -> None:
    """A new .env beside old data is named, with both ways on; the old password stays, and is found without .env."""
    reader = f"redis:{os.getuid()}:REDIS_PASSWORD"
    prepare(tmp_path, reader, REDIS_PASSWORD="old")

    refused = prepare(tmp_path, reader, REDIS_PASSWORD="new")
    again = prepare(tmp_path, reader)

    assert refused.returncode == 1
    assert "REDIS_PASSWORD in .env is not the password that the data here was made with" in refused.stderr
    assert again.returncode == 0
    assert password(tmp_path, "redis", "REDIS_PASSWORD") == "old"


def test_a_running_busybox_is_replaced_not_written_over() -> None:
    """A second `up` runs `prepare` while health checks run what it lends, which then can't be opened to be written."""
    (script,) = SERVICES["prepare"]["command"][2:]

    assert "cp /bin/busybox /probe/new && mv /probe/new /probe/busybox" in script


@pytest.mark.parametrize("name", ["jaeger", "loki", "promtail"])
def test_a_go_program_collects_its_garbage_before_its_limit(name: str) -> None:
    """Go is told of a limit a fifth below the container's; Prometheus reads the container's by itself."""
    service = SERVICES[name]

    assert mebibytes(service["environment"]["GOMEMLIMIT"]) <= 0.8 * mebibytes(service["mem_limit"])


def test_jaeger_turns_spans_away_before_it_is_killed() -> None:
    """The limiter comes before what holds spans, and refuses below the limit Go is told of."""
    jaeger = yaml.safe_load(config.render(STACK)["jaeger/jaeger.yml"])

    assert jaeger["service"]["pipelines"]["traces"]["processors"] == ["memory_limiter", "batch"]
    told = mebibytes(SERVICES["jaeger"]["environment"]["GOMEMLIMIT"])
    assert jaeger["processors"]["memory_limiter"]["limit_mib"] < told


PROGRAMS = {"prepare", "prometheus", "alertmanager", "grafana", "jaeger", "loki", "promtail"}


@pytest.mark.parametrize(
    ("absent", "gone", "variables"),
    [
        (("redis",), {"redis_exporter"}, {"REDIS_PASSWORD", "REDIS_ADDRESS"}),
        (("logs", "traces"), {"loki", "promtail", "jaeger"}, {"DOCKER_DATA_ROOT"}),
        (("grafana",), {"grafana"}, {"GRAFANA_ADMIN_PASSWORD", "GRAFANA_ADMIN_USER"}),
        (("alertmanager",), {"alertmanager"}, set(preflight.SECRETS)),
        (tuple(PARTS), {*PROGRAMS, "redis_exporter", "mongodb_exporter"} - {"prepare", "prometheus"}, None),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else "",
)
def test_a_part_that_is_absent_starts_no_container(
    absent: tuple[str, ...], gone: set[str], variables: set[str] | None
) -> None:
    """Its services, its volumes, its passwords and its variables go with it, and nothing else does."""
    lacking = without(absent)
    written = yaml.safe_load(config.beside(lacking)["docker-compose.observability.yml"])
    mounted = {source(v) for service in written["services"].values() for v in service["volumes"]}
    left = set(re.findall(r"^(\w+)=", config.beside(lacking)[".env.example"], re.MULTILINE))
    every = set(re.findall(r"^(\w+)=", config.beside(STACK)[".env.example"], re.MULTILINE))

    assert set(written["services"]) == set(ADD_ON["services"]) - gone
    assert set(written["volumes"]) == {name for name in mounted if not name.startswith((".", "/"))}
    assert every - left == (every - {"COMPOSE_FILE", "BIND_ADDRESS"} if variables is None else variables)


def test_an_exporter_elsewhere_is_not_started_here() -> None:
    """A host with a dot in its name is none of our containers."""
    raw = settings()
    raw["targets"]["redis"]["address"] = "redis.example.com:9121"
    written = yaml.safe_load(config.beside(stack.loads(toml(raw)))["docker-compose.observability.yml"])

    assert "redis_exporter" not in written["services"]
    assert "REDIS" not in str(written["services"]["prepare"])


def source(volume: str) -> str:
    """Return what a mount brings in: a path, or the name of a volume; a variable stands for an absolute path."""
    return re.sub(r"^\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]


def mebibytes(text: str) -> float:
    """Return a size of compose, or of Go, in MiB."""
    number = re.match(r"\d+", text)
    assert number
    return int(number[0]) * {"m": 1, "MiB": 1, "g": 1024}[text[number.end() :]]
