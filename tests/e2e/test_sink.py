"""Does the receiver of the end-to-end run refuse what PagerDuty would refuse?"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from e2e.sink import PAGERDUTY_PATH, ROUTING_KEY, WEBHOOK_PATH, Sink
from examples.ports import free_port

EVENT: dict[str, Any] = {
    "routing_key": ROUTING_KEY,
    "event_action": "trigger",
    "dedup_key": "abc",
    "payload": {"summary": "Redis is down.", "source": "Alertmanager", "severity": "critical", "class": "RedisDown"},
}


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Listen on a free port."""
    with Sink(free_port()) as sink:
        yield sink


def send(sink: Sink, path: str, body: dict[str, Any]) -> requests.Response:
    """Post a message as Alertmanager would."""
    return requests.post(sink.url + path, json=body, timeout=5)


def test_a_page_arrives(sink: Sink) -> None:
    """A sound event is taken, and its alert and key are known."""
    answer = send(sink, PAGERDUTY_PATH, EVENT)

    assert (answer.status_code, answer.json()["status"]) == (202, "success")
    (arrival,) = sink.since(0)
    assert (arrival.receiver, arrival.alert, arrival.firing, arrival.key) == ("pager", "RedisDown", True, "abc")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"routing_key": "wrong"}, "'routing_key' is not one of this service"),
        ({"event_action": "page"}, "'event_action' must be trigger, acknowledge or resolve"),
        ({"payload": EVENT["payload"] | {"severity": "page"}}, "'payload.severity' must be one of critical, error, "),
        ({"payload": EVENT["payload"] | {"summary": ""}}, "'payload.summary' is missing or blank"),
        ({"payload": EVENT["payload"] | {"summary": "x" * 1025}}, "'payload.summary' is longer than 1024 characters"),
    ],
)
def test_what_pagerduty_refuses_does_not_arrive(sink: Sink, change: dict[str, Any], complaint: str) -> None:
    """A page that PagerDuty would drop is no page."""
    answer = send(sink, PAGERDUTY_PATH, EVENT | change)

    assert answer.status_code == 400
    assert answer.json()["errors"][0].startswith(complaint)
    assert sink.since(0) == []


def test_the_end_of_an_alert_needs_no_payload(sink: Sink) -> None:
    """A resolve event carries its key alone."""
    send(sink, PAGERDUTY_PATH, {"routing_key": ROUTING_KEY, "event_action": "resolve", "dedup_key": "abc"})

    assert [arrival.firing for arrival in sink.since(0)] == [False]


def test_a_webhook_message_is_told_per_alert(sink: Sink) -> None:
    """The receiver's name is Alertmanager's; the dead man's switch is counted apart."""
    alerts = [{"labels": {"alertname": name}} for name in ("One", "Two", "One")]
    for receiver in ("tickets", "deadman"):
        send(sink, WEBHOOK_PATH, {"receiver": receiver, "status": "firing", "groupKey": "g", "alerts": alerts[:2]})

    assert [(arrival.receiver, arrival.alert) for arrival in sink.since(0)] == [("tickets", "One"), ("tickets", "Two")]
    assert len(sink.heartbeats(0)) == 2
    assert sink.since(time.monotonic()) == []


def test_it_refuses_on_purpose(sink: Sink) -> None:
    """Refused messages are counted and do not arrive; afterwards everything does."""
    sink.refuse(refusing=True)
    refused = send(sink, PAGERDUTY_PATH, EVENT)
    sink.refuse(refusing=False)
    send(sink, PAGERDUTY_PATH, EVENT)

    assert (refused.status_code, sink.refused, len(sink.since(0))) == (500, 1, 1)


def test_everything_that_arrived_is_counted(sink: Sink) -> None:
    """Receiver, alert and whether it began or ended: the run prints exactly these."""
    for action in ("trigger", "trigger", "resolve"):
        send(sink, PAGERDUTY_PATH, EVENT | {"event_action": action})

    assert sink.counted() == {("pager", "RedisDown", "firing"): 2, ("pager", "RedisDown", "resolved"): 1}
