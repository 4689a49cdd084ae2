"""What does an HTTP answer from Grafana, or from whatever stands in front of it, mean?"""

import email.utils
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import orjson
import requests

from obs.deploy.grafana.errors import Conflict, DeployError, Lost, Missing, Refused, Unusable
from obs.programs.ask import innermost

REDIRECTS = range(300, 400)
PASSING = frozenset({HTTPStatus.TOO_MANY_REQUESTS, *range(500, 600)})
MAX_MESSAGE = 300  # characters of a server's message worth repeating


def unapplied(failure: Exception | None) -> bool:
    """Tell whether a request certainly never reached the server."""
    refused = isinstance(failure, requests.ConnectionError) and "NewConnectionError" in repr(failure)
    return refused or isinstance(failure, requests.exceptions.ConnectTimeout)


def retry_after(answer: requests.Response | None) -> float | None:
    """Return the seconds a server asked us to wait, given as a number or an HTTP date; None if it did not."""
    asked = "" if answer is None else answer.headers.get("Retry-After", "").strip()
    if not asked:
        return None
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None


def json(answer: requests.Response) -> Any:
    """Return the JSON of an answer, None if it is empty; raise ValueError."""
    return orjson.loads(answer.content) if answer.content.strip() else None


def text(answer: requests.Response) -> str:
    """Return the text of an answer; raise ValueError for a web page."""
    if "html" in answer.headers.get("Content-Type", ""):
        raise ValueError("a web page")
    return answer.content.decode("utf-8", errors="replace")


def payload(
    answer: requests.Response, *, where: str, redact: Callable[[str], str], parse: Callable[[requests.Response], Any]
) -> Any:
    """Return what a good answer says; raise the DeployError that says what a bad one means."""
    status = answer.status_code
    if status in REDIRECTS:
        target = redact(without_user(answer.headers.get("Location", "nowhere")))
        raise Unusable(f"{where} is redirected to {target}; set grafana.url to where Grafana answers itself")
    if not answer.ok:
        raise _refusal(answer, f"{where}: {status} {redact(message(answer))}")
    try:
        return parse(answer)
    except ValueError:
        sentence = (
            f"{where} answered with something else than data; "
            "is a proxy or a login page in the way? Check grafana.url, its sub-path included"
        )
        raise _uncertain(answer.request.method == "GET", sentence) from None


def silence(
    failure: requests.RequestException, *, where: str, reads: bool, redact: Callable[[str], str]
) -> DeployError:
    """Say what it means that no answer came."""
    reason = redact(innermost(failure))
    if isinstance(failure, requests.exceptions.SSLError):
        advice = "if the certificate is your own authority's, name its file in REQUESTS_CA_BUNDLE"
        return Unusable(f"{where}: TLS failed: {reason}; {advice}")
    return _uncertain(reads or unapplied(failure), f"{where}: no answer: {reason}")


def message(answer: requests.Response) -> str:
    """Return the server's own words, whichever of its four error shapes it uses, no body and web pages included."""
    try:
        body = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        body = None
    if isinstance(body, dict) and (body.get("message") or body.get("error")):
        return str(body.get("message") or body["error"])[:MAX_MESSAGE]
    words = re.sub(r"<[^>]*>|\s+", " ", answer.text).split()
    return " ".join(words)[:MAX_MESSAGE] or "(no message)"


def without_user(url: str) -> str:
    """Return a URL without its user name and password."""
    return re.sub(r"//[^/@]*@", "//", url)


def _refusal(answer: requests.Response, sentence: str) -> DeployError:
    status = answer.status_code
    if status in PASSING:
        certain = answer.request.method == "GET" or status == HTTPStatus.TOO_MANY_REQUESTS
        return _uncertain(certain, sentence)
    if status == HTTPStatus.UNAUTHORIZED:
        return Refused(
            f"{sentence}; the token must be a valid one of this server, such as a Grafana service account's", status
        )
    kinds: dict[int, type[Refused]] = {
        HTTPStatus.NOT_FOUND: Missing,
        HTTPStatus.CONFLICT: Conflict,
        HTTPStatus.PRECONDITION_FAILED: Conflict,
    }
    return kinds.get(status, Refused)(sentence, status)


def _uncertain(certain: bool, sentence: str) -> DeployError:
    return Unusable(sentence) if certain else Lost(f"{sentence} (it may have been applied)")
