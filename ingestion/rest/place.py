# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""Where a walk through a listing stands, for listings without an order in time."""

from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

if TYPE_CHECKING:
    from psycopg import AsyncConnection

__all__ = ["ListingPosition", "Place"]


class ListingPosition(Protocol):
    """A type of position that a source can be given: made from a place, and able to keep it."""

    def __init__(self, source: str, stream: str, place: str | None) -> None: ...

    @property
    def place(self) -> str | None:
        """What the source wrote there: an offset, a cursor, a URL. None says that the walk was finished."""

    async def save(self, connection: "AsyncConnection[Any]") -> None:
        """Write this position inside the transaction open on *connection*."""

    @classmethod
    async def load(cls, connection: "AsyncConnection[Any]", source: str, stream: str) -> Self | None:
        """Load the position saved last; None when there is none."""


class Place(msgspec.Struct, frozen=True):
    """A position that lives in memory: nothing is kept, and the next process starts over."""

    source: str
    stream: str
    place: str | None

    async def save(self, connection: "AsyncConnection[Any]") -> None:
        """Keep nothing."""

    @classmethod
    async def load(cls, connection: "AsyncConnection[Any]", source: str, stream: str) -> Self | None:
        """Know of nothing."""
        return None
