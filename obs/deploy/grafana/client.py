"""How is one request sent to Grafana, and when is it repeated?

urllib3's own Retry knows no limit on the total time and cannot be interrupted, so the loop is here: a read is repeated
after anything that may pass, a write only when it was certainly not applied (connection refused, 429). A write whose
answer was lost raises `Lost`; whoever wrote reads the object again and decides.
"""

import contextlib
import copy
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from obs.deploy.grafana import answers
from obs.deploy.grafana.errors import DeployError, Lost, Missing, Unusable, understood
from obs.deploy.grafana.patience import Patience
from obs.programs.ask import innermost

USER_AGENT = "observability-as-code"
TIMEOUT_SECONDS = (5.0, 30.0)  # connect, answer


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: bool = False  # the answer is not JSON, and is not to be read as such

    @property
    def reads(self) -> bool:
        return self.method == "GET"


@dataclass(slots=True)
class Progress:
    """How far a client got: the requests answered, and what the latest one that is being repeated waits for."""

    answered: int = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Organisation:
    """One organisation of a Grafana; a token belongs to one."""

    id: int
    name: str


class Client:
    """One server, a Grafana or a ruler, over a pool of kept-open connections; safe to use from several threads."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        connections: int = 8,
        patience: Patience | None = None,
        timeout_seconds: tuple[float, float] = TIMEOUT_SECONDS,
        secrets: tuple[str, ...] = (),
        organisation: str = "",
    ) -> None:
        """Prepare the connection pool; send nothing. ``secrets`` never appear in a message; nor does the token.

        ``organisation`` is the number of one, "" for the token's own.
        """
        self.url = _base(url)
        self.connections = connections
        self.patience = patience or Patience()
        self._timeout = timeout_seconds
        self._secrets = tuple(secret for secret in (token, *secrets) if secret)
        self.progress = Progress()
        self._silence = ""  # why patience ended without an answer, and nothing more is tried
        self._serial = threading.Lock()
        self._sqlite_trouble = False
        self._organisation: Organisation | None = None
        self._session = requests.Session()
        self._session.auth = _Bearer(token)  # an explicit auth, so that a ~/.netrc cannot replace it
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": "application/json"})
        if organisation:
            self._session.headers["X-Grafana-Org-Id"] = organisation
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0))

    def organisation(self) -> Organisation:
        """Return the organisation every request goes to, asked for once; raise as `read`."""
        with self._serial:
            if self._organisation is None:
                found = self.read("/api/org")
                with understood(f"{self.url}/api/org"):
                    self._organisation = Organisation(int(found["id"]), str(found.get("name") or ""))
            return self._organisation

    def read(self, path: str, **params: Any) -> Any:
        """GET a path below the base URL; return the parsed JSON; raise Missing, Refused or Unusable."""
        return self._repeat(_Request("GET", path, params))

    def find(self, path: str, **params: Any) -> Any:
        """GET as `read`, with None for what is not there."""
        try:
            return self.read(path, **params)
        except Missing:
            return None

    def write(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Send a write; return the parsed JSON or None; raise Conflict, Refused, Lost or Unusable."""
        data = None if body is None else orjson.dumps(body)
        with self._serial if self._sqlite_trouble else contextlib.nullcontext():
            return self._repeat(_Request(method, path, {}, data, headers or {}))

    def read_text(self, path: str, headers: Mapping[str, str]) -> str:
        """GET a text that is not JSON; raise as `read`."""
        return str(self._repeat(_Request("GET", path, headers=headers, text=True)))

    def write_text(self, method: str, path: str, text: str, headers: Mapping[str, str]) -> None:
        """Send a text that is not JSON; raise as `write`."""
        self._repeat(_Request(method, path, body=text.encode(), headers=headers, text=True))

    def patiently(self, patience: Patience) -> "Client":
        """Return this client, its connections shared, with another limit on waiting."""
        twin = copy.copy(self)
        twin.patience, twin._silence = patience, ""  # noqa: SLF001 - its own kind
        return twin

    def afresh(self) -> "Client":
        """Return this client for putting things back: the patience that is left, and no request to stop."""
        return self.patiently(Patience(self.patience.left_seconds, self.patience.first_seconds))

    def redact(self, text: str) -> str:
        """Return the text without any secret this client knows."""
        for secret in self._secrets:
            text = text.replace(secret, "[REDACTED]")
        return text

    def _repeat(self, request: _Request) -> Any:
        where = f"{request.method} {self.url}{request.path}"
        attempt, since = 0, time.monotonic()
        while True:
            self.patience.check()
            if self._silence:
                raise Unusable(f"{where}: not sent, for {self.url} has stopped answering: {self._silence}")
            answer, failure = self._send(request)
            if answer is not None and b"database is locked" in answer.content:
                self._sqlite_trouble = True  # parallel writes collide on SQLite: from now on one at a time
            if not _may_pass(request, answer, failure):
                break
            self.progress.trouble = f"{where}: {self._trouble(answer, failure)}"
            if not self.patience.wait(attempt, answers.retry_after(answer), since):
                if answer is None:
                    self._silence = self._trouble(answer, failure)
                break
            attempt += 1
        self.progress.answered += answer is not None
        if attempt and answer is not None:
            self.progress.trouble = ""
        if answer is not None:
            parse = answers.text if request.text else answers.json
            return answers.payload(answer, where=where, redact=self.redact, parse=parse)
        if failure is None:  # pragma: no cover  one of the two is always set
            raise Lost(where)
        raise answers.silence(failure, where=where, reads=request.reads, redact=self.redact) from None

    def _trouble(self, answer: requests.Response | None, failure: Exception | None) -> str:
        if answer is not None:
            return f"{answer.status_code} {self.redact(answers.message(answer))}"
        return self.redact(innermost(failure)) if failure else ""

    def _send(self, request: _Request) -> tuple[requests.Response | None, requests.RequestException | None]:
        try:
            answer = self._session.request(
                request.method,
                self.url + request.path,
                params=request.params,
                data=request.body,
                headers={"Content-Type": "application/json", **request.headers},
                timeout=self._timeout,
                allow_redirects=False,  # requests would turn a redirected POST into a GET and call it a success
            )
        except requests.RequestException as failure:
            return None, failure
        return answer, None


class _Bearer(requests.auth.AuthBase):
    """Send the token in the Authorization header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def segment(text: str) -> str:
    """Encode one path segment, slashes included."""
    return quote(text, safe="")


def _base(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise DeployError(f"grafana.url = {answers.without_user(url)!r}: takes an http:// or https:// address")
    if parts.username or parts.password:
        raise DeployError("grafana.url carries a user name or password; put a token into GRAFANA_TOKEN instead")
    return url.rstrip("/")


def _may_pass(request: _Request, answer: requests.Response | None, failure: Exception | None) -> bool:
    """Tell whether the same request may be sent again with a chance of success and without doing anything twice."""
    if isinstance(failure, requests.exceptions.SSLError):
        return False
    if answer is None:
        return request.reads or answers.unapplied(failure)
    return answer.status_code in (answers.PASSING if request.reads else {HTTPStatus.TOO_MANY_REQUESTS})
