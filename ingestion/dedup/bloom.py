# Made from solutions/m02_push/04_bloom.ipynb: edit it there.
"""A Bloom filter: a set in constant memory that never forgets a key and sometimes claims one that it was not given."""

import hashlib
import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["BloomFilter", "Fingerprint", "Shape", "fingerprint", "places", "shape_for"]


class Fingerprint(NamedTuple):
    """Two independent 64-bit numbers that stand for a key."""

    first: int
    second: int


def fingerprint(parts: Sequence[str]) -> Fingerprint:
    """Give the two numbers that stand for the key made of *parts*: the halves of a 128-bit hash.

    The same in every process, on every machine and Python version. Different keys have different ones, but for
    chance: `("ab", "c")` and `("a", "bc")` are different keys. Defined for any text, a lone surrogate included.

    Raises:
        TypeError: one string instead of a sequence of them; it would be taken for its letters.

    Source:
        BLAKE2, RFC 7693.
    """
    if isinstance(parts, str):
        raise TypeError("a key is a sequence of parts, not one string: write (text,)")
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        hashed.update(len(text).to_bytes(8, "big") + text)
    return Fingerprint(*struct.unpack(">QQ", hashed.digest()))


class Shape(NamedTuple):
    """How large a filter is, and how many places of it each key sets."""

    bits: int
    hashes: int

    def error_rate(self, keys: int) -> float:
        """Predict how often a filter with *keys* keys in it claims one that it was not given.

        Source:
            B. H. Bloom, "Space/Time Trade-offs in Hash Coding with Allowable Errors", 1970.
        """
        filled = -math.expm1(-self.hashes * keys / self.bits)
        return float(filled**self.hashes)


def shape_for(capacity: int, error_rate: float) -> Shape:
    """Give the smallest shape whose predicted error rate, with *capacity* keys in it, is at most *error_rate*.

    Args:
        capacity: How many different keys it is to hold, at least 1.
        error_rate: The share of unknown keys that it may claim to know, `0 < error_rate < 1`.

    Raises:
        ValueError: *capacity* or *error_rate* is out of range.
    """
    if capacity < 1 or not 0 < error_rate < 1:
        raise ValueError(f"want capacity >= 1 and 0 < error_rate < 1, not {capacity=}, {error_rate=}")

    def smallest_with(hashes: int) -> Shape:
        return Shape(math.ceil(-hashes * capacity / math.log1p(-(error_rate ** (1 / hashes)))), hashes)

    ideal = math.log2(1 / error_rate)
    return min(smallest_with(max(1, math.floor(ideal))), smallest_with(math.ceil(ideal)))


def places(of: Fingerprint, shape: Shape) -> list[int]:
    """Give the places, `shape.hashes` of them from 0 to `shape.bits - 1`, that belong to a fingerprint.

    The first is `of.first`, all modulo `shape.bits`. Each further place lies one step after the one before it. The
    first step is `of.second`; each step is longer than the last one: by 1, then by 2, then by 3.

    Source:
        P. C. Dillinger and P. Manolios, "Bloom Filters in Probabilistic Verification", 2004 (enhanced double hashing).
    """
    place, step = of.first % shape.bits, of.second % shape.bits
    found = [place]
    for longer in range(1, shape.hashes):
        place = (place + step) % shape.bits
        step = (step + longer) % shape.bits
        found.append(place)
    return found


class BloomFilter:
    """A filter in this process's memory: `shape.bits / 8` bytes, whatever is put into it.

    A key that was added is always in it. A key that was not is in it with `shape.error_rate(keys)`.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._bits = bytearray((shape.bits + 7) // 8)

    def add(self, parts: Sequence[str]) -> bool:
        """Put a key in, and say whether it certainly was not there before."""
        is_new = False
        for place in places(fingerprint(parts), self.shape):
            byte, bit = place >> 3, 1 << (place & 7)
            is_new = is_new or not self._bits[byte] & bit
            self._bits[byte] |= bit
        return is_new

    def __contains__(self, parts: Sequence[str]) -> bool:
        """Say whether a key may have been added: False is certain, True is not."""
        bits = self._bits
        return all(bits[place >> 3] & 1 << (place & 7) for place in places(fingerprint(parts), self.shape))

    def filled(self) -> float:
        """Give the share of bits that are set: about one half when it holds what it was made for."""
        return int.from_bytes(self._bits, "little").bit_count() / self.shape.bits
