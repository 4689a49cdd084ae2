"""A network that can be told to misbehave: a TCP proxy in front of a real server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal, Self

Mode = Literal["pass", "hang", "lose_replies", "refuse"]


class Proxy:
    """
    Forwards bytes between clients and ``target``.

    ``hang`` swallows everything in silence; ``lose_replies`` lets requests through and cuts the connection where
    the first reply would come back; ``refuse`` closes every connection at once. Commands passed are counted.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.mode: Mode = "pass"
        self.lost = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The URL that leads through the proxy."""
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    @contextmanager
    def broken(self, mode: Mode) -> Iterator[Self]:
        """Misbehave within the block, on connections open already too."""
        self.mode = mode
        if mode == "refuse":
            self._hang_up()
        try:
            yield self
        finally:
            self.mode = "pass"
            self._hang_up()

    def close(self) -> None:
        """Close the listener and every connection."""
        self._listener.close()
        self._hang_up()

    def _hang_up(self) -> None:
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.mode == "refuse":
                client.close()
                continue
            server = socket.create_connection(self._target)
            for source, sink, reply in ((client, server, False), (server, client, True)):
                self._open.add(source)
                threading.Thread(target=self._pump, args=(source, sink, reply), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, reply: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.mode == "hang":
                    continue
                if self.mode == "lose_replies" and reply:
                    self.lost.set()
                    break
                sink.sendall(data)
        self._open.discard(source)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):
            source.close()
