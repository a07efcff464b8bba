"""Seeded draws that come out the same on every machine and every Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Draw"]

T = TypeVar("T")


class Draw:
    """A stream of random choices with a name of its own.

    Every draw is built on `random.Random.random`, the one method whose sequence Python promises to keep
    between versions. Two streams of one seed are independent, so a new field in one recipe moves no other
    fixture.

    Args:
        seed: The seed of the whole data set.
        stream: What the draws are for, such as `"orders"`.
    """

    def __init__(self, seed: int, stream: str) -> None:
        self._random = random.Random(f"{stream}:{seed}")

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return self._random.random() < probability

    def below(self, bound: int) -> int:
        """An integer in `0 .. bound - 1`."""
        return int(self._random.random() * bound)

    def between(self, low: int, high: int) -> int:
        """An integer in `low .. high`, both included."""
        return low + self.below(high - low + 1)

    def pick(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a random order (Fisher-Yates); the argument stays as it was."""
        shuffled = list(items)
        for last in range(len(shuffled) - 1, 0, -1):
            other = self.below(last + 1)
            shuffled[last], shuffled[other] = shuffled[other], shuffled[last]
        return shuffled

    def text(self, alphabet: str, length: int) -> str:
        """A string of that many characters of the alphabet."""
        return "".join(self.pick(alphabet) for _ in range(length))
