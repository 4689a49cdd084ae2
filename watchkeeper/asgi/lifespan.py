"""When does observing begin and end? With the server's lifespan, whether the application knows of it or not."""

import logging

from watchkeeper.asgi.threads import in_thread
from watchkeeper.asgi.types import App, Message, Receive, Scope, Send
from watchkeeper.process import Telemetry

_log = logging.getLogger("telemetry")


class Lifespan:
    """
    Serves one lifespan: https://asgi.readthedocs.io/en/latest/specs/lifespan.html.

    Delivery begins before the application's startup is complete and ends after its shutdown, so what happens in
    either is counted. An application that does not speak the protocol (it raises or returns without an answer)
    is served all the same, and the protocol is spoken for it.
    """

    def __init__(self, app: App, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry
        self._asked: list[str] = []
        self._answered: list[str] = []

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application's lifespan."""

        async def listen() -> Message:
            message = await receive()
            self._asked.append(message["type"])
            return message

        async def answer(message: Message) -> None:
            if not message["type"].startswith("lifespan."):
                raise RuntimeError(f"'{message['type']}' is no answer to a lifespan")
            self._answered.append(message["type"])
            if message["type"] == "lifespan.startup.complete":
                _ = self._telemetry.tracing.spans  # what records is made now, not while the first request waits
            if message["type"].startswith("lifespan.shutdown."):
                await in_thread(self._telemetry.stop)
            await send(message)

        self._telemetry.start()
        try:
            await self._app(scope, listen, answer)
        except Exception as error:
            if self._answered:
                raise
            _log.info("the application does not take part in the lifespan: %s: %s", type(error).__name__, error)
        if not self._answered:
            await self._speak_for_it(listen, answer)

    async def _speak_for_it(self, listen: Receive, answer: Send) -> None:
        for step in ("lifespan.startup", "lifespan.shutdown"):
            if step not in self._asked:
                await listen()
            await answer({"type": f"{step}.complete"})
