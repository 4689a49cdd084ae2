"""How does a Prometheus get samples of another day, ends of series included? By its own remote-write protocol."""

import struct
from collections.abc import Iterable, Iterator

import requests

from obs.preview.story import Sample, Series

STALE_BITS = 0x7FF0000000000002
"""The NaN that marks the end of a series: https://prometheus.io/docs/specs/prw/remote_write_spec/."""

BATCH_SAMPLES = 20_000
SLICE_MS = 1_800_000
"""Series are written side by side, half an hour at a time: what is much older than the newest is stored slowly."""

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class RemoteWriteError(Exception):
    """A Prometheus does not take samples; the message holds its own words."""


def write(url: str, series: Iterable[Series]) -> None:
    """Write series into a Prometheus that receives them; raise RemoteWriteError."""
    slices: dict[int, list[tuple[Series, list[Sample]]]] = {}
    for one in series:
        parts: dict[int, list[Sample]] = {}
        for sample in one.samples:
            parts.setdefault(sample[0] // SLICE_MS, []).append(sample)
        for place, samples in parts.items():
            slices.setdefault(place, []).append((one, samples))
    with requests.Session() as session:
        for place in sorted(slices):
            for batch in _batches(slices[place]):
                _post(session, url, batch)


def _post(session: requests.Session, url: str, batch: bytes) -> None:
    try:
        answer = session.post(f"{url}/api/v1/write", data=_snappy(batch), headers=HEADERS, timeout=60)
    except requests.RequestException as error:
        raise RemoteWriteError(f"{url} takes no samples: {type(error).__name__}") from error
    if not answer.ok:
        raise RemoteWriteError(f"{url} answered {answer.status_code}: {answer.text.strip()[:300]}")


def _batches(parts: Iterable[tuple[Series, list[Sample]]]) -> Iterator[bytes]:
    batch, count = bytearray(), 0
    for one, samples in parts:
        batch += _field(1, _series(one, samples))
        count += len(samples)
        if count >= BATCH_SAMPLES:
            yield bytes(batch)
            batch, count = bytearray(), 0
    if batch:
        yield bytes(batch)


def _series(one: Series, samples: Iterable[Sample]) -> bytes:
    body = bytearray()
    for name, value in sorted(one.labels):
        body += _field(1, _field(1, name.encode()) + _field(2, value.encode()))
    for at, number in samples:
        bits = struct.pack("<Q", STALE_BITS) if number is None else struct.pack("<d", number)
        body += _field(2, b"\x09" + bits + b"\x10" + _varint(at))
    return bytes(body)


def _field(number: int, body: bytes) -> bytes:
    """Return a length-delimited field of a protocol buffer."""
    return bytes([number << 3 | 2]) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - seven bits a byte
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _snappy(body: bytes) -> bytes:
    """Frame bytes as one literal of snappy's block format: valid, and not compressed, for it stays on this machine."""
    return _varint(len(body)) + bytes([63 << 2]) + struct.pack("<I", len(body) - 1) + body
