"""Which item of the new list is which of the old one, by keys that grow weaker?"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Pairing(Generic[T]):
    """Items paired so far; what is left over in the end was removed or added."""

    removed: list[T]
    added: list[T]
    pairs: list[tuple[T, T]] = field(default_factory=list)

    def by(self, key: Callable[[T], Hashable | None], content: Callable[[T], object]) -> None:
        """Pair what has an equal key; among several, equal content first, then in order. An empty key is none."""
        waiting: dict[Hashable, list[T]] = defaultdict(list)
        for item in self.removed:
            if name := key(item):
                waiting[name].append(item)
        for item in self.added:
            candidates = waiting.get(key(item), [])
            if candidates:
                twin = next((one for one in candidates if content(one) == content(item)), candidates[0])
                candidates[:] = [one for one in candidates if one is not twin]
                self.pairs.append((twin, item))
        self.settle()

    def settle(self) -> None:
        """Drop what is paired from what is left over."""
        old, new = ({id(pair[side]) for pair in self.pairs} for side in (0, 1))
        self.removed = [item for item in self.removed if id(item) not in old]
        self.added = [item for item in self.added if id(item) not in new]
