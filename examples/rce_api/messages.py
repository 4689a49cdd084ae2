"""Where are the messages of a room kept: in MongoDB, or in this process?"""

import importlib
from collections import defaultdict, deque
from dataclasses import asdict, dataclass
from typing import Any, Protocol

KEPT = 100


@dataclass(frozen=True, slots=True)
class Message:
    """One message in a room."""

    room: str
    user: str
    text: str


class Messages(Protocol):
    """What keeps messages."""

    async def add(self, message: Message) -> None:
        """Keep a message."""

    async def latest(self, room: str) -> list[Message]:
        """Return the newest messages of a room, oldest first."""

    async def check(self) -> None:
        """Raise an exception where messages cannot be kept now."""


class MemoryMessages:
    """Keeps the newest messages of each room in this process."""

    def __init__(self) -> None:
        self._rooms: defaultdict[str, deque[Message]] = defaultdict(lambda: deque(maxlen=KEPT))

    async def add(self, message: Message) -> None:
        """Keep a message."""
        self._rooms[message.room].append(message)

    async def latest(self, room: str) -> list[Message]:
        """Return the newest messages of a room, oldest first."""
        return list(self._rooms.get(room, ()))

    async def check(self) -> None:
        """Memory is always there."""


class MongoMessages:
    """Keeps messages in MongoDB; pymongo is needed only here."""

    def __init__(self, url: str) -> None:
        pymongo: Any = importlib.import_module("pymongo")
        client = pymongo.AsyncMongoClient(url, serverSelectionTimeoutMS=500)
        self._collection = client.get_default_database("rce").messages

    async def add(self, message: Message) -> None:
        """Keep a message."""
        await self._collection.insert_one(asdict(message))

    async def latest(self, room: str) -> list[Message]:
        """Return the newest messages of a room, oldest first."""
        found = await self._collection.find({"room": room}, {"_id": 0}).sort("_id", -1).to_list(KEPT)
        return [Message(**one) for one in reversed(found)]

    async def check(self) -> None:
        """Raise pymongo's error where MongoDB does not answer."""
        await self._collection.database.command("ping")


def messages(mongodb_url: str) -> Messages:
    """Return where messages are kept; without a URL that is this process."""
    return MongoMessages(mongodb_url) if mongodb_url else MemoryMessages()
