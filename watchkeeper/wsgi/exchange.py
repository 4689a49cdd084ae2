"""How did one WSGI request go? Its response is followed once, and its verdict kept."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from watchkeeper.asgi.exchange import with_trace_id
from watchkeeper.verdict import HttpVerdict, Requests, Scope, sent_status
from watchkeeper.wsgi.types import StartResponse


class WsgiExchange(HttpVerdict):
    """One request: hands on how its response starts, with `x-trace-id`, and keeps the verdict."""

    __slots__ = ("_start_response", "_trace_id", "length")

    def __init__(
        self,
        scope: Scope,
        start_response: StartResponse,
        *,
        route: Callable[[Scope], str],
        traffic: Requests | None,
        trace_id: str,
    ) -> None:
        self._start_response = start_response
        self._trace_id = trace_id
        self.length = -1
        super().__init__(scope, route=route, traffic=traffic)
        environ = scope["environ"]
        if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Counted(environ["wsgi.input"], self)

    def start(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        """Take the application's `start_response`; what the server refuses has not happened."""
        _ = self.route  # Flask forgets it once the response has begun
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        for name, value in raw:
            if name.lower() == b"content-length" and value.isdigit():
                self.length = int(value)
        told = with_trace_id({"headers": raw}, self._trace_id.encode())["headers"]
        kept = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in told]
        write = self._start_response(status, kept, *error)
        self._status = sent_status(int(status[:3]))

        def count(data: bytes) -> object:
            self.response_bytes += len(data)
            return write(data)

        return count

    @property
    def started(self) -> bool:
        """Whether a status has been sent."""
        return self._status != 0


class Response:
    """
    The body of a response on its way to the server, which closes it when it has ended or the client has left.

    ``finish`` is called once: with the last byte that was announced, at the end of what the application returned, or
    when the server closes it before.
    """

    def __init__(self, exchange: WsgiExchange, body: Iterable[bytes], finish: Callable[[], None]) -> None:
        self._exchange = exchange
        self._body = body
        self._finish = finish
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        """Hand on the body; an exception within is the application's failure, and passes on."""
        exchange = self._exchange
        try:
            for chunk in self._body:
                exchange.response_bytes += len(chunk)
                if exchange.response_bytes == exchange.length:
                    self._end(complete=True)
                yield chunk
        except Exception as error:
            exchange.error = error
            self._end(complete=False)
            raise
        self._end(complete=True)

    def close(self) -> None:
        """Close what the application returned; without its last byte the client has left."""
        self._exchange.gone = self._open
        try:
            close_body(self._body)
        finally:
            self._end(complete=self._exchange.method == "HEAD")

    def _end(self, *, complete: bool) -> None:
        if self._open:
            self._open = False
            self._exchange.complete = complete
            self._finish()


class File(Response):
    """A file that the server may send by itself (`wsgi.file_wrapper`): all that is known is that it was closed."""

    def handed_on(self) -> Iterable[bytes]:
        """Return the server's own object, which tells us when it is closed."""
        body: Any = self._body
        theirs = getattr(body, "close", None)

        def close() -> None:
            body.close = theirs
            self._end(complete=True)
            self.close()

        body.close = close
        return body  # type: ignore[no-any-return] # an iterable of bytes, as the application returned it


def close_body(body: Iterable[bytes]) -> None:
    """Close what an application returned, if it wants to be: https://peps.python.org/pep-3333/#specification-details."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


class _Counted:
    """The body of a request, counted as it is read."""

    def __init__(self, stream: Any, exchange: WsgiExchange) -> None:
        self._stream = stream
        self._exchange = exchange

    def read(self, *size: int) -> bytes:
        return self._count(self._stream.read(*size))

    def readline(self, *size: int) -> bytes:
        return self._count(self._stream.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        return [self._count(line) for line in self._stream.readlines(*hint)]

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __iter__(self) -> Iterator[bytes]:
        return (self._count(line) for line in self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _count(self, data: bytes) -> bytes:
        self._exchange.request_bytes += len(data)
        return data
