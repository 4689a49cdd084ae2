"""Do the same rule groups reach a Mimir, Cortex or Loki ruler, and only what differs?"""

import contextlib
import copy
import http.server
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import yaml

from obs.alerting import rules
from obs.deploy.grafana.client import Client
from obs.deploy.grafana.errors import DeployError
from obs.deploy.grafana.patience import Patience
from obs.deploy.ruler import Ruler, prometheus_groups
from obs.stack import Stack
from tests.fake_grafana import FakeGrafana

Groups = dict[str, dict[str, Any]]


class Mimir(http.server.ThreadingHTTPServer):
    """A ruler of one namespace, in memory; loses answers on demand."""

    daemon_threads = True

    def __init__(self, prefix: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.namespaces: dict[str, Groups] = {}
        self.writes: list[str] = []
        self.tenants: set[str] = set()
        self.answers_to_lose = 0
        self.refuse_at = -1

    @property
    def url(self) -> str:
        """The address without the prefix."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Mimir

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Keep stderr for the tests."""

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.tenants.add(self.headers.get("X-Scope-OrgID", ""))
        if not self.path.startswith(self.server.prefix + "/"):
            return self._answer(404, "404 page not found")
        namespace, *rest = (unquote(part) for part in self.path.removeprefix(self.server.prefix + "/").split("/"))
        groups = self.server.namespaces.setdefault(namespace, {})
        if self.command == "GET":
            if not groups:
                return self._answer(404, "no rule groups")
            return self._answer(200, yaml.safe_dump({namespace: list(groups.values())}))
        self.server.writes.append(f"{self.command} {'/'.join([namespace, *rest])}")
        if len(self.server.writes) - 1 == self.server.refuse_at:
            return self._answer(400, "not today")
        if self.command == "POST":
            group = yaml.safe_load(body)
            groups[group["name"]] = group
        else:
            groups.pop(rest[0])
        if self.server.answers_to_lose:
            self.server.answers_to_lose -= 1
            self.close_connection = True
            return None
        return self._answer(202, "")

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815  http.server's naming

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/yaml")
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


@contextlib.contextmanager
def serving(prefix: str) -> Iterator[Mimir]:
    """Run a ruler below a prefix."""
    server = Mimir(prefix)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["/prometheus/config/v1/rules", "/loki/api/v1/rules", "/api/v1/rules"])
def mimir(request: pytest.FixtureRequest) -> Iterator[Mimir]:
    """Give a ruler below each of the three prefixes."""
    with serving(request.param) as server:
        yield server


def ruler(url: str) -> Ruler:
    """Return the ruler at an address."""
    return Ruler(Client(url, "", patience=Patience(2, 0.001)), "rce-api", "team-a")


def test_all_groups_arrive_and_the_second_push_writes_nothing(mimir: Mimir, stack: Stack) -> None:
    """Recording rules too; with an answer lost on the way; under the tenant asked for."""
    groups = prometheus_groups({f"infra/observability/{path}": text for path, text in rules.render(stack).items()})
    there = ruler(mimir.url + mimir.prefix)
    mimir.answers_to_lose = 1

    there.push(there.plan(groups))
    mimir.writes.clear()

    assert set(mimir.namespaces["rce-api"]) == {group.name for group in rules.groups(stack)}
    assert {change.action for change in there.plan(groups)} == {"unchanged"}
    assert there.push(there.plan(groups)) == []
    assert mimir.writes == []
    assert mimir.tenants == {"team-a"}


def test_a_changed_group_is_replaced_and_one_gone_from_the_code_deleted_when_asked(mimir: Mimir) -> None:
    """Without ``prune`` nothing is deleted, with it ours alone; slashes in names stay inside their segment."""
    there = ruler(mimir.url + mimir.prefix)
    old = [group("rce-api-a/b", "up == 0"), group("rce-api-old/c", "up == 0")]
    there.push(there.plan(old))
    mimir.namespaces["rce-api"]["by hand"] = group("by hand", "vector(1)")
    mimir.writes.clear()
    new = [group("rce-api-a/b", "up < 1")]

    there.push(there.plan(new))
    assert mimir.writes == ["POST rce-api"]
    there.push(there.plan(new, prune=True))

    assert mimir.writes == ["POST rce-api", "DELETE rce-api/rce-api-old/c"]
    assert mimir.namespaces["rce-api"]["rce-api-a/b"]["rules"][0]["expr"] == "up < 1"
    assert set(mimir.namespaces["rce-api"]) == {"rce-api-a/b", "by hand"}


@pytest.mark.parametrize("refused_at", range(4))
def test_a_refused_write_puts_back_what_was_written_before_it(mimir: Mimir, refused_at: int) -> None:
    """Create, change and delete are undone in the opposite order, and the sentence says so; strangers stay."""
    there = ruler(mimir.url + mimir.prefix)
    there.push(there.plan([group("rce-api-a", "up == 0"), group("rce-api-b", "up == 0"), group("rce-api-c", "up")]))
    mimir.namespaces["rce-api"]["by hand"] = group("by hand", "vector(1)")
    before = copy.deepcopy(mimir.namespaces)
    new = [group("rce-api-a", "up < 1"), group("rce-api-new", "up == 0")]
    mimir.refuse_at = len(mimir.writes) + refused_at

    with pytest.raises(DeployError, match="nothing has changed: what was written is put back"):
        there.push(there.plan(new, prune=True))

    assert mimir.namespaces == before


def test_a_group_somebody_changed_since_the_plan_is_not_replaced(mimir: Mimir) -> None:
    """Read again before the first write: somebody else's change ends the push, and stays."""
    there = ruler(mimir.url + mimir.prefix)
    there.push(there.plan([group("rce-api-a", "up == 0")]))
    changes = there.plan([group("rce-api-a", "up < 1")])
    mimir.namespaces["rce-api"]["rce-api-a"] = group("rce-api-a", "up < 2")
    mimir.writes.clear()

    with pytest.raises(DeployError, match="somebody changed it meanwhile"):
        there.push(changes)

    assert mimir.writes == []


def group(name: str, expr: str) -> dict[str, Any]:
    """Return a group of one rule."""
    return {"name": name, "interval": "30s", "rules": [{"alert": "Down", "expr": expr, "for": "60s", "labels": {}}]}


def test_an_address_that_is_no_ruler_is_said_not_to_be() -> None:
    """A page of something else gets one sentence."""
    with FakeGrafana() as fake, pytest.raises(DeployError, match="Unauthorized"):
        ruler(fake.url).plan([])
