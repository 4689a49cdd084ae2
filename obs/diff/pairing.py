"""Which item of the new list is which of the old one, by keys that grow weaker?"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Generic, TypeVar

T = TypeVar("T")
MANY = 64  # pairs of one key up to which each is compared; beyond, the order decides


@dataclass(slots=True)
class Pairing(Generic[T]):
    """Items paired so far; what is left over in the end was removed or added."""

    removed: list[T]
    added: list[T]
    pairs: list[tuple[T, T]] = field(default_factory=list)

    def by(self, key: Callable[[T], Hashable | None], content: Callable[[T], object]) -> None:
        """Pair what has an equal key; among several, equal content first, then the most alike. An empty key is none."""
        waiting: dict[Hashable, tuple[list[T], list[T]]] = defaultdict(lambda: ([], []))
        for side, items in enumerate((self.removed, self.added)):
            for item in items:
                if name := key(item):
                    waiting[name][side].append(item)
        partners: dict[int, T] = {}
        for old, new in waiting.values():
            pairs = zip(old, new, strict=True) if len(old) == len(new) == 1 else _likeliest(old, new, content)
            partners.update((id(later), earlier) for earlier, later in pairs)
        self.pairs += [(partners[id(item)], item) for item in self.added if id(item) in partners]
        self.settle()

    def settle(self) -> None:
        """Drop what is paired from what is left over."""
        old, new = ({id(pair[side]) for pair in self.pairs} for side in (0, 1))
        self.removed = [item for item in self.removed if id(item) not in old]
        self.added = [item for item in self.added if id(item) not in new]


def _likeliest(old: list[T], new: list[T], content: Callable[[T], object]) -> Iterator[tuple[T, T]]:
    """Pair items of one key: what is equal, then the most alike, of equally alike ones those that stand as early."""
    old, new = list(old), list(new)
    for item in list(new):
        twin = next((one for one in old if content(one) == content(item)), None)
        if twin is not None:
            yield twin, item
            old, new = [one for one in old if one is not twin], [one for one in new if one is not item]
    if len(old) * len(new) > MANY:
        yield from zip(old, new, strict=False)
        return
    texts = [[repr(content(item)) for item in side] for side in (old, new)]
    scores = sorted(
        (-SequenceMatcher(None, one, other, autojunk=False).ratio(), abs(before - after), before, after)
        for before, one in enumerate(texts[0])
        for after, other in enumerate(texts[1])
    )
    left = set(range(len(old))), set(range(len(new)))
    for _, _, before, after in scores:
        if before in left[0] and after in left[1]:
            left[0].discard(before)
            left[1].discard(after)
            yield old[before], new[after]
