"""Who is in a room right now, and who hears what is said there?"""

from collections import defaultdict
from urllib.parse import parse_qs

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from examples.rce_api.messages import Message, Messages
from watchkeeper.asgi.types import Scope

MAX_TEXT = 2000


def user_of(scope: Scope) -> str | None:
    """Return the name a client gave itself, `?user=ada`; there is no login here."""
    names = parse_qs(scope["query_string"].decode("latin-1")).get("user")
    return names[0][:50] if names else None


def chat(messages: Messages) -> APIRouter:
    """Return the WebSocket route; the members of a room hear each other within one worker."""
    router = APIRouter()
    present: defaultdict[str, set[WebSocket]] = defaultdict(set)

    @router.websocket("/rooms/{room}/chat")
    async def talk(socket: WebSocket, room: str) -> None:
        user = user_of(socket.scope)
        if user is None:
            await socket.close(1008, "tell who you are: ?user=NAME")
            return
        await socket.accept()
        present[room].add(socket)
        try:
            while True:
                text = (await socket.receive_text())[:MAX_TEXT]
                await messages.add(Message(room, user, text))
                for member in tuple(present[room]):
                    await member.send_json({"user": user, "text": text})
        except WebSocketDisconnect:
            pass
        finally:
            present[room].discard(socket)

    return router
